"""Following: what trouble with reading, spoiled and late answers do not change."""

import pytest

from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.pipeline.polling import apply_task, poll_batch
from evolink_studio.generations.states import ENDED_STATES, State
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import reload, seconds_until_due
from tests.manual_worker import PROVIDER_KEY
from tests.provider_replies import (
    cut_reply_body,
    make_dropped_reply,
    make_error_reply,
    make_gzip_bomb_reply,
    make_redirect_reply,
    make_reply,
)

pytestmark = pytest.mark.django_db


READ_ERROR_REPLIES = {
    "500": make_error_reply(500, "internal_error"),
    "502": make_error_reply(502, "upstream_error"),
    "503": make_error_reply(503, "service_unavailable"),
    "404": make_error_reply(404, "task_not_found"),
    "429": make_error_reply(429, "rate_limit_exceeded"),
    "403": make_error_reply(403, "permission_denied"),
    "moved": make_redirect_reply("/v1/credits"),
    "garbage": make_reply(b"OK"),
    "half": cut_reply_body(make_reply({"id": "task", "status": "failed"}), 12),
    "closed": make_dropped_reply(),
    "another task": make_reply({"id": "task-of-somebody", "status": "failed"}),
    "a list": make_reply([]),
    "unfolding": make_gzip_bomb_reply(),
}


@pytest.mark.parametrize("reply", READ_ERROR_REPLIES.values(), ids=READ_ERROR_REPLIES)
def test_trouble_with_reading_changes_nothing_and_is_tried_again_later(
    fake_provider, worker, running_generation, reply
):
    version = ChangeFeed.objects.get().version
    fake_provider.read.reply_always(reply)
    worker.poll_when_due(running_generation)
    current = reload(running_generation)
    assert (current.state, current.charge, current.lease_id) == ("running", "reserved", None)
    assert seconds_until_due(worker, running_generation) == 8
    assert ChangeFeed.objects.get().version == version


def test_gaps_grow_up_to_five_minutes_and_reading_never_stops(
    fake_provider, worker, running_generation
):
    fake_provider.read.reply_always(make_error_reply(503, "service_unavailable"))
    gaps = []
    for _ in range(9):
        worker.poll_when_due(running_generation)
        gaps.append(seconds_until_due(worker, running_generation))
    assert gaps == [8, 16, 32, 64, 128, 256, 300, 300, 300]
    for _ in range(50):
        worker.poll_when_due(running_generation)
    assert (reload(running_generation).state, seconds_until_due(worker, running_generation)) == (
        "running",
        300,
    )


def test_after_the_trouble_all_is_as_usual_again(fake_provider, worker, running_generation):
    fake_provider.read.reply_next(make_error_reply(500, "x"), make_error_reply(500, "x"))
    for _ in range(3):
        worker.poll_when_due(running_generation)
    assert (reload(running_generation).attempts, seconds_until_due(worker, running_generation)) == (
        0,
        8,
    )


def test_a_key_that_is_refused_at_reading_is_told_and_fails_nothing(
    fake_provider, worker, running_generation
):
    fake_provider.read.reply_always(make_error_reply(401, "unauthorized"))
    worker.poll_when_due(running_generation)
    assert reload(running_generation).state == "running"
    assert ProviderAccount.objects.get(provider_key=PROVIDER_KEY).key_state == "refused"


def test_one_answer_that_fails_does_not_affect_the_others(fake_provider, worker, monkeypatch):
    rows = GenerationFactory.create_batch(5)
    worker.dispatch_due()
    failing_row = reload(rows[2])

    def apply(generation, *args, **kwargs):
        if generation.pk == failing_row.pk:
            raise ValueError("unexpected")
        return apply_task(generation, *args, **kwargs)

    monkeypatch.setattr("evolink_studio.generations.pipeline.polling.apply_task", apply)
    for row in rows:
        fake_provider.update_task(reload(row).task_id, status="processing", progress=50)
    worker.clock.advance(seconds=20)
    worker.poll_due()
    assert [reload(row).progress for row in rows] == [50, 50, 0, 50, 50]

    monkeypatch.undo()
    worker.clock.advance(seconds=LEASE_DURATION.total_seconds())
    worker.poll_due()
    assert reload(failing_row).progress == 50


def test_how_many_reads_were_not_answered_is_told_to_the_worker(fake_provider, worker):
    GenerationFactory.create_batch(3)
    worker.dispatch_due()
    worker.clock.advance(seconds=20)
    fake_provider.read.reply_next(
        make_error_reply(500, "x"), make_error_reply(404, "task_not_found")
    )
    lease_id, rows = lease_due(State.RUNNING, limit=10, now=worker.clock())
    failure_counts = []

    async def step(row, **kwargs):
        failure_counts.append(await poll_batch([row], **kwargs))

    worker.run_stage(step, rows, lease_id)
    assert sorted(failure_counts) == [0, 0, 1]


LATE_ANSWERS = {
    "progress": {"status": "processing", "progress": 50},
    "completed": {"status": "completed", "results": ["https://files.evolink.ai/other.mp4"]},
    "failed": {"status": "failed", "error": {"code": "service_error"}},
    "cancelled": {"status": "cancelled"},
}


@pytest.mark.parametrize("fields", LATE_ANSWERS.values(), ids=LATE_ANSWERS)
@pytest.mark.parametrize("state", [*sorted(ENDED_STATES), State.SAVING])
def test_a_late_answer_changes_nothing(fake_provider, worker, state, fields):
    """The worker was paused after the answer came; meanwhile the generation went on."""
    generation = GenerationFactory(state=State.RUNNING, task_id="task-late")
    fake_provider.tasks["task-late"] = {"id": "task-late", **fields}
    lease_id, (leased_row,) = lease_due(State.RUNNING, limit=1, now=NOW)
    Generation.objects.filter(pk=generation.pk).update(state=state, lease_id=None)
    before = Generation.objects.values().get()

    async def step(row, **kwargs):
        await poll_batch([row], **kwargs)

    worker.run_stage(step, [leased_row], lease_id)
    assert Generation.objects.values().get() == before


def test_a_repeated_end_is_the_same_end(fake_provider, worker, running_generation):
    fake_provider.fail_task(running_generation.task_id, "service_error")
    worker.poll_when_due(running_generation)
    before = Generation.objects.values().get()
    fake_provider.complete_task(running_generation.task_id, f"{fake_provider.url}/film.mp4")
    for _ in range(5):
        worker.clock.advance(hours=1)
        worker.run_all_stages()
    assert Generation.objects.values().get() == before
