"""What an admin decides on a page that has grown old, and what the search makes of it."""

from decimal import Decimal

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import mark_charged, mark_not_charged
from evolink_studio.generations.services import record_callback
from evolink_studio.generations.states import State
from tests.faults.lifecycle import idempotency_key_of
from tests.faults.proofs import assert_proved
from tests.faults.random_histories import RandomHistories

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
VEO, TEN = "veo3.1-pro", Decimal(10)


@pytest.fixture
def history():
    histories = RandomHistories()
    histories.assert_all()
    yield histories
    histories.teardown()


def lose_and_find(history) -> Generation:
    """Returns the row as the admin's page shows it: lost. Meanwhile a callback found its task."""
    history.submit_form(1, VEO, TEN)
    history.run_dispatch("answer cut", TEN)
    row = history.pick_generation(0)
    task_id = history.provider.task_ids_by_key[idempotency_key_of(row)]
    record_callback(
        token=row.callback_token, size_bytes=1, status="", task_id=task_id, now=history.clock()
    )
    history.assert_all()
    history.run_busy_stage(0, None, 0)
    assert history.pick_generation(0).state == State.RUNNING
    return row


def apply_decision(row, decision, now) -> bool:
    if decision == "charged":
        return mark_charged(generation=row, amount=TEN, now=now)
    return mark_not_charged(generation=row, now=now)


@pytest.mark.parametrize("how", ["charged", "not charged"])
@pytest.mark.parametrize("has_ended", [False, True], ids=["running", "being saved"])
def test_a_decision_about_a_lost_answer_comes_too_late_when_it_was_found(history, how, has_ended):
    row = lose_and_find(history)
    if has_ended:
        history.provider.end_task("task-000001", "completed", "billed", Decimal(9))
        history.assert_all()
        history.run_busy_stage(0, None, 0)
    before = history.pick_generation(0)
    assert not apply_decision(row, how, history.clock())
    assert (history.pick_generation(0).state, history.pick_generation(0).charge) == (
        before.state,
        before.charge,
    )
    assert_proved()


def test_the_task_of_a_neighbour_that_was_settled_by_hand_is_not_taken(history):
    history.submit_form(1, VEO, TEN)
    history.submit_form(1, VEO, TEN)
    history.assert_all()
    history.run_dispatch("lost on the way", TEN)
    history.run_dispatch("answer cut", TEN)
    unaccepted, accepted = history.pick_generation(0), history.pick_generation(1)
    assert {unaccepted.state, accepted.state} == {State.UNKNOWN}
    assert mark_charged(generation=accepted, amount=TEN, now=history.clock())
    history.decided_charges[accepted.pk] = TEN
    history.assert_all()
    history.run_busy_stage(0, None, 0)
    assert (history.pick_generation(0).state, history.pick_generation(0).task_id) == (
        State.UNKNOWN,
        None,
    )
