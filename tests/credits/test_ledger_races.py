"""Many at once on one allowance. Real threads, real commits, on whichever database is configured.

LEDGER_ROUNDS sets how many rounds are played.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection

from evolink_studio.credits import audit, ledger
from evolink_studio.credits.exceptions import SpendingDenied
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry
from tests.credits.conftest import NOW, ROUNDS, VEO, balance_totals, create_allowance, entry_total

pytestmark = pytest.mark.django_db(transaction=True)

THREAD_COUNT = 8
Call = Callable[[], object]


class ThreadCrowd:
    """Threads that stay, each with a connection of its own, and start at the same moment."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pool = ThreadPoolExecutor(size)
        self.barrier = Barrier(size)

    def __call__(self, calls: Sequence[Call]) -> list:
        """What the calls returned. There may be fewer calls than threads, never more."""
        idle_calls: list[Call] = [lambda: None] * (self.size - len(calls))
        return list(self.pool.map(self._call_together, [*calls, *idle_calls]))[: len(calls)]

    def _call_together(self, call: Call) -> object:
        connection.ensure_connection()
        self.barrier.wait(60)
        return call()

    def shut_down(self) -> None:
        # `connection` is another one in each thread, so it is looked up there.
        self([lambda: connection.close()] * self.size)
        self.pool.shutdown()


@pytest.fixture
def run_together(db) -> Iterator[ThreadCrowd]:
    crowd = ThreadCrowd(THREAD_COUNT)
    yield crowd
    crowd.shut_down()


def build_reserve_call(generation_id: int, user, amount: str = "10") -> Call:
    def reserve() -> bool:
        try:
            ledger.reserve(
                generation_id=generation_id,
                user=user,
                model_id=VEO,
                amount=Decimal(amount),
                now=NOW,
            )
        except SpendingDenied:
            return False
        return True

    return reserve


def test_of_eight_at_once_on_an_allowance_for_one_exactly_one_is_sent(ada, run_together):
    create_allowance(10, user=ada)
    assert sum(run_together([build_reserve_call(n, ada) for n in range(THREAD_COUNT)])) == 1
    assert balance_totals(ada) == [(Decimal(10), Decimal(0))]
    assert audit.audit_ledger().is_clean


def test_nothing_is_oversold_in_many_rounds(ada, run_together):
    """Each round has room for three more, and eight ask for it."""
    allowance = create_allowance(0, user=ada)
    reserved_ids = []
    for round_number in range(ROUNDS):
        allowance.credits_limit += 30
        allowance.save()
        calls = [
            build_reserve_call(round_number * THREAD_COUNT + n, ada) for n in range(THREAD_COUNT)
        ]
        reserved_ids.append(sum(run_together(calls)))
    assert reserved_ids == [3] * ROUNDS
    assert AllowanceBalance.objects.get().credits_used == allowance.credits_limit
    assert audit.audit_ledger().is_clean
    print(f"\n{connection.vendor}: {ROUNDS} rounds of {THREAD_COUNT}, 0 oversold")  # noqa: T201  # figure


def test_own_and_shared_balances_are_equal_however_many_ask(ada, ben, film_team, run_together):
    """Two people, own and shared allowances: nobody waits for ever, nothing is lost."""
    create_allowance(60, user=ada)
    create_allowance(1000, group=film_team, is_shared=True)
    create_allowance(60, user=ben)
    create_allowance(80, is_shared=True)
    people = [ada, ben] * (THREAD_COUNT // 2)
    for round_number in range(4):
        run_together(
            [
                build_reserve_call(round_number * THREAD_COUNT + n, user)
                for n, user in enumerate(people)
            ]
        )
    assert sum(reserved for reserved, _ in balance_totals(ada) + balance_totals(ben)) == 80
    assert balance_totals(None) == [(Decimal(80), Decimal(0))] * 2
    assert audit.audit_ledger().is_clean


def test_charging_and_returning_at_once_ends_a_generation_once(ada, ledger_driver, run_together):
    create_allowance(None, user=ada)
    for _ in range(ROUNDS):
        number = ledger_driver.reserve(ada, "36")
        calls = [
            lambda n=number: ledger_driver.settle(n, "25.7"),
            lambda n=number: ledger_driver.release(n),
        ]
        assert sum(run_together(calls * 4)) == 1
        assert entry_total(number) in (0, Decimal("25.7"))
        assert LedgerEntry.objects.filter(generation_id=number).count() == 2
    assert audit.audit_ledger().is_clean


def test_an_answer_and_an_end_at_once_lose_nothing(ada, ledger_driver, run_together):
    create_allowance(None, user=ada)
    for _ in range(ROUNDS):
        number = ledger_driver.reserve(ada, "36")
        run_together(
            [
                lambda n=number: ledger_driver.adjust(n, "50"),
                lambda n=number: ledger_driver.settle(n, "50"),
            ]
        )
        assert entry_total(number) == 50
    assert audit.audit_ledger().is_clean


def test_ends_and_reservations_of_several_people_do_not_lock_each_other_out(
    ada, ben, film_team, ledger_driver, run_together
):
    create_allowance(None, user=ada)
    create_allowance(None, group=film_team, is_shared=True)
    create_allowance(None, user=ben)
    generation_ids = [ledger_driver.reserve(user, "5") for user in (ada, ben) * THREAD_COUNT]
    calls = [lambda n=n: ledger_driver.settle(n, "4") for n in generation_ids[::2]]
    calls += [lambda n=n: ledger_driver.release(n) for n in generation_ids[1::2]]
    starts = [
        build_reserve_call(1000 + n, user)
        for n, user in enumerate([ada, ben] * (THREAD_COUNT // 2))
    ]
    for n in range(0, len(calls), 4):
        run_together([*calls[n : n + 4], *starts[:4]])
        starts = starts[4:]
    assert balance_totals(ada) == [(Decimal(40), Decimal(32))]
    assert balance_totals(ben) == [(Decimal(40), Decimal(0))]
    assert balance_totals(None) == [(Decimal(80), Decimal(32))]
    assert audit.audit_ledger().is_clean


def test_the_ledger_can_be_audited_while_others_write(ada, run_together):
    """The audit sees one moment: what is being written meanwhile never looks like a hole."""
    create_allowance(None, user=ada)

    def spend(first: int) -> None:
        for number in range(first, first + 10):
            build_reserve_call(number, ada)()
            ledger.settle(generation_id=number, charged=Decimal(3), now=NOW)

    def audit_all() -> list[audit.Finding]:
        return [finding for _ in range(10) for finding in audit.audit_ledger().findings]

    results = run_together([lambda: spend(0), lambda: spend(100), audit_all, audit_all])
    assert results[2:] == [[], []]
    assert audit.audit_ledger().generation_count == 20
