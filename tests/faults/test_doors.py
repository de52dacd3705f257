"""The doors under attack: staff who would be the owner, links and sessions used while they end."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from evolink_studio.accounts.models import SignInLink, User
from evolink_studio.accounts.services import (
    create_sign_in_link,
    end_sessions,
    revoke_sign_in_links,
)
from tests.factories import UserFactory
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.lifecycle import run_concurrently
from tests.faults.report import count_cases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

USERS_URL = "/admin/accounts/user/"
PASSWORD = {"password1": "a-much-better-one", "password2": "a-much-better-one"}
EVERYTHING = {
    "username": "taken-over",
    "email": "thief@example.org",
    "is_active": "on",
    "is_staff": "on",
    "is_superuser": "on",
    "theme": "auto",
    **PASSWORD,
}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def press_link(token: str) -> int:
    return Client().post(f"/account/welcome/{token}/").status_code


def dump_access() -> list[object]:
    rows = User.objects.order_by("pk").values("pk", "username", "email", "password", "is_superuser")
    rights = (User.groups.through, User.user_permissions.through, Group.permissions.through)
    return [list(rows), *(list(it.objects.order_by("pk").values()) for it in rights)]


def test_staff_with_every_permission_take_nothing_over():
    """Every address of people and groups, by every button, about everybody who may do more."""
    sam = UserFactory(staff=True, username="sam")
    sam.user_permissions.set(Permission.objects.all())
    group = Group.objects.create(name="Films")
    targets = [sam, UserFactory(owner=True), UserFactory(owner=True, is_active=False)]
    targets += [UserFactory(is_superuser=True), UserFactory(staff=True)]
    client, before = client_of(sam), dump_access()
    form = {**EVERYTHING, "groups": [group.pk], "name": "Films"}
    form["permissions"] = form["user_permissions"] = list(
        Permission.objects.values_list("pk", flat=True)
    )
    with count_cases("Doors: staff who would be owner") as case_counter:
        for target in targets:
            actions = [
                {"action": name, "_selected_action": [target.pk], "post": "yes"}
                for name in ("make_sign_in_link", "end_sessions", "delete_selected")
            ]
            attacks = [
                *((f"{USERS_URL}{target.pk}/{page}/", form) for page in ("change", "password")),
                (f"{USERS_URL}{target.pk}/change/?_popup=1", {**form, "_saveasnew": "1"}),
                (f"{USERS_URL}{target.pk}/delete/", {"post": "yes"}),
                *((USERS_URL, action) for action in actions),
                (f"/admin/auth/group/{group.pk}/change/", form),
                ("/admin/auth/group/add/", form),
                ("/admin/account/emailaddress/add/", {"user": target.pk, "email": "t@example.org"}),
            ]
            for url, data in attacks:
                client.post(url, data)
                case_counter.cases += 1
                kept = [row for row in dump_access()[0] if row["username"] != "taken-over"]
                assert kept == before[0]
        assert dump_access()[1:] == before[1:]
        assert not User.objects.filter(username="taken-over", is_superuser=True).exists()
        assert not SignInLink.objects.exists()


def test_owners_who_take_each_other_away_leave_one():
    """Three owners, each against the next one, all at once."""
    with count_cases("Doors: owners against each other") as case_counter:
        for number in range(2 * FAULTS_SIZE):
            User.objects.all().delete()
            users = [UserFactory(owner=True) for _ in range(3)]
            clients = [client_of(user) for user in users]

            def attack(n: int, users=users, clients=clients, number=number) -> int:
                target = users[(n + 1) % 3]
                form = {"username": target.username, "is_active": "on", "theme": "auto"}
                ways = [
                    (f"{USERS_URL}{target.pk}/change/", form),
                    (f"{USERS_URL}{target.pk}/delete/", {"post": "yes"}),
                ]
                url, data = ways[(n + number) % 2]
                return clients[n].post(url, data).status_code

            statuses = run_concurrently(3, attack)
            assert all(isinstance(status, int) and status < 500 for status in statuses), statuses
            assert User.objects.active_owners().exists()
            case_counter.cases += 3


def test_a_link_pressed_by_many_signs_in_one():
    with count_cases("Doors: one link, many presses") as case_counter:
        for _ in range(2 * FAULTS_SIZE):
            token = create_sign_in_link(user=UserFactory(), now=timezone.now())
            statuses = run_concurrently(4, lambda _n, token=token: press_link(token))
            assert sorted(map(str, statuses)) == ["302", "410", "410", "410"]
            case_counter.cases += 4


def switch_off_and_on(user: User) -> None:
    for is_active in (False, True):
        User.objects.filter(pk=user.pk).update(is_active=is_active)


def set_password(user: User) -> None:
    fresh = User.objects.get(pk=user.pk)
    fresh.set_password("another-secret")
    fresh.save()


def sign_out_everywhere(user: User) -> None:
    end_sessions(user=User.objects.get(pk=user.pk))


@pytest.mark.parametrize("end", [switch_off_and_on, set_password, sign_out_everywhere])
def test_what_is_ended_while_it_is_used_is_ended_for_good(end):
    """Sessions that load pages, and links that are pressed, at the moment of their end."""
    with count_cases("Doors: ended while in use") as case_counter:
        for _ in range(FAULTS_SIZE):
            user = UserFactory()
            clients = [client_of(user) for _ in range(3)]
            token = create_sign_in_link(user=user, now=timezone.now())
            pressed = Client()

            def use(n: int, user=user, clients=clients, token=token, pressed=pressed) -> int:
                if n == 0:
                    end(user)
                elif n == 1:
                    return pressed.post(f"/account/welcome/{token}/").status_code
                return clients[n % 3].get("/account/preferences/").status_code

            statuses = run_concurrently(4, use)
            assert all(isinstance(status, int) and status < 500 for status in statuses), statuses
            for client in clients:
                assert client.get("/account/preferences/").status_code == 302
            assert press_link(token) == 410
            case_counter.cases += 4


def test_a_link_that_is_revoked_while_it_is_pressed_is_either_or():
    with count_cases("Doors: ended while in use") as case_counter:
        for _ in range(2 * FAULTS_SIZE):
            token = create_sign_in_link(user=UserFactory(), now=timezone.now())
            link = SignInLink.objects.latest("pk")

            def press_or_revoke(n: int, link=link, token=token) -> object:
                links = SignInLink.objects.filter(pk=link.pk)
                return (
                    press_link(token)
                    if n
                    else len(revoke_sign_in_links(links=links, now=timezone.now()))
                )

            results = run_concurrently(2, press_or_revoke)
            link.refresh_from_db()
            assert (link.used_at is None) != (link.revoked_at is None)
            assert sorted(map(str, results)) in (["0", "302"], ["1", "410"])
            case_counter.cases += 2
