"""What an admin decides on a page that has grown old, and what the search makes of it."""

from decimal import Decimal

import pytest

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.evolink.errors import ServiceUnavailableError
from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import import_task, mark_charged, mark_not_charged
from evolink_studio.generations.services import record_callback
from evolink_studio.generations.states import State
from tests.faults.histories import Histories
from tests.faults.promises import key_of

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
VEO, TEN = "veo3.1-pro", Decimal(10)


@pytest.fixture
def history():
    story = Histories()
    story.every_promise_holds()
    yield story
    story.teardown()


def lost_then_found(history) -> Generation:
    """Returns the row as the admin's page shows it: lost. Meanwhile a callback found its task."""
    history.press(1, VEO, TEN)
    history.the_worker_sends("answer cut", TEN)
    row = history.some(0)
    task_id = history.truth.taken[key_of(row)]
    record_callback(
        token=row.callback_token, size_bytes=1, status="", task_id=task_id, now=history.clock()
    )
    history.every_promise_holds()
    history.the_worker_looks(0, None, 0)
    assert history.some(0).state == State.RUNNING
    return row


def decide(row, how, now) -> bool:
    if how == "charged":
        return mark_charged(generation=row, amount=TEN, now=now)
    return mark_not_charged(generation=row, now=now)


@pytest.mark.parametrize("how", ["charged", "not charged"])
@pytest.mark.parametrize("ended", [False, True], ids=["running", "being saved"])
def test_a_decision_about_a_lost_answer_comes_too_late_when_it_was_found(history, how, ended):
    row = lost_then_found(history)
    if ended:
        history.truth.ends("task-000001", "completed", "billed", Decimal(9))
        history.every_promise_holds()
        history.the_worker_looks(0, None, 0)
    before = history.some(0)
    assert not decide(row, how, history.clock())
    assert (history.some(0).state, history.some(0).charge) == (before.state, before.charge)
    assert audit_ledger_with_generations().findings == ()


def test_the_task_of_a_neighbour_that_was_settled_by_hand_is_not_taken(history):
    history.press(1, VEO, TEN)
    history.press(1, VEO, TEN)
    history.every_promise_holds()
    history.the_worker_sends("lost on the way", TEN)
    history.the_worker_sends("answer cut", TEN)
    never_taken, taken = history.some(0), history.some(1)
    assert {never_taken.state, taken.state} == {State.UNKNOWN}
    assert mark_charged(generation=taken, amount=TEN, now=history.clock())
    history.decided[taken.pk] = TEN
    history.every_promise_holds()
    history.the_worker_looks(0, None, 0)
    assert (history.some(0).state, history.some(0).task_id) == (State.UNKNOWN, None)


def test_a_task_that_was_named_is_asked_for_again_when_evolink_did_not_answer(history):
    """A day old, so that the task list does not show it as one of this moment."""
    history.press(1, VEO, TEN)
    history.every_promise_holds()
    history.the_worker_sends("answer cut", TEN)
    task_id = next(iter(history.truth.tasks))
    mark_charged(generation=history.some(0), amount=TEN, now=history.clock())
    history.clock.forward(days=1)
    rescued = import_task(
        owner=history.people[1], model_id=VEO, task_id=task_id, now=history.clock()
    )
    history.rows = [rescued]
    history.the_worker_looks(0, ServiceUnavailableError("away"), 0)
    history.the_worker_looks(0, None, 0)
    rescued.refresh_from_db()
    assert (rescued.state, rescued.task_id) == (State.RUNNING, task_id)
