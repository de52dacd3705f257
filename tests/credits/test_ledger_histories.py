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
from evolink_studio.credits.availability import check_availability, get_allowance_statuses
from evolink_studio.credits.exceptions import AllowanceExceeded
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from tests.credits.conftest import NOW, ROUNDS, VEO, dump_ledger

AMOUNTS = st.decimals(min_value=0, max_value=60, places=4)
INDEXES = st.integers(min_value=0, max_value=10**6)

# Who spends from what; each allowance has its limit, its period and whether its spenders share it.
ALLOWANCES = {
    "ada": (100, "day", False),
    "team": (150, "week", True),
    "all": (80, "month", False),
    "studio": (400, "none", True),
}
ALLOWANCES_BY_USER = {
    "ada": ("ada", "team", "studio"),
    "ben": ("team", "all", "studio"),
    "cy": ("all", "studio"),
}
PERIOD_STARTS = {
    "day": lambda now: now.date(),
    "week": lambda now: date.fromisocalendar(*now.isocalendar()[:2], 1),
    "month": lambda now: date(now.year, now.month, 1),
    "none": lambda now: None,
}


class ExpectedGeneration:
    """What the second bookkeeping knows of one generation."""

    def __init__(self, balance_keys: list[tuple], amount: Decimal) -> None:
        self.balance_keys = balance_keys
        self.amount = amount
        self.is_open = True


class LedgerHistories(RuleBasedStateMachine):
    """Clicks, answers, clocks and admins in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.outer_transaction = transaction.atomic()
        self.outer_transaction.__enter__()
        Allowance.objects.all().delete()
        self.users = {name: User.objects.create_user(name) for name in ALLOWANCES_BY_USER}
        self.admin = User.objects.create_superuser("root")
        group = Group.objects.create(name="team")
        group.user_set.add(self.users["ada"], self.users["ben"])
        targets = {"ada": {"user": self.users["ada"]}, "team": {"group": group}}
        self.allowances = {
            name: Allowance.objects.create(
                credits_limit=limit, period=period, is_shared=is_shared, **targets.get(name, {})
            )
            for name, (limit, period, is_shared) in ALLOWANCES.items()
        }
        self.now = NOW
        self.limits = {name: Decimal(limit) for name, (limit, _, _) in ALLOWANCES.items()}
        self.generations: dict[int, ExpectedGeneration] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outer_transaction.__exit__(None, None, None)

    def balance_keys(self, user: str, now: datetime) -> list[tuple]:
        return [
            (key, None if ALLOWANCES[key][2] else user, PERIOD_STARTS[ALLOWANCES[key][1]](now))
            for key in ALLOWANCES_BY_USER[user]
        ]

    def used_credits(self, key: tuple) -> Decimal:
        return sum(
            (g.amount for g in self.generations.values() if key in g.balance_keys), Decimal(0)
        )

    def remaining_credits(self, user: str) -> Decimal:
        """May be below 0."""
        return min(
            self.limits[key[0]] - self.used_credits(key)
            for key in self.balance_keys(user, self.now)
        )

    def pick_generation(self, pick: int) -> tuple[int, ExpectedGeneration]:
        number = sorted(self.generations)[pick % len(self.generations)]
        return number, self.generations[number]

    @rule(person=st.sampled_from(sorted(ALLOWANCES_BY_USER)), amount=AMOUNTS)
    def reserve_credits(self, person: str, amount: Decimal) -> None:
        number = len(self.generations) + 1
        arguments = {
            "user": self.users[person],
            "model_id": VEO,
            "now": self.now,
        }
        is_affordable = amount <= self.remaining_credits(person)
        assert check_availability(amount=amount, **arguments).is_allowed == is_affordable
        if is_affordable:
            assert ledger.reserve(generation_id=number, amount=amount, **arguments) == amount
            self.generations[number] = ExpectedGeneration(
                self.balance_keys(person, self.now), amount
            )
            return
        before = dump_ledger()
        with pytest.raises(AllowanceExceeded) as exc_info:
            ledger.reserve(generation_id=number, amount=amount, **arguments)
        assert exc_info.value.available >= 0
        assert dump_ledger() == before

    @precondition(lambda self: self.generations)
    @rule(pick=INDEXES, to=AMOUNTS)
    def adjust_reservation(self, pick: int, to: Decimal) -> None:
        number, generation = self.pick_generation(pick)
        has_changed = ledger.adjust(generation_id=number, reserved=to, now=self.now)
        assert has_changed == (generation.is_open and generation.amount != to)
        if generation.is_open:
            generation.amount = to

    @precondition(lambda self: self.generations)
    @rule(pick=INDEXES, charged=AMOUNTS)
    def settle_charge(self, pick: int, charged: Decimal) -> None:
        number, generation = self.pick_generation(pick)
        assert (
            ledger.settle(generation_id=number, charged=charged, now=self.now) == generation.is_open
        )
        if generation.is_open:
            generation.amount, generation.is_open = charged, False

    @precondition(lambda self: self.generations)
    @rule(pick=INDEXES)
    def release_reservation(self, pick: int) -> None:
        number, generation = self.pick_generation(pick)
        assert ledger.release(generation_id=number, now=self.now) == generation.is_open
        if generation.is_open:
            generation.amount, generation.is_open = Decimal(0), False

    @precondition(lambda self: self.generations)
    @rule(pick=INDEXES, charged=AMOUNTS)
    def correct_charge(self, pick: int, charged: Decimal) -> None:
        number, generation = self.pick_generation(pick)
        has_changed = ledger.correct(
            generation_id=number, charged=charged, actor=self.admin, note="seen", now=self.now
        )
        assert has_changed == (generation.is_open or generation.amount != charged)
        generation.amount, generation.is_open = charged, False

    @precondition(lambda self: self.generations)
    @rule(pick=INDEXES)
    def repeat_endings(self, pick: int) -> None:
        number, generation = self.pick_generation(pick)
        if generation.is_open:
            return
        before = dump_ledger()
        assert not ledger.settle(generation_id=number, charged=Decimal(9), now=self.now)
        assert not ledger.release(generation_id=number, now=self.now)
        assert not ledger.adjust(generation_id=number, reserved=Decimal(9), now=self.now)
        assert dump_ledger() == before

    @rule(person=st.sampled_from(sorted(ALLOWANCES_BY_USER)), reserved=AMOUNTS)
    def import_task(self, person: str, reserved: Decimal) -> None:
        number = len(self.generations) + 1
        assert ledger.record_external(
            generation_id=number, user=self.users[person], reserved=reserved, now=self.now
        )
        self.generations[number] = ExpectedGeneration(self.balance_keys(person, self.now), reserved)

    @rule(hours=st.integers(min_value=1, max_value=24 * 20))
    def advance_time(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(name=st.sampled_from(sorted(ALLOWANCES)), limit=st.integers(min_value=0, max_value=500))
    def change_allowance(self, name: str, limit: int) -> None:
        self.limits[name] = Decimal(limit)
        allowance = self.allowances[name]
        allowance.credits_limit = Decimal(limit)
        allowance.save()

    @invariant()
    def check_audit(self) -> None:
        expected_charges = {n: None if g.is_open else g.amount for n, g in self.generations.items()}
        assert audit.audit_ledger(expected=expected_charges).findings == ()

    @invariant()
    def check_balances(self) -> None:
        names = {allowance.pk: name for name, allowance in self.allowances.items()}
        charged_total = sum(
            (balance.credits_used for balance in AllowanceBalance.objects.all()), Decimal(0)
        )
        all_keys = {
            key for generation in self.generations.values() for key in generation.balance_keys
        }
        assert charged_total == sum((self.used_credits(key) for key in all_keys), Decimal(0))
        for name, user in self.users.items():
            status_by_name = {
                names[s.allowance.pk]: s for s in get_allowance_statuses(user, self.now)
            }
            for key in self.balance_keys(name, self.now):
                remaining = self.limits[key[0]] - self.used_credits(key)
                status = status_by_name[key[0]]
                assert (status.available, status.overdraft) == (
                    max(0, remaining),
                    max(0, -remaining),
                )

    @invariant()
    def check_limits(self) -> None:
        for entry in LedgerEntry.objects.filter(kind="reserve"):
            assert entry.credits_used_after <= entry.credits_limit


@pytest.mark.django_db
def test_whatever_happens_in_whatever_order_every_credit_is_explained():
    run_state_machine_as_test(
        LedgerHistories,
        settings=settings(
            max_examples=max(1, ROUNDS // 2),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
