import pytest
from django.core.cache import cache
from django.test import Client

from tests.factories import UserFactory


@pytest.fixture(autouse=True)
def _clear_throttle(db):
    """Forget the sign-in attempts of earlier tests."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada(db):
    return UserFactory(username="ada", email="ada@example.org")


@pytest.fixture
def ada_client(client: Client, ada) -> Client:
    """Ada's browser."""
    client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    return client
