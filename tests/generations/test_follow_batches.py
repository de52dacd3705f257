"""Following: the answers of a batch are kept together, and each row still counts for itself."""

import asyncio
import uuid

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline import polling as following
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import StateUpdate, bulk_update_in_state
from tests.answers import answer, error, silence
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh
from tests.work import Worker

pytestmark = pytest.mark.django_db


def running(far, owner, count: int, **said: object) -> list[Generation]:
    """As many in flight as that, of which EvoLink says so much."""
    ChangeFeed.objects.get_or_create(pk=owner.pk)
    rows = [
        GenerationFactory(
            owner=owner,
            state=State.RUNNING,
            next_attempt_at=NOW,
            progressed_at=NOW,
            last_status="processing",
            task_id=f"task-{uuid.uuid4().hex}",
        )
        for _ in range(count)
    ]
    for row in rows:
        far.tasks[row.task_id] = {"id": row.task_id, "status": "processing", **said}
    return rows


def asked(worker: Worker) -> int:
    """How often one batch of reads asks the database."""
    with CaptureQueriesContext(connection) as queries:
        assert worker.follow()
    return len(queries)


def test_answers_without_news_cost_the_same_few_statements_however_many_they_are(far, worker, ada):
    running(far, ada, 2)
    few = asked(worker)
    running(far, ada, 60)
    worker.clock.forward(seconds=8)
    assert asked(worker) == few <= 12
    assert set(Generation.objects.values_list("next_attempt_at", "lease_id", "attempts")) == {
        (Generation.objects.first().next_attempt_at, None, 0)
    }


def test_one_change_more_costs_one_statement_more(far, worker, ada, eve):
    running(far, ada, 3, progress=10)
    few = asked(worker)
    Generation.objects.all().delete()
    running(far, ada, 20, progress=10)
    assert asked(worker) == few + 17


def test_reads_that_brought_nothing_are_kept_together_too(far, worker, ada):
    far.read.always(error(503, "service_unavailable"))
    running(far, ada, 2)
    few = asked(worker)
    Generation.objects.all().delete()
    running(far, ada, 40)
    assert asked(worker) == few
    assert set(Generation.objects.values_list("attempts", "lease_id")) == {(1, None)}


def test_changes_of_a_batch_are_each_announced_to_their_owner_alone(far, worker, ada, eve):
    hers = running(far, ada, 3, progress=10)
    quiet = running(far, ada, 2)
    his = running(far, eve, 1)
    before = dict(ChangeFeed.objects.values_list("pk", "version"))
    worker.follow()
    after = dict(ChangeFeed.objects.values_list("pk", "version"))
    assert after[ada.pk] > before[ada.pk]
    assert after[eve.pk] == before[eve.pk]
    news = Generation.objects.filter(changed_version__gt=before[ada.pk])
    assert {row.pk for row in news} == {row.pk for row in hers}
    assert all(fresh(row).changed_version <= after[ada.pk] for row in [*hers, *quiet, *his])
    assert ChangeFeed.objects.get(pk=ada.pk).credits_version == 0


def test_a_person_without_a_feed_gets_one_with_the_first_change(far, worker, ada):
    rows = running(far, ada, 2, progress=10)
    ChangeFeed.objects.all().delete()
    worker.follow()
    assert [fresh(row).progress for row in rows] == [10, 10]
    assert ChangeFeed.objects.get().version == max(fresh(row).changed_version for row in rows)


def test_one_person_without_a_feed_sends_nobody_else_away(far, ada, eve):
    (hers,), (his,) = running(far, ada, 1), running(far, eve, 1)
    ChangeFeed.objects.filter(pk=eve.pk).delete()
    held, seen = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    notes = [StateUpdate(row, is_visible=True, changes={"progress": 10}) for row in seen]
    assert [
        left.generation for left in bulk_update_in_state(notes, State.RUNNING, lease_id=held)
    ] == [his]
    assert (fresh(hers).progress, fresh(his).progress) == (10, 0)


@pytest.mark.parametrize("progress", [0, 10], ids=["silent", "visible"])
@pytest.mark.parametrize(
    "lost", [{"claim": None}, {"claim": uuid.UUID(int=7)}, {"state": State.SAVING}], ids=str
)
def test_rows_that_slipped_out_of_the_hand_stay_as_they_are_and_the_others_are_kept(
    far, worker, ada, lost, progress
):
    rows = running(far, ada, 4, progress=progress)
    held, seen = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    Generation.objects.filter(pk=rows[1].pk).update(**lost)
    before = Generation.objects.filter(pk=rows[1].pk).values().get()

    async def step(_first, **more):
        await following.poll_batch(seen, **more)

    worker.step(step, seen[:1], held)
    assert Generation.objects.filter(pk=rows[1].pk).values().get() == before
    for row in (rows[0], rows[2], rows[3]):
        assert (fresh(row).progress, fresh(row).lease_id, fresh(row).attempts) == (
            progress,
            None,
            0,
        )


def test_what_could_not_be_kept_for_a_moment_is_read_again_when_the_lease_is_over(
    far, worker, ada, monkeypatch
):
    rows = running(far, ada, 3, progress=10)
    before = list(Generation.objects.order_by("pk").values())

    def circle(*_args, **_more):
        raise OperationalError("deadlock detected")

    with monkeypatch.context() as now:
        now.setattr(following, "bulk_update_in_state", circle)
        with pytest.raises(OperationalError):
            worker.follow()
    changed = {"due": worker.clock() + LEASE_DURATION}
    for row, was in zip(Generation.objects.order_by("pk").values(), before, strict=True):
        assert row == was | changed | {"claim": row["claim"]}
    worker.clock.forward(seconds=LEASE_DURATION.total_seconds())
    assert worker.follow() == 3
    assert [fresh(row).progress for row in rows] == [10, 10, 10]


def test_where_they_cannot_be_kept_together_each_is_kept_alone(far, worker, ada, monkeypatch):
    rows = running(far, ada, 3, progress=10)

    def refused(*_args, **_more):
        raise IntegrityError("one of them")

    monkeypatch.setattr(following, "bulk_update_in_state", refused)
    worker.follow()
    assert [fresh(row).progress for row in rows] == [10, 10, 10]


def test_a_batch_that_fails_half_way_is_kept_not_at_all(ada, far):
    rows = running(far, ada, 2)
    held, seen = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    version = ChangeFeed.objects.get().version
    notes = [
        StateUpdate(seen[0], is_visible=True, changes={"progress": 10}),
        StateUpdate(seen[1], is_visible=True, changes={"progress": 101}),
    ]
    with pytest.raises(IntegrityError):
        bulk_update_in_state(notes, State.RUNNING, lease_id=held)
    assert [fresh(row).progress for row in rows] == [0, 0]
    assert {fresh(row).lease_id for row in rows} == {held}
    assert ChangeFeed.objects.get().version == version


@pytest.mark.django_db(transaction=True)
def test_one_slow_answer_does_not_keep_the_quick_ones_waiting(far, ada, monkeypatch):
    monkeypatch.setattr(following, "BATCH_WAIT_SECONDS", 0.05)
    worker = Worker(far.url, deadlines=Deadlines(read=30))
    slow, *quick = running(far, ada, 4, progress=10)
    far.read.always(
        lambda asked: silence() if asked.path.endswith(slow.task_id) else far._read(asked)
    )
    held, rows = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)

    def kept() -> bool:
        return [fresh(row).progress for row in quick] == [10, 10, 10]

    async def main() -> bool:
        far_end = worker.far()
        async with asyncio.timeout(25), far_end.client:
            work = following.poll_batch(rows, lease_id=held, provider=far_end, clock=worker.clock)
            reading = asyncio.create_task(work)
            while not await sync_to_async(kept)():
                assert not reading.done()
                await asyncio.sleep(0.01)
            early = not reading.done()
            reading.cancel()
            await asyncio.wait([reading])
            return early

    assert async_to_sync(main)()
    assert fresh(slow).lease_id == held


def test_the_breaker_counts_the_reads_of_all_rounds(far, worker, ada, monkeypatch):
    monkeypatch.setattr(following, "BATCH_WAIT_SECONDS", 0)
    rows = running(far, ada, 4)
    far.read.answers(error(503, "x"), error(429, "x"), answer(b"<html>"))
    held, seen = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    barren = []

    async def step(_first, **more):
        barren.append(await following.poll_batch(seen, **more))

    worker.step(step, seen[:1], held)
    assert barren == [3]
    assert sorted(fresh(row).attempts for row in rows) == [0, 1, 1, 1]
