"""A password is not the own name, in whatever way it is set, and no common word."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from evolink_studio.accounts.models import User
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

NAMES = {
    "username": "ada",
    "first_name": "Augusta Ada",
    "last_name": "Lovelace-Byron",
    "email": "countess@example.org",
}
OWN_NAMES = [
    "ada-ada-2026",
    "ADA12345",
    "adaadaada",
    "Lovelace1",
    "lovelace_byron",
    "byron.1815",
    "ecalevol2026",
    "countess99",
    "countess@example.org",
    "Augusta Ada!",
    "\uff4c\uff4f\uff56\uff45\uff4c\uff41\uff43\uff45 1",  # full width
]
COMMON = ["password", "password123", "qwertyuiop", "1234567890", "iloveyou", "short"]
GOOD = ["a-much-better-one", "lovelace counts the stars", "canada-is-far-away"]


@pytest.fixture
def user() -> User:
    return UserFactory(**NAMES)


def change(user: User, password: str) -> None:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    form = {"oldpassword": "secret", "password1": password, "password2": password}
    client.post("/account/password/", form)


def set_first(user: User, password: str) -> None:
    user.set_unusable_password()
    user.save()
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    client.post("/account/password/set/", {"password1": password, "password2": password})


def set_in_the_admin_pages(user: User, password: str) -> None:
    client = Client()
    client.force_login(UserFactory(owner=True))
    form = {"password1": password, "password2": password, "usable_password": "true"}
    client.post(f"/admin/accounts/user/{user.pk}/password/", form)


WAYS = [change, set_first, set_in_the_admin_pages]


@pytest.mark.parametrize("password", [*OWN_NAMES, *COMMON])
def test_the_own_name_and_common_words_are_refused(user, password):
    with pytest.raises(ValidationError):
        validate_password(password, user)


@pytest.mark.parametrize("password", GOOD)
def test_a_name_among_other_words_is_no_reason(user, password):
    assert validate_password(password, user) is None


@pytest.mark.parametrize("way", WAYS)
def test_in_whatever_way_it_is_set(user, way):
    for password in ("Lovelace1", "countess99", "password123"):
        way(user, password)
        assert not User.objects.get(pk=user.pk).check_password(password)
    way(user, GOOD[0])
    assert User.objects.get(pk=user.pk).check_password(GOOD[0])


@pytest.mark.parametrize(
    ("password", "is_taken"), [("mathilda-2026", False), ("password123", False), (GOOD[0], True)]
)
def test_a_new_person_is_not_given_their_name_either(password, is_taken):
    client = Client()
    client.force_login(UserFactory(owner=True))
    form = {"username": "mathilda", "password1": password, "password2": password}
    client.post("/admin/accounts/user/add/", {**form, "usable_password": "true"})
    assert User.objects.filter(username="mathilda").exists() == is_taken


def test_without_a_person_only_the_other_rules_hold():
    assert validate_password("Lovelace1 and more", None) is None
