"""The one request that spends money: when nobody can know whether it arrived."""

from dataclasses import replace

import pytest

from evolink_studio.evolink.client import Deadlines
from evolink_studio.evolink.errors import OutcomeUnknown
from tests.answers import answer, cut, drip, error, gzip_bomb, hang_up, redirect, silence, task
from tests.evolink.conftest import INTENT, asking, creating
from tests.farend import FarEnd

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

    with pytest.raises(OutcomeUnknown):
        creating(far.url)

    assert len(far.create.requests) == 1
    assert far.connections == 1


def test_a_server_error_may_hide_a_task_that_was_taken(far: FarEnd) -> None:
    far.create.answers(replace(error(503, "service_unavailable"), accepts=True))

    with pytest.raises(OutcomeUnknown):
        creating(far.url)

    (taken,) = far.accepted
    assert asking(lambda evolink: evolink.get_task(taken.task_id), far.url).status == "pending"
    assert taken.request.headers["idempotency-key"] == INTENT


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
        except OutcomeUnknown:
            heard = "unclear"
        if heard != ("task-unified-1757169743-abcdefgh" if after >= complete else "unclear"):
            wrong.append((after, heard))

    assert wrong == []
    assert far.paid == len(far.create.requests) == len(whole.wire)


def test_a_reply_reset_in_the_middle_is_unclear(far: FarEnd) -> None:
    far.create.answers(cut(task(), 80, reset=True))

    with pytest.raises(OutcomeUnknown):
        creating(far.url)
    assert far.paid == 1


def test_a_line_closed_right_after_connecting_is_unclear(far: FarEnd) -> None:
    far.closes_at_once = 1

    with pytest.raises(OutcomeUnknown):
        creating(far.url)


@pytest.mark.parametrize("fault", ["closes_at_once", "mute"])
def test_trouble_while_a_long_request_is_being_written_is_unclear(far: FarEnd, fault: str) -> None:
    setattr(far, fault, 1)
    payload = {"prompt": "x" * 20_000_000}

    with pytest.raises(OutcomeUnknown):
        asking(
            lambda evolink: evolink.create_video(payload, idempotency_key=INTENT),
            far.url,
            deadlines=Deadlines(create=1.5),
        )


@pytest.mark.parametrize("reply", [silence(), drip(task(), 0.02)], ids=["silent", "dripping"])
def test_a_deadline_that_strikes_after_sending_is_unclear(far: FarEnd, reply) -> None:
    far.create.answers(reply)

    with pytest.raises(OutcomeUnknown):
        creating(far.url, seconds=1.5)
    assert far.paid == 1
