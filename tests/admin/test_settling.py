"""What the owner decides about a lost answer."""

from decimal import Decimal

import pytest

from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State
from tests.admin.conftest import LIST, page_of
from tests.factories import GenerationFactory, UserFactory

RESCUE = f"{LIST}rescue/"


def settle(browser, generation, **given):
    return browser.post(f"{LIST}{generation.pk}/settle/", given, follow=True)


@pytest.fixture
def lost(db) -> Generation:
    return GenerationFactory(state=State.UNKNOWN)


def test_the_decisions_are_offered_to_the_owner_where_an_answer_is_lost(owner, staff, lost):
    words = "What became of it?"
    assert words in owner.get(page_of(lost)).content.decode()
    assert words not in staff.get(page_of(lost)).content.decode()
    assert words not in owner.get(page_of(GenerationFactory())).content.decode()


def test_a_named_task_is_only_looked_up_by_the_worker(owner, lost):
    answer = settle(owner, lost, decision="task", task_id="task-unified-7")
    assert "links it if it fits" in answer.content.decode()
    lost.refresh_from_db()
    assert (lost.state, lost.candidate_task_id, lost.task_id) == (
        State.UNKNOWN,
        "task-unified-7",
        None,
    )


def test_settled_as_never_taken_it_has_failed_and_is_not_charged(owner, lost):
    settle(owner, lost, decision="never")
    lost.refresh_from_db()
    assert (lost.state, lost.charge) == (State.FAILED, Charge.NONE)
    assert "nothing was charged" in owner.get(f"{LIST}{lost.pk}/history/").content.decode()


def test_settled_as_charged_it_keeps_the_amount(owner, lost):
    settle(owner, lost, decision="charged", amount="25.7")
    lost.refresh_from_db()
    assert (lost.state, lost.charge, lost.credits_charged) == (
        State.FAILED,
        Charge.CHARGED,
        Decimal("25.7"),
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"decision": "other"},
        {"decision": "task", "task_id": ""},
        {"decision": "task", "task_id": "../../v1/credits"},
        {"decision": "task", "task_id": "a\n"},
        {"decision": "charged", "amount": "-1"},
        {"decision": "charged", "amount": "NaN"},
        {"decision": "charged", "amount": ""},
    ],
)
def test_a_decision_that_makes_no_sense_changes_nothing(owner, lost, given):
    before = Generation.objects.values().get(pk=lost.pk)
    assert settle(owner, lost, **given).status_code == 200
    after = Generation.objects.values().get(pk=lost.pk)
    if given.get("task_id") == "a\n":
        # A form takes off white space around a text.
        assert after["candidate"] == "a"
    else:
        assert after == before


def test_a_task_of_another_generation_is_refused(owner, lost):
    other = GenerationFactory(state=State.RUNNING)
    answer = settle(owner, lost, decision="task", task_id=other.task_id)
    assert "A generation here has this task already." in answer.content.decode()
    lost.refresh_from_db()
    assert lost.candidate_task_id == ""


def test_what_has_ended_is_not_settled_again(owner):
    done = GenerationFactory(state=State.COMPLETED)
    answer = settle(owner, done, decision="never")
    assert "nothing was changed" in answer.content.decode()
    done.refresh_from_db()
    assert done.state == State.COMPLETED


def test_staff_decide_nothing_and_a_look_decides_nothing(owner, staff, lost):
    assert settle(staff, lost, decision="never").status_code == 403
    assert owner.get(f"{LIST}{lost.pk}/settle/").status_code == 403
    assert staff.get(RESCUE).status_code == 403
    lost.refresh_from_db()
    assert lost.state == State.UNKNOWN


def test_the_film_of_a_task_is_brought_into_a_persons_library(owner):
    ada = UserFactory(username="ada")
    given = {"task_id": "task-unified-9", "owner": ada.pk, "model": "veo3.1-pro"}
    answer = owner.post(RESCUE, given, follow=True)
    made = Generation.objects.get(owner=ada)
    assert answer.redirect_chain[-1][0] == page_of(made)
    assert (made.state, made.candidate_task_id) == (State.UNKNOWN, "task-unified-9")
    again = owner.post(RESCUE, given)
    assert "A generation here has this task already." in again.content.decode()
    assert Generation.objects.count() == 1
