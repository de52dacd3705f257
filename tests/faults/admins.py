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
from tests.faults.happenings import happens
from tests.faults.promises import key_of

PICK = st.integers(min_value=0, max_value=10**6)

# What an admin may still say when the answer has come.
LATE = {
    "charged": lambda row, now: mark_charged(generation=row, amount=Decimal(7), now=now),
    "never taken": lambda row, now: mark_not_charged(generation=row, now=now),
    "is this task": lambda row, now: propose_task(generation=row, task_id="task-x", now=now),
}


class Admins:
    """For a history: they look at EvoLink's own pages, so they know the truth."""

    truth: Any
    clock: Any
    rows: list[Generation]
    decided: dict[int, Decimal]
    pages: dict[int, Generation]

    @happens(possible=lambda self: State.UNKNOWN in self.busy(), pick=PICK, films=st.booleans())
    def an_admin_decides(self, pick: int, films: bool) -> None:
        lost = [row for row in self.rows if row.state == State.UNKNOWN]
        row = lost[pick % len(lost)]
        task_id = self.truth.taken.get(key_of(row))
        if task_id is None:
            assert mark_not_charged(generation=row, now=self.clock())
            self.decided[row.pk] = Decimal(0)
        elif films:
            assert propose_task(generation=row, task_id=task_id, now=self.clock())
        else:
            self.truth.ends(task_id, "failed", "billed", Decimal(12))
            charged = self.truth.charges[task_id]
            assert mark_charged(generation=row, amount=charged, now=self.clock())
            self.decided[row.pk] = charged

    @happens(
        often=2,
        possible=lambda self: self.old_pages(),
        pick=PICK,
        how=st.sampled_from(sorted(LATE)),
    )
    def an_admin_decides_on_a_page_that_has_grown_old(self, pick: int, how: str) -> None:
        page = self.old_pages()[pick % len(self.old_pages())]
        before = Generation.objects.filter(pk=page.pk).values().get()
        assert not LATE[how](page, self.clock())
        assert Generation.objects.filter(pk=page.pk).values().get() == before

    @happens(possible=lambda self: any(row.task_id for row in self.rows), pick=PICK, other=PICK)
    def an_admin_names_a_task_that_is_taken(self, pick: int, other: int) -> None:
        taken = [row.task_id for row in self.rows if row.task_id]
        row = self.some(pick)
        with pytest.raises(TaskAlreadyLinkedError):
            propose_task(generation=row, task_id=taken[other % len(taken)], now=self.clock())

    def old_pages(self) -> list[Generation]:
        """Rows as an admin saw them while their answer was lost, which it no longer is."""
        lost = {row.pk for row in self.rows if row.state == State.UNKNOWN}
        self.pages |= {row.pk: row for row in self.rows if row.pk in lost - self.pages.keys()}
        return [page for pk, page in self.pages.items() if pk not in lost]
