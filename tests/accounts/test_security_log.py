"""What happens at the door is written down: who, when, from where, and never a secret."""

import json
import logging

import pytest
import structlog
import time_machine
from django.test import Client

from evolink_studio.accounts.models import SecurityEvent, SecurityEventKind, User
from evolink_studio.accounts.services import create_sign_in_link
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db

SIGN_IN_URL = "/account/login/"
ADDRESS = "203.0.113.7"
BROWSER = "Firefox/145.0"


@pytest.fixture(autouse=True)
def _frozen_clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def browser() -> Client:
    return Client(REMOTE_ADDR=ADDRESS, headers={"User-Agent": BROWSER})


def post_sign_in(browser, login="ada", password="secret", **extra):
    return browser.post(SIGN_IN_URL, {"login": login, "password": password}, **extra)


def read_kinds() -> list[str]:
    return list(SecurityEvent.objects.order_by("pk").values_list("kind", flat=True))


def test_a_sign_in_says_who_when_and_from_where(browser, ada):
    post_sign_in(browser)
    (event,) = SecurityEvent.objects.all()
    assert (event.kind, event.user, event.username, event.actor_name) == (
        "signed_in",
        ada,
        "ada",
        "",
    )
    assert (event.created_at, event.ip_address, event.user_agent) == (NOW, ADDRESS, BROWSER)


@pytest.mark.parametrize(
    ("login", "is_active", "kind"),
    [
        ("ada", True, "wrong_password"),
        ("ADA@example.org", True, "wrong_password"),
        ("ada", False, "account_off"),
        ("nobody", True, "unknown_name"),
    ],
)
def test_a_refusal_says_why(browser, ada, login, is_active, kind):
    User.objects.filter(pk=ada.pk).update(is_active=is_active)
    post_sign_in(browser, login, "wrong")
    (event,) = SecurityEvent.objects.all()
    assert (event.kind, event.user) == (kind, None if kind == "unknown_name" else ada)
    assert event.ip_address == ADDRESS


def test_somebody_switched_off_with_the_right_password_is_a_refusal(browser, ada):
    User.objects.filter(pk=ada.pk).update(is_active=False)
    post_sign_in(browser)
    assert read_kinds() == ["account_off"]


def test_who_tries_too_often_is_logged_once_and_fills_no_disk(browser, ada):
    for _ in range(40):
        post_sign_in(browser, password="wrong")
    kinds = read_kinds()
    assert kinds.count("throttled") == 1
    assert len(kinds) <= 12


def test_a_wrong_password_when_confirming_who_one_is_is_logged(ada_client):
    ada_client.post("/account/reauthenticate/", {"password": "wrong"})
    assert read_kinds()[-1] == "wrong_password"


def test_signing_out_is_logged_and_a_stranger_who_does_it_is_not(ada_client):
    Client().post("/account/logout/")
    ada_client.post("/account/logout/")
    assert read_kinds() == ["signed_in", "signed_out"]


def test_the_life_of_a_link_is_logged(browser, ada):
    token = create_sign_in_link(user=ada, now=NOW)
    for _ in range(2):
        browser.get(f"/account/welcome/{token}/")
        browser.post(f"/account/welcome/{token}/")
    browser.post("/account/welcome/unknown/")
    assert read_kinds() == ["link_made", "link_used", "signed_in", "link_refused"]


def test_passwords_and_ended_sessions_are_logged(ada_client, ada):
    new_password = "a-much-better-one"
    form = {"oldpassword": "secret", "password1": new_password, "password2": new_password}
    ada_client.post("/account/password/", form)
    ada_client.post("/account/sessions/end/")
    kinds = read_kinds()
    assert kinds == ["signed_in", "password_changed", "sessions_ended", "signed_out"]


def test_what_an_owner_does_to_somebody_names_both(ada):
    owner = UserFactory(owner=True, username="olga")
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(owner)
    form = {"username": "ada", "is_staff": "on", "theme": "auto"}
    assert client.post(f"/admin/accounts/user/{ada.pk}/change/", form).status_code == 302
    events = SecurityEvent.objects.filter(user=ada).order_by("pk")
    assert [(e.kind, e.actor_name, e.ip_address) for e in events] == [
        ("switched_off", "olga", ADDRESS),
        ("role_changed", "olga", ADDRESS),
    ]


def test_what_a_command_does_is_logged_without_an_address(ada):
    ada.set_password("another-secret")
    ada.save()
    (event,) = SecurityEvent.objects.all()
    assert (event.kind, event.actor_name, event.ip_address) == ("password_changed", "", None)


def test_the_log_outlives_the_person(browser, ada):
    post_sign_in(browser)
    ada.delete()
    (event,) = SecurityEvent.objects.all()
    assert (event.user, event.username) == (None, "ada")


# --- no secrets, no forgery -------------------------------------------------------------------


def test_neither_rows_nor_lines_have_a_secret(browser, ada, caplog):
    caplog.set_level(logging.INFO)
    token = create_sign_in_link(user=ada, now=NOW)
    browser.post(f"/account/welcome/{token}/")
    session_key = browser.cookies["sessionid"].value
    post_sign_in(Client(), "ada", "typed-wrong-secret")
    post_sign_in(Client(), "typed-into-the-name-field", "x")
    text = f"{list(SecurityEvent.objects.values())} {caplog.text}"
    assert "link_used" in text
    for secret in (token, session_key, "typed-wrong-secret", "typed-into-the-name-field"):
        assert secret not in text


def test_a_line_of_the_log_cannot_be_forged(ada, caplog, settings):
    caplog.set_level(logging.INFO)
    agent = 'x"}\r\n{"event": "forged"}\x1b[31m\u202e'
    post_sign_in(Client(headers={"User-Agent": agent}))
    assert SecurityEvent.objects.get().user_agent.isprintable()
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=settings.LOGGING["formatters"]["json"]["processors"]
    )
    lines = [formatter.format(r) for r in caplog.records if "security event" in r.getMessage()]
    assert [json.loads(line)["kind"] for line in lines] == ["signed_in"]
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize("address", ["not an address", "", "203.0.113.7, 10.0.0.1", "'; --"])
def test_an_address_that_is_none_is_left_out(ada, address):
    assert post_sign_in(Client(REMOTE_ADDR=address)).status_code in (200, 302, 403)
    assert not SecurityEvent.objects.exclude(ip_address=None).exists()


def test_an_address_that_is_only_claimed_is_not_believed(browser, ada):
    post_sign_in(browser, headers={"X-Forwarded-For": "198.51.100.1"})
    assert SecurityEvent.objects.get().ip_address == ADDRESS


def test_behind_a_proxy_the_address_is_the_one_that_it_names(browser, ada, monkeypatch):
    monkeypatch.setattr("allauth.app_settings.TRUSTED_PROXY_COUNT", 1)
    post_sign_in(browser, headers={"X-Forwarded-For": "10.6.6.6, 198.51.100.1"})
    assert SecurityEvent.objects.get().ip_address == "198.51.100.1"


def test_every_kind_has_its_words():
    assert all(kind.label and len(kind.value) <= 20 for kind in SecurityEventKind)
