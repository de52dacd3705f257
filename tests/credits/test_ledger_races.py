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
from tests.credits.conftest import NOW, ROUNDS, VEO, allow, figures, total

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 8
Call = Callable[[], object]


class Crowd:
    """Threads that stay, each with a connection of its own, and start at the same moment."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pool = ThreadPoolExecutor(size)
        self.line = Barrier(size)

    def __call__(self, calls: Sequence[Call]) -> list:
        """What the calls returned. There may be fewer calls than threads, never more."""
        spare: list[Call] = [lambda: None] * (self.size - len(calls))
        return list(self.pool.map(self._run, [*calls, *spare]))[: len(calls)]

    def _run(self, call: Call) -> object:
        connection.ensure_connection()
        self.line.wait(60)
        return call()

    def leave(self) -> None:
        # `connection` is another one in each thread, so it is looked up there.
        self([lambda: connection.close()] * self.size)
        self.pool.shutdown()


@pytest.fixture
def together(db) -> Iterator[Crowd]:
    crowd = Crowd(AT_ONCE)
    yield crowd
    crowd.leave()


def reserving(number: int, person, amount: str = "10") -> Call:
    def reserve() -> bool:
        try:
            ledger.reserve(
                generation_id=number,
                user=person,
                model_id=VEO,
                amount=Decimal(amount),
                active_count=0,
                now=NOW,
            )
        except SpendingDenied:
            return False
        return True

    return reserve


def test_of_eight_at_once_on_an_allowance_for_one_exactly_one_is_sent(ada, together):
    allow(10, user=ada)
    assert sum(together([reserving(n, ada) for n in range(AT_ONCE)])) == 1
    assert figures(ada) == [(Decimal(10), Decimal(0))]
    assert audit.audit_ledger().is_clean


def test_nothing_is_oversold_in_many_rounds(ada, together):
    """Each round has room for three more, and eight ask for it."""
    allowance = allow(0, user=ada)
    sold = []
    for turn in range(ROUNDS):
        allowance.credits_limit += 30
        allowance.save()
        calls = [reserving(turn * AT_ONCE + n, ada) for n in range(AT_ONCE)]
        sold.append(sum(together(calls)))
    assert sold == [3] * ROUNDS
    assert AllowanceBalance.objects.get().credits_used == allowance.credits_limit
    assert audit.audit_ledger().is_clean
    print(f"\n{connection.vendor}: {ROUNDS} rounds of {AT_ONCE}, 0 oversold")  # noqa: T201  # figure


def test_own_and_shared_purses_hold_the_same_however_many_ask(ada, ben, films, together):
    """Two people, their own allowances and two pots: nobody waits for ever, nothing is lost."""
    allow(60, user=ada)
    allow(1000, group=films, is_shared=True)
    allow(60, user=ben)
    allow(80, is_shared=True)
    people = [ada, ben] * (AT_ONCE // 2)
    for turn in range(4):
        together([reserving(turn * AT_ONCE + n, person) for n, person in enumerate(people)])
    assert sum(reserved for reserved, _ in figures(ada) + figures(ben)) == 80
    assert figures(None) == [(Decimal(80), Decimal(0))] * 2
    assert audit.audit_ledger().is_clean


def test_charging_and_returning_at_once_ends_a_generation_once(ada, desk, together):
    allow(None, user=ada)
    for _ in range(ROUNDS):
        number = desk.reserve(ada, "36")
        calls = [lambda n=number: desk.settle(n, "25.7"), lambda n=number: desk.release(n)]
        assert sum(together(calls * 4)) == 1
        assert total(number) in (0, Decimal("25.7"))
        assert LedgerEntry.objects.filter(generation_id=number).count() == 2
    assert audit.audit_ledger().is_clean


def test_an_answer_and_an_end_at_once_lose_nothing(ada, desk, together):
    allow(None, user=ada)
    for _ in range(ROUNDS):
        number = desk.reserve(ada, "36")
        together([lambda n=number: desk.adjust(n, "50"), lambda n=number: desk.settle(n, "50")])
        assert total(number) == 50
    assert audit.audit_ledger().is_clean


def test_ends_and_reservations_of_several_people_do_not_lock_each_other_out(
    ada, ben, films, desk, together
):
    allow(None, user=ada)
    allow(None, group=films, is_shared=True)
    allow(None, user=ben)
    held = [desk.reserve(person, "5") for person in (ada, ben) * AT_ONCE]
    ends = [lambda n=n: desk.settle(n, "4") for n in held[::2]]
    ends += [lambda n=n: desk.release(n) for n in held[1::2]]
    starts = [reserving(1000 + n, person) for n, person in enumerate([ada, ben] * (AT_ONCE // 2))]
    for n in range(0, len(ends), 4):
        together([*ends[n : n + 4], *starts[:4]])
        starts = starts[4:]
    assert figures(ada) == [(Decimal(40), Decimal(32))]
    assert figures(ben) == [(Decimal(40), Decimal(0))]
    assert figures(None) == [(Decimal(80), Decimal(32))]
    assert audit.audit_ledger().is_clean


def test_the_book_can_be_proved_while_others_write(ada, together):
    """The audit sees one moment: what is being written meanwhile never looks like a hole."""
    allow(None, user=ada)

    def spend(first: int) -> None:
        for number in range(first, first + 10):
            reserving(number, ada)()
            ledger.settle(generation_id=number, charged=Decimal(3), now=NOW)

    def prove() -> list[audit.Finding]:
        return [finding for _ in range(10) for finding in audit.audit_ledger().findings]

    found = together([lambda: spend(0), lambda: spend(100), prove, prove])
    assert found[2:] == [[], []]
    assert audit.audit_ledger().generation_count == 20
