"""A poll is answered before the stack, and never otherwise than the stack would answer it."""

import re
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from evolink_studio.accounts.models import User
from evolink_studio.accounts.services import end_sessions
from evolink_studio.accounts.sessions import SessionStore
from evolink_studio.generations.change_feed import get_signed_in_feed_state
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from evolink_studio.generations.views import live
from evolink_studio.generations.views.live import POLL_AFTER_HEADER
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import HTMX_HEADERS
from tests.generations.live_pages import (
    create_running_generation,
    list_bar_ids,
    open_workspace,
    poll_page,
    poller_url,
    record_progress,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


# --- who is let in ----------------------------------------------------------------------------


def session_key_of(client: Client) -> str:
    cookie = client.cookies.get(django_settings.SESSION_COOKIE_NAME)
    return cookie.value if cookie else ""


def rewrite_session(client: Client, **changes: object) -> None:
    """Store other data under the same key, signed as always."""
    session = SessionStore(session_key_of(client))
    for name, value in changes.items():
        session[name] = value
    session.save()


def leave_as_it_is(client, user, settings): ...


def expire(client, user, settings):
    Session.objects.update(expire_date=timezone.now())


def expire_in_a_moment(client, user, settings):
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=1))


def flush(client, user, settings):
    SessionStore(session_key_of(client)).flush()


def change_password(client, user, settings):
    user.set_password("another-secret")
    user.save()


def change_password_by_update(client, user, settings):
    User.objects.filter(pk=user.pk).update(password="another")


def deactivate(client, user, settings):
    User.objects.filter(pk=user.pk).update(is_active=False)


def deactivate_keeping_the_stamp(client, user, settings):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET is_active = %s WHERE id = %s", [False, user.pk])


def sign_out_everywhere(client, user, settings):
    end_sessions(user=user)


def change_rights(client, user, settings):
    User.objects.filter(pk=user.pk).update(is_staff=True, language="de")


def rotate_secret_key(client, user, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-for-tests-that-is-long-enough-for-everything"


def lose_secret_key(client, user, settings):
    settings.SECRET_KEY = "another-secret-for-tests-that-is-long-enough-for-everything"


def tamper_with_cookie(client, user, settings):
    client.cookies[django_settings.SESSION_COOKIE_NAME] = session_key_of(client)[:-1] + "!"


def empty_cookie(client, user, settings):
    client.cookies[django_settings.SESSION_COOKIE_NAME] = ""


def sign_out(client, user, settings):
    client.logout()


def tamper_with_data(client, user, settings):
    row = Session.objects.get()
    row.session_data = f"{row.session_data[:-1]}{'a' if row.session_data[-1] != 'a' else 'b'}"
    row.save()


def sign_data_without_our_salt(client, user, settings):
    row = Session.objects.get()
    row.session_data = signing.dumps(row.get_decoded())
    row.save()


def name_an_unknown_backend(client, user, settings):
    rewrite_session(client, _auth_user_backend="django.contrib.auth.backends.RemoteUserBackend")


def name_somebody_else(client, user, settings):
    rewrite_session(client, _auth_user_id=str(UserFactory().pk))


def name_nobody(client, user, settings):
    rewrite_session(client, _auth_user_id="999999")


def forget_the_hash(client, user, settings):
    rewrite_session(client, _auth_user_hash=None)


SESSIONS = {
    leave_as_it_is: True,
    expire: False,
    expire_in_a_moment: True,
    flush: False,
    change_password: False,
    change_password_by_update: False,
    deactivate: False,
    deactivate_keeping_the_stamp: False,
    sign_out_everywhere: False,
    change_rights: True,
    lose_secret_key: False,
    tamper_with_cookie: False,
    empty_cookie: False,
    sign_out: False,
    tamper_with_data: False,
    sign_data_without_our_salt: False,
    name_an_unknown_backend: False,
    name_somebody_else: False,
    name_nobody: False,
    forget_the_hash: False,
}


def is_answered_early(client: Client, user: User) -> bool:
    found = get_signed_in_feed_state(
        owner_id=user.pk,
        session_key=session_key_of(client),
        provider_key=get_provider_key(),
        now=timezone.now(),
    )
    return found is not None


def is_let_in_by_the_stack(client: Client) -> bool:
    response = client.get("/live/", headers=HTMX_HEADERS)  # names nobody, so it is not early
    return "HX-Redirect" not in response


@pytest.mark.parametrize(("change", "is_let_in"), SESSIONS.items())
def test_a_session_is_judged_as_the_stack_does(ada_client, ada, settings, change, is_let_in):
    create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    assert is_answered_early(ada_client, ada)  # what it remembers of the session lets nobody in
    change(ada_client, User.objects.get(pk=ada.pk), settings)
    early_verdict = is_answered_early(ada_client, ada)
    response = poll_page(ada_client, url)
    assert early_verdict is ("HX-Redirect" not in response) is is_let_in
    assert is_let_in_by_the_stack(ada_client) is is_let_in


def test_with_a_new_secret_key_the_stack_renews_the_session(ada_client, ada, settings):
    create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    rotate_secret_key(ada_client, ada, settings)
    old_key = session_key_of(ada_client)
    assert not is_answered_early(ada_client, ada)
    assert "HX-Redirect" not in poll_page(ada_client, url)
    assert session_key_of(ada_client) != old_key
    assert is_answered_early(ada_client, ada)


def test_who_names_somebody_else_is_answered_for_themselves(ada_client, ada, eve):
    create_running_generation(ada)
    foreign_generation = create_running_generation(eve)
    url = re.sub(r"since=[^&]*", "since=", poller_url(open_workspace(ada_client)))
    url = url.replace(f"for={ada.pk}", f"for={eve.pk}")
    page = ParsedPage(poll_page(ada_client, url))
    assert foreign_generation.pk not in page.card_states()
    assert len(page.card_states()) == 1


@pytest.mark.parametrize("named", ["", "x", "-1", "0", "9" * 40, "999999", "٣", "%00"])
def test_a_page_that_names_nobody_known_is_answered_by_the_stack(ada_client, ada, named):
    create_running_generation(ada)
    url = poller_url(open_workspace(ada_client)).replace(f"for={ada.pk}", f"for={named}")
    assert poll_page(ada_client, url).status_code == 204


def test_who_has_no_feed_is_answered_by_the_stack(ada_client, ada):
    url = open_workspace(ada_client).find_one("*[@id='poller']").get("data-url")
    ChangeFeed.objects.filter(pk=ada.pk).delete()
    assert not is_answered_early(ada_client, ada)
    assert poll_page(ada_client, url).status_code == 200


def test_a_foreign_host_is_refused_and_other_methods_are_as_ever(ada_client, ada):
    create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    assert ada_client.get(url, headers={"Host": "elsewhere.example"}).status_code == 400
    assert ada_client.head(url, headers=HTMX_HEADERS).status_code == 204
    assert ada_client.post(url, headers=HTMX_HEADERS).status_code == 405


def test_a_query_in_another_charset_is_refused_by_the_stack(ada_client, ada):
    create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    response = ada_client.get(url, headers={"Content-Type": "text/plain; charset=utf-16"})
    assert response.status_code == 400


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_a_query_of_too_many_fields_is_left_to_the_stack(ada_client, ada, is_signed_in):
    client = ada_client if is_signed_in else Client()
    response = client.get(f"/live/?for={ada.pk}" + "&bar=1" * 2000)
    assert response.status_code == 400
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_database_that_does_not_answer_is_left_to_the_stack(ada_client, ada, monkeypatch):
    create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))

    def fail(**_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(live, "get_signed_in_feed_state", fail)
    assert poll_page(ada_client, url).status_code == 204


# --- what it costs ----------------------------------------------------------------------------


def list_sessions() -> list[tuple[object, ...]]:
    return list(Session.objects.values_list("session_key", "session_data", "expire_date"))


def test_without_news_it_is_one_query_no_template_and_no_write(ada_client, ada):
    create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    before = list_sessions()
    with CaptureQueriesContext(connection) as queries:
        response = poll_page(ada_client, url)
    assert (response.status_code, response.content, response.templates) == (204, b"", [])
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]
    assert list_sessions() == before
    assert not response.cookies


def test_one_query_whatever_is_watched(ada_client, ada):
    for _ in range(70):
        create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    with CaptureQueriesContext(connection) as queries:
        response = poll_page(ada_client, url)
    assert (response.status_code, len(queries)) == (204, 1)


def test_news_do_not_keep_a_session_alive_either(ada_client, ada, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    generation = create_running_generation(ada)
    page = open_workspace(ada_client)
    before = list_sessions()
    record_progress(generation, 40)
    with CaptureQueriesContext(connection) as queries:
        response = poll_page(ada_client, poller_url(page), list_bar_ids(page))
    assert response.status_code == 200
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}
    assert len(queries) == 2
    assert list_sessions() == before


# --- what it says -----------------------------------------------------------------------------


def test_an_empty_answer_says_when_to_ask_again_as_the_page_did(ada_client, ada):
    generation = create_running_generation(ada)
    Generation.objects.filter(pk=generation.pk).update(next_attempt_at=NOW + timedelta(seconds=8))
    page = open_workspace(ada_client)
    said = float(page.find_one("*[@id='poller']").get("data-ask-after"))
    response = poll_page(ada_client, poller_url(page))
    for seconds in (said, float(response[POLL_AFTER_HEADER])):
        assert 9 <= seconds <= 9.9


def test_a_page_without_work_is_told_never_to_ask(ada_client, ada):
    generation = create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    transition(generation, State.FAILED, now=NOW)
    page = ParsedPage(poll_page(ada_client, url))
    poller = page.find_one("*[@id='poller']")
    assert (poller.get("hx-get"), poller.get("data-ask-after")) == (None, None)
    response = poll_page(ada_client, poller.get("data-url"))
    assert response.status_code == 204
    assert POLL_AFTER_HEADER not in response


@pytest.mark.parametrize("has_news", [False, True])
def test_answers_carry_the_headers_of_every_page(ada_client, ada, has_news):
    generation = create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    if has_news:
        record_progress(generation, 40)
    response = poll_page(ada_client, url)
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["X-Request-ID"]
    assert ("Content-Length" in response) is has_news


@pytest.mark.parametrize("is_https", [False, True])
@pytest.mark.parametrize("has_news", [False, True])
def test_its_headers_are_those_of_the_stack(ada, settings, is_https, has_news):
    settings.SECURE_HSTS_SECONDS = 60
    client = Client()
    client.force_login(ada)
    generation = create_running_generation(ada)
    url = poller_url(open_workspace(client))
    if has_news:
        record_progress(generation, 40)
    early, late = (
        client.get(asked, headers=HTMX_HEADERS, secure=is_https)
        for asked in (url, url.replace(f"for={ada.pk}", "for="))
    )
    own_headers = {"X-Request-ID", POLL_AFTER_HEADER, "Content-Length"}
    # Without a session nothing depends on the cookie; an empty answer is in no language.
    ignored_headers = own_headers | {"Vary"} | (set() if has_news else {"Content-Language"})
    early_headers, late_headers = (
        {name: value for name, value in response.items() if name not in ignored_headers}
        for response in (early, late)
    )
    assert early_headers == late_headers
    assert ("Strict-Transport-Security" in early_headers) is is_https
    assert early["X-Request-ID"]


def test_an_error_while_news_are_told_has_the_headers_of_every_page(ada, monkeypatch):
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    generation = create_running_generation(ada)
    url = poller_url(open_workspace(client))
    record_progress(generation, 40)

    def fail(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(live, "build_changed_fragments", fail)
    response = poll_page(client, url)
    assert response.status_code == 500
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]


def test_news_are_told_in_the_persons_language(ada_client, ada):
    User.objects.filter(pk=ada.pk).update(language="de")
    generation = create_running_generation(ada)
    url = poller_url(open_workspace(ada_client))
    transition(generation, State.SAVING, now=NOW)
    response = poll_page(ada_client, url)
    assert response["Content-Language"] == "de"
    with translation.override("de"):
        assert str(State.SAVING.label) in response.content.decode()


def test_the_commands_of_a_new_card_have_the_token_of_the_page(ada):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    create_running_generation(ada)
    page = open_workspace(client)
    queued_generation = GenerationFactory(owner=ada, state=State.QUEUED, created_version=999)
    ChangeFeed.objects.filter(pk=ada.pk).update(version=999)
    Generation.objects.filter(pk=queued_generation.pk).update(changed_version=999)
    card = ParsedPage(poll_page(client, poller_url(page))).find_card(queued_generation.pk)
    url = f"/generations/{queued_generation.pk}/cancel/"
    (button,) = (b for b in card.findall(".//button") if b.get("formaction") == url)
    form = page.find_one(f"form[@id='{button.get('form')}']")
    (token_field,) = form.findall(".//input[@name='csrfmiddlewaretoken']")
    response = client.post(url, {"csrfmiddlewaretoken": token_field.get("value")})
    assert response.status_code == 302
    queued_generation.refresh_from_db()
    assert queued_generation.state == State.CANCELLED
