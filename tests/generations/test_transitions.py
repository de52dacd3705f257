"""Which moves there are, and that every change looks at where the row really stands."""

import itertools
import uuid
from datetime import timedelta

import pytest

from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.states import ENDED_STATES, State
from evolink_studio.generations.transitions import (
    increment_feed_version,
    transition,
    update_in_state,
)
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.generations.conftest import reload

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)
ALLOWED_TRANSITIONS = {
    ("queued", "sending"),
    ("queued", "cancelled"),
    ("queued", "failed"),
    ("sending", "queued"),
    ("sending", "running"),
    ("sending", "unknown"),
    ("sending", "failed"),
    ("unknown", "running"),
    ("unknown", "failed"),
    ("running", "saving"),
    ("running", "failed"),
    ("saving", "completed"),
    ("saving", "failed"),
}
ALL_TRANSITIONS = list(itertools.product(State.values, State.values))


def read_columns(generation):
    return Generation.objects.filter(pk=generation.pk).values().get()


@pytest.mark.parametrize(("start", "to"), ALL_TRANSITIONS, ids=map("→".join, ALL_TRANSITIONS))
def test_a_generation_changes_only_along_the_allowed_transitions(start, to):
    generation = GenerationFactory(state=start)
    before = read_columns(generation)
    has_moved = transition(generation, State(to), now=LATER)
    assert has_moved is ((start, to) in ALLOWED_TRANSITIONS)
    assert reload(generation).state == (to if has_moved else start)
    assert has_moved or read_columns(generation) == before


@pytest.mark.parametrize("end", sorted(ENDED_STATES))
def test_an_end_is_final(end):
    generation = GenerationFactory(state=end)
    before = read_columns(generation)
    results = [
        transition(generation, state, now=LATER, progress=7, error_code="late") for state in State
    ]
    assert not any(results)
    assert not update_in_state(generation, lease_id=uuid.uuid4(), is_visible=True, progress=7)
    assert read_columns(generation) == before


def test_the_first_of_two_transitions_wins():
    generation = GenerationFactory(state=State.RUNNING)
    seen_by_another = reload(generation)
    assert transition(generation, State.SAVING, now=LATER, credits_charged=5)
    assert not transition(seen_by_another, State.SAVING, now=LATER, credits_charged=7)
    assert (reload(generation).state, reload(generation).credits_charged) == ("saving", 5)


def test_every_transition_and_every_visible_update_is_one_more_version_for_its_owner():
    generation = GenerationFactory(state=State.RUNNING, lease_id=(lease_id := uuid.uuid4()))
    other_user = UserFactory()
    start, other_version = (
        increment_feed_version(generation.owner_id),
        increment_feed_version(other_user.pk),
    )

    assert update_in_state(generation, lease_id=lease_id, is_visible=True, progress=10)
    assert (
        reload(generation).changed_version == ChangeFeed.objects.get(pk=generation.owner_id).version
    )
    assert reload(generation).changed_version == start + 1

    assert transition(generation, State.SAVING, now=LATER)
    assert (
        reload(generation).changed_version == ChangeFeed.objects.get(pk=generation.owner_id).version
    )
    assert reload(generation).changed_version == start + 2
    assert ChangeFeed.objects.get(pk=other_user.pk).version == other_version


def test_an_invisible_update_is_no_change_for_the_page():
    generation = GenerationFactory(state=State.RUNNING, lease_id=(lease_id := uuid.uuid4()))
    version = increment_feed_version(generation.owner_id)
    assert update_in_state(generation, lease_id=lease_id, is_visible=False, attempts=3)
    assert ChangeFeed.objects.get(pk=generation.owner_id).version == version
    assert reload(generation).attempts == 3


def test_a_worker_whose_lease_is_gone_changes_nothing():
    generation = GenerationFactory(state=State.RUNNING, lease_id=uuid.uuid4())
    before = read_columns(generation)
    stale = uuid.uuid4()
    assert not transition(generation, State.SAVING, now=LATER, lease_id=stale)
    assert not update_in_state(generation, lease_id=stale, is_visible=True, progress=90)
    assert read_columns(generation) == before


def test_the_lease_is_kept_only_while_something_is_being_sent():
    lease_id = uuid.uuid4()
    generation = GenerationFactory(lease_id=lease_id)
    assert transition(generation, State.SENDING, now=LATER, lease_id=lease_id)
    assert reload(generation).lease_id == lease_id
    assert transition(generation, State.RUNNING, now=LATER, lease_id=lease_id)
    assert reload(generation).lease_id is None


@pytest.mark.parametrize("end", sorted(ENDED_STATES))
def test_an_end_has_its_time_and_is_polled_no_more(end):
    start = {"cancelled": "queued", "completed": "saving", "failed": "running"}[end]
    generation = GenerationFactory(state=start, stalled_since=NOW, next_attempt_at=NOW)
    assert transition(generation, State(end), now=LATER)
    current = reload(generation)
    assert (
        current.finished_at,
        current.next_attempt_at,
        current.stalled_since,
        current.is_ended,
    ) == (
        LATER,
        None,
        None,
        True,
    )
