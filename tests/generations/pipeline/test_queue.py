"""What is sent next: fair between people, never more at EvoLink than the owner allows."""

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


def create_queued(owner, count, *, delay_seconds=0, **fields):
    return [
        GenerationFactory(
            owner=owner,
            created_at=NOW + timedelta(seconds=delay_seconds + n),
            next_attempt_at=NOW,
            **fields,
        )
        for n in range(count)
    ]


def lease_next_ids(limit=100, limits=NO_LIMITS, now=NOW) -> list[int]:
    return [row.pk for row in lease_next(limit=limit, now=now, limits=limits)[1]]


def test_everybodys_first_goes_before_anybodys_second(ada, eve):
    many_rows, single_row = create_queued(ada, 5), create_queued(eve, 1, delay_seconds=60)
    assert set(lease_next_ids(limit=2)) == {many_rows[0].pk, single_row[0].pk}


def test_active_generations_count_as_turns_taken(ada, eve):
    create_queued(ada, 2, state=State.RUNNING)
    first = create_queued(ada, 1)
    later_rows = create_queued(eve, 1, delay_seconds=60)
    assert lease_next_ids(limit=1) == [later_rows[0].pk]
    assert lease_next_ids(limit=1) == [first[0].pk]


@pytest.mark.parametrize(
    ("limits", "leased_count"),
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
def test_limits_count_what_is_at_evolink_already(ada, eve, limits, leased_count):
    create_queued(ada, 1, state=State.RUNNING)
    create_queued(ada, 2)
    create_queued(eve, 1)
    create_queued(ada, 1, model_id=SORA)
    assert len(lease_next_ids(limits=limits)) == leased_count


def test_what_an_allowance_says_of_one_person_binds_only_them(ada, eve):
    Allowance.objects.create(user=ada, max_concurrent=1)
    create_queued(ada, 3)
    other_rows = create_queued(eve, 2)
    ids = lease_next_ids()
    assert len(ids) == 3
    assert {row.pk for row in other_rows} < set(ids)


def test_what_is_being_prepared_counts_for_the_limits(ada):
    """Its pictures are on their way to EvoLink; the next look comes a moment later."""
    create_queued(ada, 2)
    limits = ConcurrencyLimits(per_user=1)
    assert len(lease_next_ids(limits=limits)) == 1
    assert lease_next_ids(limits=limits) == []


def test_what_could_not_be_sent_makes_room_again(ada):
    first, second = create_queued(ada, 2)
    lease_id, (row,) = lease_next(limit=9, now=NOW, limits=ConcurrencyLimits(per_user=1))
    update_in_state(
        row, lease_id=lease_id, is_visible=True, next_attempt_at=NOW + timedelta(seconds=30)
    )
    assert lease_next_ids(limits=ConcurrencyLimits(per_user=1)) == [second.pk]
    assert row.pk == first.pk


def test_a_worker_that_died_keeps_its_place_only_as_long_as_its_lease(ada):
    (row,) = create_queued(ada, 1)
    limits = ConcurrencyLimits(per_user=1)
    assert lease_next_ids(limits=limits) == [row.pk]
    assert lease_next_ids(limits=limits, now=NOW + timedelta(minutes=3)) == [row.pk]


def test_the_card_says_how_many_go_before(ada, eve):
    own_rows = create_queued(ada, 3)
    create_queued(eve, 2, delay_seconds=60)
    places = count_ahead(ada.pk)
    assert [places[row.pk] for row in own_rows] == [0, 2, 4]


def test_those_who_wait_hear_that_they_moved_up(ada, eve):
    create_queued(ada, 1)
    (waiting,) = create_queued(eve, 1, delay_seconds=60)
    for user in (ada, eve):
        transition(GenerationFactory(owner=user), State.CANCELLED, now=NOW)
    before = Generation.objects.get(pk=waiting.pk).changed_version
    lease_next_ids(limit=1)
    assert Generation.objects.get(pk=waiting.pk).changed_version > before


def test_one_user_with_a_thousand_generations_delays_nobody_by_more_than_one(ada):
    create_queued(ada, 200)
    other_ids = [create_queued(UserFactory(), 1, delay_seconds=900)[0].pk for _ in range(5)]
    assert set(other_ids) < set(lease_next_ids(limit=6))
