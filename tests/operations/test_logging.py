"""Log lines: one JSON object each, with ids, without secrets, and not to be forged."""

import asyncio
import io
import json
import logging

import pytest
import structlog
from asgiref.sync import async_to_sync
from django.db import IntegrityError
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone

from evolink_studio.urls import urlpatterns as studio
from evolink_studio.worker.worker import Worker
from tests.factories import GenerationFactory, UserFactory
from tests.fake_provider import FakeProvider
from tests.manual_worker import ManualWorker


def raising_view(request, secret):
    structlog.get_logger("studio").info("looked", thing=request.GET.get("thing"))
    raise RuntimeError("the cause")


def integrity_error_view(request):
    row = request.GET["row"]
    try:
        raise IntegrityError(f'violates "known_state"\nDETAIL:  Failing row contains ({row}).')
    except IntegrityError as error:
        raise RuntimeError("not kept") from error


def logging_view(request):
    structlog.get_logger("studio").info("looked", thing=request.GET.get("thing"))
    return HttpResponse("fine")


urlpatterns = [
    *studio,
    path("test/broken/<str:secret>/", raising_view),
    path("test/row/", integrity_error_view),
    path("test/fine/", logging_view),
]


@pytest.fixture(autouse=True)
def _test_urls(settings, client):
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False


@pytest.fixture
def log_lines():
    """Everything logged since, as it would stand in the log: `lines()` reads it."""
    root, output = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(output)
    json_lines = structlog.stdlib.ProcessorFormatter
    handler.setFormatter(
        next(h.formatter for h in root.handlers if isinstance(h.formatter, json_lines))
    )
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    root.removeHandler(handler)


def test_every_answer_carries_an_id_of_its_own(client, db):
    first, second = (client.get("/test/fine/").headers["X-Request-ID"] for _ in range(2))
    assert first != second


def test_the_id_of_a_proxy_is_taken_over(client, db, log_lines):
    answer = client.get("/test/fine/", headers={"x-request-id": "edge-4711.a"})
    assert answer.headers["X-Request-ID"] == "edge-4711.a"
    assert log_lines()[0]["request"] == "edge-4711.a"


@pytest.mark.parametrize("forged_text", ['a"} {"event": "x', "a" * 65, "a b", "ä"])
def test_an_id_that_is_no_plain_word_is_replaced(client, db, forged_text):
    answer = client.get("/test/fine/", headers={"x-request-id": forged_text})
    assert answer.headers["X-Request-ID"].isalnum()


def test_a_line_names_the_person_by_number(client, db, log_lines):
    ada = UserFactory(username="ada")
    client.force_login(ada)
    client.get("/test/fine/")
    assert log_lines()[-1]["user"] == ada.pk


def test_the_next_request_of_a_thread_has_nothing_of_the_last_one(client, db, log_lines):
    client.force_login(UserFactory())
    client.get("/test/fine/")
    client.logout()
    client.get("/test/fine/")
    assert "user" not in log_lines()[-1]


def test_a_broken_page_is_one_line_without_the_secret_of_its_address(client, db, log_lines):
    answer = client.get("/test/broken/t0ken/")
    failed_lines = [line for line in log_lines() if line["level"] == "error"]
    assert answer.status_code == 500
    assert len(failed_lines) == 1
    assert failed_lines[0]["event"] == "Internal Server Error: /test/broken/<str:secret>/"
    assert failed_lines[0]["request"] == answer.headers["X-Request-ID"]
    assert (failed_lines[0]["method"], failed_lines[0]["status"]) == ("GET", 500)
    assert "RuntimeError: the cause" in failed_lines[0]["exception"]
    assert "t0ken" not in json.dumps(log_lines())


def test_what_a_database_quotes_of_its_rows_is_left_out(client, db, log_lines):
    client.get("/test/row/", {"row": "a cat\n\nplaying piano"})
    (line,) = log_lines()
    assert "known_state" in line["exception"]
    assert "RuntimeError: not kept" in line["exception"]
    assert not any(word in json.dumps(line) for word in ("cat", "piano"))


def test_no_words_of_a_person_can_forge_a_line(client, db, log_lines):
    forged_text = 'x\n{"event": "sent", "level": "info"}\r\n\x1b[2J\u2028'
    client.get("/test/fine/", {"thing": forged_text})
    assert [line["thing"] for line in log_lines()] == [forged_text]


def test_a_page_that_is_not_there_is_told_with_the_id(client, db, log_lines):
    answer = client.get("/nowhere%0a{}/")
    (line,) = log_lines()
    assert line["status"] == 404
    assert line["request"] == answer.headers["X-Request-ID"]


@pytest.mark.django_db(transaction=True)
def test_a_stage_that_fails_names_its_generation(log_lines):
    failing_row = GenerationFactory(
        params=["not", "what", "a", "form", "gives"], created_at=timezone.now()
    )

    async def work(fake: FakeProvider) -> None:
        provider = ManualWorker(fake.url).build_provider()
        async with provider.client:
            embedded_worker = Worker(provider, timezone.now)
            asyncio.get_running_loop().call_later(1, embedded_worker.stop)
            await embedded_worker.run()

    with FakeProvider() as fake:
        async_to_sync(work)(fake)
    failed_lines = [line for line in log_lines() if line["event"] == "step failed"]
    assert failed_lines[0]["generation"] == failing_row.pk
