"""Storing answers beside others who write the same rows and feeds, on a server with row locks."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline import polling
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import increment_feed_version
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import reload

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
LOCK_TIMEOUT_SECONDS = 30  # seconds; only for what would hang
LATER = NOW + 2 * LEASE_DURATION

RunInThread = Callable[[Callable[[], object]], "Future[object]"]


@pytest.fixture
def run_in_thread() -> Iterator[RunInThread]:
    """Does something in another thread, with a connection of its own."""

    def run_and_disconnect(work: Callable[[], object]) -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield lambda work: pool.submit(run_and_disconnect, work)


def wait_until_blocked(future: "Future[object]") -> None:
    """For us."""
    query = (
        "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    with connection.cursor() as cursor:
        while not future.done():
            cursor.execute(query)
            if cursor.fetchone():
                return
            assert time.monotonic() < deadline
            time.sleep(0.01)


def create_running_generations(*owners) -> list[Generation]:
    for number in sorted({owner.pk for owner in owners}, reverse=True):
        ChangeFeed.objects.create(
            pk=number
        )  # so their order in the table is not that of their numbers
    return [
        GenerationFactory(
            owner=owner,
            state=State.RUNNING,
            next_attempt_at=NOW,
            task_id=f"task-{number}",
            last_status="processing",
        )
        for number, owner in enumerate(owners)
    ]


def lease_rows(*rows: Generation, now=NOW) -> tuple[list[Generation], uuid.UUID]:
    """The rows as a worker leases them, in this order."""
    lease_id, leased_rows = lease_due(State.RUNNING, limit=100, now=now, only_poll_columns=True)
    by_key = {row.pk: row for row in leased_rows}
    return [by_key[row.pk] for row in rows], lease_id


def store_answers(
    rows: list[Generation], lease_id: uuid.UUID, progress: int, worker, now=NOW
) -> None:
    answers = [(row, Task(id=row.task_id, status="processing", progress=progress)) for row in rows]
    polling._store_answers(answers, lease_id, worker.build_provider(), now)


def update_row(generation: Generation) -> None:
    assert Generation.objects.filter(pk=generation.pk).update(candidate_confirmed=True) == 1


@pytest.mark.parametrize("progress", [0, 50], ids=["silent", "visible"])
def test_who_waits_for_a_row_locks_no_other_one(ada, worker, run_in_thread, progress):
    first, second = create_running_generations(ada, ada)
    rows, lease_id = lease_rows(first, second)
    with transaction.atomic():
        update_row(second)
        thread = run_in_thread(lambda: store_answers(rows, lease_id, progress, worker))
        wait_until_blocked(thread)
        update_row(first)
    thread.result(LOCK_TIMEOUT_SECONDS)
    for row in (first, second):
        assert (reload(row).progress, reload(row).lease_id, reload(row).candidate_confirmed) == (
            progress,
            None,
            True,
        )


def test_feeds_are_locked_in_one_order_before_any_row(ada, eve, worker, run_in_thread):
    own_row, other_row = create_running_generations(ada, eve)
    rows, lease_id = lease_rows(other_row, own_row)
    with transaction.atomic():
        increment_feed_version(min(ada.pk, eve.pk))
        thread = run_in_thread(lambda: store_answers(rows, lease_id, 50, worker))
        wait_until_blocked(thread)
        increment_feed_version(max(ada.pk, eve.pk))
        update_row(own_row)
        update_row(other_row)
    thread.result(LOCK_TIMEOUT_SECONDS)
    assert [reload(row).progress for row in (own_row, other_row)] == [50, 50]


def test_a_worker_whose_lease_ran_out_waits_for_nobody_and_changes_nothing(
    ada, worker, run_in_thread
):
    first, second = create_running_generations(ada, ada)
    stale_rows, old_lease_id = lease_rows(first, second)
    rows, lease_id = lease_rows(second, first, now=LATER)
    with transaction.atomic():
        store_answers(rows[:1], lease_id, 0, worker, LATER)
        run_in_thread(lambda: store_answers(stale_rows, old_lease_id, 0, worker, LATER)).result(
            LOCK_TIMEOUT_SECONDS
        )
        store_answers(rows[1:], lease_id, 0, worker, LATER)
    for row in (first, second):
        assert (reload(row).lease_id, reload(row).attempts) == (None, 0)
        assert reload(row).next_attempt_at > LATER


def test_two_workers_who_store_the_same_rows_in_other_orders_never_deadlock(
    ada, eve, worker, run_in_thread
):
    """One of them was paused until its lease ran out."""
    rows = create_running_generations(*[ada, eve] * 10)
    for round_number in range(20):
        Generation.objects.update(next_attempt_at=NOW)
        stale_rows, old_lease_id = lease_rows(*rows)
        Generation.objects.update(next_attempt_at=NOW)
        stored_rows, lease_id = lease_rows(*reversed(rows))
        thread = run_in_thread(
            lambda s=stale_rows, r=old_lease_id, t=round_number: store_answers(s, r, 90, worker)
        )
        store_answers(stored_rows, lease_id, round_number + 1, worker)
        thread.result(LOCK_TIMEOUT_SECONDS)
        assert set(Generation.objects.values_list("progress", "lease_id")) == {
            (round_number + 1, None)
        }
