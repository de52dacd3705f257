"""A session lets in as long as it lives, and not a moment longer."""

from datetime import timedelta

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evolink_studio.accounts.adapter import StudioAccountAdapter
from evolink_studio.accounts.models import SecurityEvent, SignInLink, User
from evolink_studio.accounts.services import (
    SECURITY_LOG_LIFETIME,
    create_sign_in_link,
    delete_expired,
    end_sessions,
)
from evolink_studio.accounts.sessions import SessionStore, hash_session_key
from tests.factories import NOW, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db


def session_key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def is_signed_in(client: Client) -> bool:
    return client.get("/films/").status_code == 200


def test_what_was_kept_is_found_again_with_one_query():
    stored_session = SessionStore()
    stored_session["word"] = "kept"
    stored_session.save()
    session = SessionStore(stored_session.session_key)
    with CaptureQueriesContext(connection) as queries:
        assert session["word"] == "kept"
    assert len(queries) == 1
    assert session.session_key == stored_session.session_key


@pytest.mark.parametrize("key", ["unknown-but-long-enough", "x", "' OR 1=1 --", "%s"])
def test_what_is_not_known_is_empty_and_never_takes_the_key_that_was_brought(key):
    session = SessionStore(key)
    assert session.get("word") is None
    session["word"] = "new"
    session.save()
    assert session.session_key != key


def test_a_session_lets_in_until_it_is_over(ada_client):
    expiry_before = Session.objects.get().expire_date
    with time_machine.travel(expiry_before - timedelta(seconds=1), tick=False):
        assert is_signed_in(ada_client)
    with time_machine.travel(expiry_before, tick=False):
        assert not is_signed_in(ada_client)


def test_a_session_that_was_ended_or_a_person_who_was_disabled_lets_in_no_more(ada_client, ada):
    with time_machine.travel(NOW, tick=False):
        ada_client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
        assert is_signed_in(ada_client)
        User.objects.filter(pk=ada.pk).update(is_active=False)
        assert not is_signed_in(ada_client)
        User.objects.filter(pk=ada.pk).update(is_active=True)
        ada_client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
        assert is_signed_in(ada_client)
        SessionStore(session_key_of(ada_client)).delete()
        assert not is_signed_in(ada_client)


# --- keys are stored hashed -------------------------------------------------------------------


def test_what_stands_in_the_table_lets_nobody_in(ada_client):
    key, row = session_key_of(ada_client), Session.objects.get()
    assert is_signed_in(ada_client)
    assert key not in f"{row.session_key} {row.session_data} {row.get_decoded()}"
    for stolen_value in (row.session_key, row.session_data):
        thief = Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = stolen_value
        assert not is_signed_in(thief)


def test_a_session_is_found_saved_renewed_and_deleted_by_its_key():
    session = SessionStore()
    session["word"] = "kept"
    session.create()
    key = session.session_key
    assert session.exists(key)
    assert not session.exists(hash_session_key(key))
    session["word"] = "changed"
    session.save()
    assert SessionStore(key)["word"] == "changed"
    session.cycle_key()
    assert session.session_key != key
    assert SessionStore(key).get("word") is None
    assert SessionStore(session.session_key)["word"] == "changed"
    session.flush()
    assert not Session.objects.exists()


def test_it_is_the_same_for_asynchronous_code():
    session = SessionStore()
    session["word"] = "kept"
    async_to_sync(session.asave)()
    key = session.session_key
    assert async_to_sync(session.aexists)(key)
    assert Session.objects.get().pk == hash_session_key(key)
    assert async_to_sync(SessionStore(key).aget)("word") == "kept"
    async_to_sync(session.aflush)()
    assert not Session.objects.exists()


def test_a_session_that_was_deleted_does_not_come_back_when_it_is_saved(ada_client):
    session = SessionStore(session_key_of(ada_client))
    session["word"] = "late"
    SessionStore(session.session_key).delete()
    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.exists()


# --- what ends a session, for good ------------------------------------------------------------


def enable(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=True)


def disable(user: User) -> None:
    user.is_active = False
    user.save()


def disable_by_update(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def disable_by_bulk_update(user: User) -> None:
    user.is_active = False
    User.objects.bulk_update([user], ["is_active"])


def set_password(user: User) -> None:
    user.set_password("another-secret")
    user.save()


def set_the_same_password(user: User) -> None:
    user.set_password("secret")
    user.save(update_fields=["password"])


def set_password_by_update(user: User) -> None:
    User.objects.filter(pk=user.pk).update(password=make_password("secret"))


def sign_out_everywhere(user: User) -> None:
    end_sessions(user=user)


@pytest.mark.parametrize("is_used_meanwhile", [True, False])
@pytest.mark.parametrize(
    "end",
    [
        disable,
        disable_by_update,
        disable_by_bulk_update,
        set_password,
        set_the_same_password,
        set_password_by_update,
        sign_out_everywhere,
    ],
)
def test_sessions_end_for_good_and_do_not_come_back_with_the_account(ada, end, is_used_meanwhile):
    browsers = [Client() for _ in range(3)]
    for browser in browsers:
        browser.force_login(ada)
    other_client = Client()
    other_client.force_login(UserFactory())
    end(User.objects.get(pk=ada.pk))
    if is_used_meanwhile:
        assert not any(map(is_signed_in, browsers))
    enable(ada)
    User.objects.get(pk=ada.pk).save()
    assert not any(map(is_signed_in, browsers))
    assert is_signed_in(other_client)
    browsers[0].force_login(User.objects.get(pk=ada.pk))
    assert is_signed_in(browsers[0])
    assert not is_signed_in(browsers[1])


def test_an_old_copy_of_a_person_that_is_saved_late_does_not_bring_sessions_back(ada_client, ada):
    old_copy = User.objects.get(pk=ada.pk)
    disable_by_update(ada)
    enable(ada)
    old_copy.first_name = "Ada"
    old_copy.save()
    assert not is_signed_in(ada_client)


def test_a_new_password_does_not_switch_somebody_on_who_was_switched_off_meanwhile(ada):
    old_copy = User.objects.get(pk=ada.pk)
    disable_by_update(ada)
    StudioAccountAdapter().set_password(old_copy, "another-secret")
    ada.refresh_from_db()
    assert (ada.is_active, ada.check_password("another-secret")) == (False, True)


def test_who_is_switched_off_between_password_and_session_gets_none(client, ada):
    checked = User.objects.get(pk=ada.pk)
    disable_by_update(ada)
    client.force_login(checked)
    enable(ada)
    assert not is_signed_in(client)


def test_new_rights_and_other_changes_end_no_session(ada_client, ada):
    ada.is_staff, ada.email = True, "ada@example.com"
    ada.save()
    User.objects.filter(pk=ada.pk).update(is_superuser=True, language="de")
    assert is_signed_in(ada_client)


def test_hashing_the_same_password_in_a_newer_way_is_no_new_password(ada, settings, client):
    token = create_sign_in_link(user=ada, now=NOW)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    fresh = User.objects.get(pk=ada.pk)
    assert fresh.check_password("secret")
    assert fresh.password.startswith("pbkdf2")
    with time_machine.travel(NOW, tick=False):
        assert client.post(f"/account/welcome/{token}/").status_code == 302
    assert not SecurityEvent.objects.filter(kind="password_changed").exists()


# --- signing out everywhere -------------------------------------------------------------------

END_SESSIONS_URL = "/account/sessions/end/"


def test_people_sign_themselves_out_everywhere(ada_client, ada):
    other_client = Client()
    other_client.force_login(ada)
    assert END_SESSIONS_URL in ada_client.get("/account/preferences/").content.decode()
    assert ada_client.post(END_SESSIONS_URL)["Location"] == "/account/login/"
    assert not is_signed_in(ada_client)
    assert not is_signed_in(other_client)
    page = ParsedPage(ada_client.get("/account/login/"))
    assert "You are signed out everywhere." in page.text


def test_who_has_no_password_is_not_locked_out_by_it(ada_client, ada):
    ada.set_unusable_password()
    ada.save()
    ada_client.force_login(ada)
    assert ada_client.post(END_SESSIONS_URL)["Location"] == "/account/password/set/"
    assert is_signed_in(ada_client)


def test_what_is_over_is_deleted(ada_client, ada):
    create_sign_in_link(user=ada, now=NOW)
    SecurityEvent.objects.update(created_at=NOW)
    delete_expired(now=NOW + SECURITY_LOG_LIFETIME)
    assert (SecurityEvent.objects.exists(), SignInLink.objects.exists()) == (True, True)
    delete_expired(now=NOW + SECURITY_LOG_LIFETIME + timedelta(seconds=1))
    rows = (SecurityEvent.objects, SignInLink.objects, Session.objects)
    assert [table.exists() for table in rows] == [False, False, False]
