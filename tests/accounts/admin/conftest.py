"""The admin pages as the owner sees them, and as staff with every permission of Django do."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from evolink_studio.accounts.models import User
from tests.factories import UserFactory

USERS_URL = "/admin/accounts/user/"
GROUPS_URL = "/admin/auth/group/"
LINKS_URL = "/admin/accounts/signinlink/"
LOG_URL = "/admin/accounts/securityevent/"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def olga(db) -> User:
    """The owner."""
    return UserFactory(owner=True, username="olga")


@pytest.fixture
def owner_client(olga) -> Client:
    return client_of(olga)


@pytest.fixture
def sam(db) -> User:
    """A member of staff who has every permission that Django knows, and is not the owner."""
    sam = UserFactory(staff=True, username="sam")
    sam.user_permissions.set(Permission.objects.all())
    return sam


@pytest.fixture
def staff_client(sam) -> Client:
    return client_of(sam)
