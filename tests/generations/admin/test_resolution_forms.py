"""What the owner decides about a lost answer."""

from decimal import Decimal

import pytest

from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State
from tests.factories import GenerationFactory, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL, generation_url

IMPORT_TASK_URL = f"{GENERATIONS_URL}rescue/"


def post_resolution(browser, generation, **data):
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


def test_a_named_task_is_only_read_by_the_worker(owner_client, unknown_generation):
    answer = post_resolution(
        owner_client, unknown_generation, decision="task", task_id="task-unified-7"
    )
    assert "links it if it fits" in answer.content.decode()
    unknown_generation.refresh_from_db()
    assert (
        unknown_generation.state,
        unknown_generation.candidate_task_id,
        unknown_generation.task_id,
    ) == (
        State.UNKNOWN,
        "task-unified-7",
        None,
    )


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
        {"decision": "task", "task_id": "a\n"},
        {"decision": "charged", "amount": "-1"},
        {"decision": "charged", "amount": "NaN"},
        {"decision": "charged", "amount": ""},
    ],
)
def test_a_decision_that_makes_no_sense_changes_nothing(owner_client, unknown_generation, fields):
    before = Generation.objects.values().get(pk=unknown_generation.pk)
    assert post_resolution(owner_client, unknown_generation, **fields).status_code == 200
    after = Generation.objects.values().get(pk=unknown_generation.pk)
    if fields.get("task_id") == "a\n":
        # A form takes off white space around a text.
        assert after["candidate_task_id"] == "a"
    else:
        assert after == before


def test_a_task_of_another_generation_is_refused(owner_client, unknown_generation):
    other_row = GenerationFactory(state=State.RUNNING)
    answer = post_resolution(
        owner_client, unknown_generation, decision="task", task_id=other_row.task_id
    )
    assert "A generation here has this task already." in answer.content.decode()
    unknown_generation.refresh_from_db()
    assert unknown_generation.candidate_task_id == ""


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


def test_the_film_of_a_task_is_imported_into_a_users_library(owner_client):
    ada = UserFactory(username="ada")
    fields = {"task_id": "task-unified-9", "owner": ada.pk, "model": "veo3.1-pro"}
    answer = owner_client.post(IMPORT_TASK_URL, fields, follow=True)
    generation = Generation.objects.get(owner=ada)
    assert answer.redirect_chain[-1][0] == generation_url(generation)
    assert (generation.state, generation.candidate_task_id) == (State.UNKNOWN, "task-unified-9")
    second_reply = owner_client.post(IMPORT_TASK_URL, fields)
    assert "A generation here has this task already." in second_reply.content.decode()
    assert Generation.objects.count() == 1
