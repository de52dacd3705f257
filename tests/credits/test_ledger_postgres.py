"""What only a server with many writers can show: waiting for an open transaction, row by row."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Event

import pytest
from django.db import connection, transaction

from evolink_studio.credits import audit, ledger
from evolink_studio.credits.exceptions import SpendingDenied
from tests.credits.conftest import NOW, VEO, allow, everything, figures

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def beside(db) -> Iterator[ThreadPoolExecutor]:
    """Another worker, with a connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()


def reserve(number: int, person, amount: int = 10) -> bool:
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


def wait_until_somebody_waits_for_a_lock() -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
        Event().wait(0.01)
    pytest.fail("nobody waits")


@pytest.mark.parametrize("first_purse", [True, False])
@pytest.mark.parametrize("kept", [True, False])
def test_a_reservation_waits_for_one_that_is_not_decided_yet(ada, desk, beside, first_purse, kept):
    """The last ten credits: the second press gets them only when the first gives them back."""
    allow(20, user=ada)
    left = 20
    if not first_purse:
        desk.settle(desk.reserve(ada, "10"), "10")
        left = 10
    with transaction.atomic():
        assert reserve(100, ada, left)
        second = beside.submit(reserve, 101, ada, left)
        wait_until_somebody_waits_for_a_lock()
        transaction.set_rollback(not kept)
    assert second.result(30) == (not kept)
    assert figures(ada)[-1][0] == left
    assert audit.audit_ledger().is_clean


def test_other_people_do_not_wait_for_an_undecided_reservation(ada, ben, beside):
    allow(10, user=ada)
    allow(10, user=ben)
    with transaction.atomic():
        assert reserve(100, ada)
        assert beside.submit(reserve, 101, ben).result(30)
    assert audit.audit_ledger().is_clean


def test_an_end_waits_for_another_end_and_then_changes_nothing(ada, desk, beside):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    with transaction.atomic():
        assert desk.settle(number, "25.7")
        second = beside.submit(desk.release, number)
        wait_until_somebody_waits_for_a_lock()
    assert second.result(30) is False
    assert figures(ada) == [(Decimal(0), Decimal("25.7"))]


def test_an_end_that_is_taken_back_lets_the_other_one_through(ada, desk, beside):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    with transaction.atomic():
        assert desk.settle(number, "25.7")
        second = beside.submit(desk.release, number)
        wait_until_somebody_waits_for_a_lock()
        transaction.set_rollback(True)
    assert second.result(30) is True
    assert figures(ada) == [(Decimal(0), Decimal(0))]
    assert len(everything()[2]) == 2
