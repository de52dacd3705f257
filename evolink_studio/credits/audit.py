"""Audit of the ledger: every credit is explained by entries, and every entry by a generation.

Reservations and balances are totals of the entries, stored because they are quick to read. The
audit computes them from the entries again and compares.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from heapq import merge
from itertools import groupby
from operator import itemgetter

from django.db import connection
from django.db.models import Count, ExpressionWrapper, F, Q, Sum, Window

from evolink_studio.core.database import consistent_snapshot
from evolink_studio.credits.fields import ZERO_CREDITS, CreditsField
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry, Reservation
from evolink_studio.credits.usage_source import get_usage_source

IS_CLOSING_ENTRY = Q(kind__in=[LedgerEntry.Kind.SETTLE, LedgerEntry.Kind.RELEASE])
IS_REOPENING_ENTRY = Q(kind=LedgerEntry.Kind.REOPEN)

# By generation id: what its entries must sum to; None while its credits are reserved.
ExpectedCharges = Mapping[int, Decimal | None]


@dataclass(frozen=True)
class Finding:
    """One mismatch. `credits` is the difference, where there is one."""

    description: str
    generation_id: int | None = None
    balance_id: int | None = None
    credits: Decimal | None = None

    def __str__(self) -> str:
        ids_by_name = (("generation", self.generation_id), ("purse", self.balance_id))
        location = ", ".join(
            f"{name} {number}" for name, number in ids_by_name if number is not None
        )
        amount = f" ({self.credits:+} credits)" if self.credits else ""
        return f"{location or 'book'}: {self.description}{amount}"


@dataclass(frozen=True)
class AuditReport:
    """What was checked, and the findings. `is_compared`: also compared with the generations."""

    balance_count: int
    generation_count: int
    entry_count: int
    is_compared: bool
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        return not self.findings


def audit_ledger(*, expected: ExpectedCharges | None = None) -> AuditReport:
    """Audit everything in one consistent snapshot. `expected` must hold every generation."""
    with consistent_snapshot():
        return _run_audit(expected)


def audit_ledger_with_generations() -> AuditReport:
    """The same, compared with the generations if a usage source is registered."""
    source = get_usage_source()
    with consistent_snapshot():
        if source is None:
            return _run_audit(None)
        return _run_audit(
            dict(source.list_expected_charges()), held=dict(source.list_held_credits())
        )


def _run_audit(
    expected: ExpectedCharges | None, held: Mapping[int, Decimal] | None = None
) -> AuditReport:
    generation_ids: set[int] = set()
    findings = (
        *_check_triggers(),
        *_check_balance_totals(),
        *_check_running_totals(),
        *_check_generations(expected, held, generation_ids),
        *(_find_missing(expected, generation_ids) if expected is not None else ()),
    )
    return AuditReport(
        balance_count=AllowanceBalance.objects.count(),
        generation_count=len(generation_ids),
        entry_count=LedgerEntry.objects.count(),
        is_compared=expected is not None,
        findings=findings,
    )


def _check_triggers() -> Iterator[Finding]:
    trigger_queries = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN (%s, %s)",
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE tgname IN (%s, %s) "
        "AND tgenabled IN ('O', 'A')",
    }
    trigger_names = ["credits_ledgerentry_no_update", "credits_ledgerentry_no_delete"]
    with connection.cursor() as cursor:
        cursor.execute(trigger_queries[connection.vendor], trigger_names)
        (count,) = cursor.fetchone()
    if count != len(trigger_names):
        yield Finding("the database no longer refuses to change entries")


def _check_balance_totals() -> Iterator[Finding]:
    entry_sums = (
        LedgerEntry.objects.order_by()
        .values("balance")
        .annotate(r=Sum("credits_reserved_delta"), c=Sum("credits_charged_delta"))
    )
    entry_totals = {
        balance_id: (reserved, charged)
        for balance_id, reserved, charged in entry_sums.values_list("balance", "r", "c")
    }
    for balance in AllowanceBalance.objects.iterator():
        reserved, charged = entry_totals.pop(balance.pk, (ZERO_CREDITS, ZERO_CREDITS))
        comparisons = (
            ("reserved", balance.credits_reserved, reserved),
            ("charged", balance.credits_charged, charged),
        )
        for name, stored_total, entry_total in comparisons:
            if stored_total != entry_total:
                description = f"says {stored_total} {name}, its entries sum to {entry_total}"
                yield Finding(
                    description, balance_id=balance.pk, credits=stored_total - entry_total
                )
            if stored_total < 0:
                yield Finding(f"{name} below 0", balance_id=balance.pk, credits=stored_total)


def _check_running_totals() -> Iterator[Finding]:
    """Compare `credits_used_after` with the running sum: it differs after a missing or changed
    entry."""
    change = ExpressionWrapper(
        F("credits_reserved_delta") + F("credits_charged_delta"), output_field=CreditsField()
    )
    running_total = Window(Sum(change), partition_by="balance", order_by="pk")
    mismatches = (
        LedgerEntry.objects.order_by()
        .annotate(running=running_total)
        .exclude(running=F("credits_used_after"))
    )
    for pk, generation_id, balance_id, used_after, entry_total in mismatches.values_list(
        "pk", "generation_id", "balance", "credits_used_after", "running"
    ):
        description = (
            f"entry {pk} says {used_after} used, the entries up to it sum to {entry_total}"
        )
        yield Finding(description, generation_id, balance_id, used_after - entry_total)
    over_limit_entries = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.RESERVE, credits_used_after__gt=F("credits_limit")
    )
    for entry in over_limit_entries.order_by():
        description = f"entry {entry.pk} reserved more than there was"
        yield Finding(
            description,
            entry.generation_id,
            entry.balance_id,
            entry.credits_used_after - (entry.credits_limit or ZERO_CREDITS),
        )


@dataclass
class _EntrySums:
    """Totals of a generation's entries in one balance; `reservation` is (state, credits, round)."""

    reserved: Decimal = ZERO_CREDITS
    charged: Decimal = ZERO_CREDITS
    closing_count: int = 0
    reopening_count: int = 0
    reservation: tuple[str, Decimal, int] | None = None

    @property
    def total(self) -> Decimal:
        return self.reserved + self.charged


def _check_generations(
    expected: ExpectedCharges | None, held: Mapping[int, Decimal] | None, generation_ids: set[int]
) -> Iterator[Finding]:
    for generation_id, sums_by_balance in _group_by_generation():
        generation_ids.add(generation_id)
        for balance_id, sums in sums_by_balance.items():
            for description, credits in _find_mismatches(sums):
                yield Finding(description, generation_id, balance_id, credits)
        if len({(sums.reservation, sums.total) for sums in sums_by_balance.values()}) > 1:
            yield Finding("its purses do not agree", generation_id)
        reserved = next(iter(sums_by_balance.values())).reserved
        if held is not None and (row_amount := held.get(generation_id, ZERO_CREDITS)) != reserved:
            description = f"its row says {row_amount} held, its entries sum to {reserved}"
            yield Finding(description, generation_id, credits=row_amount - reserved)
        if expected is not None:
            for balance_id, sums in sums_by_balance.items():
                for description, credits in _compare_with_expected(sums, expected, generation_id):
                    yield Finding(description, generation_id, balance_id, credits)


def _group_by_generation() -> Iterator[tuple[int, dict[int, _EntrySums]]]:
    """Entry sums and reservations by balance, streamed in the order of generation ids."""
    merged_rows = merge(_read_entry_sums(), _read_reservations(), key=itemgetter(0))
    for generation_id, rows in groupby(merged_rows, itemgetter(0)):
        sums_by_balance: dict[int, _EntrySums] = {}
        for _generation_id, balance_id, sums in rows:
            balance_sums = sums_by_balance.setdefault(balance_id, sums)
            balance_sums.reservation = balance_sums.reservation or sums.reservation
        yield generation_id, sums_by_balance


def _read_entry_sums() -> Iterator[tuple[int, int, _EntrySums]]:
    rows = LedgerEntry.objects.order_by("generation_id", "balance").values(
        "generation_id", "balance"
    )
    totals = rows.annotate(
        r=Sum("credits_reserved_delta"),
        c=Sum("credits_charged_delta"),
        n=Count("pk", filter=IS_CLOSING_ENTRY),
        again=Count("pk", filter=IS_REOPENING_ENTRY),
    )
    columns = totals.values_list("generation_id", "balance", "r", "c", "n", "again")
    for generation_id, balance_id, *sums in columns.iterator():
        yield generation_id, balance_id, _EntrySums(*sums)


def _read_reservations() -> Iterator[tuple[int, int, _EntrySums]]:
    rows = Reservation.objects.order_by("generation_id", "balance")
    columns = rows.values_list("generation_id", "balance", "state", "credits", "round")
    for generation_id, balance_id, state, amount, round_number in columns.iterator():
        yield generation_id, balance_id, _EntrySums(reservation=(state, amount, round_number))


def _find_mismatches(sums: _EntrySums) -> Iterator[tuple[str, Decimal]]:
    if sums.reservation is None:
        yield "entries without a reservation", sums.total
        return
    state, amount, round_number = sums.reservation
    reserved = amount if state == Reservation.State.RESERVED else ZERO_CREDITS
    charged = amount if state == Reservation.State.SETTLED else ZERO_CREDITS
    if (reserved, charged) != (sums.reserved, sums.charged):
        stored_text = f"{reserved} held and {charged} charged"
        entries_text = f"{sums.reserved} held and {sums.charged} charged"
        yield f"says {stored_text}, its entries sum to {entries_text}", amount - sums.total
    if sums.reopening_count != round_number:
        yield f"opened again {sums.reopening_count} times instead of {round_number}", ZERO_CREDITS
    expected_count = round_number + (0 if state == Reservation.State.RESERVED else 1)
    if sums.closing_count != expected_count:
        yield (
            f"charged or returned {sums.closing_count} times instead of {expected_count}",
            ZERO_CREDITS,
        )


def _compare_with_expected(
    sums: _EntrySums, expected: ExpectedCharges, generation_id: int
) -> Iterator[tuple[str, Decimal]]:
    if generation_id not in expected:
        yield "no such generation", sums.total
        return
    expected_charge = expected[generation_id]
    is_reserved = sums.reservation is not None and sums.reservation[0] == Reservation.State.RESERVED
    if expected_charge is None and not is_reserved:
        yield "under way, and yet charged or returned", sums.total
    elif expected_charge is not None and is_reserved:
        yield f"ended with {expected_charge} credits, and yet held", sums.total - expected_charge
    elif expected_charge is not None and sums.total != expected_charge:
        yield (
            f"EvoLink charged {expected_charge}, its entries sum to {sums.total}",
            sums.total - expected_charge,
        )


def _find_missing(expected: ExpectedCharges, generation_ids: set[int]) -> Iterator[Finding]:
    for generation_id, expected_charge in expected.items():
        if generation_id not in generation_ids:
            yield Finding(
                "not in the book",
                generation_id,
                credits=-expected_charge if expected_charge else None,
            )
