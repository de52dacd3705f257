"""Whose turn it is: fair between people, and never more at EvoLink than the owner allows."""

from datetime import timedelta

import pytest

from evolink_studio.credits.models import Allowance
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, count_ahead, lease_next
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import transition, update_in_state
from tests.factories import NOW, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db

NO_LIMITS = ConcurrencyLimits()
SORA = "sora-2-preview"


def wishes(person, count, *, after=0, **fields):
    return [
        GenerationFactory(
            owner=person,
            created_at=NOW + timedelta(seconds=after + n),
            next_attempt_at=NOW,
            **fields,
        )
        for n in range(count)
    ]


def turns(limit=100, limits=NO_LIMITS, now=NOW) -> list[int]:
    return [row.pk for row in lease_next(limit=limit, now=now, limits=limits)[1]]


def test_everybodys_first_goes_before_anybodys_second(ada, eve):
    many, one = wishes(ada, 5), wishes(eve, 1, after=60)
    assert set(turns(limit=2)) == {many[0].pk, one[0].pk}


def test_work_under_way_counts_as_a_turn_taken(ada, eve):
    wishes(ada, 2, state=State.RUNNING)
    first = wishes(ada, 1)
    later = wishes(eve, 1, after=60)
    assert turns(limit=1) == [later[0].pk]
    assert turns(limit=1) == [first[0].pk]


@pytest.mark.parametrize(
    ("limits", "taken"),
    [
        (ConcurrencyLimits(total=1), 0),
        (ConcurrencyLimits(total=3), 2),
        (ConcurrencyLimits(per_user=1), 1),
        (ConcurrencyLimits(per_user=2), 2),
        (ConcurrencyLimits(per_model=1), 1),
        (ConcurrencyLimits(total=9, per_user=3, per_model=9), 3),
        (ConcurrencyLimits(), 4),
    ],
    ids=str,
)
def test_limits_count_what_is_at_evolink_already(ada, eve, limits, taken):
    wishes(ada, 1, state=State.RUNNING)
    wishes(ada, 2)
    wishes(eve, 1)
    wishes(ada, 1, model_id=SORA)
    assert len(turns(limits=limits)) == taken


def test_what_an_allowance_says_of_one_person_binds_only_them(ada, eve):
    Allowance.objects.create(user=ada, max_concurrent=1)
    wishes(ada, 3)
    theirs = wishes(eve, 2)
    found = turns()
    assert len(found) == 3
    assert {row.pk for row in theirs} < set(found)


def test_what_is_being_prepared_counts_for_the_limits(ada):
    """Its pictures are on their way to EvoLink; the next look comes a moment later."""
    wishes(ada, 2)
    limits = ConcurrencyLimits(per_user=1)
    assert len(turns(limits=limits)) == 1
    assert turns(limits=limits) == []


def test_what_could_not_be_sent_makes_room_again(ada):
    first, second = wishes(ada, 2)
    held, (row,) = lease_next(limit=9, now=NOW, limits=ConcurrencyLimits(per_user=1))
    update_in_state(
        row, lease_id=held, is_visible=True, next_attempt_at=NOW + timedelta(seconds=30)
    )
    assert turns(limits=ConcurrencyLimits(per_user=1)) == [second.pk]
    assert row.pk == first.pk


def test_a_worker_that_died_holds_its_place_only_as_long_as_its_lease(ada):
    (wish,) = wishes(ada, 1)
    limits = ConcurrencyLimits(per_user=1)
    assert turns(limits=limits) == [wish.pk]
    assert turns(limits=limits, now=NOW + timedelta(minutes=3)) == [wish.pk]


def test_the_card_says_how_many_go_before(ada, eve):
    mine = wishes(ada, 3)
    wishes(eve, 2, after=60)
    places = count_ahead(ada.pk)
    assert [places[row.pk] for row in mine] == [0, 2, 4]


def test_those_who_wait_hear_that_they_moved_up(ada, eve):
    wishes(ada, 1)
    (waiting,) = wishes(eve, 1, after=60)
    for person in (ada, eve):
        transition(GenerationFactory(owner=person), State.CANCELLED, now=NOW)
    before = Generation.objects.get(pk=waiting.pk).changed_version
    turns(limit=1)
    assert Generation.objects.get(pk=waiting.pk).changed_version > before


def test_one_person_with_a_thousand_wishes_delays_nobody_by_more_than_one(ada):
    wishes(ada, 200)
    others = [wishes(UserFactory(), 1, after=900)[0].pk for _ in range(5)]
    assert set(others) < set(turns(limit=6))
