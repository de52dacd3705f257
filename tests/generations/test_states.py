"""Which moves there are, and that every change looks at where the row really stands."""

import itertools
import uuid
from datetime import timedelta

import pytest

from evolink_studio.generations.models import Feed, Generation
from evolink_studio.generations.states import ENDED, State
from evolink_studio.generations.transitions import bump, move, note
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.generations.conftest import fresh

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)
ALLOWED = {
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
EVERY_MOVE = list(itertools.product(State.values, State.values))


def row(generation):
    return Generation.objects.filter(pk=generation.pk).values().get()


@pytest.mark.parametrize(("start", "to"), EVERY_MOVE, ids=map("→".join, EVERY_MOVE))
def test_a_generation_moves_only_along_the_drawn_ways(start, to):
    generation = GenerationFactory(state=start)
    before = row(generation)
    moved = move(generation, State(to), now=LATER)
    assert moved is ((start, to) in ALLOWED)
    assert fresh(generation).state == (to if moved else start)
    assert moved or row(generation) == before


@pytest.mark.parametrize("end", sorted(ENDED))
def test_an_end_is_final(end):
    generation = GenerationFactory(state=end)
    before = row(generation)
    tried = [move(generation, state, now=LATER, progress=7, error_code="late") for state in State]
    assert not any(tried)
    assert not note(generation, held=uuid.uuid4(), visible=True, progress=7)
    assert row(generation) == before


def test_the_first_of_two_movers_wins():
    generation = GenerationFactory(state=State.RUNNING)
    seen_by_another = fresh(generation)
    assert move(generation, State.SAVING, now=LATER, used=5)
    assert not move(seen_by_another, State.SAVING, now=LATER, used=7)
    assert (fresh(generation).state, fresh(generation).used) == ("saving", 5)


def test_every_move_and_every_visible_note_is_one_more_version_for_its_owner():
    generation = GenerationFactory(state=State.RUNNING, claim=(held := uuid.uuid4()))
    other = UserFactory()
    start, others = bump(generation.owner_id), bump(other.pk)

    assert note(generation, held=held, visible=True, progress=10)
    assert fresh(generation).version == Feed.objects.get(pk=generation.owner_id).version
    assert fresh(generation).version == start + 1

    assert move(generation, State.SAVING, now=LATER)
    assert fresh(generation).version == Feed.objects.get(pk=generation.owner_id).version
    assert fresh(generation).version == start + 2
    assert Feed.objects.get(pk=other.pk).version == others


def test_a_quiet_note_is_no_news_for_the_page():
    generation = GenerationFactory(state=State.RUNNING, claim=(held := uuid.uuid4()))
    version = bump(generation.owner_id)
    assert note(generation, held=held, visible=False, attempts=3)
    assert Feed.objects.get(pk=generation.owner_id).version == version
    assert fresh(generation).attempts == 3


def test_a_worker_whose_claim_is_gone_changes_nothing():
    generation = GenerationFactory(state=State.RUNNING, claim=uuid.uuid4())
    before = row(generation)
    stale = uuid.uuid4()
    assert not move(generation, State.SAVING, now=LATER, held=stale)
    assert not note(generation, held=stale, visible=True, progress=90)
    assert row(generation) == before


def test_the_claim_is_held_on_to_only_while_something_is_being_sent():
    held = uuid.uuid4()
    generation = GenerationFactory(claim=held)
    assert move(generation, State.SENDING, now=LATER, held=held)
    assert fresh(generation).claim == held
    assert move(generation, State.RUNNING, now=LATER, held=held)
    assert fresh(generation).claim is None


@pytest.mark.parametrize("end", sorted(ENDED))
def test_an_end_has_its_time_and_is_looked_at_no_more(end):
    start = {"cancelled": "queued", "completed": "saving", "failed": "running"}[end]
    generation = GenerationFactory(state=start, stalled=NOW, due=NOW)
    assert move(generation, State(end), now=LATER)
    ended = fresh(generation)
    assert (ended.finished, ended.due, ended.stalled, ended.ended) == (LATER, None, None, True)
