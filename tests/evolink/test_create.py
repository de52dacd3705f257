"""The one request that spends money: what every kind of answer means."""

import asyncio
import socket
from dataclasses import replace
from decimal import Decimal

import pytest

from evolink_studio.evolink import (
    Deadlines,
    EvoLink,
    KeyRefused,
    NotFound,
    NotSent,
    OutOfCredits,
    RateLimited,
    Refused,
    Unclear,
)
from tests.answers import (
    Received,
    Reply,
    answer,
    cut,
    cut_body,
    drip,
    error,
    gzip_bomb,
    hang_up,
    redirect,
    silence,
    task,
)
from tests.evolink.conftest import INTENT, KEY, asking, creating
from tests.farend import FarEnd, closed_port


def test_an_accepted_task_is_returned_with_its_exact_credits(far: FarEnd) -> None:
    far.create.answers(task(id="task-unified-1757169743-abcdefgh"))

    found = creating(far.url)

    assert found.id == "task-unified-1757169743-abcdefgh"
    assert found.status == "pending"
    assert found.usage.credits_reserved == Decimal("25.7")
    assert found.task_info.estimated_time == 180
    assert far.paid == 1


def test_the_request_carries_the_payload_the_key_and_an_honest_name(far: FarEnd) -> None:
    creating(far.url)

    (request,) = far.create.requests
    assert request.json == {"model": "veo3.1-pro", "prompt": "A cat playing piano"}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"] == "EvoLinkStudio/1.0"
    assert request.headers["idempotency-key"] == INTENT
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-type"] == "application/json"


def test_every_paid_post_has_a_connection_of_its_own(far: FarEnd) -> None:
    async def thrice(evolink: EvoLink) -> None:
        for _ in range(3):
            await evolink.create({"model": "m"}, idempotency_key=INTENT)

    asking(thrice, far.url)

    assert len({request.connection for request in far.create.requests}) == 3


def test_a_paid_post_never_takes_over_the_connection_of_a_read(far: FarEnd) -> None:
    async def read_then_create(evolink: EvoLink) -> None:
        await evolink.balance()
        await evolink.create({"model": "m"}, idempotency_key=INTENT)

    asking(read_then_create, far.url)

    assert [request.connection for request in far.received] == [1, 2]


REFUSALS = [
    (400, "invalid_request", Refused),
    (400, "invalid_parameter", Refused),
    (401, "unauthorized", KeyRefused),
    (402, "insufficient_quota", OutOfCredits),
    (402, "insufficient_user_quota", OutOfCredits),
    (402, "insufficient_token_quota", OutOfCredits),
    (402, "key_quota_exhausted", OutOfCredits),
    (402, "key_disabled", KeyRefused),
    (402, "key_expired", KeyRefused),
    (402, "key_model_not_allowed", Refused),
    (402, "something_new", OutOfCredits),
    (403, "model_access_denied", Refused),
    (403, "insufficient_user_quota", OutOfCredits),
    (404, "model_not_found", NotFound),
    (408, "timeout", Refused),
    (409, "conflict", Refused),
    (413, "request_too_large_error", Refused),
    (422, 42, Refused),
    (429, "rate_limit_exceeded", RateLimited),
]


@pytest.mark.parametrize(("status", "code", "kind"), REFUSALS)
def test_a_4xx_is_a_clear_no_with_its_words(
    far: FarEnd, status: int, code: object, kind: type
) -> None:
    said = {"code": code, "message": "No, because.", "type": "t", "param": "duration"}
    far.create.answers(answer({"error": said}, status))

    with pytest.raises(kind) as caught:
        creating(far.url)

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, str(code))
    assert (caught.value.words, caught.value.field) == ("No, because.", "duration")
    assert far.paid == 0
    assert len(far.create.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<h1>Bad Request</h1>", b"null", b"[1]", b'"no"', b"{"])
def test_a_4xx_whose_body_is_no_json_is_still_a_clear_no(far: FarEnd, body: bytes) -> None:
    far.create.answers(answer(body, 400))

    with pytest.raises(Refused) as caught:
        creating(far.url)

    assert (caught.value.message, caught.value.words) == ("HTTP 400", "")
    assert caught.value.body == body.decode()


def test_a_4xx_with_a_cut_body_is_still_a_clear_no(far: FarEnd) -> None:
    far.create.answers(cut_body(error(400, "invalid_request"), 5))

    with pytest.raises(Refused) as caught:
        creating(far.url)

    assert caught.value.status == 400


def test_an_error_may_be_worded_in_one_string_or_at_the_top(far: FarEnd) -> None:
    far.create.answers(
        answer({"error": "Not like this"}, 400), answer({"code": 7, "message": "Nor so"}, 400)
    )

    with pytest.raises(Refused, match="Not like this"):
        creating(far.url)
    with pytest.raises(Refused, match="Nor so") as caught:
        creating(far.url)
    assert caught.value.code == "7"


UNCLEAR = {
    "moved": redirect("http://127.0.0.1:9/"),
    "kept method": redirect("/v1/videos/generations", 307),
    "moved to nonsense": redirect("http://["),
    "internal_error": error(500, "internal_error"),
    "upstream_error": error(502, "upstream_error"),
    "service_unavailable": error(503, "service_unavailable"),
    "gateway": answer(b"<html>", 504),
    "odd status": answer({}, 999),
    "nothing in it": answer(b""),
    "no content": answer(b"", 204),
    "no JSON": answer(b"OK"),
    "half JSON": answer(b'{"id": "task-1"'),
    "a list": answer([1]),
    "null": answer(b"null"),
    "no id": answer({"status": "pending"}),
    "empty id": task(id=""),
    "id is a number": task(id=7),
    "id is a path": task(id="../../v1/credits"),
    "id ends with a new line": task(id="task-1\n"),
    "id is too long": task(id="a" * 129),
    "unfolding": gzip_bomb(),
    "compressed": answer(b"x", content_encoding="br"),
    "deep": answer(b"[" * 200_000),
    "huge": answer(b'{"id": "task-1", "x": "' + b"x" * 5_000_000 + b'"}'),
    "huge number": answer(b'{"id": "task-1", "progress": ' + b"1" * 5_000 + b"}"),
    "error of the server in a 200": error(200, "internal_error"),
    "unknown error in a 200": error(200, "who_knows"),
    "time-out upstream in a 200": error(200, 408),
    "error beside an odd id": error(200, "invalid_request", id="?"),
    "closed": hang_up(),
    "reset": hang_up(reset=True),
    "long headers": answer({}, x="y" * 200_000),
    "wrong length": answer({}, content_length="many"),
}


@pytest.mark.parametrize("reply", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_an_answer_that_is_not_sound_is_unclear_and_never_sent_again(far: FarEnd, reply) -> None:
    far.create.answers(reply)

    with pytest.raises(Unclear):
        creating(far.url)

    assert len(far.create.requests) == 1
    assert far.connections == 1


def test_a_server_error_may_hide_a_task_that_was_taken(far: FarEnd) -> None:
    far.create.answers(replace(error(503, "service_unavailable"), accepts=True))

    with pytest.raises(Unclear):
        creating(far.url)

    (taken,) = far.accepted
    assert asking(lambda evolink: evolink.read(taken.task_id), far.url).status == "pending"
    assert taken.request.headers["idempotency-key"] == INTENT


SAID_IN_A_200 = [
    ("invalid_request", Refused),
    (400, Refused),
    ("401", KeyRefused),
    ("unauthorized", KeyRefused),
    ("insufficient_quota", OutOfCredits),
    ("key_disabled", KeyRefused),
    ("content_policy_violation", Refused),
    ("rate_limit_exceeded", RateLimited),
]


@pytest.mark.parametrize(("code", "kind"), SAID_IN_A_200)
def test_a_known_refusal_under_status_200_is_a_refusal(
    far: FarEnd, code: object, kind: type
) -> None:
    far.create.answers(error(200, code))

    with pytest.raises(kind) as caught:
        creating(far.url)

    assert type(caught.value) is kind


def test_a_task_that_failed_at_once_is_a_task(far: FarEnd) -> None:
    far.create.answers(task(status="failed", error={"code": 500, "message": "Sorry"}))

    found = creating(far.url)

    assert (found.status, found.error.code, found.error.message) == ("failed", "500", "Sorry")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_reply_cut_at_any_byte_is_unclear_unless_the_whole_task_arrived(
    far: FarEnd, chunked: bool
) -> None:
    whole = task(id="task-unified-1757169743-abcdefgh")
    whole = replace(whole, chunked=chunked)
    complete = whole.wire.rindex(b"}") + 1
    wrong = []

    for after in range(len(whole.wire)):
        far.create.answers(cut(whole, after))
        try:
            heard = creating(far.url).id
        except Unclear:
            heard = "unclear"
        if heard != ("task-unified-1757169743-abcdefgh" if after >= complete else "unclear"):
            wrong.append((after, heard))

    assert wrong == []
    assert far.paid == len(far.create.requests) == len(whole.wire)


def test_a_reply_reset_in_the_middle_is_unclear(far: FarEnd) -> None:
    far.create.answers(cut(task(), 80, reset=True))

    with pytest.raises(Unclear):
        creating(far.url)
    assert far.paid == 1


def test_no_listener_means_not_sent() -> None:
    with pytest.raises(NotSent):
        creating(f"http://127.0.0.1:{closed_port()}")


def test_a_name_without_an_address_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_found(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing_found)

    with pytest.raises(NotSent):
        creating("http://name.invalid")


def test_a_broken_tls_handshake_means_not_sent(far: FarEnd) -> None:
    with pytest.raises(NotSent):
        creating(far.url.replace("http:", "https:"))
    assert len(far.hellos) == 1
    assert far.create.requests == []


def test_a_deadline_that_strikes_in_the_handshake_means_not_sent(far: FarEnd) -> None:
    far.mute = True

    with pytest.raises(NotSent):
        creating(far.url.replace("http:", "https:"), seconds=0.2)


def test_a_line_closed_right_after_connecting_is_unclear(far: FarEnd) -> None:
    far.closes_at_once = 1

    with pytest.raises(Unclear):
        creating(far.url)


@pytest.mark.parametrize("fault", ["closes_at_once", "mute"])
def test_trouble_while_a_long_request_is_being_written_is_unclear(far: FarEnd, fault: str) -> None:
    setattr(far, fault, 1)
    payload = {"prompt": "x" * 20_000_000}

    with pytest.raises(Unclear):
        asking(
            lambda evolink: evolink.create(payload, idempotency_key=INTENT),
            far.url,
            deadlines=Deadlines(create=0.5),
        )


@pytest.mark.parametrize("reply", [silence(), drip(task(), 0.02)], ids=["silent", "dripping"])
def test_a_deadline_that_strikes_after_sending_is_unclear(far: FarEnd, reply) -> None:
    far.create.answers(reply)

    with pytest.raises(Unclear):
        creating(far.url, seconds=0.3)
    assert far.paid == 1


def test_cancelling_passes_through_untouched(far: FarEnd) -> None:
    async def cancelled(evolink: EvoLink) -> bool:
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()

        def never(_: Received) -> Reply:
            loop.call_soon_threadsafe(arrived.set)
            return silence()

        far.create.answers(never)
        post = asyncio.create_task(evolink.create({"model": "m"}, idempotency_key=INTENT))
        await arrived.wait()
        post.cancel()
        await asyncio.wait([post])
        return post.cancelled()

    assert asking(cancelled, far.url, deadlines=Deadlines())


@pytest.mark.parametrize("payload", [{"x": {1}}, {"x": float("nan")}, {"x": b"y"}])
def test_what_cannot_be_written_as_json_is_not_sent(far: FarEnd, payload) -> None:
    with pytest.raises(NotSent):
        asking(lambda evolink: evolink.create(payload, idempotency_key=INTENT), far.url)
    assert far.connections == 0


@pytest.mark.parametrize("intent", ["", "short", "a" * 97, "a b c d e f g h i j", "a" * 20 + "\n"])
def test_an_odd_idempotency_key_is_not_sent(far: FarEnd, intent: str) -> None:
    with pytest.raises(NotSent):
        asking(lambda evolink: evolink.create({}, idempotency_key=intent), far.url)
    assert far.connections == 0


def test_no_proxy_of_the_environment_sees_the_request(
    far: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FarEnd() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        creating(far.url)

        assert far.paid == 1
        assert proxy.received == []
