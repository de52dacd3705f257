import pytest
from django.core.cache import cache
from django.test import Client

from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def _no_throttle_from_before(db):
    """What earlier tests tried at the door is forgotten."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada(db):
    return UserFactory(username="ada", email="ada@example.org")


@pytest.fixture
def tab(client: Client, ada) -> Client:
    """Ada's browser."""
    client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    return client
