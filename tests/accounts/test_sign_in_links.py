"""One-time links: they sign a person in once, for a short time, and are stored nowhere."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client

from evolink_studio.accounts.models import SignInLink, User
from evolink_studio.accounts.services import (
    create_first_owner_link,
    create_owner_from_environment,
    create_sign_in_link,
    redeem_sign_in_link,
)
from tests.factories import NOW, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db
SET_PASSWORD_URL = "/account/password/set/"


@pytest.fixture(autouse=True)
def frozen_clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def open_sign_in_link(token, client=None):
    return (client or Client()).get(f"/account/welcome/{token}/")


def test_the_first_link_makes_the_owner_and_signs_them_in_once():
    token = create_first_owner_link(now=NOW)
    browser = Client()
    assert open_sign_in_link(token, browser)["Location"] == "/"
    owner = User.objects.get()
    assert owner.is_superuser
    assert not owner.has_usable_password()
    assert browser.get("/films/").status_code == 200
    assert browser.get("/admin/").status_code == 200

    second_client = Client()
    assert open_sign_in_link(token, second_client).status_code == 410
    assert second_client.get("/films/").status_code == 302


def test_a_second_link_takes_the_place_of_the_first():
    first, second = create_first_owner_link(now=NOW), create_first_owner_link(now=NOW)
    assert open_sign_in_link(first).status_code == 410
    assert open_sign_in_link(second).status_code == 302
    assert User.objects.count() == 1


def test_a_link_ends_after_a_day(frozen_clock):
    token = create_first_owner_link(now=NOW)
    frozen_clock.shift(timedelta(hours=24))
    assert open_sign_in_link(token).status_code == 410


def test_a_link_lives_almost_a_day(frozen_clock):
    token = create_first_owner_link(now=NOW)
    frozen_clock.shift(timedelta(hours=23, minutes=59))
    assert open_sign_in_link(token).status_code == 302


def test_there_is_no_first_link_once_anybody_has_a_password():
    UserFactory()
    assert create_first_owner_link(now=NOW) is None
    assert not SignInLink.objects.exists()


def test_before_that_there_is_always_one():
    token = create_first_owner_link(now=NOW)
    open_sign_in_link(token)
    assert create_first_owner_link(now=NOW) is not None


def test_only_the_hash_of_a_link_is_kept():
    token = create_sign_in_link(user=UserFactory(), now=NOW)
    stored_values = str(SignInLink.objects.values().get())
    assert token not in stored_values
    assert len(token) >= 43  # 256 bits


def test_a_link_of_somebody_switched_off_opens_nothing():
    user = UserFactory(is_active=False)
    assert redeem_sign_in_link(token=create_sign_in_link(user=user, now=NOW), now=NOW) is None


@pytest.mark.parametrize("token", ["x", "x" * 500, "%00", "é", "..", "' OR 1=1 --"])
def test_a_link_that_nobody_made_opens_nothing(token):
    create_first_owner_link(now=NOW)
    answer = Client().get(f"/account/welcome/{token}/")
    assert answer.status_code in (404, 410)


def test_the_page_behind_a_link_is_never_kept_by_anybody_in_between():
    assert "no-store" in open_sign_in_link("spent")["Cache-Control"]
    assert "no-store" in open_sign_in_link(create_first_owner_link(now=NOW))["Cache-Control"]


def test_a_link_does_not_tell_its_address_to_other_sites():
    assert open_sign_in_link("spent")["Referrer-Policy"] == "same-origin"


def test_signing_in_begins_a_new_session():
    browser = Client()
    browser.get("/account/login/")
    browser.session["planted"] = "by somebody"
    before = browser.session.session_key
    open_sign_in_link(create_first_owner_link(now=NOW), browser)
    assert browser.session.session_key != before
    assert "planted" not in browser.session


@pytest.mark.django_db(transaction=True)
def test_a_link_used_twice_at_the_same_moment_opens_once():
    token = create_sign_in_link(user=UserFactory(), now=NOW)
    users, start = [], threading.Barrier(8)

    def open_link():
        start.wait()
        users.append(redeem_sign_in_link(token=token, now=NOW))
        connection.close()

    threads = [threading.Thread(target=open_link) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(users) == 8
    assert len([user for user in users if user]) == 1


# --- the owner from the environment -----------------------------------------------------------

OWNER_ENVIRONMENT = {
    "DJANGO_SUPERUSER_USERNAME": "root",
    "DJANGO_SUPERUSER_EMAIL": "root@example.org",
    "DJANGO_SUPERUSER_PASSWORD": "correct horse",
}


def test_the_environment_may_name_the_owner_instead():
    owner = create_owner_from_environment(environ=OWNER_ENVIRONMENT)
    assert (owner.username, owner.email, owner.is_superuser) == ("root", "root@example.org", True)
    assert owner.check_password("correct horse")
    assert create_first_owner_link(now=NOW) is None


@pytest.mark.parametrize("missing", ["DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_PASSWORD"])
def test_half_of_it_names_nobody(missing):
    assert create_owner_from_environment(environ={**OWNER_ENVIRONMENT, missing: ""}) is None
    assert not User.objects.exists()


def test_it_is_not_used_once_there_are_people():
    UserFactory()
    assert create_owner_from_environment(environ=OWNER_ENVIRONMENT) is None
    assert User.objects.count() == 1


def test_who_comes_in_without_a_password_is_told_how_to_set_one():
    browser = Client()
    open_sign_in_link(create_first_owner_link(now=NOW), browser)
    page = ParsedPage(browser.get("/", follow=True))
    assert [a.get("href") for a in page.find_all("p[@role='status']/span/a")] == [SET_PASSWORD_URL]
    assert ParsedPage(browser.get("/films/")).find_all("p[@role='status']/span/a") == []


def test_who_has_a_password_is_not_told_to_set_one():
    ada = UserFactory(username="ada")
    browser = Client()
    open_sign_in_link(create_sign_in_link(user=ada, now=NOW), browser)
    assert ParsedPage(browser.get("/", follow=True)).find_all("p[@role='status']/span/a") == []


def test_after_the_first_password_work_begins():
    browser = Client()
    open_sign_in_link(create_first_owner_link(now=NOW), browser)
    passwords = {"password1": "a-long-secret", "password2": "a-long-secret"}
    assert browser.post(SET_PASSWORD_URL, passwords)["Location"] == "/"
    assert User.objects.get().check_password("a-long-secret")
