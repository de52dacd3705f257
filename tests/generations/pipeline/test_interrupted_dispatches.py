"""What a killed worker leaves behind is shown as it is, and is never sent again by itself."""

import uuid
from datetime import timedelta

import pytest

from evolink_studio.generations.models import ChangeFeed
from evolink_studio.generations.pipeline.dispatch import MAX_POST_DURATION
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def interrupted_generation():
    """Its worker died around the POST."""
    return GenerationFactory(
        state=State.SENDING,
        lease_id=uuid.uuid4(),
        next_attempt_at=NOW + MAX_POST_DURATION,
        sent_at=NOW,
    )


def test_a_post_that_must_have_ended_long_ago_is_unknown(worker, interrupted_generation):
    worker.clock.now = interrupted_generation.next_attempt_at
    assert worker.recover_interrupted() == 1
    current = reload(interrupted_generation)
    assert (current.state, current.charge, current.error_code) == (
        "unknown",
        "unclear",
        "answer_lost",
    )
    assert current.lease_id is None
    assert current.changed_version == ChangeFeed.objects.get().version > 0
    assert worker.recover_interrupted() == 0


def test_a_post_that_may_still_be_on_its_way_is_left_alone(worker, interrupted_generation):
    worker.clock.now = interrupted_generation.next_attempt_at - timedelta(seconds=1)
    assert worker.recover_interrupted() == 0
    assert reload(interrupted_generation).state == "sending"


@pytest.mark.parametrize("state", [state for state in State if state != State.SENDING])
def test_nothing_else_is_recovered(worker, state):
    generation = GenerationFactory(state=state, next_attempt_at=NOW)
    worker.clock.advance(days=30)
    assert worker.recover_interrupted() == 0
    assert reload(generation).state == state


def test_what_was_recovered_is_never_sent_again_in_seven_days(
    fake_provider, worker, interrupted_generation
):
    for _ in range(7 * 4):
        worker.clock.advance(hours=6)
        worker.run_all_stages()
    assert reload(interrupted_generation).state == "unknown"
    assert fake_provider.create.requests == []


def test_a_row_that_cannot_be_changed_hides_no_other_one(
    worker, interrupted_generation, monkeypatch
):
    other_row = GenerationFactory(
        state=State.SENDING,
        lease_id=uuid.uuid4(),
        next_attempt_at=interrupted_generation.next_attempt_at,
        sent_at=NOW,
    )

    def fail_or_move(generation, *to, **facts):
        if generation.pk == interrupted_generation.pk:
            raise ZeroDivisionError("unexpected")
        return transition(generation, *to, **facts)

    monkeypatch.setattr(
        "evolink_studio.generations.pipeline.reconciliation.transition", fail_or_move
    )
    worker.clock.now = interrupted_generation.next_attempt_at
    assert worker.recover_interrupted() == 1
    assert (reload(interrupted_generation).state, reload(other_row).state) == ("sending", "unknown")
