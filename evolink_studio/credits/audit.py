"""Audit of the ledger: every credit is explained by entries, and every entry by a generation.

Reservations and balances are totals of the entries, stored because they are quick to read. The
audit computes them from the entries again and compares.

It goes through the ledger twice, in windows: purse by purse, whose entries must sum to what the
purse and each entry say, and generation by generation, whose entries must sum to its reservations
and to what its row says. Each window is one snapshot, so that the ledger may grow meanwhile:

- Whoever writes an entry has locked its purse, so the entries of a purse are committed in the order
  of their numbers, and never change. Those up to one number are therefore the same in every later
  snapshot, and the window that sees the last of them sees the totals that belong to them.
- All entries, reservations and the row of one generation stand in the same window.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Cast

from evolink_studio.core.database import consistent_snapshot
from evolink_studio.core.proof import Position, Proof, ProofStep
from evolink_studio.credits.fields import (
    ZERO_CREDITS,
    UnitsField,
    as_units,
    credits_from_units,
    units_from_credits,
)
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry, Reservation
from evolink_studio.credits.usage_source import GenerationCharge, get_usage_source

IS_CLOSING_ENTRY = Q(kind__in=[LedgerEntry.Kind.SETTLE, LedgerEntry.Kind.RELEASE])
IS_REOPENING_ENTRY = Q(kind=LedgerEntry.Kind.REOPEN)
WINDOW_ROWS = 4000  # of each table; some ten milliseconds

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


class ChargeSource(Protocol):
    """The part of a usage source that the audit compares with."""

    def list_charges(self, first_id: int, before_id: int | None) -> Iterable[GenerationCharge]:
        """As `UsageSource.list_charges`."""

    def find_id(self, first_id: int, offset: int) -> int | None:
        """As `UsageSource.find_id`."""


class _ExpectedSource:
    """Generations as a mapping tells them. Nothing is known of what their rows hold."""

    def __init__(self, expected: ExpectedCharges) -> None:
        self._expected = expected
        self._ids = sorted(expected)

    def list_charges(self, first_id: int, before_id: int | None) -> Iterator[GenerationCharge]:
        for generation_id in self._ids:
            if first_id <= generation_id and (before_id is None or generation_id < before_id):
                charge = self._expected[generation_id]
                expected = None if charge is None else units_from_credits(charge)
                yield GenerationCharge(generation_id, expected, held=0)

    def find_id(self, first_id: int, offset: int) -> int | None:
        ids = [generation_id for generation_id in self._ids if generation_id >= first_id]
        return ids[offset] if offset < len(ids) else None


def audit_ledger(*, expected: ExpectedCharges | None = None) -> AuditReport:
    """Audit everything. `expected` must hold every generation."""
    source = None if expected is None else _ExpectedSource(expected)
    steps = _prove(None, source, is_held_known=False)
    return _collect(steps, is_compared=source is not None)


def audit_ledger_with_generations() -> AuditReport:
    """The same, compared with the generations if a usage source is registered."""
    return _collect(prove_ledger(None), is_compared=get_usage_source() is not None)


def prove_ledger(position: Position | None) -> Iterator[ProofStep]:
    """The audit in steps, from a position on. `counts`: balances, generations, entries."""
    return _prove(position, get_usage_source(), is_held_known=True)


LEDGER_PROOF = Proof(
    name="ledger",
    failure="the book of credits does not add up",
    command="manage.py check_ledger",
    run=prove_ledger,
)


def _collect(steps: Iterator[ProofStep], *, is_compared: bool) -> AuditReport:
    counts = {"balances": 0, "generations": 0, "entries": 0}
    findings: list[Any] = []
    for step in steps:
        findings += step.findings
        for name, count in step.counts.items():
            counts[name] += count
    return AuditReport(
        balance_count=counts["balances"],
        generation_count=counts["generations"],
        entry_count=counts["entries"],
        is_compared=is_compared,
        findings=tuple(findings),
    )


def _prove(
    position: Position | None, source: ChargeSource | None, *, is_held_known: bool
) -> Iterator[ProofStep]:
    position = position or {"part": "start"}
    if position["part"] == "start":
        purse_cursor = _PurseCursor()
        yield ProofStep(purse_cursor.to_position(), findings=tuple(_check_triggers()))
    if position["part"] in ("start", "purses"):
        cursor: _PurseCursor | None = _PurseCursor.from_position(position)
        while cursor is not None:
            step, cursor = _check_purses(cursor)
            yield step
    first_id: int | None = position.get("first_id", 0)
    while first_id is not None:
        step, first_id = _check_generations(first_id, source, is_held_known)
        yield step


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


# --- purse by purse -------------------------------------------------------------------------------


@dataclass
class _PurseCursor:
    """The last entry that was read, in the order of purses, and its purse's totals up to it."""

    balance_id: int = 0
    entry_id: int = 0
    reserved: int = 0
    charged: int = 0

    @classmethod
    def from_position(cls, position: Position) -> "_PurseCursor":
        return cls(**{name: position[name] for name in cls.__annotations__ if name in position})

    def to_position(self) -> Position:
        return {"part": "purses", **vars(self)}


def _check_purses(cursor: _PurseCursor) -> tuple[ProofStep, _PurseCursor | None]:
    """The next window of entries, and the purses that end in it. None after the last entry."""
    first_balance_id = cursor.balance_id
    sums_by_balance = {first_balance_id: (cursor.reserved, cursor.charged)}
    findings: list[Finding] = []
    with consistent_snapshot():
        rows = _read_entries(cursor)
        is_last = len(rows) < WINDOW_ROWS
        balances = AllowanceBalance.objects.filter(pk__gte=first_balance_id)
        if not is_last:
            balances = balances.filter(pk__lt=rows[-1][2])
        columns = ("pk", as_units("credits_reserved"), as_units("credits_charged"))
        totals = list(balances.order_by("pk").values_list(*columns))
    balance_id, (reserved, charged) = first_balance_id, sums_by_balance[first_balance_id]
    for pk, generation_id, row_balance, kind, row_reserved, row_charged, used_after, limit in rows:
        if row_balance != balance_id:
            sums_by_balance[balance_id] = (reserved, charged)
            balance_id, reserved, charged = row_balance, 0, 0
        reserved += row_reserved
        charged += row_charged
        if used_after != reserved + charged:
            said, summed = credits_from_units(used_after), credits_from_units(reserved + charged)
            description = f"entry {pk} says {said} used, the entries up to it sum to {summed}"
            findings.append(Finding(description, generation_id, balance_id, said - summed))
        if kind == LedgerEntry.Kind.RESERVE and limit is not None and used_after > limit:
            description = f"entry {pk} reserved more than there was"
            excess = credits_from_units(used_after - limit)
            findings.append(Finding(description, generation_id, balance_id, excess))
    sums_by_balance[balance_id] = (reserved, charged)
    for pk, *stored_totals in totals:
        findings += _compare_balance(pk, stored_totals, sums_by_balance.get(pk, (0, 0)))
    next_cursor = None
    if not is_last:
        next_cursor = _PurseCursor(balance_id, rows[-1][0], reserved, charged)
    position: Position = {"part": "generations"} if is_last else {}
    step = ProofStep(
        next_cursor.to_position() if next_cursor else position,
        {"entries": len(rows), "balances": len(totals)},
        tuple(findings),
    )
    return step, next_cursor


def _read_entries(cursor: _PurseCursor) -> list[tuple[Any, ...]]:
    """The next WINDOW_ROWS entries in the order of purses. At most two queries, each by index."""
    columns = (
        *("pk", "generation_id", "balance_id", "kind"),
        as_units("credits_reserved_delta"),
        as_units("credits_charged_delta"),
        as_units("credits_used_after"),
        as_units("credits_limit"),
    )
    entries = LedgerEntry.objects.values_list(*columns)
    same_purse = entries.filter(balance=cursor.balance_id, pk__gt=cursor.entry_id).order_by("pk")
    rows = list(same_purse[:WINDOW_ROWS])
    if room := WINDOW_ROWS - len(rows):
        later_purses = entries.filter(balance__gt=cursor.balance_id).order_by("balance_id", "pk")
        rows += later_purses[:room]
    return rows


def _compare_balance(
    balance_id: int, stored_totals: Iterable[int], entry_totals: Iterable[int]
) -> Iterator[Finding]:
    for name, stored_units, entry_units in zip(
        ("reserved", "charged"), stored_totals, entry_totals, strict=True
    ):
        stored, summed = credits_from_units(stored_units), credits_from_units(entry_units)
        if stored != summed:
            description = f"says {stored} {name}, its entries sum to {summed}"
            yield Finding(description, balance_id=balance_id, credits=stored - summed)
        if stored < 0:
            yield Finding(f"{name} below 0", balance_id=balance_id, credits=stored)


# --- generation by generation ---------------------------------------------------------------------


@dataclass(slots=True)
class _EntrySums:
    """Totals of a generation's entries in one balance, in units, and its reservation there.

    Without a reservation `state` is empty.
    """

    reserved: int = 0
    charged: int = 0
    closing_count: int = 0
    reopening_count: int = 0
    state: str = ""
    amount: int = 0
    round: int = 0

    @property
    def total(self) -> int:
        return self.reserved + self.charged

    @property
    def expected_totals(self) -> tuple[int, int]:
        """(reserved, charged) as the reservation says."""
        return (
            self.amount if self.state == Reservation.State.RESERVED else 0,
            self.amount if self.state == Reservation.State.SETTLED else 0,
        )

    @property
    def expected_closing_count(self) -> int:
        return self.round + (0 if self.state == Reservation.State.RESERVED else 1)

    @property
    def is_consistent(self) -> bool:
        """Whether the reservation says what the entries sum to."""
        return (
            bool(self.state)
            and (self.reserved, self.charged) == self.expected_totals
            and self.reopening_count == self.round
            and self.closing_count == self.expected_closing_count
        )


SumsByBalance = dict[int, _EntrySums]


def _check_generations(
    first_id: int, source: ChargeSource | None, is_held_known: bool
) -> tuple[ProofStep, int | None]:
    """The next window of generations; also the first id of the one after it, None at the end."""
    with consistent_snapshot():
        before_id = _find_window_end(first_id, source)
        sums_by_generation = _read_sums(first_id, before_id)
        charges = [] if source is None else list(source.list_charges(first_id, before_id))
    charge_by_id = {charge.generation_id: charge for charge in charges}
    findings: list[Finding] = []
    for generation_id, sums_by_balance in sums_by_generation.items():
        findings += _check_reservations(generation_id, sums_by_balance)
        if source is not None:
            charge = charge_by_id.pop(generation_id, None)
            findings += _compare_with_charge(generation_id, sums_by_balance, charge, is_held_known)
    for generation_id, charge in charge_by_id.items():  # those that have no entry
        credits = -credits_from_units(charge.expected) if charge.expected else None
        findings.append(Finding("not in the book", generation_id, credits=credits))
    step = ProofStep(
        {"part": "generations", "first_id": before_id},
        {"generations": len(sums_by_generation)},
        tuple(findings),
    )
    return step, before_id


def _find_window_end(first_id: int, source: ChargeSource | None) -> int | None:
    """The id before which the window ends, so that it has about WINDOW_ROWS rows of each table."""
    ends = [
        _find_id(LedgerEntry.objects.all(), first_id),
        _find_id(Reservation.objects.all(), first_id),
        None if source is None else source.find_id(first_id, WINDOW_ROWS),
    ]
    known_ends = [end for end in ends if end is not None]
    return max(min(known_ends), first_id + 1) if known_ends else None


def _find_id(rows: QuerySet[Any], first_id: int) -> int | None:
    ids = rows.filter(generation_id__gte=first_id).order_by("generation_id")
    found: int | None = ids.values_list("generation_id", flat=True)[WINDOW_ROWS:].first()
    return found


def _read_sums(first_id: int, before_id: int | None) -> dict[int, SumsByBalance]:
    """Entry sums and reservations by generation and balance. Two queries, each by index."""
    window = Q(generation_id__gte=first_id)
    if before_id is not None:
        window &= Q(generation_id__lt=before_id)
    totals = (
        LedgerEntry.objects.filter(window)
        .order_by("generation_id", "balance_id")
        .values("generation_id", "balance_id")
        .annotate(
            reserved=Cast(Sum(as_units("credits_reserved_delta")), UnitsField()),
            charged=Cast(Sum(as_units("credits_charged_delta")), UnitsField()),
            closing=Count("pk", filter=IS_CLOSING_ENTRY),
            reopening=Count("pk", filter=IS_REOPENING_ENTRY),
        )
    )
    sums_by_generation: dict[int, SumsByBalance] = {}
    for generation_id, balance_id, *sums in totals.values_list(
        "generation_id", "balance_id", "reserved", "charged", "closing", "reopening"
    ):
        sums_by_generation.setdefault(generation_id, {})[balance_id] = _EntrySums(*sums)
    reservations = Reservation.objects.filter(window).order_by("generation_id", "balance_id")
    for generation_id, balance_id, state, amount, round_number in reservations.values_list(
        "generation_id", "balance_id", "state", as_units("credits"), "round"
    ):
        sums_by_balance = sums_by_generation.setdefault(generation_id, {})
        balance_sums = sums_by_balance.setdefault(balance_id, _EntrySums())
        balance_sums.state, balance_sums.amount = state, amount
        balance_sums.round = round_number
    return sums_by_generation


def _check_reservations(generation_id: int, sums_by_balance: SumsByBalance) -> Iterator[Finding]:
    for balance_id, sums in sums_by_balance.items():
        if not sums.is_consistent:
            for description, credits in _describe_mismatches(sums):
                yield Finding(description, generation_id, balance_id, credits)
    if len(sums_by_balance) > 1:
        facts = {
            (sums.state, sums.amount, sums.round, sums.total) for sums in sums_by_balance.values()
        }
        if len(facts) > 1:
            yield Finding("its purses do not agree", generation_id)


def _describe_mismatches(sums: _EntrySums) -> Iterator[tuple[str, Decimal]]:
    if not sums.state:
        yield "entries without a reservation", credits_from_units(sums.total)
        return
    if (sums.reserved, sums.charged) != sums.expected_totals:
        stored_text = _describe_totals(*sums.expected_totals)
        entries_text = _describe_totals(sums.reserved, sums.charged)
        difference = credits_from_units(sums.amount - sums.total)
        yield f"says {stored_text}, its entries sum to {entries_text}", difference
    if sums.reopening_count != sums.round:
        yield f"opened again {sums.reopening_count} times instead of {sums.round}", ZERO_CREDITS
    if sums.closing_count != (expected_count := sums.expected_closing_count):
        text = f"charged or returned {sums.closing_count} times instead of {expected_count}"
        yield text, ZERO_CREDITS


def _describe_totals(reserved: int, charged: int) -> str:
    return f"{credits_from_units(reserved)} held and {credits_from_units(charged)} charged"


def _compare_with_charge(
    generation_id: int,
    sums_by_balance: SumsByBalance,
    charge: GenerationCharge | None,
    is_held_known: bool,
) -> Iterator[Finding]:
    reserved = next(iter(sums_by_balance.values())).reserved
    held = 0 if charge is None else charge.held
    if is_held_known and held != reserved:
        held_credits, entry_credits = credits_from_units(held), credits_from_units(reserved)
        description = f"its row says {held_credits} held, its entries sum to {entry_credits}"
        yield Finding(description, generation_id, credits=held_credits - entry_credits)
    for balance_id, sums in sums_by_balance.items():
        is_reserved = sums.state == Reservation.State.RESERVED
        if charge is None:
            description, difference = "no such generation", sums.total
        elif charge.expected is None:
            if is_reserved:
                continue
            description, difference = "under way, and yet charged or returned", sums.total
        else:
            if not is_reserved and sums.total == charge.expected:
                continue
            difference = sums.total - charge.expected
            expected, total = credits_from_units(charge.expected), credits_from_units(sums.total)
            description = (
                f"ended with {expected} credits, and yet held"
                if is_reserved
                else f"EvoLink charged {expected}, its entries sum to {total}"
            )
        yield Finding(description, generation_id, balance_id, credits_from_units(difference))
