"""Reads that fail, lie, contradict themselves or never end: no task is lost or ended by them."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State
from evolink_studio.worker.worker import LocalEngine
from tests.answers import answer, cut_body, drip, error, gzip_bomb, hang_up, silence, task
from tests.factories import GenerationFactory
from tests.faults.conftest import SIZE, nothing_was_paid_twice_and_nothing_is_hidden
from tests.faults.journeys import Journey, all_is_cleared, facts, fresh, journey, link, states
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["journey", "link"]  # fixtures

STORM = [
    error(500, "internal_error"),
    error(502, "upstream_error"),
    error(503, "service_unavailable"),
    error(429, "rate_limit_exceeded"),
    error(404, "task_not_found"),
    error(403, "permission_denied"),
    answer(b"<html>"),
    hang_up(),
    hang_up(reset=True),
]


@dataclass
class Watch:
    """The engine's reads alone, in a time that passes as it is told."""

    journey: Journey

    def __post_init__(self) -> None:
        self.engine = LocalEngine(self.journey.worker.far(), self.journey.clock)

    def go_on(self, span: timedelta, step: timedelta) -> int:
        """How many reads there were."""
        before, clock = len(self.journey.far.read.requests), self.journey.clock

        async def run() -> None:
            self.engine.far = self.journey.worker.far()  # its connections belong to this loop
            async with self.engine.far.client:
                end = clock() + span
                while clock() < end:
                    clock.now += step
                    await self.engine._take_reads()
                    if self.engine._work:
                        await asyncio.wait(list(self.engine._work))

        async_to_sync(run)()
        return len(self.journey.far.read.requests) - before


SECONDS = timedelta(seconds=1)


def test_a_storm_of_errors_ends_nothing_and_is_not_answered_with_a_storm(journey, far, link):
    """Two hours without one good answer: no task is given up, and reading slows to a trickle."""
    chance = random.Random(5)
    with tally("Provider: a storm of 5xx on reads") as counted:
        rows = journey.press(15)
        journey.send_all()
        watch = Watch(journey)
        usual = watch.go_on(60 * SECONDS, 5 * SECONDS)
        far.read.always(lambda _: chance.choice(STORM))
        stormy = watch.go_on(7200 * SECONDS, 20 * SECONDS)
        counted.cases += stormy
        assert states() == {"running": len(rows)}
        assert not Generation.objects.filter(stalled_since=None).exists(), (
            "and everybody can see it"
        )
        assert stormy / 120 < usual / 2, "reads a minute"

        far.read.always(far._read)
        journey.ends(rows, link)
        watch.go_on(420 * SECONDS, 10 * SECONDS)
        assert states()["running"] == 0
        journey.until_all_ended()
        nothing_was_paid_twice_and_nothing_is_hidden(far)
        all_is_cleared(far)


def test_the_breaker_pauses_reading_when_nothing_at_all_is_answered(journey, far):
    with tally("Provider: a storm of 5xx on reads") as counted:
        journey.press(5)
        journey.send_all()
        far.read.always(error(503, "service_unavailable"))
        watch, reads = Watch(journey), []
        for _ in range(40):  # every row is due at every moment: only the breaker can hold back
            Generation.objects.update(next_attempt_at=journey.clock())
            reads.append(watch.go_on(15 * SECONDS, 15 * SECONDS))
            counted.cases += 1
        assert sum(reads) <= 5 * 15, "in ten minutes, with pauses of a minute in the end"
        assert any(reads[-4:]), "but never for good"
        assert states() == {"running": 5}


WORDS = [
    {"status": "pending", "progress": 0},
    {"status": "processing", "progress": 40},
    {"status": "processing", "progress": 90},
    {"status": "completed", "progress": 100},
    {"status": "failed", "error": {"code": "service_error", "message": "No."}},
    {"status": "cancelled"},
]


def test_a_status_that_goes_back_never_undoes_what_was_told(journey, far, link):
    """Every order of answers: progress only grows, and the first end is the end."""
    chance = random.Random(11)
    with tally("Provider: status going backwards") as counted:
        for _ in range(12 * SIZE):
            (row,) = journey.press()
            journey.send_all()
            shown, end = 0, None
            for said in chance.choices(WORDS, k=8):
                results = {"results": [link]} if said["status"] == "completed" else {}
                document = far.tasks[journey.task_of(row)] | said | results
                far.read.always(answer(document))
                journey.clock.forward(seconds=30)
                journey.worker.follow()
                looked = fresh(row)
                if end is not None:
                    assert facts(row) == end
                elif looked.state == State.RUNNING:
                    assert looked.progress >= shown
                    shown = looked.progress
                else:
                    end = facts(row)
                    far.move(journey.task_of(row), **said, **results)
            far.read.always(far._read)
            if end is None:
                far.fail(journey.task_of(row), "service_error")
                journey.worker.look(row)
            counted.cases += 1
            Generation.objects.filter(state=State.SAVING).update(next_attempt_at=None)
        saving = Generation.objects.filter(state=State.SAVING)
        assert saving.exists()
        saving.update(next_attempt_at=journey.clock())
        journey.until_all_ended()
        all_is_cleared(far)


def test_an_answer_from_the_past_comes_after_the_end(journey, far):
    """A colleague holds an old answer in its hand while the row ends."""
    with tally("Provider: status going backwards") as counted:
        for state in sorted(ENDED_STATES | {State.SAVING}):
            row = GenerationFactory(state=state, owner=journey.ada, next_attempt_at=None)
            before = facts(row)
            far.tasks[row.task_id] = json.loads(task(id=row.task_id or "x", progress=3).body)
            for _ in range(3):
                journey.clock.forward(hours=1)
                journey.worker.follow()
            assert facts(row) == before
            counted.cases += 1


ENDLESS = {
    "a huge body": answer(b'{"x": "' + b"y" * 5_000_000 + b'"}'),
    "unfolding": gzip_bomb(100_000_000),
    "dripping": drip(answer({"id": "x" * 500}), pause=0.01),
    "silent": silence(),
    "half": cut_body(answer({"id": "task", "status": "failed"}), 12),
}


@pytest.mark.django_db
def test_one_answer_without_an_end_keeps_no_other_waiting(journey, far):
    """All reads of a batch are over within one deadline."""
    with tally("Provider: floods and drips") as counted:
        for reply in ENDLESS.values():
            rows = journey.press(6)
            journey.send_all()
            for row in rows:
                far.move(journey.task_of(row), status="processing", progress=50)
            victim = {f"/v1/tasks/{journey.task_of(rows[2])}": reply}
            far.read.always(lambda asked, v=victim: v.get(asked.path) or far._read(asked))
            journey.clock.forward(seconds=20)
            begun = time.monotonic()
            replace(journey.worker, deadlines=Deadlines(read=0.5)).follow()
            assert time.monotonic() - begun < 30
            assert [fresh(row).progress for row in rows] == [50, 50, 0, 50, 50, 50]
            assert {fresh(row).state for row in rows} == {"running"}
            Generation.objects.update(next_attempt_at=None)
            counted.cases += 1
