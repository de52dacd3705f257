"""Reading is free: trouble on the way never says anything about the task."""

from decimal import Decimal

import pytest

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from evolink_studio.evolink.errors import (
    AuthenticationError,
    NotFoundError,
    RateLimitError,
    RequestRejected,
    ServiceUnavailableError,
)
from evolink_studio.evolink.transport import MAX_READ_BODY_BYTES
from tests.evolink.conftest import API_KEY, run_client
from tests.fake_provider import FakeProvider, find_closed_port
from tests.provider_replies import (
    cut_reply_body,
    drip_reply,
    make_dropped_reply,
    make_error_reply,
    make_gzip_bomb_reply,
    make_redirect_reply,
    make_reply,
    make_silent_reply,
    make_task_reply,
)

TASK_ID = "task-unified-1757169743-abcdefgh"


def read_task(base: str, task_id: str = TASK_ID, seconds: float = 5):
    return run_client(
        lambda evolink: evolink.get_task(task_id), base, deadlines=Deadlines(read=seconds)
    )


def test_a_finished_task_tells_its_results_and_what_it_cost(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_next(
        make_task_reply(
            id=TASK_ID,
            status="completed",
            progress=100,
            results=["https://media.evolink.ai/a.mp4", "https://media.evolink.ai/b.mp4"],
            usage={"credits_reserved": 25.7, "credits_used": 24.1234},
            billing={"charge_status": "charged", "charged_credits": "24.1234"},
            task_info={"can_cancel": False},
        )
    )

    task = read_task(fake_provider.url)

    assert task.results == ("https://media.evolink.ai/a.mp4", "https://media.evolink.ai/b.mp4")
    assert task.usage.credits_used == Decimal("24.1234")
    assert task.billing.charged_credits == Decimal("24.1234")
    assert task.task_info.estimated_time is None


def test_a_failed_task_tells_why(fake_provider: FakeProvider) -> None:
    error = {"code": "content_policy_violation", "message": "Faces", "type": "task_error"}
    fake_provider.read.reply_next(make_task_reply(id=TASK_ID, status="failed", error=error))

    task = read_task(fake_provider.url)

    assert (task.status, task.error.code, task.error.message) == (
        "failed",
        "content_policy_violation",
        "Faces",
    )


def test_a_read_asks_with_the_key_for_exactly_that_task(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_next(make_task_reply(id=TASK_ID))

    read_task(fake_provider.url)

    (request,) = fake_provider.received_requests
    assert (request.method, request.path) == ("GET", f"/v1/tasks/{TASK_ID}")
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["accept-encoding"] == "identity"


UNAVAILABLE_REPLIES = {
    "moved": make_redirect_reply("/elsewhere"),
    "time-out": make_error_reply(408, "timeout"),
    "internal_error": make_error_reply(500, "internal_error"),
    "upstream_error": make_error_reply(502, "upstream_error"),
    "service_unavailable": make_error_reply(503, "service_unavailable"),
    "no JSON": make_reply(b"<html>"),
    "empty": make_reply(b""),
    "no id": make_reply({"status": "completed"}),
    "another task": make_task_reply(id="task-unified-1-other"),
    "unfolding": make_gzip_bomb_reply(),
    "said to be encoded": make_reply({"id": TASK_ID}, content_encoding="gzip"),
    "huge": make_reply(b'"' + b"x" * 3_000_000 + b'"'),
    "cut": cut_reply_body(make_task_reply(id=TASK_ID), 50),
    "closed": make_dropped_reply(),
    "reset": make_dropped_reply(is_reset=True),
    "unknown error in a 200": make_error_reply(200, "who_knows"),
}


@pytest.mark.parametrize("reply", UNAVAILABLE_REPLIES.values(), ids=UNAVAILABLE_REPLIES.keys())
def test_trouble_with_a_read_is_only_unavailable(fake_provider: FakeProvider, reply) -> None:
    fake_provider.read.reply_next(reply)

    with pytest.raises(ServiceUnavailableError) as exc_info:
        read_task(fake_provider.url)
    assert type(exc_info.value) is ServiceUnavailableError


@pytest.mark.parametrize(
    "reply",
    [make_silent_reply(), drip_reply(make_task_reply(id=TASK_ID), 0.02)],
    ids=["silent", "drip"],
)
def test_a_read_has_a_deadline_in_all(fake_provider: FakeProvider, reply) -> None:
    fake_provider.read.reply_next(reply)

    with pytest.raises(ServiceUnavailableError):
        read_task(fake_provider.url, seconds=0.3)


def test_a_body_without_end_is_read_only_up_to_the_limit(fake_provider: FakeProvider) -> None:
    content = b"x" * (MAX_READ_BODY_BYTES + 1)
    fake_provider.read.reply_next(make_reply(content, content_length="9000000000"))

    with pytest.raises(ServiceUnavailableError, match="longer than the limit"):
        read_task(fake_provider.url)


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailableError):
        read_task(f"http://127.0.0.1:{find_closed_port()}")


ERROR_CASES = [
    (400, "invalid_task_id", RequestRejected),
    (401, "unauthorized", AuthenticationError),
    (403, "permission_denied", RequestRejected),
    (403, "key_disabled", AuthenticationError),
    (404, "task_not_found", NotFoundError),
    (429, "rate_limit_exceeded", RateLimitError),
    (200, "task_not_found", NotFoundError),
    (200, 401, AuthenticationError),
]


@pytest.mark.parametrize(("status", "code", "kind"), ERROR_CASES)
def test_a_clear_answer_keeps_its_class(
    fake_provider: FakeProvider, status: int, code: object, kind: type
) -> None:
    fake_provider.read.reply_next(make_error_reply(status, code))

    with pytest.raises(kind) as exc_info:
        read_task(fake_provider.url)
    assert type(exc_info.value) is kind


ODD_IDS = ["", "..", "../credits", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\n", "ä", "a" * 129]


@pytest.mark.parametrize("task_id", ODD_IDS)
def test_an_odd_id_is_not_asked_for_at_all(fake_provider: FakeProvider, task_id: str) -> None:
    with pytest.raises(NotFoundError):
        read_task(fake_provider.url, task_id)
    assert fake_provider.received_requests == []


def test_a_slash_at_the_end_of_the_base_url_changes_nothing(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_next(make_task_reply(id=TASK_ID))

    assert read_task(fake_provider.url + "/").id == TASK_ID


def test_reads_keep_their_connection(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_always(make_task_reply(id=TASK_ID))

    async def read_three_times(evolink: EvoLinkClient) -> None:
        for _ in range(3):
            await evolink.get_task(TASK_ID)

    run_client(read_three_times, fake_provider.url)

    assert fake_provider.connection_count == 1


def test_cookies_of_the_provider_are_not_kept(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_always(make_reply({"id": TASK_ID}, set_cookie="track=1; Path=/"))

    async def read_twice(evolink: EvoLinkClient) -> None:
        await evolink.get_task(TASK_ID)
        await evolink.get_task(TASK_ID)

    run_client(read_twice, fake_provider.url)

    assert [request.headers.get("cookie") for request in fake_provider.received_requests] == [
        None,
        None,
    ]


def test_the_task_list_finds_a_task_whose_reply_was_lost(fake_provider: FakeProvider) -> None:
    rows = [
        {"id": TASK_ID, "status": "completed", "created_at": 1_757_169_743, "credits_used": 5.5},
        {"id": "not an id"},
        "odd",
        {"id": "task-2", "created_at": "2026-11-20T12:00:00Z", "progress": None},
    ]
    fake_provider.list.reply_next(
        make_reply({"data": rows}), make_reply(rows), make_reply({"data": {"items": rows}})
    )

    for _ in range(3):
        page = run_client(lambda evolink: evolink.list_tasks(2, 500), fake_provider.url)
        assert [line.id for line in page] == [TASK_ID, "task-2"]
        assert page[0].credits_used == Decimal("5.5")
        assert page[0].created_at.year == 2025
        assert page[1].created_at.isoformat() == "2026-11-20T12:00:00+00:00"
    assert fake_provider.list.requests[0].query == "page=2&page_size=50"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_account_without_a_task_list_is_no_error(
    fake_provider: FakeProvider, status: int
) -> None:
    fake_provider.list.reply_next(make_reply(b"", status))

    assert run_client(lambda evolink: evolink.list_tasks(), fake_provider.url) is None


@pytest.mark.parametrize("body", [{"x": 1}, {"data": {"x": 1}}, "text", {"data": 5}, b"<html>"])
def test_a_task_list_that_is_none_is_unavailable(fake_provider: FakeProvider, body: object) -> None:
    fake_provider.list.reply_next(make_reply(body))

    with pytest.raises(ServiceUnavailableError):
        run_client(lambda evolink: evolink.list_tasks(), fake_provider.url)
