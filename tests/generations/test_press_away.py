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
from tests.generations.pressing import HTMX, numbered, press
from tests.page import Page

pytestmark = pytest.mark.django_db(transaction=True)

WRITES = ("INSERT", "UPDATE", "DELETE", "BEGIN")
TYPED = {"prompt": "A cat playing piano", "quality": "4k", "aspect_ratio": "9:16"}


@pytest.fixture
def tab(ada) -> Client:
    """Ada's browser, which is shown error pages as they are."""
    opened = Client(raise_request_exception=False)
    opened.force_login(ada)
    return opened


@contextmanager
def failing(fails: Callable[[str], bool], words: str) -> Iterator[None]:
    def execute(go_on, sql, params, many, context):
        if fails(sql.split(None, 1)[0].upper()):
            raise OperationalError(words)
        return go_on(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


def locked():
    """Reading works, as it does on SQLite while another process writes."""
    return failing(lambda word: word in WRITES, "database is locked")


def gone():
    """Nothing works at all."""
    return failing(lambda _: True, "server closed the connection unexpectedly")


@pytest.mark.parametrize("htmx", [True, False])
def test_while_it_is_locked_the_form_comes_back_with_everything_and_nothing_is_stored(tab, htmx):
    key = str(uuid.uuid4())
    with locked():
        answer = press(tab, VEO, TYPED, key=key, htmx=htmx)
    # What is not 200 would not be swapped in.
    assert answer.status_code == (200 if htmx else 503)
    page = Page(answer)
    assert "database did not answer, so this press sent nothing" in page.text
    assert {name: page.value(name) for name in TYPED} == TYPED
    assert page.value("form_key") == key
    assert not Generation.objects.exists()
    assert not LedgerEntry.objects.exists()

    for _ in range(2):
        assert press(tab, VEO, page.typed()).status_code == 302
    assert Generation.objects.get().form_key == uuid.UUID(key)


def test_a_form_without_a_key_gets_one_that_stays(tab):
    with locked():
        page = Page(press(tab, VEO, key="none", htmx=True))
    for _ in range(2):
        press(tab, VEO, page.typed())
    assert Generation.objects.count() == 1


@contextmanager
def commit_without_an_answer(monkeypatch, *, done: bool) -> Iterator[None]:
    """The line breaks while the database commits: before it has, or just after."""
    commit = BaseDatabaseWrapper._commit

    def cut(self):
        if done:
            commit(self)
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as now:
        now.setattr(BaseDatabaseWrapper, "_commit", cut)
        yield


@pytest.mark.parametrize("done", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("htmx", [True, False])
def test_a_commit_without_an_answer_is_called_unclear_and_pressed_again_it_is_one(
    tab, monkeypatch, done, htmx
):
    key = str(uuid.uuid4())
    with commit_without_an_answer(monkeypatch, done=done):
        answer = press(tab, VEO, TYPED, key=key, htmx=htmx)
    page = Page(answer)
    assert "may have been taken or not" in page.text
    assert "sent nothing" not in page.text
    assert page.value("form_key") == key
    assert Generation.objects.count() == done

    for _ in range(2):
        assert press(tab, VEO, page.typed()).status_code == 302
    assert Generation.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="reserve").count() == 1


@pytest.mark.postgres
@pytest.mark.parametrize("htmx", [True, False])
def test_a_server_that_ends_the_line_at_the_commit_is_understood(tab, monkeypatch, htmx):
    commit = BaseDatabaseWrapper._commit

    def ended(self):
        monkeypatch.undo()
        other = connection.copy()
        with other.cursor() as cursor:
            number = self.connection.info.backend_pid
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
        other.close()
        commit(self)

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", ended)
    page = Page(press(tab, VEO, TYPED, htmx=htmx))
    assert "may have been taken or not" in page.text
    assert press(tab, VEO, page.typed()).status_code == 302
    assert Generation.objects.count() == 1


def test_what_an_earlier_press_may_have_stored_is_never_denied(tab, monkeypatch):
    key = uuid.uuid4()
    with commit_without_an_answer(monkeypatch, done=True):
        press(tab, VEO, TYPED, key=key, htmx=True)
    with locked():
        second = press(tab, VEO, TYPED, key=key)
    assert second.status_code == 302
    assert Generation.objects.count() == 1


def test_a_picture_that_cannot_be_noted_down_is_named_and_the_rest_stays(tab):
    with locked():
        answer = press(tab, VEO, TYPED, htmx=True, image_urls=numbered(1))
    page = Page(answer)
    assert "database did not answer, so this file could not be kept" in page.text
    assert {name: page.value(name) for name in TYPED} == TYPED
    assert not Asset.objects.exists()
    assert not Generation.objects.exists()


# --- away altogether --------------------------------------------------------------------------


def test_a_form_that_was_read_already_comes_back_even_then(tab, monkeypatch):
    """The database goes away with the press itself, and stays away."""
    with ExitStack() as until_the_answer:

        def away(**_):
            until_the_answer.enter_context(gone())
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr("evolink_studio.generations.services.create_generation", away)
        answer = press(tab, VEO, TYPED, htmx=True)
    assert answer.status_code == 200
    page = Page(answer)
    assert {name: page.value(name) for name in TYPED} == TYPED


def shown(answer, language: str) -> str:
    """The page for a database that is away, in this language."""
    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Language"] == language
    page = answer.content.decode()
    assert f'<html lang="{language}"' in page
    return page


@pytest.mark.parametrize("path", ["/", f"/create/{VEO}/", "/films/", "/admin/"])
def test_without_a_database_every_page_says_so_in_the_studios_look(tab, path):
    with gone():
        page = shown(tab.get(path, headers={"Accept-Language": "en"}), "en")
    assert "The studio's database does not answer" in page.replace("&#x27;", "'")
    assert "nothing is sent and nothing new is charged" in page
    assert "studio.css" in page


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_press_without_a_database_is_told_to_be_made_again(tab, headers):
    with gone():
        answer = tab.post(f"/create/{VEO}/", TYPED, headers=headers)
    assert "never sent or charged twice" in shown(answer, "en")
    assert not Generation.objects.exists()


def test_the_page_keeps_the_content_policy(tab):
    with gone():
        answer = tab.get("/")
    page = answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=", page)


def test_it_is_said_in_the_language_of_the_browser(tab):
    with gone():
        page = shown(tab.get("/", headers={"Accept-Language": "de"}), "de")
    with translation.override("de"):
        ours = gettext("Skip to the content")
    assert ours != "Skip to the content"
    assert ours in page


def test_a_fault_of_ours_is_not_blamed_on_the_database(tab, monkeypatch):
    """SQLite calls a missing table by the same name as a lock."""

    def broken(*_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_no_such_table")

    monkeypatch.setattr("evolink_studio.generations.queries.get_last_model_id", broken)
    answer = tab.get("/")
    assert answer.status_code == 500
    assert "Something went wrong in the studio" in answer.content.decode()
