"""A credit that nobody can explain is found, named, and stops the command."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from evolink_studio.credits import audit
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry, Reservation
from tests.credits.conftest import NOW, allow

pytestmark = pytest.mark.django_db


@pytest.fixture
def book(ada, films, desk) -> dict[str, int]:
    """One generation in each state, out of two purses."""
    allow(1000, user=ada)
    allow(1000, group=films, is_shared=True)
    numbers = {state: desk.reserve(ada, "36") for state in ("held", "settled", "released")}
    desk.settle(numbers["settled"], "25.7")
    desk.release(numbers["released"])
    return numbers


def found(**more) -> str:
    return "\n".join(str(finding) for finding in audit.audit_ledger(**more).findings)


def run() -> str:
    out = StringIO()
    call_command("check_ledger", stdout=out)
    return out.getvalue()


def test_a_book_that_adds_up_is_called_so(book):
    assert found() == ""
    said = run()
    assert "2 purses, 3 generations, 10 entries" in said
    assert "Every credit is explained." in said


def test_an_empty_book_adds_up():
    assert "0 purses, 0 generations, 0 entries" in run()


def test_a_planted_credit_in_a_purse_is_found_and_the_command_fails(book):
    purse = AllowanceBalance.objects.filter(user=None).get()
    AllowanceBalance.objects.filter(pk=purse.pk).update(credits_charged=purse.credits_charged + 5)
    with pytest.raises(CommandError, match="Findings: 1"):
        run()
    assert found() == (
        f"purse {purse.pk}: says 30.7000 charged, its entries sum to 25.7000 (+5.0000 credits)"
    )


def test_a_planted_entry_is_found(book):
    """Adding a line is all that the database allows: it breaks the sums and the chain."""
    purse = AllowanceBalance.objects.filter(user=None).get()
    LedgerEntry.objects.create(
        generation_id=book["settled"],
        balance=purse,
        kind="correct",
        credits_charged_delta=Decimal("-5"),
        credits_used_after=0,
        created_at=NOW,
    )
    said = found()
    assert f"purse {purse.pk}: says 25.7000 charged, its entries sum to 20.7000" in said
    assert "up to it sum to 56.7000" in said
    assert f"generation {book['settled']}: its purses do not agree" in said


def test_an_entry_of_no_generation_is_found(book):
    purse = AllowanceBalance.objects.filter(user=None).get()
    LedgerEntry.objects.create(
        generation_id=4711,
        balance=purse,
        kind="correct",
        credits_charged_delta=7,
        credits_used_after=purse.credits_used + 7,
        created_at=NOW,
    )
    said = found()
    assert f"generation 4711, purse {purse.pk}: entries without a reservation" in said
    assert f"purse {purse.pk}: says 25.7000 charged" in said


@pytest.mark.parametrize(
    ("state", "change", "words"),
    [
        ("held", {"credits": Decimal(12)}, "says 12.0000 held"),
        ("held", {"state": "settled"}, "charged or returned 0 times instead of 1"),
        ("settled", {"credits": Decimal(20)}, "20.0000 charged, its entries sum to"),
        ("settled", {"state": "held"}, "charged or returned 1 times instead of 0"),
        ("released", {"state": "settled", "credits": Decimal(1)}, "1.0000 charged"),
    ],
)
def test_a_reservation_that_says_something_else_than_its_entries_is_found(
    book, state, change, words
):
    Reservation.objects.filter(generation_id=book[state]).update(**change)
    assert words in found()


def test_a_lost_reservation_is_found(book):
    Reservation.objects.filter(generation_id=book["held"]).delete()
    assert found().count("entries without a reservation (+36.0000 credits)") == 2


def test_the_book_agrees_with_the_generations(book):
    truth = {book["held"]: None, book["settled"]: Decimal("25.7"), book["released"]: Decimal(0)}
    report = audit.audit_ledger(expected=truth)
    assert report.is_compared
    assert report.findings == ()


@pytest.mark.parametrize(
    ("state", "truth", "words"),
    [
        ("settled", Decimal("30"), "EvoLink charged 30, its entries sum to 25.7000 (-4.3000"),
        ("settled", None, "under way, and yet charged or returned (+25.7000"),
        ("released", Decimal("12"), "EvoLink charged 12, its entries sum to 0.0000 (-12"),
        ("held", Decimal(0), "ended with 0 credits, and yet held (+36.0000"),
    ],
)
def test_a_generation_that_knows_better_is_found(book, state, truth, words):
    right = {book["held"]: None, book["settled"]: Decimal("25.7"), book["released"]: Decimal(0)}
    said = found(expected={**right, book[state]: truth})
    assert said.count(f"generation {book[state]}") == 2
    assert words in said


def test_a_generation_without_entries_and_entries_without_one_are_found(book):
    said = found(expected={book["held"]: None, book["settled"]: Decimal("25.7"), 77: Decimal(9)})
    assert "generation 77: not in the book (-9 credits)" in said
    assert f"generation {book['released']}, " in said
    assert "no such generation" in said


def test_the_command_asks_the_generations_when_they_can_answer(book, monkeypatch):
    monkeypatch.setattr(audit, "expected_charges", lambda: [(book["held"], None)])
    with pytest.raises(CommandError, match="Findings: 4"):
        run()
