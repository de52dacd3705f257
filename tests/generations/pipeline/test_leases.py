"""Leasing due rows: no row is leased to two workers."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection

from evolink_studio.generations.pipeline.leases import (
    LEASE_DURATION,
    find_due_times,
    lease_due,
    renew_leases,
)
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition, update_in_state
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import reload

JUST_BEFORE = timedelta(seconds=1)


@pytest.mark.django_db(transaction=True)
def test_workers_that_lease_at_the_same_moment_never_share_a_row(ada):
    rows = GenerationFactory.create_batch(60, owner=ada)
    leased_ids: list[list[int]] = [[] for _ in range(6)]
    start = threading.Barrier(6)

    def lease_rows(ids: list[int]) -> None:
        start.wait()
        while batch := lease_due(State.QUEUED, limit=4, now=NOW)[1]:
            ids.extend(row.pk for row in batch)
        connection.close()

    threads = [threading.Thread(target=lease_rows, args=(ids,)) for ids in leased_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(pk for ids in leased_ids for pk in ids) == sorted(row.pk for row in rows)


@pytest.mark.django_db
class TestOneWorker:
    def test_only_due_rows_of_the_asked_state_are_taken_the_longest_due_first(self):
        second_due, longest_due = (
            GenerationFactory(state=State.RUNNING, next_attempt_at=NOW - timedelta(seconds=s))
            for s in (5, 9)
        )
        GenerationFactory(state=State.RUNNING, next_attempt_at=NOW + timedelta(seconds=1))
        GenerationFactory(state=State.QUEUED)
        GenerationFactory(state=State.UNKNOWN)
        assert lease_due(State.RUNNING, limit=1, now=NOW)[1] == [longest_due]
        assert lease_due(State.RUNNING, limit=10, now=NOW)[1] == [second_due]
        assert lease_due(State.RUNNING, limit=10, now=NOW)[1] == []

    def test_a_row_whose_worker_died_is_taken_again_when_its_lease_ends(self):
        generation = GenerationFactory()
        dead_lease, _ = lease_due(State.QUEUED, limit=1, now=NOW)
        assert lease_due(State.QUEUED, limit=1, now=NOW + LEASE_DURATION - JUST_BEFORE)[1] == []
        live_lease, rows = lease_due(State.QUEUED, limit=1, now=NOW + LEASE_DURATION)
        assert rows == [generation]
        assert reload(generation).lease_id == live_lease != dead_lease

    def test_a_worker_that_comes_back_from_a_long_pause_changes_nothing(self):
        GenerationFactory(state=State.RUNNING)
        paused_lease, (leased_row,) = lease_due(State.RUNNING, limit=1, now=NOW)
        lease_end = NOW + LEASE_DURATION
        current, (row,) = lease_due(State.RUNNING, limit=1, now=lease_end)

        assert not update_in_state(
            leased_row,
            lease_id=paused_lease,
            is_visible=True,
            progress=99,
            next_attempt_at=lease_end,
        )
        assert not transition(leased_row, State.FAILED, now=lease_end, lease_id=paused_lease)
        assert (reload(row).state, reload(row).progress, reload(row).lease_id) == (
            "running",
            0,
            current,
        )

        assert transition(row, State.SAVING, now=lease_end, lease_id=current)

    def test_a_leased_row_stays_leased_while_its_worker_renews(self):
        GenerationFactory(state=State.SAVING)
        lease_id, _ = lease_due(State.SAVING, limit=1, now=NOW)
        just_before_end = NOW + LEASE_DURATION - JUST_BEFORE
        renew_leases([lease_id, uuid.uuid4()], now=just_before_end)
        assert lease_due(State.SAVING, limit=1, now=NOW + LEASE_DURATION)[1] == []
        assert len(lease_due(State.SAVING, limit=1, now=just_before_end + LEASE_DURATION)[1]) == 1

    def test_a_row_that_is_done_with_is_not_renewed(self):
        generation = GenerationFactory(state=State.RUNNING)
        lease_id, (row,) = lease_due(State.RUNNING, limit=1, now=NOW)
        update_in_state(
            row, lease_id=lease_id, is_visible=False, next_attempt_at=NOW + timedelta(seconds=8)
        )
        renew_leases([lease_id], now=NOW + timedelta(seconds=1))
        assert reload(generation).next_attempt_at == NOW + timedelta(seconds=8)

    def test_of_each_state_asked_for_the_earliest_row_says_when_it_is_due(self):
        for seconds in (20, 9):
            due_at = NOW + timedelta(seconds=seconds)
            GenerationFactory(state=State.RUNNING, next_attempt_at=due_at)
        GenerationFactory(state=State.SAVING, next_attempt_at=NOW + timedelta(seconds=4))
        GenerationFactory(state=State.QUEUED, next_attempt_at=NOW)
        states = [State.RUNNING, State.SAVING]
        assert find_due_times(states) == {
            State.RUNNING: NOW + timedelta(seconds=9),
            State.SAVING: NOW + timedelta(seconds=4),
        }
        assert find_due_times([State.SENDING]) == {}
