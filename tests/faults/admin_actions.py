"""What admins decide about lost answers, in time and too late."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st

from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import (
    TaskAlreadyLinkedError,
    mark_charged,
    mark_not_charged,
    propose_task,
)
from evolink_studio.generations.states import State
from tests.faults.history_events import history_event
from tests.faults.lifecycle import idempotency_key_of

INDEXES = st.integers(min_value=0, max_value=10**6)

# What an admin may still say when the answer has come.
LATE_DECISIONS = {
    "charged": lambda row, now: mark_charged(generation=row, amount=Decimal(7), now=now),
    "never taken": lambda row, now: mark_not_charged(generation=row, now=now),
    "is this task": lambda row, now: propose_task(generation=row, task_id="task-x", now=now),
}


class AdminActions:
    """For a history: they look at EvoLink's own pages, so they know what was charged."""

    provider: Any
    clock: Any
    rows: list[Generation]
    decided_charges: dict[int, Decimal]
    opened_pages: dict[int, Generation]

    @history_event(
        condition=lambda self: State.UNKNOWN in self.busy_states(),
        pick=INDEXES,
        films=st.booleans(),
    )
    def resolve_lost(self, pick: int, films: bool) -> None:
        lost_rows = [row for row in self.rows if row.state == State.UNKNOWN]
        row = lost_rows[pick % len(lost_rows)]
        task_id = self.provider.task_ids_by_key.get(idempotency_key_of(row))
        if task_id is None:
            assert mark_not_charged(generation=row, now=self.clock())
            self.decided_charges[row.pk] = Decimal(0)
        elif films:
            assert propose_task(generation=row, task_id=task_id, now=self.clock())
        else:
            self.provider.end_task(task_id, "failed", "billed", Decimal(12))
            charged = self.provider.charged_by_task[task_id]
            assert mark_charged(generation=row, amount=charged, now=self.clock())
            self.decided_charges[row.pk] = charged

    @history_event(
        weight=2,
        condition=lambda self: self.stale_pages(),
        pick=INDEXES,
        how=st.sampled_from(sorted(LATE_DECISIONS)),
    )
    def resolve_on_stale_page(self, pick: int, how: str) -> None:
        page = self.stale_pages()[pick % len(self.stale_pages())]
        before = Generation.objects.filter(pk=page.pk).values().get()
        assert not LATE_DECISIONS[how](page, self.clock())
        assert Generation.objects.filter(pk=page.pk).values().get() == before

    @history_event(
        condition=lambda self: any(row.task_id for row in self.rows),
        pick=INDEXES,
        other_pick=INDEXES,
    )
    def propose_linked_task(self, pick: int, other_pick: int) -> None:
        linked_ids = [row.task_id for row in self.rows if row.task_id]
        row = self.pick_generation(pick)
        with pytest.raises(TaskAlreadyLinkedError):
            propose_task(
                generation=row, task_id=linked_ids[other_pick % len(linked_ids)], now=self.clock()
            )

    def stale_pages(self) -> list[Generation]:
        """Rows as an admin saw them while their answer was lost, which it no longer is."""
        lost_pks = {row.pk for row in self.rows if row.state == State.UNKNOWN}
        self.opened_pages |= {
            row.pk: row for row in self.rows if row.pk in lost_pks - self.opened_pages.keys()
        }
        return [page for pk, page in self.opened_pages.items() if pk not in lost_pks]
