"""Reads that fail, lie, contradict themselves or never end: no task is lost or ended by them."""

import asyncio
import json
import random
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State
from evolink_studio.worker.worker import Worker
from tests.factories import GenerationFactory
from tests.faults.conftest import FAULTS_SIZE, assert_nothing_paid_twice_or_hidden
from tests.faults.lifecycle import (
    GenerationLifecycle,
    assert_all_cleared,
    count_states,
    final_values,
    reload,
)
from tests.faults.report import count_cases
from tests.provider_replies import (
    cut_reply_body,
    drip_reply,
    make_dropped_reply,
    make_error_reply,
    make_gzip_bomb_reply,
    make_reply,
    make_silent_reply,
    make_task_reply,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

STORM_REPLIES = [
    make_error_reply(500, "internal_error"),
    make_error_reply(502, "upstream_error"),
    make_error_reply(503, "service_unavailable"),
    make_error_reply(429, "rate_limit_exceeded"),
    make_error_reply(404, "task_not_found"),
    make_error_reply(403, "permission_denied"),
    make_reply(b"<html>"),
    make_dropped_reply(),
    make_dropped_reply(is_reset=True),
]


@dataclass
class PollOnlyWorker:
    """The worker's reads alone, at times that a test sets."""

    lifecycle: GenerationLifecycle

    def __post_init__(self) -> None:
        self.worker = Worker(self.lifecycle.worker.build_provider(), self.lifecycle.clock)

    def run_for(self, span: timedelta, step: timedelta) -> int:
        """How many reads there were."""
        read_count, clock = len(self.lifecycle.fake_provider.read.requests), self.lifecycle.clock

        async def run() -> None:
            self.worker.provider = (
                self.lifecycle.worker.build_provider()
            )  # its connections belong to this loop
            async with self.worker.provider.client:
                end = clock() + span
                while clock() < end:
                    clock.now += step
                    await self.worker._start_polls()
                    if self.worker._lease_by_task:
                        await asyncio.wait(list(self.worker._lease_by_task))

        async_to_sync(run)()
        return len(self.lifecycle.fake_provider.read.requests) - read_count


ONE_SECOND = timedelta(seconds=1)


def test_a_storm_of_errors_ends_nothing_and_is_not_answered_with_a_storm(
    lifecycle, fake_provider, video_url
):
    """Two hours without one good answer: no task is given up, and reading slows to a trickle."""
    random_source = random.Random(5)
    with count_cases("Provider: a storm of 5xx on reads") as case_counter:
        rows = lifecycle.create_generations(15)
        lifecycle.dispatch_all()
        watch = PollOnlyWorker(lifecycle)
        usual_reads = watch.run_for(60 * ONE_SECOND, 5 * ONE_SECOND)
        fake_provider.read.reply_always(lambda _: random_source.choice(STORM_REPLIES))
        storm_reads = watch.run_for(7200 * ONE_SECOND, 20 * ONE_SECOND)
        case_counter.cases += storm_reads
        assert count_states() == {"running": len(rows)}
        assert not Generation.objects.filter(stalled_since=None).exists(), (
            "and everybody can see it"
        )
        assert storm_reads / 120 < usual_reads / 2, "reads a minute"

        fake_provider.read.reply_always(fake_provider._reply_to_read)
        lifecycle.end_tasks(rows, video_url)
        watch.run_for(420 * ONE_SECOND, 10 * ONE_SECOND)
        assert count_states()["running"] == 0
        lifecycle.run_until_all_ended()
        assert_nothing_paid_twice_or_hidden(fake_provider)
        assert_all_cleared(fake_provider)


def test_the_breaker_pauses_reading_when_nothing_at_all_is_answered(lifecycle, fake_provider):
    with count_cases("Provider: a storm of 5xx on reads") as case_counter:
        lifecycle.create_generations(5)
        lifecycle.dispatch_all()
        fake_provider.read.reply_always(make_error_reply(503, "service_unavailable"))
        watch, reads = PollOnlyWorker(lifecycle), []
        for _ in range(40):  # every row is due at every moment: only the breaker can hold back
            Generation.objects.update(next_attempt_at=lifecycle.clock())
            reads.append(watch.run_for(15 * ONE_SECOND, 15 * ONE_SECOND))
            case_counter.cases += 1
        assert sum(reads) <= 5 * 15, "in ten minutes, with pauses of a minute in the end"
        assert any(reads[-4:]), "but never for good"
        assert count_states() == {"running": 5}


TASK_FIELDS = [
    {"status": "pending", "progress": 0},
    {"status": "processing", "progress": 40},
    {"status": "processing", "progress": 90},
    {"status": "completed", "progress": 100},
    {"status": "failed", "error": {"code": "service_error", "message": "No."}},
    {"status": "cancelled"},
]


def test_a_status_that_goes_back_never_undoes_what_was_told(lifecycle, fake_provider, video_url):
    """Every order of answers: progress only grows, and the first end is the end."""
    random_source = random.Random(11)
    with count_cases("Provider: status going backwards") as case_counter:
        for _ in range(12 * FAULTS_SIZE):
            (row,) = lifecycle.create_generations()
            lifecycle.dispatch_all()
            max_progress, end = 0, None
            for fields in random_source.choices(TASK_FIELDS, k=8):
                results = {"results": [video_url]} if fields["status"] == "completed" else {}
                document = fake_provider.tasks[lifecycle.task_id_of(row)] | fields | results
                fake_provider.read.reply_always(make_reply(document))
                lifecycle.clock.advance(seconds=30)
                lifecycle.worker.poll_due()
                current = reload(row)
                if end is not None:
                    assert final_values(row) == end
                elif current.state == State.RUNNING:
                    assert current.progress >= max_progress
                    max_progress = current.progress
                else:
                    end = final_values(row)
                    fake_provider.update_task(lifecycle.task_id_of(row), **fields, **results)
            fake_provider.read.reply_always(fake_provider._reply_to_read)
            if end is None:
                fake_provider.fail_task(lifecycle.task_id_of(row), "service_error")
                lifecycle.worker.poll_when_due(row)
            case_counter.cases += 1
            Generation.objects.filter(state=State.SAVING).update(next_attempt_at=None)
        saving = Generation.objects.filter(state=State.SAVING)
        assert saving.exists()
        saving.update(next_attempt_at=lifecycle.clock())
        lifecycle.run_until_all_ended()
        assert_all_cleared(fake_provider)


def test_an_answer_from_the_past_comes_after_the_end(lifecycle, fake_provider):
    """Another worker still has an old answer while the row ends."""
    with count_cases("Provider: status going backwards") as case_counter:
        for state in sorted(ENDED_STATES | {State.SAVING}):
            row = GenerationFactory(state=state, owner=lifecycle.ada, next_attempt_at=None)
            before = final_values(row)
            fake_provider.tasks[row.task_id] = json.loads(
                make_task_reply(id=row.task_id or "x", progress=3).body
            )
            for _ in range(3):
                lifecycle.clock.advance(hours=1)
                lifecycle.worker.poll_due()
            assert final_values(row) == before
            case_counter.cases += 1


ENDLESS_REPLIES = {
    "a huge body": make_reply(b'{"x": "' + b"y" * 5_000_000 + b'"}'),
    "unfolding": make_gzip_bomb_reply(100_000_000),
    "dripping": drip_reply(make_reply({"id": "x" * 500}), byte_pause_seconds=0.1),
    "silent": make_silent_reply(),
    "half": cut_reply_body(make_reply({"id": "task", "status": "failed"}), 12),
}


@pytest.mark.django_db
def test_one_answer_without_an_end_keeps_no_other_waiting(lifecycle, fake_provider):
    """All reads of a batch are over within one deadline."""
    with count_cases("Provider: floods and drips") as case_counter:
        for reply in ENDLESS_REPLIES.values():
            rows = lifecycle.create_generations(6)
            lifecycle.dispatch_all()
            for row in rows:
                fake_provider.update_task(
                    lifecycle.task_id_of(row), status="processing", progress=50
                )
            replies_by_path = {f"/v1/tasks/{lifecycle.task_id_of(rows[2])}": reply}
            fake_provider.read.reply_always(
                lambda request, v=replies_by_path: (
                    v.get(request.path) or fake_provider._reply_to_read(request)
                )
            )
            lifecycle.clock.advance(seconds=20)
            replace(lifecycle.worker, deadlines=Deadlines(read=5)).poll_due()
            assert [reload(row).progress for row in rows] == [50, 50, 0, 50, 50, 50]
            assert {reload(row).state for row in rows} == {"running"}
            Generation.objects.update(next_attempt_at=None)
            case_counter.cases += 1
