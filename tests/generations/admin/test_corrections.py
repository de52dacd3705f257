"""What the owner puts right after the end, and who stands in the ledger for it."""

from decimal import Decimal

import pytest

from evolink_studio.credits import ledger
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import AllowanceBalance, LedgerEntry
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, VEO, GenerationFactory
from tests.generations.admin.conftest import GENERATIONS_URL, generation_url

NOTE = "Refunded on the invoice of November"


def create_settled_generation(state=State.COMPLETED, charged="25.7", **fields) -> Generation:
    """A generation with its entries in the ledger; `charged` None: its credits came back."""
    credits_charged = Decimal(charged or 0)
    generation = GenerationFactory(state=state, credits_charged=credits_charged, **fields)
    ledger_fields = {"generation_id": generation.pk, "now": NOW}
    ledger.reserve(user=generation.owner, model_id=VEO, amount=Decimal("25.7"), **ledger_fields)
    if charged is None:
        ledger.release(**ledger_fields)
    elif not generation.is_live:
        ledger.settle(charged=credits_charged, **ledger_fields)
    return generation


def post_correction(browser, generation, amount, *, version=None, note=NOTE):
    data = {"decision": "correct", "amount": amount, "note": note, "confirm": "1"}
    data["version"] = generation.changed_version if version is None else version
    return browser.post(f"{GENERATIONS_URL}{generation.pk}/settle/", data, follow=True)


def list_corrections(generation) -> list[tuple[Decimal, str | None, str]]:
    entries = LedgerEntry.objects.filter(generation_id=generation.pk, kind=LedgerEntry.Kind.CORRECT)
    return [
        (entry.credits_charged_delta, entry.actor.username if entry.actor else None, entry.note)
        for entry in entries
    ]


@pytest.mark.parametrize(
    ("state", "charge_before", "true_amount", "charge"),
    [
        (State.COMPLETED, "25.7", "20", Charge.CHARGED),
        (State.COMPLETED, "25.7", "0", Charge.RETURNED),
        (State.FAILED, None, "25.7", Charge.CHARGED),
        (State.FAILED, "25.7", "0", Charge.RETURNED),
    ],
    ids=["charged less", "refunded", "charged nevertheless", "a failed one refunded"],
)
def test_what_it_cost_in_truth_stands_on_its_row_and_in_the_ledger(
    owner_client, state, charge_before, true_amount, charge
):
    fields = {"charge": Charge.RETURNED if charge_before is None else Charge.CHARGED}
    generation = create_settled_generation(state, charge_before, **fields)
    assert audit_ledger_with_generations().is_clean
    post_correction(owner_client, generation, true_amount)
    generation.refresh_from_db()
    assert (generation.state, generation.charge) == (state, charge)
    assert generation.credits_charged == Decimal(true_amount)
    assert list_corrections(generation) == [
        (Decimal(true_amount) - Decimal(charge_before or 0), "olga", NOTE)
    ]
    assert AllowanceBalance.objects.get().credits_used == Decimal(true_amount)
    assert audit_ledger_with_generations().findings == ()


def test_its_page_and_its_history_say_what_it_was_before_who_changed_it_and_why(owner_client):
    generation = create_settled_generation()
    post_correction(owner_client, generation, "20")
    page = owner_client.get(generation_url(generation)).content.decode()
    lines = page[page.index('id="ledger"') :]
    for words in ("25.7", "-5.7", "corrected", "olga", NOTE):
        assert words in lines
    history = owner_client.get(f"{GENERATIONS_URL}{generation.pk}/history/").content.decode()
    assert f"Charged: 25.7 → 20. Reason: {NOTE}" in history


def test_what_cost_something_is_no_longer_called_never_taken(owner_client):
    generation = create_settled_generation(
        State.FAILED, None, charge=Charge.NONE, error_code=ErrorCode.NEVER_TAKEN
    )
    post_correction(owner_client, generation, "12.5")
    generation.refresh_from_db()
    assert generation.error_code == ErrorCode.CHARGED_WITHOUT_FILM
    page = owner_client.get(generation_url(generation)).content.decode()
    assert "EvoLink never took this request" not in page
    assert "Take it back…" in page


def test_the_same_correction_sent_twice_counts_once(owner_client):
    generation = create_settled_generation()
    post_correction(owner_client, generation, "20")
    generation.refresh_from_db()
    second_reply = post_correction(owner_client, generation, "20")
    assert "what the book says already" in second_reply.content.decode()
    assert len(list_corrections(generation)) == 1


def test_a_correction_on_a_page_that_has_grown_old_changes_nothing(owner_client):
    generation = create_settled_generation()
    post_correction(owner_client, generation, "20")
    late_reply = post_correction(owner_client, generation, "30")
    assert "It has changed in the meantime" in late_reply.content.decode()
    assert [charged for charged, _, _ in list_corrections(generation)] == [Decimal("-5.7")]


def test_a_correction_is_announced_to_the_person_whose_credits_they_are(owner_client):
    generation = create_settled_generation()
    version_before = Generation.objects.get(pk=generation.pk).changed_version
    post_correction(owner_client, generation, "20")
    assert Generation.objects.get(pk=generation.pk).changed_version > version_before


@pytest.mark.parametrize(
    "fields",
    [{"note": ""}, {"amount": "-1"}, {"amount": "NaN"}, {"amount": ""}, {"version": "x"}],
    ids=str,
)
def test_a_correction_that_makes_no_sense_changes_nothing(owner_client, fields):
    generation = create_settled_generation()
    answer = post_correction(owner_client, generation, **{"amount": "20", **fields})
    assert 'class="studio-summary"' in answer.content.decode()
    assert list_corrections(generation) == []
    assert Generation.objects.get(pk=generation.pk).credits_charged == Decimal("25.7")


@pytest.mark.parametrize("state", [State.RUNNING, State.SAVING, State.CANCELLED])
def test_what_has_not_ended_or_was_never_sent_is_not_corrected(owner_client, state):
    generation = create_settled_generation(state)
    assert (
        "Correct what it cost" not in owner_client.get(generation_url(generation)).content.decode()
    )
    post_correction(owner_client, generation, "20")
    assert list_corrections(generation) == []
    assert Generation.objects.get(pk=generation.pk).charge == generation.charge


def test_what_is_not_in_the_ledger_is_not_corrected(owner_client):
    generation = GenerationFactory(state=State.COMPLETED)
    answer = post_correction(owner_client, generation, "20")
    assert "does not stand in the book" in answer.content.decode()
    assert Generation.objects.get(pk=generation.pk).credits_charged == Decimal("25.7")


def test_staff_see_the_ledger_and_correct_nothing(staff_client, owner_client):
    generation = create_settled_generation()
    page = staff_client.get(generation_url(generation)).content.decode()
    assert "Its credits in the book" in page
    assert "Correct what it cost" not in page
    assert post_correction(staff_client, generation, "0").status_code == 403
    assert owner_client.get(f"{GENERATIONS_URL}{generation.pk}/settle/").status_code == 403
    assert list_corrections(generation) == []


def create_unknown_generation() -> Generation:
    generation = GenerationFactory(state=State.UNKNOWN)
    ledger_fields = {"model_id": VEO, "amount": Decimal(162), "now": NOW}
    ledger.reserve(generation_id=generation.pk, user=generation.owner, **ledger_fields)
    return generation


@pytest.mark.parametrize(
    ("decision", "kind"),
    [({"decision": "charged", "amount": "25.7"}, "settle"), ({"decision": "never"}, "release")],
    ids=["charged", "never taken"],
)
def test_the_ledger_says_who_resolved_a_lost_answer_and_why(owner_client, decision, kind):
    generation = create_unknown_generation()
    data = {**decision, "note": "Seen in my account", "version": 0, "confirm": "1"}
    owner_client.post(f"{GENERATIONS_URL}{generation.pk}/settle/", data)
    line = LedgerEntry.objects.get(generation_id=generation.pk, kind=kind)
    assert line.actor
    assert (line.actor.username, line.note) == ("olga", "Seen in my account")
    assert audit_ledger_with_generations().is_clean


def test_a_failed_one_whose_credits_are_unclear_is_at_risk_until_the_owner_says(owner_client):
    generation = create_unknown_generation()
    assert transition(generation, State.FAILED, now=NOW, charge=Charge.UNCLEAR)
    generation.refresh_from_db()
    assert AllowanceBalance.objects.get().credits_reserved == 162
    assert audit_ledger_with_generations().is_clean
    overview = owner_client.get("/admin/").content.decode()
    assert "Failed, and its credits are not returned" in overview
    assert f'href="{generation_url(generation)}#decide"' in overview
    page = post_correction(owner_client, generation, "0").content.decode()
    assert f"Reserved: 162 → 0. Reason: {NOTE}" in page
    assert "not returned" not in owner_client.get("/admin/").content.decode()
    assert AllowanceBalance.objects.get().credits_used == 0
    assert audit_ledger_with_generations().is_clean
