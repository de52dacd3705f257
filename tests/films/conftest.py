import pytest
from django.test import Client

from tests.factories import UserFactory


@pytest.fixture
def ada(db):
    return UserFactory(username="ada")


@pytest.fixture
def eve(db):
    return UserFactory(username="eve")


@pytest.fixture
def ada_client(client: Client, ada) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client
