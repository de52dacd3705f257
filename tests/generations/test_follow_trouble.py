"""Following: what trouble with reading, spoiled and late answers do not change."""

import pytest

from evolink_studio.credits.models import ProviderAccount
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.pipeline.polling import apply_task, poll_batch
from evolink_studio.generations.states import ENDED_STATES, State
from tests.answers import answer, cut_body, error, gzip_bomb, hang_up, redirect
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh, gap
from tests.work import NAME

pytestmark = pytest.mark.django_db


TROUBLE = {
    "500": error(500, "internal_error"),
    "502": error(502, "upstream_error"),
    "503": error(503, "service_unavailable"),
    "404": error(404, "task_not_found"),
    "429": error(429, "rate_limit_exceeded"),
    "403": error(403, "permission_denied"),
    "moved": redirect("/v1/credits"),
    "garbage": answer(b"OK"),
    "half": cut_body(answer({"id": "task", "status": "failed"}), 12),
    "closed": hang_up(),
    "another task": answer({"id": "task-of-somebody", "status": "failed"}),
    "a list": answer([]),
    "unfolding": gzip_bomb(),
}


@pytest.mark.parametrize("reply", TROUBLE.values(), ids=TROUBLE)
def test_trouble_with_reading_changes_nothing_and_is_tried_again_later(far, worker, running, reply):
    version = ChangeFeed.objects.get().version
    far.read.always(reply)
    worker.look(running)
    followed = fresh(running)
    assert (followed.state, followed.charge, followed.lease_id) == ("running", "reserved", None)
    assert gap(worker, running) == 8
    assert ChangeFeed.objects.get().version == version


def test_gaps_grow_up_to_five_minutes_and_reading_never_stops(far, worker, running):
    far.read.always(error(503, "service_unavailable"))
    gaps = []
    for _ in range(9):
        worker.look(running)
        gaps.append(gap(worker, running))
    assert gaps == [8, 16, 32, 64, 128, 256, 300, 300, 300]
    for _ in range(50):
        worker.look(running)
    assert (fresh(running).state, gap(worker, running)) == ("running", 300)


def test_after_the_trouble_all_is_as_usual_again(far, worker, running):
    far.read.answers(error(500, "x"), error(500, "x"))
    for _ in range(3):
        worker.look(running)
    assert (fresh(running).attempts, gap(worker, running)) == (0, 8)


def test_a_key_that_is_refused_at_reading_is_told_and_fails_nothing(far, worker, running):
    far.read.always(error(401, "unauthorized"))
    worker.look(running)
    assert fresh(running).state == "running"
    assert ProviderAccount.objects.get(provider_key=NAME).key_state == "refused"


def test_one_spoiled_answer_does_not_take_the_others_along(far, worker, monkeypatch):
    rows = GenerationFactory.create_batch(5)
    worker.send()
    spoiled = fresh(rows[2])

    def apply(generation, *args, **more):
        if generation.pk == spoiled.pk:
            raise ValueError("poisoned")
        return apply_task(generation, *args, **more)

    monkeypatch.setattr("evolink_studio.generations.pipeline.polling.apply_task", apply)
    for row in rows:
        far.move(fresh(row).task_id, status="processing", progress=50)
    worker.clock.forward(seconds=20)
    worker.follow()
    assert [fresh(row).progress for row in rows] == [50, 50, 0, 50, 50]

    monkeypatch.undo()
    worker.clock.forward(seconds=LEASE_DURATION.total_seconds())
    worker.follow()
    assert fresh(spoiled).progress == 50


def test_how_many_reads_were_not_answered_is_told_to_the_engine(far, worker):
    GenerationFactory.create_batch(3)
    worker.send()
    worker.clock.forward(seconds=20)
    far.read.answers(error(500, "x"), error(404, "task_not_found"))
    held, rows = lease_due(State.RUNNING, limit=10, now=worker.clock())
    barren = []

    async def step(row, **more):
        barren.append(await poll_batch([row], **more))

    worker.step(step, rows, held)
    assert sorted(barren) == [0, 0, 1]


LATE = {
    "progress": {"status": "processing", "progress": 50},
    "completed": {"status": "completed", "results": ["https://files.evolink.ai/other.mp4"]},
    "failed": {"status": "failed", "error": {"code": "service_error"}},
    "cancelled": {"status": "cancelled"},
}


@pytest.mark.parametrize("said", LATE.values(), ids=LATE)
@pytest.mark.parametrize("state", [*sorted(ENDED_STATES), State.SAVING])
def test_a_late_answer_changes_nothing(far, worker, state, said):
    """The worker was paused with the answer in its hand; meanwhile the generation went on."""
    generation = GenerationFactory(state=State.RUNNING, task_id="task-late")
    far.tasks["task-late"] = {"id": "task-late", **said}
    held, (seen,) = lease_due(State.RUNNING, limit=1, now=NOW)
    Generation.objects.filter(pk=generation.pk).update(state=state, lease_id=None)
    before = Generation.objects.values().get()

    async def step(row, **more):
        await poll_batch([row], **more)

    worker.step(step, [seen], held)
    assert Generation.objects.values().get() == before


def test_a_repeated_end_is_the_same_end(far, worker, running):
    far.fail(running.task_id, "service_error")
    worker.look(running)
    before = Generation.objects.values().get()
    far.finish(running.task_id, f"{far.url}/film.mp4")
    for _ in range(5):
        worker.clock.forward(hours=1)
        worker.everything()
    assert Generation.objects.values().get() == before
