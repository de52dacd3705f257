"""A session lets in as long as it lives, and not a moment longer."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evolink_studio.accounts.models import User
from evolink_studio.accounts.sessions import SessionStore
from tests.factories import NOW

pytestmark = pytest.mark.django_db


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
        Session.objects.filter(pk=ada_client.cookies[settings.SESSION_COOKIE_NAME].value).delete()
        assert not is_signed_in(ada_client)
