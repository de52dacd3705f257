"""When to poll, search, send and download again, and when a task counts as stalled.

EvoLink's own tools read a video every 8 s, the first time after about 15 s (seen 2026-11-20).
"""

from datetime import datetime, timedelta

from evolink_studio.generations.models import Generation

POLL_INTERVAL_SECONDS = 8
SANDBOX_POLL_INTERVAL_SECONDS = 1
QUIET_THRESHOLD = timedelta(minutes=5)
QUIET_POLL_INTERVAL_SECONDS = 20
STALL_THRESHOLD = timedelta(minutes=15)
STALLED_POLL_INTERVAL_SECONDS = 120
MAX_BACKOFF_SECONDS = 300
# A task that EvoLink calls completed is read for its links for so long: they may come late, and end
# 24 h after completion.
RESULT_WAIT_PERIOD = timedelta(hours=26)
DISPATCH_RETRY_SECONDS = (2, 5, 15, 30, 60)
DISPATCH_RETRY_PERIOD = timedelta(hours=1)
MAX_RATE_LIMITED_TRIES = 3
RATE_LIMIT_WAIT_SECONDS = 20
FIRST_SEARCH_DELAY = timedelta(seconds=5)
SEARCH_RETRY_SECONDS = (10, 30, 60, 120, 300, 600, 1800, 3600)
SEARCH_PERIOD = timedelta(hours=48)
# A lone result that is no film is looked at so seldom until its link has ended.
UNREADABLE_RETRY_DELAY = timedelta(hours=1)
DOWNLOAD_RETRY_SECONDS = (2, 5, 15, 60, 120, 300, 600)


def compute_first_poll_delay(expected_seconds: int, *, is_sandbox: bool) -> timedelta:
    """About a quarter of the expected time, between 5 and 15 s."""
    return timedelta(
        seconds=SANDBOX_POLL_INTERVAL_SECONDS
        if is_sandbox
        else min(max(expected_seconds / 4, 5), 15)
    )


def compute_next_poll_delay(
    generation: Generation, *, now: datetime, is_sandbox: bool
) -> timedelta:
    """The delay after an answer: longer while the task makes no progress."""
    if generation.stalled_since:
        return timedelta(seconds=STALLED_POLL_INTERVAL_SECONDS)
    if is_sandbox:
        return timedelta(seconds=SANDBOX_POLL_INTERVAL_SECONDS)
    is_quiet = (
        generation.progressed_at is not None and now - generation.progressed_at > QUIET_THRESHOLD
    )
    return timedelta(seconds=QUIET_POLL_INTERVAL_SECONDS if is_quiet else POLL_INTERVAL_SECONDS)


def compute_error_backoff(attempts: int) -> timedelta:
    """The delay after a failed read: doubles up to MAX_BACKOFF_SECONDS, never gives up."""
    return timedelta(
        seconds=min(POLL_INTERVAL_SECONDS * 2 ** min(attempts, 10), MAX_BACKOFF_SECONDS)
    )


def get_delay_for_attempt(delays_seconds: tuple[int, ...], attempts: int) -> timedelta:
    """The delay number `attempts` (from 0) of a sequence; the last one repeats."""
    return timedelta(seconds=delays_seconds[min(attempts, len(delays_seconds) - 1)])


def is_stalled(generation: Generation, now: datetime) -> bool:
    """Whether there was no progress for STALL_THRESHOLD or three times the expected time."""
    threshold = max(STALL_THRESHOLD, timedelta(seconds=3 * generation.expected_seconds))
    return generation.progressed_at is not None and now - generation.progressed_at > threshold
