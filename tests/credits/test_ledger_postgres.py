"""What only a server with many writers can show: waiting for an open transaction, row by row."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Event

import pytest
from django.db import connection, transaction

from evolink_studio.credits import audit, ledger
from evolink_studio.credits.exceptions import SpendingDenied
from tests.credits.conftest import NOW, VEO, balance_totals, create_allowance, dump_ledger

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def other_thread(db) -> Iterator[ThreadPoolExecutor]:
    """Another worker, with a connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()


def try_reserve(generation_id: int, user, amount: int = 10) -> bool:
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


def wait_for_blocked_lock() -> None:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute(query)
            if cursor.fetchone()[0]:
                return
        Event().wait(0.01)
    pytest.fail("nobody waits")


@pytest.mark.parametrize("is_first_balance", [True, False])
@pytest.mark.parametrize("is_committed", [True, False])
def test_a_reservation_waits_for_one_that_is_not_decided_yet(
    ada, ledger_driver, other_thread, is_first_balance, is_committed
):
    """The last ten credits: the second press gets them only when the first gives them back."""
    create_allowance(20, user=ada)
    remaining = 20
    if not is_first_balance:
        ledger_driver.settle(ledger_driver.reserve(ada, "10"), "10")
        remaining = 10
    with transaction.atomic():
        assert try_reserve(100, ada, remaining)
        second = other_thread.submit(try_reserve, 101, ada, remaining)
        wait_for_blocked_lock()
        transaction.set_rollback(not is_committed)
    assert second.result(30) == (not is_committed)
    assert balance_totals(ada)[-1][0] == remaining
    assert audit.audit_ledger().is_clean


def test_other_people_do_not_wait_for_an_undecided_reservation(ada, ben, other_thread):
    create_allowance(10, user=ada)
    create_allowance(10, user=ben)
    with transaction.atomic():
        assert try_reserve(100, ada)
        assert other_thread.submit(try_reserve, 101, ben).result(30)
    assert audit.audit_ledger().is_clean


def test_an_end_waits_for_another_end_and_then_changes_nothing(ada, ledger_driver, other_thread):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    with transaction.atomic():
        assert ledger_driver.settle(number, "25.7")
        second = other_thread.submit(ledger_driver.release, number)
        wait_for_blocked_lock()
    assert second.result(30) is False
    assert balance_totals(ada) == [(Decimal(0), Decimal("25.7"))]


def test_an_end_that_is_taken_back_lets_the_other_one_through(ada, ledger_driver, other_thread):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    with transaction.atomic():
        assert ledger_driver.settle(number, "25.7")
        second = other_thread.submit(ledger_driver.release, number)
        wait_for_blocked_lock()
        transaction.set_rollback(True)
    assert second.result(30) is True
    assert balance_totals(ada) == [(Decimal(0), Decimal(0))]
    assert len(dump_ledger()[2]) == 2
