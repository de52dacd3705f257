"""One-time links: a button signs a person in once, for a short time; they are stored nowhere."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from evolink_studio.accounts.models import SignInLink, User
from evolink_studio.accounts.services import (
    create_first_owner_link,
    create_owner_from_environment,
    create_sign_in_link,
    end_sessions,
    redeem_sign_in_link,
    revoke_sign_in_links,
)
from tests.factories import NOW, UserFactory
from tests.form_pages import ParsedPage, element_text

pytestmark = pytest.mark.django_db
SET_PASSWORD_URL = "/account/password/set/"


@pytest.fixture(autouse=True)
def frozen_clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def link_url(token: str) -> str:
    return f"/account/welcome/{token}/"


def open_sign_in_link(token, client=None):
    """As a mail scanner does, too."""
    return (client or Client()).get(link_url(token))


def press_sign_in_link(token, client=None):
    return (client or Client()).post(link_url(token))


def test_the_first_link_makes_the_owner_and_signs_them_in_once():
    token = create_first_owner_link(now=NOW)
    browser = Client()
    assert press_sign_in_link(token, browser)["Location"] == "/"
    owner = User.objects.get()
    assert owner.is_superuser
    assert not owner.has_usable_password()
    assert browser.get("/films/").status_code == 200
    assert browser.get("/admin/").status_code == 200

    second_client = Client()
    assert press_sign_in_link(token, second_client).status_code == 410
    assert second_client.get("/films/").status_code == 302


def test_a_second_link_takes_the_place_of_the_first():
    first, second = create_first_owner_link(now=NOW), create_first_owner_link(now=NOW)
    assert press_sign_in_link(first).status_code == 410
    assert press_sign_in_link(second).status_code == 302
    assert User.objects.count() == 1


def test_a_link_ends_after_a_day(frozen_clock):
    token = create_first_owner_link(now=NOW)
    frozen_clock.shift(timedelta(hours=24))
    assert press_sign_in_link(token).status_code == 410


def test_a_link_lives_almost_a_day(frozen_clock):
    token = create_first_owner_link(now=NOW)
    frozen_clock.shift(timedelta(hours=23, minutes=59))
    assert press_sign_in_link(token).status_code == 302


def test_there_is_no_first_link_once_anybody_has_a_password():
    UserFactory()
    assert create_first_owner_link(now=NOW) is None
    assert not SignInLink.objects.exists()


def test_before_that_there_is_always_one():
    token = create_first_owner_link(now=NOW)
    press_sign_in_link(token)
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
    for token in ("spent", create_first_owner_link(now=NOW)):
        assert open_sign_in_link(token)["Referrer-Policy"] == "same-origin"


def test_signing_in_begins_a_new_session():
    browser = Client()
    browser.get("/account/login/")
    browser.session["planted"] = "by somebody"
    before = browser.session.session_key
    press_sign_in_link(create_first_owner_link(now=NOW), browser)
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


# --- a page with a button ---------------------------------------------------------------------


def test_opening_a_link_however_often_spends_nothing_and_signs_nobody_in(ada):
    token = create_sign_in_link(user=ada, now=NOW)
    scanner = Client()
    for method in ("get", "head", "get"):
        assert getattr(scanner, method)(link_url(token)).status_code == 200
    assert scanner.get("/films/").status_code == 302
    assert SignInLink.objects.get().used_at is None
    assert press_sign_in_link(token).status_code == 302


@pytest.mark.parametrize("method", ["options", "put", "patch", "delete", "trace"])
def test_no_other_method_spends_a_link(ada, method):
    token = create_sign_in_link(user=ada, now=NOW)
    assert getattr(Client(), method)(link_url(token)).status_code == 405
    assert press_sign_in_link(token).status_code == 302


def test_the_page_has_one_button_that_sends_its_own_token(ada):
    token = create_sign_in_link(user=ada, now=NOW)
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(link_url(token)).status_code == 403
    page = ParsedPage(browser.get(link_url(token)))
    (form,) = page.find_all("form[@method='post']")
    assert form.get("action") == link_url(token)
    assert element_text(page.find_one("h1")) == "Sign in as ada"
    (button,) = page.find_all("button[@type='submit']")
    assert element_text(button) == "Sign in"
    fields = {"csrfmiddlewaretoken": page.control_value("csrfmiddlewaretoken")}
    assert browser.post(link_url(token), fields)["Location"] == "/"


def test_who_is_signed_in_as_somebody_else_is_told_and_takes_nothing_along(ada):
    ben = UserFactory(username="ben")
    browser = Client()
    browser.force_login(ben)
    session = browser.session
    session["form"] = "of ben"
    session.save()
    token = create_sign_in_link(user=ada, now=NOW)
    assert "You are signed in here as ben" in ParsedPage(open_sign_in_link(token, browser)).text
    press_sign_in_link(token, browser)
    assert browser.session["_auth_user_id"] == str(ada.pk)
    assert "form" not in browser.session


def test_who_is_signed_in_already_is_not_told_so(ada_client, ada):
    token = create_sign_in_link(user=ada, now=NOW)
    assert "You are signed in here" not in ParsedPage(open_sign_in_link(token, ada_client)).text
    assert press_sign_in_link(token, ada_client)["Location"] == "/"


def test_a_button_pressed_twice_leads_to_the_studio(ada):
    token, browser = create_sign_in_link(user=ada, now=NOW), Client()
    assert [press_sign_in_link(token, browser).status_code for _ in range(2)] == [302, 302]
    assert open_sign_in_link(token, browser).status_code == 410
    assert press_sign_in_link(token).status_code == 410


# --- what ends a link -------------------------------------------------------------------------


def make_another_link(user: User) -> None:
    create_sign_in_link(user=user, now=NOW)


def set_password(user: User) -> None:
    user.set_password("another-secret")
    user.save()


def remove_password(user: User) -> None:
    user.set_unusable_password()
    user.save()


def disable(user: User) -> None:
    user.is_active = False
    user.save()


def disable_for_a_while(user: User) -> None:
    disable(user)
    user.is_active = True
    user.save()


def disable_by_update_for_a_while(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    User.objects.filter(pk=user.pk).update(is_active=True)


def demote(user: User) -> None:
    user.is_superuser = False
    user.save()


def dismiss_from_staff(user: User) -> None:
    user.is_staff = False
    user.save(update_fields=["is_staff"])


def sign_out_everywhere(user: User) -> None:
    end_sessions(user=user)


def revoke(user: User) -> None:
    assert revoke_sign_in_links(links=SignInLink.objects.filter(user=user), now=NOW)


@pytest.mark.parametrize(
    "end",
    [
        make_another_link,
        set_password,
        remove_password,
        disable,
        disable_for_a_while,
        disable_by_update_for_a_while,
        demote,
        dismiss_from_staff,
        sign_out_everywhere,
        revoke,
    ],
)
def test_a_link_ends_with(end):
    user, other_user = UserFactory(owner=True), UserFactory()
    token, other_token = (create_sign_in_link(user=u, now=NOW) for u in (user, other_user))
    end(User.objects.get(pk=user.pk))
    assert open_sign_in_link(token).status_code == press_sign_in_link(token).status_code == 410
    assert token not in str(SignInLink.objects.open(NOW).values())
    assert press_sign_in_link(other_token).status_code == 302


def test_a_link_does_not_end_with_what_gives_no_access_away(ada):
    token = create_sign_in_link(user=ada, now=NOW)
    ada.email, ada.language, ada.is_staff = "ada@example.com", "de", True
    ada.save()
    assert press_sign_in_link(token).status_code == 302


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


@pytest.mark.parametrize("password", ["secret", "password123", "root@example.org", "root-root-1"])
def test_its_password_is_one_that_could_be_chosen_on_the_pages(password):
    with pytest.raises(ValidationError):
        create_owner_from_environment(
            environ={**OWNER_ENVIRONMENT, "DJANGO_SUPERUSER_PASSWORD": password}
        )
    assert not User.objects.exists()


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
    press_sign_in_link(create_first_owner_link(now=NOW), browser)
    page = ParsedPage(browser.get("/", follow=True))
    assert [a.get("href") for a in page.find_all("p[@role='status']/span/a")] == [SET_PASSWORD_URL]
    assert ParsedPage(browser.get("/films/")).find_all("p[@role='status']/span/a") == []


def test_who_has_a_password_is_not_told_to_set_one():
    ada = UserFactory(username="ada")
    browser = Client()
    press_sign_in_link(create_sign_in_link(user=ada, now=NOW), browser)
    assert ParsedPage(browser.get("/", follow=True)).find_all("p[@role='status']/span/a") == []


def test_after_the_first_password_work_begins():
    browser = Client()
    press_sign_in_link(create_first_owner_link(now=NOW), browser)
    passwords = {"password1": "a-long-secret", "password2": "a-long-secret"}
    assert browser.post(SET_PASSWORD_URL, passwords)["Location"] == "/"
    assert User.objects.get().check_password("a-long-secret")
