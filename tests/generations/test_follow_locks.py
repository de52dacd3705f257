"""Keeping answers beside others who write the same rows and feeds, on a server with row locks."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline import polling as following
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import increment_feed_version
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
LONG = 30  # seconds; only for what would hang
LATER = NOW + 2 * LEASE_DURATION

Beside = Callable[[Callable[[], object]], "Future[object]"]


@pytest.fixture
def beside() -> Iterator[Beside]:
    """Does something in another thread, with a connection of its own."""

    def and_hang_up(work: Callable[[], object]) -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield lambda work: pool.submit(and_hang_up, work)


def until_it_waits(other: "Future[object]") -> None:
    """For us."""
    waiting = (
        "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    deadline = time.monotonic() + LONG
    with connection.cursor() as cursor:
        while not other.done():
            cursor.execute(waiting)
            if cursor.fetchone():
                return
            assert time.monotonic() < deadline
            time.sleep(0.01)


def running(*owners) -> list[Generation]:
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


def taken(*rows: Generation, now=NOW) -> tuple[list[Generation], uuid.UUID]:
    """The rows as a worker holds them, in this order."""
    held, found = lease_due(State.RUNNING, limit=100, now=now, only_poll_columns=True)
    by_key = {row.pk: row for row in found}
    return [by_key[row.pk] for row in rows], held


def keep(rows: list[Generation], held: uuid.UUID, progress: int, worker, now=NOW) -> None:
    answers = [(row, Task(id=row.task_id, status="processing", progress=progress)) for row in rows]
    following._store_answers(answers, held, worker.far(), now)


def write(generation: Generation) -> None:
    assert Generation.objects.filter(pk=generation.pk).update(candidate_confirmed=True) == 1


@pytest.mark.parametrize("progress", [0, 50], ids=["silent", "visible"])
def test_who_waits_for_a_row_holds_no_other_one(ada, worker, beside, progress):
    first, second = running(ada, ada)
    rows, held = taken(first, second)
    with transaction.atomic():
        write(second)
        other = beside(lambda: keep(rows, held, progress, worker))
        until_it_waits(other)
        write(first)
    other.result(LONG)
    for row in (first, second):
        assert (fresh(row).progress, fresh(row).lease_id, fresh(row).candidate_confirmed) == (
            progress,
            None,
            True,
        )


def test_feeds_are_locked_in_one_order_before_any_row(ada, eve, worker, beside):
    hers, his = running(ada, eve)
    rows, held = taken(his, hers)
    with transaction.atomic():
        increment_feed_version(min(ada.pk, eve.pk))
        other = beside(lambda: keep(rows, held, 50, worker))
        until_it_waits(other)
        increment_feed_version(max(ada.pk, eve.pk))
        write(hers)
        write(his)
    other.result(LONG)
    assert [fresh(row).progress for row in (hers, his)] == [50, 50]


def test_a_worker_whose_lease_ran_out_waits_for_nobody_and_changes_nothing(ada, worker, beside):
    first, second = running(ada, ada)
    stale, ran_out = taken(first, second)
    rows, held = taken(second, first, now=LATER)
    with transaction.atomic():
        keep(rows[:1], held, 0, worker, LATER)
        beside(lambda: keep(stale, ran_out, 0, worker, LATER)).result(LONG)
        keep(rows[1:], held, 0, worker, LATER)
    for row in (first, second):
        assert (fresh(row).lease_id, fresh(row).attempts) == (None, 0)
        assert fresh(row).next_attempt_at > LATER


def test_two_workers_who_keep_the_same_rows_in_other_orders_never_end_in_a_circle(
    ada, eve, worker, beside
):
    """One of them was paused until its lease ran out."""
    rows = running(*[ada, eve] * 10)
    for turn in range(20):
        Generation.objects.update(next_attempt_at=NOW)
        stale, ran_out = taken(*rows)
        Generation.objects.update(next_attempt_at=NOW)
        ours, held = taken(*reversed(rows))
        other = beside(lambda s=stale, r=ran_out, t=turn: keep(s, r, 90, worker))
        keep(ours, held, turn + 1, worker)
        other.result(LONG)
        assert set(Generation.objects.values_list("progress", "lease_id")) == {(turn + 1, None)}
