"""Following: the answers of a batch are stored together, and each row still counts for itself."""

import asyncio
import uuid

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import IntegrityError, OperationalError, connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline import polling
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import StateUpdate, bulk_update_in_state
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import reload
from tests.manual_worker import ManualWorker
from tests.provider_replies import make_error_reply, make_reply, make_silent_reply

pytestmark = pytest.mark.django_db


def create_running_generations(
    fake_provider, owner, count: int, **task_fields: object
) -> list[Generation]:
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
        fake_provider.tasks[row.task_id] = {
            "id": row.task_id,
            "status": "processing",
            **task_fields,
        }
    return rows


def count_poll_queries(worker: ManualWorker) -> int:
    """How often one batch of reads asks the database."""
    with CaptureQueriesContext(connection) as queries:
        assert worker.poll_due()
    return len(queries)


def test_answers_without_changes_cost_the_same_few_statements_however_many_they_are(
    fake_provider, worker, ada
):
    create_running_generations(fake_provider, ada, 2)
    few_count = count_poll_queries(worker)
    create_running_generations(fake_provider, ada, 60)
    worker.clock.advance(seconds=8)
    assert count_poll_queries(worker) == few_count <= 12
    assert set(Generation.objects.values_list("next_attempt_at", "lease_id", "attempts")) == {
        (Generation.objects.first().next_attempt_at, None, 0)
    }


def test_one_change_more_costs_one_statement_more(fake_provider, worker, ada, eve):
    create_running_generations(fake_provider, ada, 3, progress=10)
    few_count = count_poll_queries(worker)
    Generation.objects.all().delete()
    create_running_generations(fake_provider, ada, 20, progress=10)
    assert count_poll_queries(worker) == few_count + 17


def test_reads_that_brought_nothing_are_stored_together_too(fake_provider, worker, ada):
    fake_provider.read.reply_always(make_error_reply(503, "service_unavailable"))
    create_running_generations(fake_provider, ada, 2)
    few_count = count_poll_queries(worker)
    Generation.objects.all().delete()
    create_running_generations(fake_provider, ada, 40)
    assert count_poll_queries(worker) == few_count
    assert set(Generation.objects.values_list("attempts", "lease_id")) == {(1, None)}


def test_changes_of_a_batch_are_each_announced_to_their_owner_alone(
    fake_provider, worker, ada, eve
):
    own_rows = create_running_generations(fake_provider, ada, 3, progress=10)
    quiet_rows = create_running_generations(fake_provider, ada, 2)
    other_rows = create_running_generations(fake_provider, eve, 1)
    before = dict(ChangeFeed.objects.values_list("pk", "version"))
    worker.poll_due()
    after = dict(ChangeFeed.objects.values_list("pk", "version"))
    assert after[ada.pk] > before[ada.pk]
    assert after[eve.pk] == before[eve.pk]
    changed_rows = Generation.objects.filter(changed_version__gt=before[ada.pk])
    assert {row.pk for row in changed_rows} == {row.pk for row in own_rows}
    assert all(
        reload(row).changed_version <= after[ada.pk]
        for row in [*own_rows, *quiet_rows, *other_rows]
    )
    assert ChangeFeed.objects.get(pk=ada.pk).credits_version == 0


def test_a_person_without_a_feed_gets_one_with_the_first_change(fake_provider, worker, ada):
    rows = create_running_generations(fake_provider, ada, 2, progress=10)
    ChangeFeed.objects.all().delete()
    worker.poll_due()
    assert [reload(row).progress for row in rows] == [10, 10]
    assert ChangeFeed.objects.get().version == max(reload(row).changed_version for row in rows)


def test_one_person_without_a_feed_sends_nobody_else_away(fake_provider, ada, eve):
    (own_row,), (other_row,) = (
        create_running_generations(fake_provider, ada, 1),
        create_running_generations(fake_provider, eve, 1),
    )
    ChangeFeed.objects.filter(pk=eve.pk).delete()
    lease_id, leased_rows = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    notes = [StateUpdate(row, is_visible=True, changes={"progress": 10}) for row in leased_rows]
    assert [
        missed.generation
        for missed in bulk_update_in_state(notes, State.RUNNING, lease_id=lease_id)
    ] == [other_row]
    assert (reload(own_row).progress, reload(other_row).progress) == (10, 0)


@pytest.mark.parametrize("progress", [0, 10], ids=["silent", "visible"])
@pytest.mark.parametrize(
    "lease_change",
    [{"lease_id": None}, {"lease_id": uuid.UUID(int=7)}, {"state": State.SAVING}],
    ids=str,
)
def test_rows_whose_lease_was_lost_stay_as_they_are_and_the_others_are_stored(
    fake_provider, worker, ada, lease_change, progress
):
    rows = create_running_generations(fake_provider, ada, 4, progress=progress)
    lease_id, leased_rows = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    Generation.objects.filter(pk=rows[1].pk).update(**lease_change)
    before = Generation.objects.filter(pk=rows[1].pk).values().get()

    async def step(_first, **kwargs):
        await polling.poll_batch(leased_rows, **kwargs)

    worker.run_stage(step, leased_rows[:1], lease_id)
    assert Generation.objects.filter(pk=rows[1].pk).values().get() == before
    for row in (rows[0], rows[2], rows[3]):
        assert (reload(row).progress, reload(row).lease_id, reload(row).attempts) == (
            progress,
            None,
            0,
        )


def test_what_could_not_be_stored_for_a_moment_is_read_again_when_the_lease_is_over(
    fake_provider, worker, ada, monkeypatch
):
    rows = create_running_generations(fake_provider, ada, 3, progress=10)
    before = list(Generation.objects.order_by("pk").values())

    def fail_deadlocked(*_args, **_more):
        raise OperationalError("deadlock detected")

    with monkeypatch.context() as now:
        now.setattr(polling, "bulk_update_in_state", fail_deadlocked)
        with pytest.raises(OperationalError):
            worker.poll_due()
    changes = {"next_attempt_at": worker.clock() + LEASE_DURATION}
    for row, row_before in zip(Generation.objects.order_by("pk").values(), before, strict=True):
        assert row == row_before | changes | {"lease_id": row["lease_id"]}
    worker.clock.advance(seconds=LEASE_DURATION.total_seconds())
    assert worker.poll_due() == 3
    assert [reload(row).progress for row in rows] == [10, 10, 10]


def test_where_they_cannot_be_stored_together_each_is_stored_alone(
    fake_provider, worker, ada, monkeypatch
):
    rows = create_running_generations(fake_provider, ada, 3, progress=10)

    def refuse_lock(*_args, **_more):
        raise IntegrityError("one of them")

    monkeypatch.setattr(polling, "bulk_update_in_state", refuse_lock)
    worker.poll_due()
    assert [reload(row).progress for row in rows] == [10, 10, 10]


def test_a_batch_that_fails_half_way_is_not_stored_at_all(ada, fake_provider):
    rows = create_running_generations(fake_provider, ada, 2)
    lease_id, leased_rows = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    version = ChangeFeed.objects.get().version
    notes = [
        StateUpdate(leased_rows[0], is_visible=True, changes={"progress": 10}),
        StateUpdate(leased_rows[1], is_visible=True, changes={"progress": 101}),
    ]
    with pytest.raises(IntegrityError):
        bulk_update_in_state(notes, State.RUNNING, lease_id=lease_id)
    assert [reload(row).progress for row in rows] == [0, 0]
    assert {reload(row).lease_id for row in rows} == {lease_id}
    assert ChangeFeed.objects.get().version == version


@pytest.mark.django_db(transaction=True)
def test_one_slow_answer_does_not_keep_the_quick_ones_waiting(fake_provider, ada, monkeypatch):
    monkeypatch.setattr(polling, "BATCH_WAIT_SECONDS", 0.05)
    worker = ManualWorker(fake_provider.url, deadlines=Deadlines(read=30))
    slow_row, *quick_rows = create_running_generations(fake_provider, ada, 4, progress=10)
    fake_provider.read.reply_always(
        lambda request: (
            make_silent_reply()
            if request.path.endswith(slow_row.task_id)
            else fake_provider._reply_to_read(request)
        )
    )
    lease_id, rows = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)

    def are_quick_stored() -> bool:
        return [reload(row).progress for row in quick_rows] == [10, 10, 10]

    async def main() -> bool:
        provider = worker.build_provider()
        async with asyncio.timeout(25), provider.client:
            work = polling.poll_batch(
                rows, lease_id=lease_id, provider=provider, clock=worker.clock
            )
            batch_task = asyncio.create_task(work)
            while not await sync_to_async(are_quick_stored)():
                assert not batch_task.done()
                await asyncio.sleep(0.01)
            is_early = not batch_task.done()
            batch_task.cancel()
            await asyncio.wait([batch_task])
            return is_early

    assert async_to_sync(main)()
    assert reload(slow_row).lease_id == lease_id


def test_the_breaker_counts_the_reads_of_all_rounds(fake_provider, worker, ada, monkeypatch):
    monkeypatch.setattr(polling, "BATCH_WAIT_SECONDS", 0)
    rows = create_running_generations(fake_provider, ada, 4)
    fake_provider.read.reply_next(
        make_error_reply(503, "x"), make_error_reply(429, "x"), make_reply(b"<html>")
    )
    lease_id, leased_rows = lease_due(State.RUNNING, limit=10, now=NOW, only_poll_columns=True)
    failure_counts = []

    async def step(_first, **kwargs):
        failure_counts.append(await polling.poll_batch(leased_rows, **kwargs))

    worker.run_stage(step, leased_rows[:1], lease_id)
    assert failure_counts == [3]
    assert sorted(reload(row).attempts for row in rows) == [0, 1, 1, 1]
