"""A credit that nobody can explain is found, named, and stops the command."""

import json
from decimal import Decimal
from io import StringIO
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from evolink_studio.credits import audit
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry, Reservation
from evolink_studio.credits.usage_source import register_usage_source
from tests.credits.conftest import NOW, FakeUsageSource, create_allowance

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=[1, 2, 3, audit.WINDOW_ROWS])
def window_rows(request, monkeypatch) -> int:
    """How many rows a window has: every finding is made across the borders of windows, too."""
    monkeypatch.setattr(audit, "WINDOW_ROWS", request.param)
    return int(request.param)


@pytest.fixture
def generation_ids(ada, film_team, ledger_driver) -> dict[str, int]:
    """One generation in each state, out of two balances."""
    create_allowance(1000, user=ada)
    create_allowance(1000, group=film_team, is_shared=True)
    numbers = {
        state: ledger_driver.reserve(ada, "36") for state in ("reserved", "settled", "released")
    }
    ledger_driver.settle(numbers["settled"], "25.7")
    ledger_driver.release(numbers["released"])
    return numbers


def audit_findings(**options) -> str:
    return "\n".join(str(finding) for finding in audit.audit_ledger(**options).findings)


def run_check_ledger() -> str:
    output = StringIO()
    call_command("check_ledger", stdout=output)
    return output.getvalue()


def test_a_consistent_ledger_is_called_so(generation_ids):
    assert audit_findings() == ""
    report = run_check_ledger()
    assert "2 purses, 3 generations, 10 entries" in report
    assert "Every credit is explained." in report


def test_an_empty_ledger_is_consistent():
    assert "0 purses, 0 generations, 0 entries" in run_check_ledger()


def test_a_planted_credit_in_a_balance_is_found_and_the_command_fails(generation_ids):
    balance = AllowanceBalance.objects.filter(user=None).get()
    AllowanceBalance.objects.filter(pk=balance.pk).update(
        credits_charged=balance.credits_charged + 5
    )
    with pytest.raises(CommandError, match="Findings: 1"):
        run_check_ledger()
    assert audit_findings() == (
        f"purse {balance.pk}: says 30.7000 charged, its entries sum to 25.7000 (+5.0000 credits)"
    )


def test_a_planted_entry_is_found(generation_ids):
    """Adding a line is all that the database allows: it breaks the sums and the chain."""
    balance = AllowanceBalance.objects.filter(user=None).get()
    LedgerEntry.objects.create(
        generation_id=generation_ids["settled"],
        balance=balance,
        kind="correct",
        credits_charged_delta=Decimal("-5"),
        credits_used_after=0,
        created_at=NOW,
    )
    findings = audit_findings()
    assert f"purse {balance.pk}: says 25.7000 charged, its entries sum to 20.7000" in findings
    assert "up to it sum to 56.7000" in findings
    assert f"generation {generation_ids['settled']}: its purses do not agree" in findings


def test_an_entry_of_no_generation_is_found(generation_ids):
    balance = AllowanceBalance.objects.filter(user=None).get()
    LedgerEntry.objects.create(
        generation_id=4711,
        balance=balance,
        kind="correct",
        credits_charged_delta=7,
        credits_used_after=balance.credits_used + 7,
        created_at=NOW,
    )
    findings = audit_findings()
    assert f"generation 4711, purse {balance.pk}: entries without a reservation" in findings
    assert f"purse {balance.pk}: says 25.7000 charged" in findings


@pytest.mark.parametrize(
    ("state", "change", "words"),
    [
        ("reserved", {"credits": Decimal(12)}, "says 12.0000 held"),
        ("reserved", {"state": "settled"}, "charged or returned 0 times instead of 1"),
        ("settled", {"credits": Decimal(20)}, "20.0000 charged, its entries sum to"),
        ("settled", {"state": "reserved"}, "charged or returned 1 times instead of 0"),
        ("released", {"state": "settled", "credits": Decimal(1)}, "1.0000 charged"),
    ],
)
def test_a_reservation_that_says_something_else_than_its_entries_is_found(
    generation_ids, state, change, words
):
    Reservation.objects.filter(generation_id=generation_ids[state]).update(**change)
    assert words in audit_findings()


def test_a_lost_reservation_is_found(generation_ids):
    Reservation.objects.filter(generation_id=generation_ids["reserved"]).delete()
    assert audit_findings().count("entries without a reservation (+36.0000 credits)") == 2


def test_the_ledger_agrees_with_the_generations(generation_ids):
    expected_charges = {
        generation_ids["reserved"]: None,
        generation_ids["settled"]: Decimal("25.7"),
        generation_ids["released"]: Decimal(0),
    }
    report = audit.audit_ledger(expected=expected_charges)
    assert report.is_compared
    assert report.findings == ()


@pytest.mark.parametrize(
    ("state", "expected_charge", "words"),
    [
        ("settled", Decimal("30"), "EvoLink charged 30.0000, its entries sum to 25.7000 (-4.3000"),
        ("settled", None, "under way, and yet charged or returned (+25.7000"),
        ("released", Decimal("12"), "EvoLink charged 12.0000, its entries sum to 0.0000 (-12"),
        ("reserved", Decimal(0), "ended with 0.0000 credits, and yet held (+36.0000"),
    ],
)
def test_a_generation_that_knows_better_is_found(generation_ids, state, expected_charge, words):
    expected_charge_by_id = {
        generation_ids["reserved"]: None,
        generation_ids["settled"]: Decimal("25.7"),
        generation_ids["released"]: Decimal(0),
    }
    findings = audit_findings(
        expected={**expected_charge_by_id, generation_ids[state]: expected_charge}
    )
    assert findings.count(f"generation {generation_ids[state]}") == 2
    assert words in findings


def test_a_generation_without_entries_and_entries_without_one_are_found(generation_ids):
    findings = audit_findings(
        expected={
            generation_ids["reserved"]: None,
            generation_ids["settled"]: Decimal("25.7"),
            77: Decimal(9),
        }
    )
    assert "generation 77: not in the book (-9.0000 credits)" in findings
    assert f"generation {generation_ids['released']}, " in findings
    assert "no such generation" in findings


def test_the_command_asks_the_generations_when_they_can_answer(generation_ids):
    register_usage_source(FakeUsageSource(charges=[(generation_ids["reserved"], None)]))
    with pytest.raises(CommandError, match="Findings: 4"):
        run_check_ledger()


def test_nothing_of_the_ledger_is_read_twice_or_left_out(generation_ids):
    """Whatever the windows are."""
    report = audit.audit_ledger()
    assert (report.balance_count, report.generation_count, report.entry_count) == (2, 3, 10)


def plant_everything(generation_ids) -> None:
    """One wrong thing of every kind that the database does not refuse."""
    shared = AllowanceBalance.objects.filter(user=None).get()
    AllowanceBalance.objects.filter(pk=shared.pk).update(credits_charged=77)
    disagreeing = Reservation.objects.filter(generation_id=generation_ids["reserved"])
    disagreeing.filter(balance=shared).update(credits=12)
    Reservation.objects.filter(generation_id=generation_ids["released"]).delete()
    LedgerEntry.objects.create(
        generation_id=4711,
        balance=shared,
        kind="correct",
        credits_charged_delta=7,
        credits_used_after=0,
        created_at=NOW,
    )
    charges = [(generation_ids["settled"], Decimal(1)), (generation_ids["reserved"], None)]
    register_usage_source(FakeUsageSource(charges=[*charges, (10**12, Decimal(9))]))


def run_in_pieces(steps_a_piece: int) -> list[str]:
    """The proof, stopped after so many steps each time and begun again where it was."""
    position, findings = None, []
    for _ in count():
        steps = audit.prove_ledger(position)
        for number, step in enumerate(steps, start=1):
            position = json.loads(json.dumps(step.position))
            findings += [str(finding) for finding in step.findings]
            if number == steps_a_piece:
                break
        else:
            return findings
    raise AssertionError


@pytest.mark.parametrize("steps_a_piece", [1, 2, 5])
def test_a_proof_that_was_stopped_goes_on_where_it_was(generation_ids, steps_a_piece):
    plant_everything(generation_ids)
    findings = [str(finding) for finding in audit.audit_ledger_with_generations().findings]
    for words in ("77.0000 charged", "up to it sum to", "12.0000 held", "without a reservation"):
        assert words in "\n".join(findings)
    for words in (
        "EvoLink charged 1.0000",
        "no such generation",
        "not in the book",
        "do not agree",
    ):
        assert words in "\n".join(findings)
    assert run_in_pieces(steps_a_piece) == findings


def test_a_ledger_that_grows_meanwhile_is_consistent(generation_ids, ada, ledger_driver):
    """Every purse gets further entries between any two windows."""
    findings = []
    for step_count, step in enumerate(audit.prove_ledger(None)):
        findings += step.findings
        if step_count < 40:
            number = ledger_driver.reserve(ada, "3")
            if step_count % 3:
                ledger_driver.settle(number, "2.5")
    assert findings == []
    assert audit.audit_ledger().entry_count > 10
    assert audit.audit_ledger().is_clean


def test_a_limit_that_an_entry_exceeds_is_found(generation_ids, monkeypatch):
    """The database refuses such an entry, so the proof is shown what it would read."""
    read_entries = audit._read_entries

    def read_lower_limits(cursor):
        return [(*row[:-1], 10_0000) for row in read_entries(cursor)]

    monkeypatch.setattr(audit, "_read_entries", read_lower_limits)
    assert "reserved more than there was (+26.0000 credits)" in audit_findings()


def test_triggers_that_are_gone_are_found(generation_ids):
    drop = "DROP TRIGGER credits_ledgerentry_no_update"
    with connection.cursor() as cursor:
        cursor.execute(drop + ("" if connection.vendor == "sqlite" else " ON credits_ledgerentry"))
    assert "book: the database no longer refuses to change entries" in audit_findings()
