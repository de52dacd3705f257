"""A pause in reading while EvoLink answers nothing, so that its return is not met by a storm."""

from datetime import datetime, timedelta

MAX_FAILED_BATCHES = 3
MIN_COOLDOWN = timedelta(seconds=5)
MAX_COOLDOWN = timedelta(seconds=60)
MAX_DOUBLINGS = 10  # far beyond the longest pause; an outage of a day must not count on for ever


class CircuitBreaker:
    """Opens after several batches in a row brought nothing at all; the pauses double up to 60 s."""

    def __init__(self) -> None:
        self._failed_batches = 0
        self._open_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether reading pauses now."""
        return self._open_until is not None and now < self._open_until

    def record(self, failed_count: int, total_count: int, now: datetime) -> None:
        """Count a batch: `failed_count` of `total_count` reads brought nothing."""
        if failed_count < total_count:
            self._failed_batches, self._open_until = 0, None
            return
        self._failed_batches += 1
        if self._failed_batches >= MAX_FAILED_BATCHES:
            doublings = min(self._failed_batches - MAX_FAILED_BATCHES, MAX_DOUBLINGS)
            self._open_until = now + min(MIN_COOLDOWN * 2**doublings, MAX_COOLDOWN)
