"""The order of one's own queue: moved, cancelled at once, and never against a worker."""

import uuid
from datetime import timedelta

import pytest

from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, count_ahead, lease_next
from evolink_studio.generations.services import QueueMove, cancel_waiting, move_in_queue
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(ada) -> list[Generation]:
    return [create_queued(ada, n) for n in range(4)]


def create_queued(owner, seconds: int, **fields) -> Generation:
    at = NOW + timedelta(seconds=seconds)
    return GenerationFactory(owner=owner, created_at=at, next_attempt_at=NOW, **fields)


def read_order(owner, rows) -> list[int]:
    """The numbers of these rows in the order of their turn."""
    ahead = count_ahead(owner.pk)
    waiting = [row for row in rows if row.pk in ahead]
    return [rows.index(row) for row in sorted(waiting, key=lambda row: ahead[row.pk])]


@pytest.mark.parametrize(
    ("moves", "order"),
    [
        ([(3, "first")], [3, 0, 1, 2]),
        ([(2, "up")], [0, 2, 1, 3]),
        ([(1, "down")], [0, 2, 1, 3]),
        ([(1, "up")], [1, 0, 2, 3]),
        ([(2, "down"), (2, "up")], [0, 1, 2, 3]),
        ([(3, "first"), (2, "first"), (3, "down")], [2, 0, 3, 1]),
        ([(3, "up"), (3, "up"), (3, "up"), (3, "up")], [3, 0, 1, 2]),
        ([(0, "down"), (0, "down"), (0, "down")], [1, 2, 3, 0]),
        ([(0, "up"), (0, "first"), (3, "down")], [0, 1, 2, 3]),
    ],
    ids=str,
)
def test_a_move_changes_the_turn_and_what_is_pressed_later_comes_last(ada, queue, moves, order):
    for index, to in moves:
        move_in_queue(generation=queue[index], to=QueueMove(to))
    assert read_order(ada, queue) == order
    later_row = create_queued(ada, 60)
    assert read_order(ada, [*queue, later_row]) == [*order, 4]


def test_the_worker_sends_in_that_order(ada, queue):
    move_in_queue(generation=queue[3], to=QueueMove.FIRST)
    move_in_queue(generation=queue[1], to=QueueMove.DOWN)
    sent = [
        row.pk
        for _each in queue
        for row in lease_next(limit=1, now=NOW, limits=ConcurrencyLimits())[1]
    ]
    assert sent == [queue[index].pk for index in (3, 0, 2, 1)]


def test_those_who_wait_hear_of_it(ada, queue):
    assert move_in_queue(generation=queue[3], to=QueueMove.FIRST)
    versions = Generation.objects.values_list("changed_version", flat=True).distinct()
    assert list(versions) == [ada.feed.version]


def test_nothing_moves_what_a_worker_has_or_what_belongs_to_others(ada, eve, queue):
    leased = create_queued(ada, -1, lease_id=uuid.uuid4())
    sent = create_queued(ada, 9, state=State.RUNNING)
    other_row = create_queued(eve, 0)
    for generation in (leased, sent):
        for to in QueueMove:
            assert not move_in_queue(generation=generation, to=to)
    before = Generation.objects.values().get(pk=other_row.pk)
    assert not move_in_queue(generation=queue[0], to=QueueMove.FIRST)
    assert move_in_queue(generation=queue[3], to=QueueMove.FIRST)
    assert not Generation.objects.exclude(queue_rank=0).exclude(pk=queue[3].pk).exists()
    assert Generation.objects.values().get(pk=other_row.pk) == before


def test_all_that_wait_are_cancelled_and_nothing_else(ada, eve, queue):
    running, other_row = create_queued(ada, 9, state=State.RUNNING), create_queued(eve, 0)
    assert cancel_waiting(owner=ada, now=NOW) == len(queue)
    states = dict(Generation.objects.values_list("pk", "state"))
    assert {states.pop(row.pk) for row in queue} == {State.CANCELLED}
    assert states == {running.pk: State.RUNNING, other_row.pk: State.QUEUED}
    assert cancel_waiting(owner=ada, now=NOW) == 0


def test_what_is_sent_in_the_meantime_is_not_cancelled(ada, queue, monkeypatch):
    from evolink_studio.generations import services

    def transition_after_a_worker(generation, target, **options):
        if generation.pk == queue[1].pk:
            Generation.objects.filter(pk=generation.pk).update(state=State.SENDING)
        return transition(generation, target, **options)

    transition = services.transition
    monkeypatch.setattr(services, "transition", transition_after_a_worker)
    assert cancel_waiting(owner=ada, now=NOW) == len(queue) - 1
    assert Generation.objects.get(pk=queue[1].pk).state == State.SENDING
