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
from tests.answers import answer, cut_body, drip, error, gzip_bomb, hang_up, redirect, silence, task
from tests.evolink.conftest import KEY, asking
from tests.farend import FarEnd, closed_port

ID = "task-unified-1757169743-abcdefgh"


def reading(base: str, task_id: str = ID, seconds: float = 5):
    return asking(
        lambda evolink: evolink.get_task(task_id), base, deadlines=Deadlines(read=seconds)
    )


def test_a_finished_task_tells_its_results_and_what_it_cost(far: FarEnd) -> None:
    far.read.answers(
        task(
            id=ID,
            status="completed",
            progress=100,
            results=["https://media.evolink.ai/a.mp4", "https://media.evolink.ai/b.mp4"],
            usage={"credits_reserved": 25.7, "credits_used": 24.1234},
            billing={"charge_status": "charged", "charged_credits": "24.1234"},
            task_info={"can_cancel": False},
        )
    )

    found = reading(far.url)

    assert found.results == ("https://media.evolink.ai/a.mp4", "https://media.evolink.ai/b.mp4")
    assert found.usage.credits_used == Decimal("24.1234")
    assert found.billing.charged_credits == Decimal("24.1234")
    assert found.task_info.estimated_time is None


def test_a_failed_task_tells_why(far: FarEnd) -> None:
    said = {"code": "content_policy_violation", "message": "Faces", "type": "task_error"}
    far.read.answers(task(id=ID, status="failed", error=said))

    found = reading(far.url)

    assert (found.status, found.error.code, found.error.message) == (
        "failed",
        "content_policy_violation",
        "Faces",
    )


def test_a_read_asks_with_the_key_for_exactly_that_task(far: FarEnd) -> None:
    far.read.answers(task(id=ID))

    reading(far.url)

    (request,) = far.received
    assert (request.method, request.path) == ("GET", f"/v1/tasks/{ID}")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept-encoding"] == "identity"


TROUBLE = {
    "moved": redirect("/elsewhere"),
    "time-out": error(408, "timeout"),
    "internal_error": error(500, "internal_error"),
    "upstream_error": error(502, "upstream_error"),
    "service_unavailable": error(503, "service_unavailable"),
    "no JSON": answer(b"<html>"),
    "empty": answer(b""),
    "no id": answer({"status": "completed"}),
    "another task": task(id="task-unified-1-other"),
    "unfolding": gzip_bomb(),
    "said to be encoded": answer({"id": ID}, content_encoding="gzip"),
    "huge": answer(b'"' + b"x" * 3_000_000 + b'"'),
    "cut": cut_body(task(id=ID), 50),
    "closed": hang_up(),
    "reset": hang_up(reset=True),
    "unknown error in a 200": error(200, "who_knows"),
}


@pytest.mark.parametrize("reply", TROUBLE.values(), ids=TROUBLE.keys())
def test_trouble_with_a_read_is_only_unavailable(far: FarEnd, reply) -> None:
    far.read.answers(reply)

    with pytest.raises(ServiceUnavailableError) as caught:
        reading(far.url)
    assert type(caught.value) is ServiceUnavailableError


@pytest.mark.parametrize("reply", [silence(), drip(task(id=ID), 0.02)], ids=["silent", "drip"])
def test_a_read_has_a_deadline_in_all(far: FarEnd, reply) -> None:
    far.read.answers(reply)

    with pytest.raises(ServiceUnavailableError):
        reading(far.url, seconds=0.3)


def test_a_body_without_end_is_read_only_up_to_the_limit(far: FarEnd) -> None:
    far.read.answers(answer(b"x" * 1_100_000, content_length="9000000000"))

    with pytest.raises(ServiceUnavailableError, match="longer than the limit"):
        reading(far.url)


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailableError):
        reading(f"http://127.0.0.1:{closed_port()}")


ANSWERS = [
    (400, "invalid_task_id", RequestRejected),
    (401, "unauthorized", AuthenticationError),
    (403, "permission_denied", RequestRejected),
    (403, "key_disabled", AuthenticationError),
    (404, "task_not_found", NotFoundError),
    (429, "rate_limit_exceeded", RateLimitError),
    (200, "task_not_found", NotFoundError),
    (200, 401, AuthenticationError),
]


@pytest.mark.parametrize(("status", "code", "kind"), ANSWERS)
def test_a_clear_answer_keeps_its_class(far: FarEnd, status: int, code: object, kind: type) -> None:
    far.read.answers(error(status, code))

    with pytest.raises(kind) as caught:
        reading(far.url)
    assert type(caught.value) is kind


ODD_IDS = ["", "..", "../credits", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\n", "ä", "a" * 129]


@pytest.mark.parametrize("task_id", ODD_IDS)
def test_an_odd_id_is_not_asked_for_at_all(far: FarEnd, task_id: str) -> None:
    with pytest.raises(NotFoundError):
        reading(far.url, task_id)
    assert far.received == []


def test_a_slash_at_the_end_of_the_base_url_changes_nothing(far: FarEnd) -> None:
    far.read.answers(task(id=ID))

    assert reading(far.url + "/").id == ID


def test_reads_keep_their_connection(far: FarEnd) -> None:
    far.read.always(task(id=ID))

    async def thrice(evolink: EvoLinkClient) -> None:
        for _ in range(3):
            await evolink.get_task(ID)

    asking(thrice, far.url)

    assert far.connections == 1


def test_cookies_of_the_far_end_are_not_kept(far: FarEnd) -> None:
    far.read.always(answer({"id": ID}, set_cookie="track=1; Path=/"))

    async def twice(evolink: EvoLinkClient) -> None:
        await evolink.get_task(ID)
        await evolink.get_task(ID)

    asking(twice, far.url)

    assert [request.headers.get("cookie") for request in far.received] == [None, None]


def test_the_task_list_finds_a_task_whose_reply_was_lost(far: FarEnd) -> None:
    rows = [
        {"id": ID, "status": "completed", "created_at": 1_757_169_743, "credits_used": 5.5},
        {"id": "not an id"},
        "odd",
        {"id": "task-2", "created_at": "2026-11-20T12:00:00Z", "progress": None},
    ]
    far.list.answers(answer({"data": rows}), answer(rows), answer({"data": {"items": rows}}))

    for _ in range(3):
        found = asking(lambda evolink: evolink.list_tasks(2, 500), far.url)
        assert [line.id for line in found] == [ID, "task-2"]
        assert found[0].credits_used == Decimal("5.5")
        assert found[0].created_at.year == 2025
        assert found[1].created_at.isoformat() == "2026-11-20T12:00:00+00:00"
    assert far.list.requests[0].query == "page=2&page_size=50"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_account_without_a_task_list_is_no_error(far: FarEnd, status: int) -> None:
    far.list.answers(answer(b"", status))

    assert asking(lambda evolink: evolink.list_tasks(), far.url) is None


@pytest.mark.parametrize("body", [{"x": 1}, {"data": {"x": 1}}, "text", {"data": 5}, b"<html>"])
def test_a_task_list_that_is_none_is_unavailable(far: FarEnd, body: object) -> None:
    far.list.answers(answer(body))

    with pytest.raises(ServiceUnavailableError):
        asking(lambda evolink: evolink.list_tasks(), far.url)
