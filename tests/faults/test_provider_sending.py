"""Trouble at the one request that spends money: what is paid, known, shown and never repeated."""

import time
import tracemalloc
from dataclasses import replace
from decimal import Decimal

import pytest

from evolink_studio.credits.models import AllowanceBalance
from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import mark_charged, mark_not_charged
from evolink_studio.generations.states import State
from tests.answers import (
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
)
from tests.faults.conftest import SIZE, nothing_was_paid_twice_and_nothing_is_hidden
from tests.faults.journeys import (
    KEY,
    all_is_cleared,
    fresh,
    journey,
    key_of,
    link,
    states,
    taken_at_most_once,
    what_is_lost_is_shown,
)
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["journey", "link"]  # fixtures


def places(reply: Reply) -> list[int]:
    """Where to cut: every boundary and some bytes between; with a larger size, every byte."""
    wire, head = reply.wire, len(reply.head)
    lines = [n for n, byte in enumerate(wire[:head]) if byte == 10]
    names = [wire.index(name) for name in (b'"id"', b"task-unified", b'"status"', b'"usage"')]
    edges = {0, 1, head - 1, head, head + 1, complete(reply) - 1, complete(reply), len(wire)}
    near = {n + more for n in (*lines, *names) for more in (-1, 0, 1)}
    between = range(0, len(wire) + 1, 30 if SIZE == 1 else 1)
    return sorted(n for n in edges | near | set(between) if 0 <= n <= len(wire))


def complete(reply: Reply) -> int:
    """How many bytes hold the whole task."""
    return reply.wire.rindex(b"}") + 1


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_an_answer_cut_at_any_byte_is_never_paid_again_and_its_task_is_found(
    journey, far, link, chunked
):
    with tally("Provider: answer to the POST cut, then a callback") as counted:
        cuts = places(replace(journey.taken(), chunked=chunked))
        rows = journey.press(len(cuts))
        whole = [replace(journey.taken(), chunked=chunked) for _ in cuts]
        far.create.answers(*(cut(reply, n) for reply, n in zip(whole, cuts, strict=True)))
        journey.send_all()

        heard = [request.headers[KEY] for request in far.create.requests]
        by_key = {key_of(row): fresh(row) for row in rows}
        for key, n in zip(heard, cuts, strict=True):
            told = n >= complete(whole[0])
            assert by_key[key].state == ("running" if told else "unknown"), n
            counted.cases += 1
        what_is_lost_is_shown(journey.clock())
        nothing_was_paid_twice_and_nothing_is_hidden(far)

        journey.worker.everything()  # too many alike in the task list: none is guessed
        assert states()["unknown"] == sum(n < complete(whole[0]) for n in cuts)
        for row in Generation.objects.filter(state=State.UNKNOWN):
            assert journey.calls_back(row, id=journey.task_of(row)).status_code == 204
        journey.clock.forward(seconds=1)
        for _ in range(0, len(cuts), 100):  # as many as are taken at once
            journey.worker.search()
        assert states() == {"running": len(cuts)}
        nothing_was_paid_twice_and_nothing_is_hidden(far)

        journey.clears(rows, link)
        assert len(far.create.requests) == len(cuts)


def lost_answers(taken: Reply) -> dict[str, Reply]:
    """Each leaves it open whether EvoLink took the request."""
    return {
        "no answer": silence(),
        "no answer, not taken": silence(accepts=False),
        "drips": drip(taken, pause=0.05),
        "closed": hang_up(),
        "closed, not taken": hang_up(accepts=False),
        "reset": hang_up(reset=True),
        "cut in the body": cut_body(taken, after=40),
        "moved": redirect("/v1/videos/generations", 307),
        "500": error(500, "internal_error"),
        "500 over a task": replace(error(500, "internal_error"), accepts=True),
        "502": error(502, "upstream_error"),
        "503": error(503, "service_unavailable"),
        "504": answer(b"<html>", 504),
        "garbage": answer(b"OK"),
        "no id": answer({"status": "pending"}),
        "a path as id": with_id(taken, "../credits"),
        "huge": answer(b'{"id": "task-1", "x": "' + b"x" * 3_000_000 + b'"}'),
        "unfolding": gzip_bomb(),
    }


def with_id(taken: Reply, task_id: str) -> Reply:
    return replace(taken, body=taken.body.replace(b"task-unified", f"{task_id}/task".encode()))


@pytest.mark.parametrize("listed", [True, False], ids=["with a task list", "without"])
def test_what_is_lost_is_not_posted_again_in_seven_days(journey, far, listed):
    replies = lost_answers(journey.taken())
    with tally("Provider: lost answers over seven days") as counted:
        if not listed:
            far.list.always(answer(b"", 404))
        rows = journey.press(len(replies))
        far.create.answers(*replies.values())
        journey.send_all(replace(journey.worker, deadlines=Deadlines(create=0.2)))
        assert states() == {"unknown": len(rows)}
        for _ in range(7 * 2 * SIZE):
            journey.clock.forward(hours=12 / SIZE)
            journey.worker.everything()
            counted.cases += len(rows)
        nothing_was_paid_twice_and_nothing_is_hidden(far)
        what_is_lost_is_shown(journey.clock())
        assert states() == {"unknown": len(rows)}
        assert len(far.create.requests) == len(rows)
        assert AllowanceBalance.objects.get().credits_reserved == 162 * len(rows)

        # An owner looks at EvoLink's own pages and says what they see.
        taken = {accepted.request.headers[KEY] for accepted in far.accepted}
        for row in rows:
            if key_of(row) in taken:
                assert mark_charged(generation=row, amount=Decimal("25.7"), now=journey.clock())
            else:
                assert mark_not_charged(generation=row, now=journey.clock())
        taken_at_most_once(far)
        purse = AllowanceBalance.objects.get()
        assert (purse.credits_reserved, purse.credits_charged) == (0, Decimal("25.7") * len(taken))


def test_the_only_lost_one_is_found_in_the_task_list(journey, far, link):
    with tally("Provider: lost answer found in the task list") as counted:
        for reply in (hang_up(), silence(), cut_body(journey.taken(), 60)):
            journey.clock.forward(hours=1)
            (row,) = journey.press()
            now = int(journey.clock().timestamp())
            far.create.answers(reply)
            journey.send_all(replace(journey.worker, deadlines=Deadlines(create=0.2)))
            far.move(journey.task_of(row), created=now, created_at=now)
            journey.worker.wait_for(row)
            journey.worker.search()
            assert fresh(row).task_id == journey.task_of(row)
            journey.ends([row], link)
            journey.until_all_ended()
            counted.cases += 1
        all_is_cleared(far)


def test_neither_floods_nor_drips_of_an_answer_hold_the_worker_up(journey, far):
    """The whole exchange has one deadline, and little of an answer is ever held in memory."""
    floods = {
        "drips": drip(journey.taken(), pause=0.03),
        "unfolds": gzip_bomb(200_000_000),
        "is silent": silence(),
        "has no end of headers": answer({}, x="y" * 2_000_000),
    }
    with tally("Provider: floods and drips") as counted:
        hurried = replace(journey.worker, deadlines=Deadlines(create=0.5))
        for reply in floods.values():
            (row,) = journey.press()
            far.create.answers(reply)
            tracemalloc.start()
            begun = time.monotonic()
            hurried.send()
            took, peak = time.monotonic() - begun, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert fresh(row).state == "unknown"
            assert took < 30
            assert peak < 30_000_000
            counted.cases += 1
        nothing_was_paid_twice_and_nothing_is_hidden(far)
