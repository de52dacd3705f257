"""What admins decide about lost answers, in time and too late."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st

from evolink_studio.accounts.models import User
from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import Decision, Generation
from evolink_studio.generations.resolutions import (
    DECIDED_CODES,
    UNLINKABLE_STATES,
    GenerationChangedError,
    TaskAlreadyLinkedError,
    link_task,
    mark_charged,
    mark_not_charged,
    reopen,
    unlink_task,
)
from evolink_studio.generations.states import State
from tests.faults.history_events import history_event
from tests.faults.lifecycle import idempotency_key_of

INDEXES = st.integers(min_value=0, max_value=10**6)


def link_named_task(row: Generation, task: Task, now: datetime) -> bool:
    """Link it as an admin who has seen its film. Returns whether it was done."""
    try:
        link_task(generation=row, task=task, is_confirmed=True, now=now)
    except GenerationChangedError:
        return False
    return True


def _link_new_task(row: Generation, now: datetime) -> bool:
    return link_named_task(row, Task(id="task-x", model=row.model_id, created=row.sent_at), now)


# What an admin may still say when the answer has come.
LATE_DECISIONS = {
    "charged": lambda row, now: mark_charged(generation=row, amount=Decimal(7), now=now),
    "never taken": lambda row, now: mark_not_charged(generation=row, now=now),
    "is this task": _link_new_task,
}


class AdminActions:
    """For a history: they look at EvoLink's own pages, so they know what was charged."""

    provider: Any
    clock: Any
    rows: list[Generation]
    decided_charges: dict[int, Decimal]
    opened_pages: dict[int, Generation]
    ended_values: dict[int, tuple[object, ...]]

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
            assert link_named_task(row, self.read_task(task_id), self.clock())
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
        task_id = linked_ids[other_pick % len(linked_ids)]
        task = Task(id=task_id, model=row.model_id, created=row.created_at)
        with pytest.raises(TaskAlreadyLinkedError):
            link_task(generation=row, task=task, is_confirmed=True, now=self.clock())

    @history_event(condition=lambda self: self.decided_rows(), pick=INDEXES)
    def take_decision_back(self, pick: int) -> None:
        row = self.decided_rows()[pick % len(self.decided_rows())]
        reopen(
            generation=row,
            seen_version=row.changed_version,
            actor=self.acting_admin(),
            reason="Looked again",
            now=self.clock(),
        )
        del self.decided_charges[row.pk]
        self.ended_values.pop(row.pk, None)  # an end that a person opened again
        self.assert_stale(row)

    @history_event(
        condition=lambda self: self.found_rows(), pick=INDEXES, keeps_place=st.booleans()
    )
    def unlink_and_link_again(self, pick: int, keeps_place: bool) -> None:
        row = self.found_rows()[pick % len(self.found_rows())]
        task_id = row.task_id
        unlink_task(
            generation=row,
            seen_version=row.changed_version,
            actor=self.acting_admin(),
            reason="Seen the film",
            now=self.clock(),
        )
        self.ended_values.pop(row.pk, None)
        self.assert_stale(row)
        lost_row = Generation.objects.get(pk=row.pk)
        assert (lost_row.state, lost_row.task_id) == (State.UNKNOWN, None)
        assert link_named_task(lost_row, self.read_task(task_id), self.clock())

    def assert_stale(self, row: Generation) -> None:
        """The page from before decides nothing any more."""
        for decide in (reopen, unlink_task):
            with pytest.raises(GenerationChangedError):
                decide(
                    generation=row,
                    seen_version=row.changed_version,
                    actor=self.acting_admin(),
                    reason="Too late",
                    now=self.clock(),
                )

    def read_task(self, task_id: str) -> Task:
        """What EvoLink says of a task just now."""
        return Task.model_validate(self.provider.task_versions[task_id][-1])

    def acting_admin(self) -> User:
        return User.objects.order_by("pk")[0]

    def decided_rows(self) -> list[Generation]:
        """Rows that an admin settled while their answer was lost."""
        return [row for row in self.rows if row.error_code in DECIDED_CODES]

    def found_rows(self) -> list[Generation]:
        """Rows whose task was found or named later, and that can be unlinked."""
        found_ids = set(
            Decision.objects.filter(kind=Decision.Kind.LINK, closed_at=None).values_list(
                "generation", flat=True
            )
        )
        return [row for row in self.rows if row.pk in found_ids and row.state in UNLINKABLE_STATES]

    def stale_pages(self) -> list[Generation]:
        """Rows as an admin saw them while their answer was lost, which it no longer is."""
        lost_pks = {row.pk for row in self.rows if row.state == State.UNKNOWN}
        self.opened_pages |= {
            row.pk: row for row in self.rows if row.pk in lost_pks - self.opened_pages.keys()
        }
        return [page for pk, page in self.opened_pages.items() if pk not in lost_pks]
