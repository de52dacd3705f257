"""When to look again, in seconds. Each read of an unfinished task costs EvoLink a look upstream.

EvoLink's own tools read a video every 8 s, the first time after about 15 s (seen 2026-11-20).
"""

from datetime import datetime, timedelta

from evolink_studio.generations.models import Generation

USUAL = 8
SANDBOX = 1
QUIET_AFTER = timedelta(minutes=5)
QUIET = 20
STALLED_AFTER = timedelta(minutes=15)
STALLED = 120
LONGEST = 300
SEND_GAPS = (2, 5, 15, 30, 60)
SEND_PATIENCE = timedelta(hours=1)
ASK_TO_WAIT_TRIES = 3
ASK_TO_WAIT_GAP = 20
FIRST_SEARCH = timedelta(seconds=5)
SEARCH_GAPS = (10, 30, 60, 120, 300, 600, 1800, 3600)
SEARCH_PATIENCE = timedelta(hours=48)
SAVE_GAPS = (2, 5, 15, 60, 120, 300, 600)


def first_look(expected: int, *, sandboxed: bool) -> timedelta:
    """About a quarter of the expected time, between 5 and 15 s."""
    return timedelta(seconds=SANDBOX if sandboxed else min(max(expected / 4, 5), 15))


def next_look(generation: Generation, *, now: datetime, sandboxed: bool) -> timedelta:
    """After an answer: slower while nothing moves."""
    if generation.stalled:
        return timedelta(seconds=STALLED)
    if sandboxed:
        return timedelta(seconds=SANDBOX)
    quiet = generation.moved is not None and now - generation.moved > QUIET_AFTER
    return timedelta(seconds=QUIET if quiet else USUAL)


def after_trouble(attempts: int) -> timedelta:
    """After a read that brought nothing: doubling gaps, never giving up."""
    return timedelta(seconds=min(USUAL * 2 ** min(attempts, 10), LONGEST))


def gap(gaps: tuple[int, ...], attempts: int) -> timedelta:
    """The `attempts`-th gap of a growing row; the last one repeats."""
    return timedelta(seconds=gaps[min(attempts, len(gaps) - 1)])


def is_stalled(generation: Generation, now: datetime) -> bool:
    """No news for far longer than this model usually takes."""
    patience = max(STALLED_AFTER, timedelta(seconds=3 * generation.expected_seconds))
    return generation.moved is not None and now - generation.moved > patience
