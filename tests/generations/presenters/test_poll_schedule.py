"""When a page asks again. The server says it, from what the worker does next."""

from datetime import timedelta

import pytest

from evolink_studio.generations.change_feed import WatchedTask
from evolink_studio.generations.pipeline.leases import LEASE_DURATION
from evolink_studio.generations.presenters.poll_schedule import (
    MAX_JITTER,
    choose_poll_seconds,
    compute_poll_delay,
)
from evolink_studio.generations.states import State
from tests.factories import NOW

EXPECTED_SECONDS = 100


def watch(*, due_in=0.0, worked_on_for=None, state=State.RUNNING, age=0.0, expected=None):
    """A task that is due in so many seconds, or that a worker has had in hand for so many."""
    next_attempt_at = NOW + timedelta(seconds=due_in)
    if worked_on_for is not None:
        next_attempt_at = NOW - timedelta(seconds=worked_on_for) + LEASE_DURATION
    return WatchedTask(
        state=state,
        next_attempt_at=next_attempt_at,
        is_leased=worked_on_for is not None,
        started_at=NOW - timedelta(seconds=age),
        expected_seconds=EXPECTED_SECONDS if expected is None else expected,
    )


@pytest.mark.parametrize(
    ("watched", "seconds"),
    [
        ([], None),
        ([watch(due_in=8)], 9),
        ([watch(due_in=3)], 4),
        ([watch(due_in=0.2)], 1.2),
        ([watch(due_in=20)], 15),
        ([watch(due_in=120)], 15),
        ([watch(due_in=120), watch(due_in=5), watch(due_in=60)], 6),
        # Due, or a worker is at it: at once, and the longer it takes, the less often.
        ([watch()], 1),
        ([watch(worked_on_for=0)], 1),
        ([watch(worked_on_for=1)], 1),
        ([watch(worked_on_for=6)], 3),
        ([watch(worked_on_for=60)], 5),
        ([watch(due_in=-6, state=State.QUEUED)], 3),
        ([watch(due_in=-3600, state=State.QUEUED)], 5),
        ([watch(worked_on_for=1, state=State.SAVING)], 1),
        ([watch(worked_on_for=1, state=State.SENDING), watch(due_in=8)], 1),
    ],
)
def test_a_page_asks_a_moment_after_the_workers_next_look(watched, seconds):
    delay = compute_poll_delay(watched, now=NOW, has_callbacks=False)
    assert delay == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("watched", "seconds"),
    [
        ([], None),
        ([watch(due_in=8, age=0)], 5),
        ([watch(due_in=8, age=59)], 5),
        ([watch(due_in=8, age=60)], 2.5),
        ([watch(due_in=8, age=100)], 2.5),
        ([watch(due_in=8, age=200)], 2.5),
        ([watch(due_in=8, age=201)], 5),
        ([watch(due_in=120, age=5000)], 5),
        ([watch(due_in=8, expected=0)], 2.5),
        ([watch(due_in=0.5, age=0)], 1.5),
        ([watch(due_in=8, age=0), watch(due_in=8, age=90)], 2.5),
        ([watch(due_in=300, age=0, state=State.UNKNOWN)], 5),
        # Nobody calls back for what is not at the far end.
        ([watch(due_in=8, age=90, state=State.SAVING)], 9),
        ([watch(due_in=8, age=90, state=State.QUEUED)], 9),
    ],
)
def test_where_the_provider_calls_back_it_asks_oftener_near_the_expected_end(watched, seconds):
    delay = compute_poll_delay(watched, now=NOW, has_callbacks=True)
    assert delay == (None if seconds is None else timedelta(seconds=seconds))


def test_it_is_said_with_jitter_so_that_pages_do_not_go_on_asking_together(settings):
    settings.PUBLIC_URL = ""
    said = [float(choose_poll_seconds([watch(due_in=8)], NOW)) for _ in range(200)]
    assert len(set(said)) > 5
    assert min(said) >= 9
    assert max(said) <= round(9 * (1 + MAX_JITTER), 1)


def test_without_work_nothing_is_said():
    assert choose_poll_seconds([], NOW) == ""


def test_a_public_address_means_callbacks(settings):
    settings.PUBLIC_URL = "https://studio.example"
    assert float(choose_poll_seconds([watch(due_in=8, age=100)], NOW)) < 3
