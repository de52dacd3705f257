"""What the owner decides about a lost answer."""

from decimal import Decimal

import pytest

from evolink_studio.generations.models import Charge, Generation, TaskLookup
from evolink_studio.generations.states import State
from tests.factories import GenerationFactory
from tests.generations.admin.conftest import GENERATIONS_URL, generation_url

IMPORT_TASK_URL = f"{GENERATIONS_URL}rescue/"


def post_resolution(browser, generation, **data):
    data = {"note": "Seen in my account", "version": 0, "confirm": "1"} | data
    return browser.post(f"{GENERATIONS_URL}{generation.pk}/settle/", data, follow=True)


@pytest.fixture
def unknown_generation(db) -> Generation:
    return GenerationFactory(state=State.UNKNOWN)


def test_the_decisions_are_offered_to_the_owner_where_an_answer_is_lost(
    owner_client, staff_client, unknown_generation
):
    words = "What became of it?"
    assert words in owner_client.get(generation_url(unknown_generation)).content.decode()
    assert words not in staff_client.get(generation_url(unknown_generation)).content.decode()
    assert words not in owner_client.get(generation_url(GenerationFactory())).content.decode()


def test_resolved_as_never_accepted_it_has_failed_and_is_not_charged(
    owner_client, unknown_generation
):
    post_resolution(owner_client, unknown_generation, decision="never")
    unknown_generation.refresh_from_db()
    assert (unknown_generation.state, unknown_generation.charge) == (State.FAILED, Charge.NONE)
    assert (
        "nothing was charged"
        in owner_client.get(f"{GENERATIONS_URL}{unknown_generation.pk}/history/").content.decode()
    )


def test_resolved_as_charged_it_keeps_the_amount(owner_client, unknown_generation):
    post_resolution(owner_client, unknown_generation, decision="charged", amount="25.7")
    unknown_generation.refresh_from_db()
    assert (
        unknown_generation.state,
        unknown_generation.charge,
        unknown_generation.credits_charged,
    ) == (
        State.FAILED,
        Charge.CHARGED,
        Decimal("25.7"),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"decision": "other"},
        {"decision": "task", "task_id": ""},
        {"decision": "task", "task_id": "../../v1/credits"},
        {"decision": "task", "task_id": "a b"},
        {"decision": "never", "note": ""},
        {"decision": "never", "note": " "},
        {"decision": "never", "version": ""},
        {"decision": "never", "version": "9" * 30},
        {"decision": "never", "version": "7"},
        {"decision": "unlink"},
        {"decision": "reopen"},
        {"decision": "keep"},
        {"decision": "charged", "amount": "-1"},
        {"decision": "charged", "amount": "NaN"},
        {"decision": "charged", "amount": ""},
    ],
)
def test_a_decision_that_makes_no_sense_changes_nothing(owner_client, unknown_generation, fields):
    before = Generation.objects.values().get(pk=unknown_generation.pk)
    assert post_resolution(owner_client, unknown_generation, **fields).status_code == 200
    assert Generation.objects.values().get(pk=unknown_generation.pk) == before
    assert not TaskLookup.objects.exists()


def test_a_task_of_another_generation_is_refused(owner_client, unknown_generation):
    other_row = GenerationFactory(state=State.RUNNING)
    answer = post_resolution(
        owner_client, unknown_generation, decision="task", task_id=other_row.task_id
    )
    assert f"A generation here has this task already: {other_row}." in answer.content.decode()
    assert not TaskLookup.objects.exists()


def test_what_has_ended_is_not_resolved_again(owner_client):
    completed = GenerationFactory(state=State.COMPLETED)
    answer = post_resolution(owner_client, completed, decision="never")
    assert "nothing was changed" in answer.content.decode()
    completed.refresh_from_db()
    assert completed.state == State.COMPLETED


def test_staff_decide_nothing_and_a_refresh_decides_nothing(
    owner_client, staff_client, unknown_generation
):
    assert post_resolution(staff_client, unknown_generation, decision="never").status_code == 403
    assert owner_client.get(f"{GENERATIONS_URL}{unknown_generation.pk}/settle/").status_code == 403
    assert staff_client.get(IMPORT_TASK_URL).status_code == 403
    unknown_generation.refresh_from_db()
    assert unknown_generation.state == State.UNKNOWN
