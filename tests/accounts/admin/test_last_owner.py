"""Somebody is always there who may change everything."""

import pytest

from evolink_studio.accounts.models import User
from evolink_studio.accounts.services import LastOwnerError, require_other_owner
from tests.accounts.admin.conftest import USERS_URL, client_of
from tests.accounts.admin.test_roles import NEW_PASSWORD, change_url, read_form
from tests.factories import UserFactory
from tests.faults.lifecycle import run_concurrently
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db

ROLE_NAMES = ["is_active", "is_staff", "is_superuser"]
NO_OWNERS = [
    {"is_staff": True, "is_superuser": True, "is_active": False},
    {"is_superuser": True},
    {"is_staff": True},
    {},
]


def count_owners() -> int:
    return User.objects.active_owners().count()


@pytest.fixture(params=NO_OWNERS, ids=["switched off", "not staff", "no superuser", "nobody"])
def other(request) -> User:
    """Somebody who could not take over."""
    return UserFactory(**request.param)


@pytest.mark.parametrize("name", ROLE_NAMES)
def test_the_last_owner_is_neither_demoted_nor_switched_off(olga, owner_client, other, name):
    answer = owner_client.post(change_url(olga), read_form(olga, **{name: ""}))
    assert answer.status_code == 200
    assert "the only owner who can sign in" in ParsedPage(answer).text
    olga.refresh_from_db()
    assert olga.is_active_owner
    assert owner_client.get("/admin/").status_code == 200


def test_the_last_owner_is_not_deleted_alone_or_with_others(olga, owner_client, other):
    delete_url = f"{USERS_URL}{olga.pk}/delete/"
    assert "the only owner who can sign in" in ParsedPage(owner_client.get(delete_url)).text
    owner_client.post(delete_url, {"post": "yes"})
    for chosen in ([olga.pk], [other.pk, olga.pk]):
        form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
        owner_client.post(USERS_URL, form)
    form = {"action": "delete_selected", "_selected_action": [other.pk], "select_across": "1"}
    owner_client.post(USERS_URL, {**form, "post": "yes"})
    assert {olga, other} <= set(User.objects.all())


def test_the_last_owner_keeps_a_password(olga, owner_client, other):
    password_url = f"{USERS_URL}{olga.pk}/password/"
    form = {"usable_password": "false", "unset-password": "1"}
    answer = owner_client.post(password_url, form)
    assert answer.status_code == 200
    assert "the only owner who can sign in" in ParsedPage(answer).text
    olga.refresh_from_db()
    assert olga.has_usable_password()
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert owner_client.post(password_url, form).status_code == 302


@pytest.mark.parametrize("name", ROLE_NAMES)
def test_with_another_owner_one_may_go(olga, owner_client, name):
    UserFactory(owner=True)
    assert owner_client.post(change_url(olga), read_form(olga, **{name: ""})).status_code == 302
    assert count_owners() == 1


def test_all_owners_at_once_are_not_deleted(olga, owner_client):
    other = UserFactory(owner=True)
    form = {"action": "delete_selected", "_selected_action": [olga.pk, other.pk], "post": "yes"}
    owner_client.post(USERS_URL, form)
    assert count_owners() == 2
    owner_client.post(USERS_URL, {**form, "_selected_action": [other.pk]})
    assert count_owners() == 1


def test_the_rule_speaks_of_owners_only(olga):
    require_other_owner([UserFactory(), UserFactory(staff=True)])
    with pytest.raises(LastOwnerError):
        require_other_owner([UserFactory(), olga])


def demote(target: User) -> dict[str, object]:
    return {"url": change_url(target), "form": read_form(target, is_superuser="")}


def switch_off(target: User) -> dict[str, object]:
    return {"url": change_url(target), "form": read_form(target, is_active="")}


def delete(target: User) -> dict[str, object]:
    return {"url": f"{USERS_URL}{target.pk}/delete/", "form": {"post": "yes"}}


def delete_by_action(target: User) -> dict[str, object]:
    form = {"action": "delete_selected", "_selected_action": [target.pk], "post": "yes"}
    return {"url": USERS_URL, "form": form}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [demote, switch_off, delete, delete_by_action])
@pytest.mark.parametrize("second", [demote, delete_by_action])
def test_two_owners_do_not_take_each_other_away_at_the_same_moment(first, second):
    users = [UserFactory(owner=True) for _ in range(2)]
    clients = [client_of(user) for user in users]
    requests = [first(users[1]), second(users[0])]

    def post(number: int) -> int:
        request = requests[number]
        return clients[number].post(request["url"], request["form"]).status_code

    statuses = run_concurrently(2, post)
    assert all(isinstance(status, int) and status < 500 for status in statuses)
    assert count_owners() == 1
