"""A press while the database does not answer: everything stays, and what is said is true."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset
from tests.factories import VEO
from tests.form_pages import ParsedPage
from tests.generations.form_client import HTMX_HEADERS, make_numbered_image, post_form

pytestmark = pytest.mark.django_db(transaction=True)

WRITE_STATEMENTS = ("INSERT", "UPDATE", "DELETE", "BEGIN")
FORM_FIELDS = {"prompt": "A cat playing piano", "quality": "4k", "aspect_ratio": "9:16"}


@pytest.fixture
def ada_client(ada) -> Client:
    """Ada's browser, which is shown error pages as they are."""
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    return client


@contextmanager
def fail_statements(should_fail: Callable[[str], bool], message: str) -> Iterator[None]:
    def execute_or_fail(execute, sql, params, is_many, context):
        if should_fail(sql.split(None, 1)[0].upper()):
            raise OperationalError(message)
        return execute(sql, params, is_many, context)

    with connection.execute_wrapper(execute_or_fail):
        yield


def lock_database():
    """Reading works, as it does on SQLite while another process writes."""
    return fail_statements(lambda word: word in WRITE_STATEMENTS, "database is locked")


def disconnect_database():
    """Nothing works at all."""
    return fail_statements(lambda _: True, "server closed the connection unexpectedly")


@pytest.mark.parametrize("htmx", [True, False])
def test_while_it_is_locked_the_form_comes_back_with_everything_and_nothing_is_stored(
    ada_client, htmx
):
    key = str(uuid.uuid4())
    with lock_database():
        answer = post_form(ada_client, VEO, FORM_FIELDS, form_key=key, is_htmx=htmx)
    # What is not 200 would not be swapped in.
    assert answer.status_code == (200 if htmx else 503)
    page = ParsedPage(answer)
    assert "database did not answer, so this press sent nothing" in page.text
    assert {name: page.control_value(name) for name in FORM_FIELDS} == FORM_FIELDS
    assert page.control_value("form_key") == key
    assert not Generation.objects.exists()
    assert not LedgerEntry.objects.exists()

    for _ in range(2):
        assert post_form(ada_client, VEO, page.form_values()).status_code == 302
    assert Generation.objects.get().form_key == uuid.UUID(key)


def test_a_form_without_a_key_gets_one_that_stays(ada_client):
    with lock_database():
        page = ParsedPage(post_form(ada_client, VEO, form_key="none", is_htmx=True))
    for _ in range(2):
        post_form(ada_client, VEO, page.form_values())
    assert Generation.objects.count() == 1


@contextmanager
def lose_commit_answer(monkeypatch, *, is_committed: bool) -> Iterator[None]:
    """The connection breaks while the database commits: before it has, or just after."""
    commit = BaseDatabaseWrapper._commit

    def commit_and_fail(self):
        if is_committed:
            commit(self)
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "_commit", commit_and_fail)
        yield


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("htmx", [True, False])
def test_a_commit_without_an_answer_is_called_unclear_and_pressed_again_it_is_one(
    ada_client, monkeypatch, is_committed, htmx
):
    key = str(uuid.uuid4())
    with lose_commit_answer(monkeypatch, is_committed=is_committed):
        answer = post_form(ada_client, VEO, FORM_FIELDS, form_key=key, is_htmx=htmx)
    page = ParsedPage(answer)
    assert "may have been taken or not" in page.text
    assert "sent nothing" not in page.text
    assert page.control_value("form_key") == key
    assert Generation.objects.count() == is_committed

    for _ in range(2):
        assert post_form(ada_client, VEO, page.form_values()).status_code == 302
    assert Generation.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="reserve").count() == 1


@pytest.mark.postgres
@pytest.mark.parametrize("htmx", [True, False])
def test_a_server_that_closes_the_connection_at_the_commit_is_understood(
    ada_client, monkeypatch, htmx
):
    commit = BaseDatabaseWrapper._commit

    def end_connection(self):
        monkeypatch.undo()
        other_connection = connection.copy()
        with other_connection.cursor() as cursor:
            number = self.connection.info.backend_pid
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
        other_connection.close()
        commit(self)

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", end_connection)
    page = ParsedPage(post_form(ada_client, VEO, FORM_FIELDS, is_htmx=htmx))
    assert "may have been taken or not" in page.text
    assert post_form(ada_client, VEO, page.form_values()).status_code == 302
    assert Generation.objects.count() == 1


def test_what_an_earlier_press_may_have_stored_is_never_denied(ada_client, monkeypatch):
    key = uuid.uuid4()
    with lose_commit_answer(monkeypatch, is_committed=True):
        post_form(ada_client, VEO, FORM_FIELDS, form_key=key, is_htmx=True)
    with lock_database():
        second = post_form(ada_client, VEO, FORM_FIELDS, form_key=key)
    assert second.status_code == 302
    assert Generation.objects.count() == 1


def test_a_picture_that_cannot_be_noted_down_is_named_and_the_rest_stays(ada_client):
    with lock_database():
        answer = post_form(
            ada_client, VEO, FORM_FIELDS, is_htmx=True, image_urls=make_numbered_image(1)
        )
    page = ParsedPage(answer)
    assert "database did not answer, so this file could not be kept" in page.text
    assert {name: page.control_value(name) for name in FORM_FIELDS} == FORM_FIELDS
    assert not Asset.objects.exists()
    assert not Generation.objects.exists()


# --- away altogether --------------------------------------------------------------------------


def test_a_form_that_was_read_already_comes_back_even_then(ada_client, monkeypatch):
    """The database goes away with the press itself, and stays away."""
    with ExitStack() as patches:

        def disconnect(**_):
            patches.enter_context(disconnect_database())
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr("evolink_studio.generations.services.create_generation", disconnect)
        answer = post_form(ada_client, VEO, FORM_FIELDS, is_htmx=True)
    assert answer.status_code == 200
    page = ParsedPage(answer)
    assert {name: page.control_value(name) for name in FORM_FIELDS} == FORM_FIELDS


def read_unavailable_page(answer, language: str) -> str:
    """The page for a database that is away, in this language."""
    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Language"] == language
    page = answer.content.decode()
    assert f'<html lang="{language}"' in page
    return page


@pytest.mark.parametrize("path", ["/", f"/create/{VEO}/", "/films/", "/admin/"])
def test_without_a_database_every_page_says_so_in_the_studios_design(ada_client, path):
    with disconnect_database():
        page = read_unavailable_page(ada_client.get(path, headers={"Accept-Language": "en"}), "en")
    assert "The studio's database does not answer" in page.replace("&#x27;", "'")
    assert "nothing is sent and nothing new is charged" in page
    assert "studio.css" in page


@pytest.mark.parametrize("headers", [{}, HTMX_HEADERS])
def test_a_press_without_a_database_is_told_to_be_made_again(ada_client, headers):
    with disconnect_database():
        answer = ada_client.post(f"/create/{VEO}/", FORM_FIELDS, headers=headers)
    assert "never sent or charged twice" in read_unavailable_page(answer, "en")
    assert not Generation.objects.exists()


def test_the_page_keeps_the_content_policy(ada_client):
    with disconnect_database():
        answer = ada_client.get("/")
    page = answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=", page)


def test_it_is_said_in_the_language_of_the_browser(ada_client):
    with disconnect_database():
        page = read_unavailable_page(ada_client.get("/", headers={"Accept-Language": "de"}), "de")
    with translation.override("de"):
        skip_text = gettext("Skip to the content")
    assert skip_text != "Skip to the content"
    assert skip_text in page


def test_a_fault_of_ours_is_not_blamed_on_the_database(ada_client, monkeypatch):
    """SQLite calls a missing table by the same name as a lock."""

    def raise_missing_table(*_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_no_such_table")

    monkeypatch.setattr("evolink_studio.generations.queries.get_last_model_id", raise_missing_table)
    answer = ada_client.get("/")
    assert answer.status_code == 500
    assert "Something went wrong in the studio" in answer.content.decode()
