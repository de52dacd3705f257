"""People, allowances and a clock for the tests of money."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from evolink_studio.accounts.models import User
from evolink_studio.credits import ledger, usage_source
from evolink_studio.credits.fields import units_from_credits
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry, Reservation
from evolink_studio.credits.usage_source import GenerationCharge, UsageSample

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
VEO = "veo3.1-pro"
# How many rounds of a race, and how many random histories, are played.
ROUNDS = int(os.environ.get("LEDGER_ROUNDS", "20"))


@pytest.fixture(autouse=True)
def _without_usage_source(monkeypatch) -> None:
    """The ledger alone: nobody tells it about generations, unless a test registers a source."""
    monkeypatch.setattr(usage_source, "_registered_sources", [])


class FakeUsageSource:
    """Returns these samples and charges, and remembers for which samples it was asked."""

    def __init__(
        self,
        samples: Iterable[UsageSample] = (),
        charges: Iterable[tuple[int, Decimal | None]] = (),
    ) -> None:
        self.samples, self.charges = list(samples), list(charges)
        self.requests: list[tuple[str | None, int]] = []

    def list_recent_samples(self, model_id: str | None, limit: int) -> Iterable[UsageSample]:
        self.requests.append((model_id, limit))
        return self.samples

    def list_charges(self, first_id: int, before_id: int | None) -> Iterable[GenerationCharge]:
        reservations = Reservation.objects.filter(state=Reservation.State.RESERVED)
        held = dict(reservations.values_list("generation_id", "credits"))
        for number, charge in sorted(self.charges):
            if first_id <= number and (before_id is None or number < before_id):
                expected = None if charge is None else units_from_credits(charge)
                yield GenerationCharge(number, expected, units_from_credits(held.get(number, 0)))

    def find_id(self, first_id: int, offset: int) -> int | None:
        numbers = sorted(number for number, _charge in self.charges if number >= first_id)
        return numbers[offset] if offset < len(numbers) else None

    def get_usernames(self, generation_ids: Collection[int]) -> Mapping[int, str]:
        return {}

    def get_admin_url(self, generation_id: int) -> str:
        return f"/somewhere/{generation_id}/"


@dataclass
class LedgerDriver:
    """The ledger as a test uses it: numbers generations, sets the time."""

    now: datetime = NOW
    generation_ids: Iterator[int] = field(default_factory=lambda: count(1))

    def reserve(self, user: User, amount: str | None = "10", **options) -> int:
        """Reserve for a new generation and return its number."""
        generation_id = next(self.generation_ids)
        arguments = {"model_id": VEO, "now": self.now, **options}
        ledger.reserve(
            generation_id=generation_id,
            user=user,
            amount=None if amount is None else Decimal(amount),
            **arguments,
        )
        return generation_id

    def adjust(self, generation_id: int, reserved: str) -> bool:
        return ledger.adjust(generation_id=generation_id, reserved=Decimal(reserved), now=self.now)

    def settle(self, generation_id: int, charged: str) -> bool:
        return ledger.settle(generation_id=generation_id, charged=Decimal(charged), now=self.now)

    def release(self, generation_id: int) -> bool:
        return ledger.release(generation_id=generation_id, now=self.now)


@pytest.fixture
def ledger_driver() -> LedgerDriver:
    return LedgerDriver()


@pytest.fixture
def ada(db) -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def ben(db) -> User:
    return User.objects.create_user("ben")


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root", first_name="Grace", last_name="Hopper")


@pytest.fixture
def film_team(ada, ben) -> Group:
    """A group of Ada and Ben."""
    group = Group.objects.create(name="Film team")
    group.user_set.add(ada, ben)
    return group


def create_allowance(amount: str | int | None, **fields) -> Allowance:
    """An allowance; `None` is without a limit."""
    return Allowance.objects.create(
        credits_limit=None if amount is None else Decimal(amount), **fields
    )


def balance_totals(user: User | None = None) -> list[tuple[Decimal, Decimal]]:
    """(reserved, charged) of the balances of a person, the oldest first; None: of shared ones."""
    balances = AllowanceBalance.objects.filter(user=user).order_by("period_start", "pk")
    return [(balance.credits_reserved, balance.credits_charged) for balance in balances]


def entry_total(generation_id: int) -> Decimal:
    """What the entries of a generation sum to, if all its balances agree on it."""
    sums: dict[int, Decimal] = {}
    for entry in LedgerEntry.objects.filter(generation_id=generation_id):
        sums[entry.balance_id] = sums.get(entry.balance_id, Decimal(0)) + entry.credits_delta
    totals = set(sums.values())
    assert len(totals) == 1, sums
    return totals.pop()


def dump_ledger() -> tuple[object, ...]:
    """The whole ledger, to see whether something changed."""
    return tuple(
        tuple(table.objects.order_by("pk").values_list())
        for table in (AllowanceBalance, Reservation, LedgerEntry)
    )


def is_postgres() -> bool:
    return connection.vendor == "postgresql"
