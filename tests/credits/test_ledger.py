"""Reserving, charging, returning: what stands in the ledger afterwards."""

from decimal import Decimal

import pytest
from django.db import transaction

from evolink_studio.credits import audit, ledger
from evolink_studio.credits.exceptions import AllowanceExceeded
from evolink_studio.credits.models import LedgerEntry
from tests.credits.conftest import (
    NOW,
    VEO,
    balance_totals,
    create_allowance,
    dump_ledger,
    entry_total,
)


@pytest.fixture(autouse=True)
def _audit_after_test(db):
    yield
    assert audit.audit_ledger().findings == ()


def test_credits_stay_reserved_until_they_are_charged(ada, ledger_driver):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    assert balance_totals(ada) == [(Decimal(36), Decimal(0))]
    assert ledger_driver.settle(number, "36")
    assert balance_totals(ada) == [(Decimal(0), Decimal(36))]
    assert entry_total(number) == 36


def test_returned_credits_are_free_again(ada, ledger_driver):
    create_allowance(40, user=ada)
    number = ledger_driver.reserve(ada, "36")
    with pytest.raises(AllowanceExceeded):
        ledger_driver.reserve(ada, "36")
    assert ledger_driver.release(number)
    assert entry_total(number) == 0
    assert entry_total(ledger_driver.reserve(ada, "40")) == 40


def test_evolink_may_reserve_another_amount_than_was_estimated(ada, ledger_driver):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    assert ledger_driver.adjust(number, "25.7")
    assert balance_totals(ada) == [(Decimal("25.7"), Decimal(0))]
    assert not ledger_driver.adjust(number, "25.7")
    assert ledger_driver.settle(number, "25.7")
    assert entry_total(number) == Decimal("25.7")


@pytest.mark.parametrize("charged", ["0", "12.5", "36", "50.0001"])
def test_the_entries_sum_to_what_evolink_charged(ada, ledger_driver, charged):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    ledger_driver.settle(number, charged)
    assert entry_total(number) == Decimal(charged)
    assert balance_totals(ada) == [(Decimal(0), Decimal(charged))]


def test_evolink_may_charge_more_than_there_is_and_it_is_written_down(ada, ledger_driver):
    create_allowance(30, user=ada)
    number = ledger_driver.reserve(ada, "30")
    assert ledger_driver.adjust(number, "45")
    assert ledger_driver.settle(number, "47")
    assert entry_total(number) == 47
    with pytest.raises(AllowanceExceeded) as exc_info:
        ledger_driver.reserve(ada, "0.0001")
    assert exc_info.value.available == 0


@pytest.mark.parametrize("end", ["settle", "release"])
@pytest.mark.parametrize("second_end", ["settle", "release", "adjust"])
def test_what_has_ended_is_not_ended_again(ada, ledger_driver, end, second_end):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    ends = {
        "settle": lambda: ledger_driver.settle(number, "36"),
        "release": lambda: ledger_driver.release(number),
        "adjust": lambda: ledger_driver.adjust(number, "20"),
    }
    assert ends[end]()
    before = dump_ledger()
    assert not ends[second_end]()
    assert dump_ledger() == before


def test_a_generation_that_never_reserved_has_nothing_to_end(ada, ledger_driver):
    assert not ledger_driver.settle(77, "5")
    assert not ledger_driver.release(77)
    assert not ledger_driver.adjust(77, "5")
    assert balance_totals(ada) == []


def test_reserving_twice_for_one_generation_reserves_once(ada):
    create_allowance(100, user=ada)
    reservation = {"generation_id": 1, "user": ada, "model_id": VEO, "now": NOW}
    assert ledger.reserve(amount=Decimal(36), **reservation) == 36
    assert ledger.reserve(amount=Decimal(80), **reservation) == 36
    assert balance_totals(ada) == [(Decimal(36), Decimal(0))]


def test_what_has_ended_cannot_be_reserved_for_again(ada, ledger_driver):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    ledger_driver.release(number)
    with pytest.raises(ledger.ReservationClosed):
        ledger.reserve(generation_id=number, user=ada, model_id=VEO, amount=Decimal(1), now=NOW)


@pytest.mark.parametrize(
    ("end", "charged"), [("settle", "20"), ("settle", "0"), ("release", "36"), ("hold", "12")]
)
def test_late_truth_is_entered_by_an_admin(ada, root, ledger_driver, end, charged):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    if end == "settle":
        ledger_driver.settle(number, "36")
    elif end == "release":
        ledger_driver.release(number)
    correction = {"generation_id": number, "charged": Decimal(charged), "actor": root, "now": NOW}
    assert ledger.correct(note="Seen on the invoice", **correction)
    assert entry_total(number) == Decimal(charged)
    assert balance_totals(ada) == [(Decimal(0), Decimal(charged))]
    last = LedgerEntry.objects.filter(generation_id=number).first()
    assert (last.actor, last.note) == (root, "Seen on the invoice")
    assert not ledger.correct(note="Again", **correction)


def test_a_correction_may_be_corrected(ada, root, ledger_driver):
    create_allowance(100, user=ada)
    number = ledger_driver.reserve(ada, "36")
    ledger_driver.release(number)
    for charged in ("36", "0", "7.5"):
        ledger.correct(
            generation_id=number, charged=Decimal(charged), actor=root, note="Better", now=NOW
        )
        assert entry_total(number) == Decimal(charged)


def test_an_imported_task_counts_for_its_user_even_beyond_the_allowance(ada, root, ledger_driver):
    create_allowance(10, user=ada)
    facts = {"generation_id": 5, "user": ada, "now": NOW, "actor": root, "note": "Rescued"}
    assert ledger.record_external(reserved=Decimal(0), **facts)
    assert not ledger.record_external(reserved=Decimal(3), **facts)
    assert ledger_driver.adjust(5, "162")
    assert ledger_driver.settle(5, "162")
    assert entry_total(5) == 162
    assert balance_totals(ada) == [(Decimal(0), Decimal(162))]


def test_everything_goes_back_with_the_transaction_it_is_part_of(ada, ledger_driver):
    create_allowance(100, user=ada)
    with transaction.atomic():
        ledger_driver.reserve(ada, "36")
        transaction.set_rollback(True)
    assert dump_ledger() == ((), (), ())


def test_amounts_are_exact(ada, ledger_driver):
    """Ten times 0.1 is 1, and the last ten-thousandth can be spent but nothing beyond it."""
    create_allowance(1, user=ada)
    for _ in range(9):
        ledger_driver.reserve(ada, "0.1")
    ledger_driver.reserve(ada, "0.0999")
    ledger_driver.reserve(ada, "0.0001")
    assert balance_totals(ada) == [(Decimal(1), Decimal(0))]
    with pytest.raises(AllowanceExceeded):
        ledger_driver.reserve(ada, "0.0001")


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1e13"])
def test_an_amount_that_makes_no_sense_changes_nothing(ada, ledger_driver, amount):
    create_allowance(None, user=ada)
    number = ledger_driver.reserve(ada, "36")
    before = dump_ledger()
    for attempt in (ledger_driver.settle, ledger_driver.adjust):
        with pytest.raises(ValueError, match="not an amount"):
            attempt(number, amount)
    with pytest.raises(ValueError, match="not an amount"):
        ledger_driver.reserve(ada, amount)
    assert dump_ledger() == before
