"""What must hold after every step of a history: rows and ledger against the provider's records."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from evolink_studio.credits.models import AllowanceBalance, LedgerEntry
from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State
from evolink_studio.generations.usage_report import UsageFilter, UsageTotals, sum_usage
from tests.faults.in_memory_provider import InMemoryProvider
from tests.faults.lifecycle import FINAL_COLUMNS, idempotency_key_of
from tests.faults.proofs import assert_proved
from tests.manual_worker import FakeClock


class Invariants:
    """For a history that has `provider`, `clock` and `decided_charges`."""

    provider: InMemoryProvider
    clock: FakeClock
    decided_charges: dict[int, Decimal]  # what an admin, who knows better, said was charged; by row
    posts_when_lost: dict[str, int]  # POSTs of a key when its row was first seen unknown
    ended_values: dict[int, tuple]
    rows: list[Generation]

    def assert_all(self) -> None:
        self.rows = list(Generation.objects.order_by("pk"))
        self.assert_sent_once()
        self.assert_credits_explained()
        self.assert_usage_counted()
        self.assert_limits_kept()
        self.assert_accepted_not_lost()
        self.assert_ended_unchanged()

    def assert_sent_once(self) -> None:
        assert self.provider.repeated_keys == []
        for row in self.rows:
            if row.state == State.UNKNOWN:
                self.posts_when_lost.setdefault(
                    idempotency_key_of(row), self.provider.post_counts[idempotency_key_of(row)]
                )
        assert {
            key: self.provider.post_counts[key] for key in self.posts_when_lost
        } == self.posts_when_lost

    def assert_credits_explained(self) -> None:
        assert_proved()
        for row in self.rows:
            charge = self.decided_charges.get(
                row.pk, self.provider.charged_by_task.get(row.task_id or "")
            )
            assert row.credits_charged is None or row.credits_charged == charge

    def assert_usage_counted(self) -> None:
        """What pages sum up is what the rows say, and the rows are what the ledger says."""
        assert sum_usage(UsageFilter()) == UsageTotals(
            count=len(self.rows),
            failed_count=sum(row.state == State.FAILED for row in self.rows),
            credits_estimated=_sum_credits(row.credits_estimated for row in self.rows),
            credits_reserved=_sum_credits(row.credits_held for row in self.rows),
            credits_charged=_sum_credits(row.credits_charged for row in self.rows),
        )

    def assert_limits_kept(self) -> None:
        growth: Counter[int] = Counter()
        for entry in LedgerEntry.objects.exclude(kind=LedgerEntry.Kind.RESERVE):
            growth[entry.balance_id] += max(
                Decimal(0), entry.credits_reserved_delta + entry.credits_charged_delta
            )
        for balance in AllowanceBalance.objects.exclude(credits_limit=None):
            assert balance.credits_used <= balance.credits_limit + growth[balance.pk]

    def assert_accepted_not_lost(self) -> None:
        rows = {idempotency_key_of(row): row for row in self.rows}
        incident_ids = {
            incident.generation.pk for incident in list_open_incidents(now=self.clock(), limit=1000)
        }
        for key, task_id in self.provider.task_ids_by_key.items():
            row = rows.pop(key)
            if row.state == State.UNKNOWN:
                assert row.pk in incident_ids
            elif row.pk not in self.decided_charges and row.state != State.SENDING:
                assert row.task_id == task_id
        assert not [key for key, row in rows.items() if row.task_id]

    def assert_ended_unchanged(self) -> None:
        values = {row.pk: final_values_of(row) for row in self.rows if row.state in ENDED_STATES}
        assert self.ended_values.items() <= values.items()
        self.ended_values = values


def final_values_of(row: Generation) -> tuple[object, ...]:
    return tuple(getattr(row, column) for column in FINAL_COLUMNS)


def _sum_credits(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount or Decimal(0) for amount in amounts), Decimal(0))
