"""Taking due rows: nobody holds a row that another one holds."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection

from evolink_studio.generations.pipeline.leases import LEASE, claim_due, next_due, renew
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import move, note
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh

JUST_BEFORE = timedelta(seconds=1)


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_the_same_moment_never_share_a_row(ada):
    rows = GenerationFactory.create_batch(60, owner=ada)
    taken: list[list[int]] = [[] for _ in range(6)]
    start = threading.Barrier(6)

    def claim(mine: list[int]) -> None:
        start.wait()
        while found := claim_due(State.QUEUED, limit=4, now=NOW)[1]:
            mine.extend(row.pk for row in found)
        connection.close()

    threads = [threading.Thread(target=claim, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(pk for mine in taken for pk in mine) == sorted(row.pk for row in rows)


@pytest.mark.django_db
class TestOneWorker:
    def test_only_due_rows_of_the_asked_state_are_taken_the_longest_due_first(self):
        late, later = (
            GenerationFactory(state=State.RUNNING, due=NOW - timedelta(seconds=s)) for s in (5, 9)
        )
        GenerationFactory(state=State.RUNNING, due=NOW + timedelta(seconds=1))
        GenerationFactory(state=State.QUEUED)
        GenerationFactory(state=State.UNKNOWN)
        assert claim_due(State.RUNNING, limit=1, now=NOW)[1] == [later]
        assert claim_due(State.RUNNING, limit=10, now=NOW)[1] == [late]
        assert claim_due(State.RUNNING, limit=10, now=NOW)[1] == []

    def test_a_row_whose_worker_died_is_taken_again_when_its_lease_ends(self):
        generation = GenerationFactory()
        dead, _ = claim_due(State.QUEUED, limit=1, now=NOW)
        assert claim_due(State.QUEUED, limit=1, now=NOW + LEASE - JUST_BEFORE)[1] == []
        alive, rows = claim_due(State.QUEUED, limit=1, now=NOW + LEASE)
        assert rows == [generation]
        assert fresh(generation).claim == alive != dead

    def test_a_worker_that_comes_back_from_a_long_pause_changes_nothing(self):
        GenerationFactory(state=State.RUNNING)
        paused, (seen,) = claim_due(State.RUNNING, limit=1, now=NOW)
        later = NOW + LEASE
        current, (row,) = claim_due(State.RUNNING, limit=1, now=later)

        assert not note(seen, held=paused, visible=True, progress=99, due=later)
        assert not move(seen, State.FAILED, now=later, held=paused)
        assert (fresh(row).state, fresh(row).progress, fresh(row).claim) == ("running", 0, current)

        assert move(row, State.SAVING, now=later, held=current)

    def test_a_held_row_stays_held_while_its_worker_says_so(self):
        GenerationFactory(state=State.SAVING)
        held, _ = claim_due(State.SAVING, limit=1, now=NOW)
        almost = NOW + LEASE - JUST_BEFORE
        renew([held, uuid.uuid4()], now=almost)
        assert claim_due(State.SAVING, limit=1, now=NOW + LEASE)[1] == []
        assert len(claim_due(State.SAVING, limit=1, now=almost + LEASE)[1]) == 1

    def test_a_row_that_is_done_with_is_not_renewed(self):
        generation = GenerationFactory(state=State.RUNNING)
        held, (row,) = claim_due(State.RUNNING, limit=1, now=NOW)
        note(row, held=held, visible=False, due=NOW + timedelta(seconds=8))
        renew([held], now=NOW + timedelta(seconds=1))
        assert fresh(generation).due == NOW + timedelta(seconds=8)

    def test_the_next_look_is_the_earliest_of_the_states_asked_for(self):
        GenerationFactory(state=State.RUNNING, due=NOW + timedelta(seconds=9))
        GenerationFactory(state=State.SAVING, due=NOW + timedelta(seconds=4))
        GenerationFactory(state=State.QUEUED, due=NOW)
        states = [State.RUNNING, State.SAVING]
        assert next_due(states) == NOW + timedelta(seconds=4)
        assert next_due([State.SENDING]) is None
