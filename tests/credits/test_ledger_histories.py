"""Random histories against a second, simpler bookkeeping. The audit must find nothing, ever.

LEDGER_ROUNDS sets how many histories are played.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from evolink_studio.accounts.models import User
from evolink_studio.credits import audit, ledger
from evolink_studio.credits.availability import allowance_statuses, check_availability
from evolink_studio.credits.exceptions import AllowanceExceeded
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from tests.credits.conftest import NOW, ROUNDS, VEO, everything

AMOUNTS = st.decimals(min_value=0, max_value=60, places=4)
PICK = st.integers(min_value=0, max_value=10**6)

# Who spends from what; each pot has its limit, its period and whether its spenders share it.
POTS = {
    "ada": (100, "day", False),
    "team": (150, "week", True),
    "all": (80, "month", False),
    "studio": (400, "none", True),
}
SPENDS = {
    "ada": ("ada", "team", "studio"),
    "ben": ("team", "all", "studio"),
    "cy": ("all", "studio"),
}
STARTS = {
    "day": lambda now: now.date(),
    "week": lambda now: date.fromisocalendar(*now.isocalendar()[:2], 1),
    "month": lambda now: date(now.year, now.month, 1),
    "none": lambda now: None,
}


class Known:
    """What the second bookkeeping knows of one generation."""

    def __init__(self, pots: list[tuple], amount: Decimal) -> None:
        self.pots = pots
        self.amount = amount
        self.held = True


class Histories(RuleBasedStateMachine):
    """Clicks, answers, clocks and admins in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        Allowance.objects.all().delete()
        self.people = {name: User.objects.create_user(name) for name in SPENDS}
        self.admin = User.objects.create_superuser("root")
        team = Group.objects.create(name="team")
        team.user_set.add(self.people["ada"], self.people["ben"])
        targets = {"ada": {"user": self.people["ada"]}, "team": {"group": team}}
        self.allowances = {
            name: Allowance.objects.create(
                credits_limit=limit, period=period, is_shared=shared, **targets.get(name, {})
            )
            for name, (limit, period, shared) in POTS.items()
        }
        self.now = NOW
        self.limits = {name: Decimal(limit) for name, (limit, _, _) in POTS.items()}
        self.generations: dict[int, Known] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    def pots(self, person: str, now: datetime) -> list[tuple]:
        return [
            (pot, None if POTS[pot][2] else person, STARTS[POTS[pot][1]](now))
            for pot in SPENDS[person]
        ]

    def used(self, pot: tuple) -> Decimal:
        return sum((g.amount for g in self.generations.values() if pot in g.pots), Decimal(0))

    def left(self, person: str) -> Decimal:
        """May be below 0."""
        return min(self.limits[pot[0]] - self.used(pot) for pot in self.pots(person, self.now))

    def some(self, pick: int) -> tuple[int, Known]:
        number = sorted(self.generations)[pick % len(self.generations)]
        return number, self.generations[number]

    @rule(person=st.sampled_from(sorted(SPENDS)), amount=AMOUNTS)
    def press(self, person: str, amount: Decimal) -> None:
        number = len(self.generations) + 1
        wish = {"user": self.people[person], "model_id": VEO, "active_count": 0, "now": self.now}
        fits = amount <= self.left(person)
        assert check_availability(amount=amount, **wish).is_allowed == fits
        if fits:
            assert ledger.reserve(generation_id=number, amount=amount, **wish) == amount
            self.generations[number] = Known(self.pots(person, self.now), amount)
            return
        before = everything()
        with pytest.raises(AllowanceExceeded) as refused:
            ledger.reserve(generation_id=number, amount=amount, **wish)
        assert refused.value.available >= 0
        assert everything() == before

    @precondition(lambda self: self.generations)
    @rule(pick=PICK, to=AMOUNTS)
    def evolink_reserves(self, pick: int, to: Decimal) -> None:
        number, generation = self.some(pick)
        changed = ledger.adjust(generation_id=number, reserved=to, now=self.now)
        assert changed == (generation.held and generation.amount != to)
        if generation.held:
            generation.amount = to

    @precondition(lambda self: self.generations)
    @rule(pick=PICK, charged=AMOUNTS)
    def evolink_charges(self, pick: int, charged: Decimal) -> None:
        number, generation = self.some(pick)
        assert ledger.settle(generation_id=number, charged=charged, now=self.now) == generation.held
        if generation.held:
            generation.amount, generation.held = charged, False

    @precondition(lambda self: self.generations)
    @rule(pick=PICK)
    def nothing_is_charged(self, pick: int) -> None:
        number, generation = self.some(pick)
        assert ledger.release(generation_id=number, now=self.now) == generation.held
        if generation.held:
            generation.amount, generation.held = Decimal(0), False

    @precondition(lambda self: self.generations)
    @rule(pick=PICK, charged=AMOUNTS)
    def an_admin_knows_better(self, pick: int, charged: Decimal) -> None:
        number, generation = self.some(pick)
        changed = ledger.correct(
            generation_id=number, charged=charged, actor=self.admin, note="seen", now=self.now
        )
        assert changed == (generation.held or generation.amount != charged)
        generation.amount, generation.held = charged, False

    @precondition(lambda self: self.generations)
    @rule(pick=PICK)
    def everything_arrives_again(self, pick: int) -> None:
        number, generation = self.some(pick)
        if generation.held:
            return
        before = everything()
        assert not ledger.settle(generation_id=number, charged=Decimal(9), now=self.now)
        assert not ledger.release(generation_id=number, now=self.now)
        assert not ledger.adjust(generation_id=number, reserved=Decimal(9), now=self.now)
        assert everything() == before

    @rule(person=st.sampled_from(sorted(SPENDS)), held=AMOUNTS)
    def a_task_is_rescued(self, person: str, held: Decimal) -> None:
        number = len(self.generations) + 1
        assert ledger.record_external(
            generation_id=number, user=self.people[person], reserved=held, now=self.now
        )
        self.generations[number] = Known(self.pots(person, self.now), held)

    @rule(hours=st.integers(min_value=1, max_value=24 * 20))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(pot=st.sampled_from(sorted(POTS)), limit=st.integers(min_value=0, max_value=500))
    def the_owner_changes_an_allowance(self, pot: str, limit: int) -> None:
        self.limits[pot] = Decimal(limit)
        allowance = self.allowances[pot]
        allowance.credits_limit = Decimal(limit)
        allowance.save()

    @invariant()
    def the_audit_finds_nothing(self) -> None:
        truth = {n: None if g.held else g.amount for n, g in self.generations.items()}
        assert audit.audit_ledger(expected=truth).findings == ()

    @invariant()
    def both_bookkeepings_agree(self) -> None:
        names = {allowance.pk: name for name, allowance in self.allowances.items()}
        booked = sum((purse.credits_used for purse in AllowanceBalance.objects.all()), Decimal(0))
        known = {pot for generation in self.generations.values() for pot in generation.pots}
        assert booked == sum((self.used(pot) for pot in known), Decimal(0))
        for name, person in self.people.items():
            shown = {names[s.allowance.pk]: s for s in allowance_statuses(person, self.now)}
            for pot in self.pots(name, self.now):
                left = self.limits[pot[0]] - self.used(pot)
                standing = shown[pot[0]]
                assert (standing.available, standing.overdraft) == (max(0, left), max(0, -left))

    @invariant()
    def nothing_was_ever_oversold(self) -> None:
        for entry in LedgerEntry.objects.filter(kind="reserve"):
            assert entry.credits_used_after <= entry.credits_limit


@pytest.mark.django_db
def test_whatever_happens_in_whatever_order_every_credit_is_explained():
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=max(1, ROUNDS // 2),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
