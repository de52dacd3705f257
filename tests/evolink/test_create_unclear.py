"""The one request that spends money: when nobody can know whether it arrived."""

from dataclasses import replace

import pytest

from evolink_studio.evolink.client import Deadlines
from evolink_studio.evolink.errors import OutcomeUnknown
from tests.evolink.conftest import IDEMPOTENCY_KEY, create_video, run_client
from tests.fake_provider import FakeProvider
from tests.provider_replies import (
    cut_reply,
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

UNKNOWN_OUTCOMES = {
    "moved": make_redirect_reply("http://127.0.0.1:9/"),
    "kept method": make_redirect_reply("/v1/videos/generations", 307),
    "moved to nonsense": make_redirect_reply("http://["),
    "internal_error": make_error_reply(500, "internal_error"),
    "upstream_error": make_error_reply(502, "upstream_error"),
    "service_unavailable": make_error_reply(503, "service_unavailable"),
    "gateway": make_reply(b"<html>", 504),
    "odd status": make_reply({}, 999),
    "nothing in it": make_reply(b""),
    "no content": make_reply(b"", 204),
    "no JSON": make_reply(b"OK"),
    "half JSON": make_reply(b'{"id": "task-1"'),
    "a list": make_reply([1]),
    "null": make_reply(b"null"),
    "no id": make_reply({"status": "pending"}),
    "empty id": make_task_reply(id=""),
    "id is a number": make_task_reply(id=7),
    "id is a path": make_task_reply(id="../../v1/credits"),
    "id ends with a new line": make_task_reply(id="task-1\n"),
    "id is too long": make_task_reply(id="a" * 129),
    "unfolding": make_gzip_bomb_reply(),
    "compressed": make_reply(b"x", content_encoding="br"),
    "deep": make_reply(b"[" * 200_000),
    "huge": make_reply(b'{"id": "task-1", "x": "' + b"x" * 5_000_000 + b'"}'),
    "huge number": make_reply(b'{"id": "task-1", "progress": ' + b"1" * 5_000 + b"}"),
    "error of the server in a 200": make_error_reply(200, "internal_error"),
    "unknown error in a 200": make_error_reply(200, "who_knows"),
    "time-out upstream in a 200": make_error_reply(200, 408),
    "error beside an odd id": make_error_reply(200, "invalid_request", id="?"),
    "request time-out": make_error_reply(408, "timeout"),
    "conflict": make_error_reply(409, "conflict"),
    "same key": make_error_reply(409, "idempotency_conflict"),
    "a status without a meaning here": make_error_reply(418, "invalid_request"),
    "refused, and a task beside": make_error_reply(400, "invalid_request", id="task-1"),
    **{
        f"refused, and a task {where}": make_reply({"error": {"code": "x", **error}, **beside}, 400)
        for where, error, beside in (
            ("by its other name", {}, {"task_id": "task-1"}),
            ("in the data", {}, {"data": {"id": "task-1"}}),
            ("in the error", {"task_id": "task-1"}, {}),
        )
    },
    **{
        f"unknown to EvoLink, {where}": make_reply({"code": "x", "error": error, **beside}, 400)
        for where, error, beside in (
            ("as words", {"code": "paid-outcome-unknown"}, {}),
            ("in the message", {"message": "paid_outcome_unknown: ask again"}, {}),
            (
                "in the details",
                {"message": "No", "details": [{"reason": "idempotencyConflict"}]},
                {},
            ),
            ("as text", "paid_outcome_unknown", {}),
            ("beside the error", {"message": "No"}, {"code": "idempotency_conflict"}),
        )
    },
    "half a refusal": cut_reply_body(make_error_reply(400, "invalid_request"), 40),
    "half a limit": cut_reply_body(make_error_reply(429, "rate_limit_exceeded"), 40),
    "asked to wait by nobody": make_reply(b"", 429, retry_after="5"),
    "closed": make_dropped_reply(),
    "reset": make_dropped_reply(is_reset=True),
    "long headers": make_reply({}, x="y" * 200_000),
    "wrong length": make_reply({}, content_length="many"),
}


NO_ERROR_BODIES = {
    "nothing": b"",
    "blanks": b" \n",
    "a page": b"<!doctype html><title>403 Forbidden</title>",
    "text": b"Forbidden",
    "null": b"null",
    "a string": b'"no"',
    "a list": b'[{"error": {"code": "invalid_request"}}]',
    "half JSON": b'{"error": {"code": "invalid_re',
    "an empty object": b"{}",
    "an empty error": b'{"error": {}}',
    "no error": b'{"error": null, "data": {"ok": true}}',
    "an error without words": b'{"error": {"request_id": "r-1"}}',
    "a flag": b'{"error": true}',
    "a gateway's message": b'{"message": "no Route matched with those values"}',
    "a framework's": b'{"detail": "Not Found"}',
}
UNKNOWN_OUTCOMES |= {
    f"{status} over {name}": make_reply(body, status)
    for status in (400, 401, 402, 403, 404, 405, 413, 422, 429, 451, 499)
    for name, body in NO_ERROR_BODIES.items()
}
UNKNOWN_OUTCOMES |= {
    f"{code} as {status}": make_error_reply(status, code)
    for status in (200, 400, 402, 403, 409, 422, 429, 500)
    for code in ("paid_outcome_unknown", "idempotency_conflict", "PAID_OUTCOME_UNKNOWN")
}


@pytest.mark.parametrize("reply", UNKNOWN_OUTCOMES.values(), ids=UNKNOWN_OUTCOMES.keys())
def test_an_answer_that_is_not_valid_is_unclear_and_never_sent_again(
    fake_provider: FakeProvider, reply
) -> None:
    fake_provider.create.reply_next(reply)

    with pytest.raises(OutcomeUnknown):
        create_video(fake_provider.url)

    assert len(fake_provider.create.requests) == 1
    assert fake_provider.connection_count == 1


def test_a_server_error_may_hide_a_task_that_was_taken(fake_provider: FakeProvider) -> None:
    fake_provider.create.reply_next(
        replace(make_error_reply(503, "service_unavailable"), accepts_task=True)
    )

    with pytest.raises(OutcomeUnknown):
        create_video(fake_provider.url)

    (accepted_post,) = fake_provider.accepted_posts
    assert (
        run_client(
            lambda evolink: evolink.get_task(accepted_post.task_id), fake_provider.url
        ).status
        == "pending"
    )
    assert accepted_post.request.headers["idempotency-key"] == IDEMPOTENCY_KEY


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_reply_cut_at_any_byte_is_unclear_unless_the_whole_task_arrived(
    fake_provider: FakeProvider, chunked: bool
) -> None:
    reply = make_task_reply(id="task-unified-1757169743-abcdefgh")
    reply = replace(reply, is_chunked=chunked)
    complete = reply.wire_bytes.rindex(b"}") + 1
    mistakes = []

    for byte_count in range(len(reply.wire_bytes)):
        fake_provider.create.reply_next(cut_reply(reply, byte_count))
        try:
            outcome = create_video(fake_provider.url).id
        except OutcomeUnknown:
            outcome = "unclear"
        if outcome != ("task-unified-1757169743-abcdefgh" if byte_count >= complete else "unclear"):
            mistakes.append((byte_count, outcome))

    assert mistakes == []
    assert fake_provider.paid_count == len(fake_provider.create.requests) == len(reply.wire_bytes)


def test_a_reply_reset_in_the_middle_is_unclear(fake_provider: FakeProvider) -> None:
    fake_provider.create.reply_next(cut_reply(make_task_reply(), 80, is_reset=True))

    with pytest.raises(OutcomeUnknown):
        create_video(fake_provider.url)
    assert fake_provider.paid_count == 1


def test_a_connection_closed_right_after_connecting_is_unclear(fake_provider: FakeProvider) -> None:
    fake_provider.connections_to_drop = 1

    with pytest.raises(OutcomeUnknown):
        create_video(fake_provider.url)


@pytest.mark.parametrize("fault", ["connections_to_drop", "is_mute"])
def test_trouble_while_a_long_request_is_being_written_is_unclear(
    fake_provider: FakeProvider, fault: str
) -> None:
    setattr(fake_provider, fault, 1)
    payload = {"prompt": "x" * 20_000_000}

    with pytest.raises(OutcomeUnknown):
        run_client(
            lambda evolink: evolink.create_video(payload, idempotency_key=IDEMPOTENCY_KEY),
            fake_provider.url,
            deadlines=Deadlines(create=1.5),
        )


@pytest.mark.parametrize(
    "reply", [make_silent_reply(), drip_reply(make_task_reply(), 0.02)], ids=["silent", "dripping"]
)
def test_a_deadline_that_strikes_after_sending_is_unclear(
    fake_provider: FakeProvider, reply
) -> None:
    fake_provider.create.reply_next(reply)

    with pytest.raises(OutcomeUnknown):
        create_video(fake_provider.url, seconds=1.5)
    assert fake_provider.paid_count == 1
