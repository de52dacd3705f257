"""What the owner puts right after the end, and who stands in the book for it."""

from decimal import Decimal

import pytest

from evolink_studio.credits import ledger
from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.admin.conftest import LIST, page_of
from tests.factories import NOW, VEO, GenerationFactory, UserFactory

REASON = "Refunded on the invoice of November"


def booked(state=State.COMPLETED, charged="25.7", **given) -> Generation:
    """A generation with its lines in the book; `charged` None: its credits came back."""
    used = Decimal(charged or 0)
    generation = GenerationFactory(state=state, credits_charged=used, **given)
    facts = {"generation_id": generation.pk, "now": NOW}
    ledger.reserve(
        user=generation.owner, model_id=VEO, amount=Decimal("25.7"), active_count=0, **facts
    )
    if charged is None:
        ledger.release(**facts)
    elif not generation.live:
        ledger.settle(charged=used, **facts)
    return generation


def correct(browser, generation, amount, *, version=None, note=REASON):
    given = {"decision": "correct", "amount": amount, "note": note}
    given["version"] = generation.changed_version if version is None else version
    return browser.post(f"{LIST}{generation.pk}/settle/", given, follow=True)


def corrections(generation) -> list[tuple[Decimal, str | None, str]]:
    lines = LedgerEntry.objects.filter(generation_id=generation.pk, kind=LedgerEntry.Kind.CORRECT)
    return [
        (line.credits_charged_delta, line.actor.username if line.actor else None, line.note)
        for line in lines
    ]


@pytest.mark.parametrize(
    ("state", "before", "truth", "charge"),
    [
        (State.COMPLETED, "25.7", "20", Charge.CHARGED),
        (State.COMPLETED, "25.7", "0", Charge.RETURNED),
        (State.FAILED, None, "25.7", Charge.CHARGED),
        (State.FAILED, "25.7", "0", Charge.RETURNED),
    ],
    ids=["charged less", "refunded", "charged nevertheless", "a failed one refunded"],
)
def test_what_it_cost_in_truth_stands_on_its_row_and_in_the_book(
    owner, state, before, truth, charge
):
    given = {"charge": Charge.RETURNED if before is None else Charge.CHARGED}
    generation = booked(state, before, **given)
    assert audit_ledger_with_generations().is_clean
    correct(owner, generation, truth)
    generation.refresh_from_db()
    assert (generation.state, generation.charge) == (state, charge)
    assert generation.credits_charged == Decimal(truth)
    assert corrections(generation) == [(Decimal(truth) - Decimal(before or 0), "olga", REASON)]
    assert AllowanceBalance.objects.get().credits_used == Decimal(truth)
    assert audit_ledger_with_generations().findings == ()


def test_its_page_and_its_history_say_what_it_was_before_who_changed_it_and_why(owner):
    generation = booked()
    correct(owner, generation, "20")
    page = owner.get(page_of(generation)).content.decode()
    lines = page[page.index('id="money"') :]
    for words in ("25.7", "-5.7", "corrected", "olga", REASON):
        assert words in lines
    history = owner.get(f"{LIST}{generation.pk}/history/").content.decode()
    assert f"Corrected from 25.7 to 20 credits: {REASON}" in history


def test_the_same_correction_sent_twice_counts_once(owner):
    generation = booked()
    correct(owner, generation, "20")
    again = correct(owner, generation, "20")
    assert "what the book says already" in again.content.decode()
    assert len(corrections(generation)) == 1


def test_a_correction_on_a_page_that_has_grown_old_changes_nothing(owner):
    generation = booked()
    correct(owner, generation, "20")
    late = correct(owner, generation, "30")
    assert "It has changed in the meantime" in late.content.decode()
    assert [charged for charged, _, _ in corrections(generation)] == [Decimal("-5.7")]


def test_a_correction_is_announced_to_the_person_whose_credits_they_are(owner):
    generation = booked()
    before = Generation.objects.get(pk=generation.pk).changed_version
    correct(owner, generation, "20")
    assert Generation.objects.get(pk=generation.pk).changed_version > before


@pytest.mark.parametrize(
    "given",
    [{"note": ""}, {"amount": "-1"}, {"amount": "NaN"}, {"amount": ""}, {"version": "x"}],
    ids=str,
)
def test_a_correction_that_makes_no_sense_changes_nothing(owner, given):
    generation = booked()
    answer = correct(owner, generation, **{"amount": "20", **given})
    assert 'class="studio-summary"' in answer.content.decode()
    assert corrections(generation) == []
    assert Generation.objects.get(pk=generation.pk).credits_charged == Decimal("25.7")


@pytest.mark.parametrize("state", [State.RUNNING, State.SAVING, State.CANCELLED])
def test_what_has_not_ended_or_was_never_sent_is_not_corrected(owner, state):
    generation = booked(state)
    assert "Correct what it cost" not in owner.get(page_of(generation)).content.decode()
    correct(owner, generation, "20")
    assert corrections(generation) == []
    assert Generation.objects.get(pk=generation.pk).charge == generation.charge


def test_what_does_not_stand_in_the_book_is_not_corrected(owner):
    generation = GenerationFactory(state=State.COMPLETED)
    answer = correct(owner, generation, "20")
    assert "does not stand in the book" in answer.content.decode()
    assert Generation.objects.get(pk=generation.pk).credits_charged == Decimal("25.7")


def test_staff_see_the_book_and_correct_nothing(staff, owner):
    generation = booked()
    page = staff.get(page_of(generation)).content.decode()
    assert "Its credits in the book" in page
    assert "Correct what it cost" not in page
    assert correct(staff, generation, "0").status_code == 403
    assert owner.get(f"{LIST}{generation.pk}/settle/").status_code == 403
    assert corrections(generation) == []


def lost() -> Generation:
    generation = GenerationFactory(state=State.UNKNOWN)
    facts = {"model_id": VEO, "amount": Decimal(162), "active_count": 0, "now": NOW}
    ledger.reserve(generation_id=generation.pk, user=generation.owner, **facts)
    return generation


@pytest.mark.parametrize(
    ("decision", "kind", "usual"),
    [
        ({"decision": "charged", "amount": "25.7"}, "settle", "EvoLink charged it, and there"),
        ({"decision": "never"}, "release", "EvoLink never took it."),
    ],
    ids=["charged", "never taken"],
)
@pytest.mark.parametrize("note", ["", "Seen in my EvoLink account"])
def test_the_book_says_who_settled_a_lost_answer_and_why(owner, decision, kind, usual, note):
    generation = lost()
    owner.post(f"{LIST}{generation.pk}/settle/", {**decision, "note": note})
    line = LedgerEntry.objects.get(generation_id=generation.pk, kind=kind)
    assert line.actor
    assert line.actor.username == "olga"
    assert line.note.startswith(note or usual)
    assert audit_ledger_with_generations().is_clean


def test_the_book_says_who_brought_in_a_film(owner):
    ada = UserFactory(username="ada")
    owner.post(f"{LIST}rescue/", {"task_id": "task-9", "owner": ada.pk, "model": VEO})
    line = LedgerEntry.objects.get()
    assert line.actor
    assert (line.actor.username, line.note) == ("olga", "Brought in: task task-9")
    assert audit_ledger_with_generations().is_clean


def test_a_film_is_not_brought_in_for_a_person_whose_credits_nobody_could_write_down(owner):
    ada = UserFactory(username="ada")
    Allowance.objects.update(is_active=False)
    given = {"task_id": "task-9", "owner": ada.pk, "model": VEO}
    answer = owner.post(f"{LIST}rescue/", given)
    assert "has no allowance" in answer.content.decode()
    assert not Generation.objects.exists()


def test_a_failed_one_whose_credits_are_unclear_is_at_risk_until_the_owner_says(owner):
    generation = lost()
    assert transition(generation, State.FAILED, now=NOW, charge=Charge.UNCLEAR)
    generation.refresh_from_db()
    assert AllowanceBalance.objects.get().credits_reserved == 162
    assert audit_ledger_with_generations().is_clean
    overview = owner.get("/admin/").content.decode()
    assert "Failed, and its credits are not returned" in overview
    assert f'href="{page_of(generation)}#decide"' in overview
    said = correct(owner, generation, "0").content.decode()
    assert f"Settled at 0 credits; 162 were reserved: {REASON}" in said
    assert "not returned" not in owner.get("/admin/").content.decode()
    assert AllowanceBalance.objects.get().credits_used == 0
    assert audit_ledger_with_generations().is_clean
