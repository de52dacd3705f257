"""Proving the book: every credit is explained by entries, and every entry by a generation.

Entries are what happened; holds and purses are what follows from them, kept because they are
quick to look at. The audit works them out again from the entries and compares.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from heapq import merge
from itertools import groupby
from operator import itemgetter

from django.db import connection
from django.db.models import Count, ExpressionWrapper, F, Q, Sum, Window

from evolink_studio.core.database import one_moment
from evolink_studio.credits.fields import CreditsField
from evolink_studio.credits.models import Entry, Hold, Purse

ZERO = Decimal(0)
ENDS = Q(kind__in=[Entry.Kind.SETTLE, Entry.Kind.RELEASE])

# What a generation's entries must sum to; None while its credits are still held.
Expected = Mapping[int, Decimal | None]
# Set by the app that knows the generations, so that the command can ask it.
truth: Callable[[], Iterable[tuple[int, Decimal | None]]] | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that does not add up. `credits` is by how much, where that can be said."""

    what: str
    generation: int | None = None
    purse: int | None = None
    credits: Decimal | None = None

    def __str__(self) -> str:
        places = (("generation", self.generation), ("purse", self.purse))
        where = ", ".join(f"{name} {number}" for name, number in places if number is not None)
        amount = f" ({self.credits:+} credits)" if self.credits else ""
        return f"{where or 'book'}: {self.what}{amount}"


@dataclass(frozen=True)
class Report:
    """How much was looked at, and what was found. `compared`: with the generations as well."""

    purses: int
    generations: int
    entries: int
    compared: bool
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        return not self.findings


def check(*, expected: Expected | None = None) -> Report:
    """Everything, as it was at one moment. `expected` must name every generation there is."""
    with one_moment():
        return _check(expected)


def check_with_truth() -> Report:
    """Everything, compared with the generations where their app is there to tell."""
    with one_moment():
        return _check(dict(truth()) if truth else None)


def _check(expected: Expected | None) -> Report:
    known: set[int] = set()
    findings = (
        *_unguarded(),
        *_purses(),
        *_balances(),
        *_generations(expected, known),
        *(_never_booked(expected, known) if expected is not None else ()),
    )
    return Report(
        purses=Purse.objects.count(),
        generations=len(known),
        entries=Entry.objects.count(),
        compared=expected is not None,
        findings=findings,
    )


def _unguarded() -> Iterator[Finding]:
    catalogue = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN (%s, %s)",
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE tgname IN (%s, %s) "
        "AND tgenabled IN ('O', 'A')",
    }
    names = ["credits_entry_no_update", "credits_entry_no_delete"]
    with connection.cursor() as cursor:
        cursor.execute(catalogue[connection.vendor], names)
        (count,) = cursor.fetchone()
    if count != len(names):
        yield Finding("the database no longer refuses to change entries")


def _purses() -> Iterator[Finding]:
    sums = Entry.objects.order_by().values("purse").annotate(r=Sum("reserved"), c=Sum("charged"))
    booked = {purse: (r, c) for purse, r, c in sums.values_list("purse", "r", "c")}
    for purse in Purse.objects.iterator():
        reserved, charged = booked.pop(purse.pk, (ZERO, ZERO))
        facts = (("reserved", purse.reserved, reserved), ("charged", purse.charged, charged))
        for name, says, sums_to in facts:
            if says != sums_to:
                what = f"says {says} {name}, its entries sum to {sums_to}"
                yield Finding(what, purse=purse.pk, credits=says - sums_to)
            if says < 0:
                yield Finding(f"{name} below 0", purse=purse.pk, credits=says)


def _balances() -> Iterator[Finding]:
    """Each entry says what its purse had used then: a missing or changed line breaks the chain."""
    amount = ExpressionWrapper(F("reserved") + F("charged"), output_field=CreditsField())
    running = Window(Sum(amount), partition_by="purse", order_by="pk")
    wrong = Entry.objects.order_by().annotate(running=running).exclude(running=F("balance"))
    for pk, generation, purse, balance, summed in wrong.values_list(
        "pk", "generation", "purse", "balance", "running"
    ):
        what = f"entry {pk} says {balance} used, the entries up to it sum to {summed}"
        yield Finding(what, generation, purse, balance - summed)
    sold = Entry.objects.filter(kind=Entry.Kind.RESERVE, balance__gt=F("limit"))
    for entry in sold.order_by():
        what = f"entry {entry.pk} reserved more than there was"
        yield Finding(what, entry.generation, entry.purse_id, entry.balance - (entry.limit or ZERO))


@dataclass
class _Sums:
    """What the entries of a generation in one purse say, beside its hold."""

    reserved: Decimal = ZERO
    charged: Decimal = ZERO
    ends: int = 0
    hold: tuple[str, Decimal] | None = None

    @property
    def amount(self) -> Decimal:
        return self.reserved + self.charged


def _generations(expected: Expected | None, known: set[int]) -> Iterator[Finding]:
    for generation, purses in _by_generation():
        known.add(generation)
        for purse, sums in purses.items():
            for what, credits in _wrong(sums):
                yield Finding(what, generation, purse, credits)
        if len({(sums.hold, sums.amount) for sums in purses.values()}) > 1:
            yield Finding("its purses do not agree", generation)
        if expected is not None:
            for purse, sums in purses.items():
                for what, credits in _unexpected(sums, expected, generation):
                    yield Finding(what, generation, purse, credits)


def _by_generation() -> Iterator[tuple[int, dict[int, _Sums]]]:
    """Entries and holds side by side, in the order of the generations, never all at once."""
    both = merge(_entry_sums(), _holds(), key=itemgetter(0))
    for generation, rows in groupby(both, itemgetter(0)):
        purses: dict[int, _Sums] = {}
        for _generation, purse, sums in rows:
            known = purses.setdefault(purse, sums)
            known.hold = known.hold or sums.hold
        yield generation, purses


def _entry_sums() -> Iterator[tuple[int, int, _Sums]]:
    rows = Entry.objects.order_by("generation", "purse").values("generation", "purse")
    sums = rows.annotate(r=Sum("reserved"), c=Sum("charged"), n=Count("pk", filter=ENDS))
    columns = sums.values_list("generation", "purse", "r", "c", "n")
    for generation, purse, reserved, charged, ends in columns.iterator():
        yield generation, purse, _Sums(reserved, charged, ends)


def _holds() -> Iterator[tuple[int, int, _Sums]]:
    rows = Hold.objects.order_by("generation", "purse")
    columns = rows.values_list("generation", "purse", "state", "amount")
    for generation, purse, state, amount in columns.iterator():
        yield generation, purse, _Sums(hold=(state, amount))


def _wrong(sums: _Sums) -> Iterator[tuple[str, Decimal]]:
    if sums.hold is None:
        yield "entries without a reservation", sums.amount
        return
    state, amount = sums.hold
    held = amount if state == Hold.State.HELD else ZERO
    charged = amount if state == Hold.State.SETTLED else ZERO
    if (held, charged) != (sums.reserved, sums.charged):
        said = f"{held} held and {charged} charged"
        summed = f"{sums.reserved} held and {sums.charged} charged"
        yield f"says {said}, its entries sum to {summed}", amount - sums.amount
    ends = 0 if state == Hold.State.HELD else 1
    if sums.ends != ends:
        yield f"charged or returned {sums.ends} times instead of {ends}", ZERO


def _unexpected(sums: _Sums, expected: Expected, generation: int) -> Iterator[tuple[str, Decimal]]:
    if generation not in expected:
        yield "no such generation", sums.amount
        return
    wanted = expected[generation]
    held = sums.hold is not None and sums.hold[0] == Hold.State.HELD
    if wanted is None and not held:
        yield "under way, and yet charged or returned", sums.amount
    elif wanted is not None and held:
        yield f"ended with {wanted} credits, and yet held", sums.amount - wanted
    elif wanted is not None and sums.amount != wanted:
        yield f"EvoLink charged {wanted}, its entries sum to {sums.amount}", sums.amount - wanted


def _never_booked(expected: Expected, known: set[int]) -> Iterator[Finding]:
    for generation, wanted in expected.items():
        if generation not in known:
            yield Finding("not in the book", generation, credits=-wanted if wanted else None)
