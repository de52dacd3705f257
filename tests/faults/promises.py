"""What must hold after every step of a history: our rows and our book against the truth."""

from collections import Counter
from decimal import Decimal

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry
from evolink_studio.generations.incidents import open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State
from tests.faults.truth import Truth
from tests.work import Clock


class Promises:
    """For a history that has `truth`, `clock`, and what an admin `decided`."""

    truth: Truth
    clock: Clock
    decided: dict[int, Decimal]  # what an admin, who knows better, said was charged; by row
    lost: dict[str, int]  # POSTs of a key when its row was first seen unknown
    ended: dict[int, tuple]
    rows: list[Generation]

    def every_promise_holds(self) -> None:
        self.rows = list(Generation.objects.order_by("pk"))
        self.nothing_is_sent_twice()
        self.every_credit_is_explained()
        self.nobody_spends_more_than_there_is()
        self.nothing_that_was_taken_is_lost()
        self.what_has_ended_stays_as_it_is()

    def nothing_is_sent_twice(self) -> None:
        assert self.truth.doubled == []
        for row in self.rows:
            if row.state == State.UNKNOWN:
                self.lost.setdefault(key_of(row), self.truth.posts[key_of(row)])
        assert {key: self.truth.posts[key] for key in self.lost} == self.lost

    def every_credit_is_explained(self) -> None:
        assert audit_ledger_with_generations().findings == ()
        for row in self.rows:
            known = self.decided.get(row.pk, self.truth.charges.get(row.task_id or ""))
            assert row.credits_charged is None or row.credits_charged == known

    def nobody_spends_more_than_there_is(self) -> None:
        grown: Counter[int] = Counter()
        for entry in LedgerEntry.objects.exclude(kind=LedgerEntry.Kind.RESERVE):
            grown[entry.balance_id] += max(
                Decimal(0), entry.credits_reserved_delta + entry.credits_charged_delta
            )
        for purse in AllowanceBalance.objects.exclude(credits_limit=None):
            assert purse.credits_used <= purse.credits_limit + grown[purse.pk]

    def nothing_that_was_taken_is_lost(self) -> None:
        rows = {key_of(row): row for row in self.rows}
        listed = {needs.generation.pk for needs in open_incidents(now=self.clock(), limit=1000)}
        for key, task_id in self.truth.taken.items():
            row = rows.pop(key)
            if row.state == State.UNKNOWN:
                assert row.pk in listed
            elif row.pk not in self.decided and row.state != State.SENDING:
                assert row.task_id == task_id
        assert not [key for key, row in rows.items() if row.task_id]

    def what_has_ended_stays_as_it_is(self) -> None:
        now = {row.pk: facts_of(row) for row in self.rows if row.state in ENDED_STATES}
        assert self.ended.items() <= now.items()
        self.ended = now


def facts_of(row: Generation) -> tuple:
    return (
        row.state,
        row.charge,
        row.credits_charged,
        row.task_id,
        row.finished_at,
        row.error_code,
        row.changed_version,
    )


def key_of(row: Generation) -> str:
    return f"studio-{row.form_key.hex}"
