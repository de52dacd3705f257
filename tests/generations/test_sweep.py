"""What a killed worker leaves behind is told as it is, and is never sent again by itself."""

import uuid
from datetime import timedelta

import pytest

from evolink_studio.generations.models import ChangeFeed
from evolink_studio.generations.pipeline.dispatch import MAX_POST_DURATION
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def left():
    """Its worker died around the POST."""
    return GenerationFactory(
        state=State.SENDING,
        lease_id=uuid.uuid4(),
        next_attempt_at=NOW + MAX_POST_DURATION,
        sent_at=NOW,
    )


def test_a_post_that_must_have_ended_long_ago_is_unknown(worker, left):
    worker.clock.now = left.next_attempt_at
    assert worker.sweep() == 1
    found = fresh(left)
    assert (found.state, found.charge, found.error_code) == ("unknown", "unclear", "answer_lost")
    assert found.lease_id is None
    assert found.changed_version == ChangeFeed.objects.get().version > 0
    assert worker.sweep() == 0


def test_a_post_that_may_still_be_on_its_way_is_left_alone(worker, left):
    worker.clock.now = left.next_attempt_at - timedelta(seconds=1)
    assert worker.sweep() == 0
    assert fresh(left).state == "sending"


@pytest.mark.parametrize("state", [state for state in State if state != State.SENDING])
def test_nothing_else_is_swept(worker, state):
    generation = GenerationFactory(state=state, next_attempt_at=NOW)
    worker.clock.forward(days=30)
    assert worker.sweep() == 0
    assert fresh(generation).state == state


def test_what_was_swept_is_never_sent_again_in_seven_days(far, worker, left):
    for _ in range(7 * 4):
        worker.clock.forward(hours=6)
        worker.everything()
    assert fresh(left).state == "unknown"
    assert far.create.requests == []


def test_a_row_that_cannot_be_moved_hides_no_other_one(worker, left, monkeypatch):
    other = GenerationFactory(
        state=State.SENDING,
        lease_id=uuid.uuid4(),
        next_attempt_at=left.next_attempt_at,
        sent_at=NOW,
    )

    def moved(generation, *to, **facts):
        if generation.pk == left.pk:
            raise ZeroDivisionError("poisoned")
        return transition(generation, *to, **facts)

    monkeypatch.setattr("evolink_studio.generations.pipeline.reconciliation.transition", moved)
    worker.clock.now = left.next_attempt_at
    assert worker.sweep() == 1
    assert (fresh(left).state, fresh(other).state) == ("sending", "unknown")
