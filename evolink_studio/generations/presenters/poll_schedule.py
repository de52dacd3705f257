"""When a page asks again: a moment after the worker's next look at what it watches."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings

from evolink_studio.generations.change_feed import WatchedTask
from evolink_studio.generations.pipeline.leases import LEASE_DURATION
from evolink_studio.generations.states import State

# What an answer of EvoLink takes to reach the database, from the moment at which a look is due.
LOOK_DURATION = timedelta(seconds=1)
MIN_DELAY = timedelta(seconds=1)
# A page that watches asks at least so often: something else may be started on another device.
MAX_DELAY = timedelta(seconds=15)
# What is due waits for the worker, or for its turn: the longer it does, the less often we ask.
MAX_OVERDUE_DELAY = timedelta(seconds=5)
# EvoLink calls back when a task has ended, which is likely at these shares of the expected time.
LIKELY_END_SHARES = (0.6, 2.0)
LIKELY_END_DELAY = timedelta(seconds=2.5)  # half of it, on average, until it is on the page
UNLIKELY_END_DELAY = timedelta(seconds=5)
MAX_JITTER = 0.1  # of the delay: pages that were opened together do not go on asking together
_CALLED_BACK_STATES = frozenset({State.RUNNING, State.UNKNOWN})


def compute_poll_delay(
    watched: Sequence[WatchedTask], *, now: datetime, has_callbacks: bool
) -> timedelta | None:
    """How long a page waits until it asks again; None when nothing can change by itself."""
    if not watched:
        return None
    delays = [_delay_after_look(task, now) for task in watched]
    if has_callbacks:
        delays += [
            _delay_for_callback(task, now) for task in watched if task.state in _CALLED_BACK_STATES
        ]
    return max(MIN_DELAY, min(MAX_DELAY, *delays))


def _delay_after_look(task: WatchedTask, now: datetime) -> timedelta:
    # A lease moved the next attempt into the future; the worker is at it since then.
    due_at = task.next_attempt_at - LEASE_DURATION if task.is_leased else task.next_attempt_at
    if due_at > now:
        return due_at - now + LOOK_DURATION
    return min((now - due_at) / 2, MAX_OVERDUE_DELAY)


def _delay_for_callback(task: WatchedTask, now: datetime) -> timedelta:
    if not task.expected_seconds:
        return LIKELY_END_DELAY
    share = (now - task.started_at).total_seconds() / task.expected_seconds
    first_share, last_share = LIKELY_END_SHARES
    return LIKELY_END_DELAY if first_share <= share <= last_share else UNLIKELY_END_DELAY


def choose_poll_seconds(watched: Sequence[WatchedTask], now: datetime) -> str:
    """Seconds for the page until it asks again, with one decimal and some jitter; "" for never."""
    delay = compute_poll_delay(watched, now=now, has_callbacks=bool(settings.PUBLIC_URL))
    if delay is None:
        return ""
    return f"{delay.total_seconds() * random.uniform(1, 1 + MAX_JITTER):.1f}"  # noqa: S311  # no secret
