"""Reserving, charging, returning: what stands in the book afterwards."""

from decimal import Decimal

import pytest
from django.db import transaction

from evolink_studio.credits import audit, ledger
from evolink_studio.credits.exceptions import AllowanceExceeded
from evolink_studio.credits.models import LedgerEntry
from tests.credits.conftest import NOW, VEO, allow, everything, figures, total


@pytest.fixture(autouse=True)
def _the_book_adds_up(db):
    yield
    assert audit.audit_ledger().findings == ()


def test_reserved_credits_are_held_until_they_are_charged(ada, desk):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    assert figures(ada) == [(Decimal(36), Decimal(0))]
    assert desk.settle(number, "36")
    assert figures(ada) == [(Decimal(0), Decimal(36))]
    assert total(number) == 36


def test_returned_credits_are_free_again(ada, desk):
    allow(40, user=ada)
    number = desk.reserve(ada, "36")
    with pytest.raises(AllowanceExceeded):
        desk.reserve(ada, "36")
    assert desk.release(number)
    assert total(number) == 0
    assert total(desk.reserve(ada, "40")) == 40


def test_evolink_may_reserve_another_amount_than_was_estimated(ada, desk):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    assert desk.adjust(number, "25.7")
    assert figures(ada) == [(Decimal("25.7"), Decimal(0))]
    assert not desk.adjust(number, "25.7")
    assert desk.settle(number, "25.7")
    assert total(number) == Decimal("25.7")


@pytest.mark.parametrize("charged", ["0", "12.5", "36", "50.0001"])
def test_the_entries_sum_to_what_evolink_charged(ada, desk, charged):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    desk.settle(number, charged)
    assert total(number) == Decimal(charged)
    assert figures(ada) == [(Decimal(0), Decimal(charged))]


def test_evolink_may_charge_more_than_there_is_and_it_is_written_down(ada, desk):
    allow(30, user=ada)
    number = desk.reserve(ada, "30")
    assert desk.adjust(number, "45")
    assert desk.settle(number, "47")
    assert total(number) == 47
    with pytest.raises(AllowanceExceeded) as refused:
        desk.reserve(ada, "0.0001")
    assert refused.value.available == 0


@pytest.mark.parametrize("end", ["settle", "release"])
@pytest.mark.parametrize("again", ["settle", "release", "adjust"])
def test_what_has_ended_is_not_ended_again(ada, desk, end, again):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    ending = {
        "settle": lambda: desk.settle(number, "36"),
        "release": lambda: desk.release(number),
        "adjust": lambda: desk.adjust(number, "20"),
    }
    assert ending[end]()
    before = everything()
    assert not ending[again]()
    assert everything() == before


def test_a_generation_that_never_reserved_has_nothing_to_end(ada, desk):
    assert not desk.settle(77, "5")
    assert not desk.release(77)
    assert not desk.adjust(77, "5")
    assert figures(ada) == []


def test_reserving_twice_for_one_generation_holds_once(ada):
    allow(100, user=ada)
    wish = {"generation_id": 1, "user": ada, "model_id": VEO, "active_count": 0, "now": NOW}
    assert ledger.reserve(amount=Decimal(36), **wish) == 36
    assert ledger.reserve(amount=Decimal(80), **wish) == 36
    assert figures(ada) == [(Decimal(36), Decimal(0))]


def test_what_has_ended_cannot_be_reserved_for_again(ada, desk):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    desk.release(number)
    with pytest.raises(ledger.ReservationClosed):
        ledger.reserve(
            generation_id=number, user=ada, model_id=VEO, amount=Decimal(1), active_count=0, now=NOW
        )


@pytest.mark.parametrize(
    ("end", "charged"), [("settle", "20"), ("settle", "0"), ("release", "36"), ("hold", "12")]
)
def test_late_truth_is_entered_by_an_admin(ada, root, desk, end, charged):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    if end == "settle":
        desk.settle(number, "36")
    elif end == "release":
        desk.release(number)
    truth = {"generation_id": number, "charged": Decimal(charged), "actor": root, "now": NOW}
    assert ledger.correct(note="Seen on the invoice", **truth)
    assert total(number) == Decimal(charged)
    assert figures(ada) == [(Decimal(0), Decimal(charged))]
    last = LedgerEntry.objects.filter(generation_id=number).first()
    assert (last.actor, last.note) == (root, "Seen on the invoice")
    assert not ledger.correct(note="Again", **truth)


def test_a_correction_may_be_corrected(ada, root, desk):
    allow(100, user=ada)
    number = desk.reserve(ada, "36")
    desk.release(number)
    for charged in ("36", "0", "7.5"):
        ledger.correct(
            generation_id=number, charged=Decimal(charged), actor=root, note="Better", now=NOW
        )
        assert total(number) == Decimal(charged)


def test_a_rescued_task_counts_for_its_person_even_beyond_the_allowance(ada, root, desk):
    allow(10, user=ada)
    facts = {"generation_id": 5, "user": ada, "now": NOW, "actor": root, "note": "Rescued"}
    assert ledger.record_external(reserved=Decimal(0), **facts)
    assert not ledger.record_external(reserved=Decimal(3), **facts)
    assert desk.adjust(5, "162")
    assert desk.settle(5, "162")
    assert total(5) == 162
    assert figures(ada) == [(Decimal(0), Decimal(162))]


def test_everything_goes_back_with_the_transaction_it_is_part_of(ada, desk):
    allow(100, user=ada)
    with transaction.atomic():
        desk.reserve(ada, "36")
        transaction.set_rollback(True)
    assert everything() == ((), (), ())


def test_amounts_are_exact(ada, desk):
    """Ten times 0.1 is 1, and the last ten-thousandth can be spent but nothing beyond it."""
    allow(1, user=ada)
    for _ in range(9):
        desk.reserve(ada, "0.1")
    desk.reserve(ada, "0.0999")
    desk.reserve(ada, "0.0001")
    assert figures(ada) == [(Decimal(1), Decimal(0))]
    with pytest.raises(AllowanceExceeded):
        desk.reserve(ada, "0.0001")


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1e13"])
def test_an_amount_that_makes_no_sense_changes_nothing(ada, desk, amount):
    allow(None, user=ada)
    number = desk.reserve(ada, "36")
    before = everything()
    for attempt in (desk.settle, desk.adjust):
        with pytest.raises(ValueError, match="not an amount"):
            attempt(number, amount)
    with pytest.raises(ValueError, match="not an amount"):
        desk.reserve(ada, amount)
    assert everything() == before
