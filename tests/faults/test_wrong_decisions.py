"""Whatever an admin decides wrongly, in any order, is taken back to the last decimal."""

from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest

from evolink_studio.credits import ledger
from evolink_studio.credits.models import Allowance, AllowanceBalance
from evolink_studio.evolink.types import Task
from evolink_studio.generations import resolutions
from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.services import record_callback
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import correct_charge, transition
from tests.factories import NOW, VEO, GenerationFactory, UserFactory
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

WRONG_DECISIONS = ("never", "charged", "linked", "linked and charged", "charged and corrected")
ESTIMATE = Decimal("162.0001")


def lose(owner) -> Generation:
    generation = GenerationFactory(
        owner=owner, state=State.UNKNOWN, credits_estimated=ESTIMATE, credits_held=ESTIMATE
    )
    entry = {"generation_id": generation.pk, "model_id": VEO, "amount": ESTIMATE, "now": NOW}
    ledger.reserve(user=owner, **entry)
    return generation


def list_amounts() -> list[tuple[Decimal, Decimal]]:
    """What is reserved and charged in every purse."""
    columns = ("credits_reserved", "credits_charged")
    return list(AllowanceBalance.objects.order_by("pk").values_list(*columns))


def decide(generation: Generation, decision: str, admin) -> None:
    """One wrong decision; the row is as it stands afterwards."""
    if decision == "never":
        assert resolutions.mark_not_charged(generation=generation, actor=admin, now=NOW)
    elif decision.startswith("charged"):
        amount = Decimal("9.0001")
        assert resolutions.mark_charged(generation=generation, amount=amount, now=NOW)
    else:
        usage = {"credits_reserved": "25.7003"}
        task = Task.model_validate({"id": f"task-{generation.pk}", "model": VEO, "usage": usage})
        resolutions.link_task(generation=generation, task=task, is_confirmed=True, now=NOW)
    generation.refresh_from_db()
    if decision == "linked and charged":
        amounts = {"charge": Charge.CHARGED, "credits_charged": Decimal("20.0002")}
        assert transition(generation, State.SAVING, now=NOW, **amounts)
        assert transition(generation, State.COMPLETED, now=NOW)
    elif decision == "charged and corrected":
        correction = {"credits_charged": Decimal("3.3333"), "note": "Invoice", "now": NOW}
        assert correct_charge(generation, actor=admin, **correction)
    generation.refresh_from_db()


def take_back(generation: Generation, admin) -> None:
    undo = resolutions.unlink_task if generation.task_id else resolutions.reopen
    version = generation.changed_version
    decision = {"seen_version": version, "actor": admin, "reason": "Wrong", "now": NOW}
    undo(generation=generation, **decision)
    with pytest.raises(resolutions.GenerationChangedError):
        undo(generation=generation, **decision)
    generation.refresh_from_db()


def test_every_pair_of_wrong_decisions_is_taken_back_exactly():
    Allowance.objects.update(credits_limit=10**6)
    Allowance.objects.create(is_shared=True, credits_limit=10**6, period="week")
    admin, ada = UserFactory(owner=True), UserFactory()
    with count_cases("Wrong decisions of admins") as case_counter:
        for decisions in product(WRONG_DECISIONS, repeat=2):
            generation = lose(ada)
            for decision in decisions:
                before = list_amounts()
                decide(generation, decision, admin)
                assert_proved()
                take_back(generation, admin)
                assert (generation.state, generation.credits_held) == (State.UNKNOWN, ESTIMATE)
                assert list_amounts() == before
                assert_proved()
                case_counter.cases += 1


@pytest.mark.parametrize("decision", ["never", "charged"])
@count_cases("Wrong decisions of admins", cases=1)
def test_what_contradicts_a_decision_is_an_incident_and_changes_no_money(decision):
    generation = lose(UserFactory())
    decide(generation, decision, UserFactory(owner=True))
    before = Generation.objects.values().get(pk=generation.pk)
    call = {"size_bytes": 9, "status": "completed", "task_id": "task-late"}
    for _repeated in range(3):
        later = NOW + timedelta(hours=1)
        record_callback(token=generation.callback_token, now=later, **call)
    assert Generation.objects.values().get(pk=generation.pk) == before
    incidents = list_open_incidents(now=NOW, limit=9)
    assert [item.type.name for item in incidents] == ["contradicted"]
    assert_proved()
