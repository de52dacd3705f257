"""Pauses polling while EvoLink does not answer, so that its return is not met by a flood."""

from datetime import datetime, timedelta

MAX_FAILED_BATCHES = 3
MIN_COOLDOWN = timedelta(seconds=5)
MAX_COOLDOWN = timedelta(seconds=60)
MAX_DOUBLINGS = 10  # bounds the exponent in a long outage; MAX_COOLDOWN is reached before


class CircuitBreaker:
    """Opens after MAX_FAILED_BATCHES batches in a row without an answer; pauses double to 60 s."""

    def __init__(self) -> None:
        self._failed_batches = 0
        self._open_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether polling pauses now."""
        return self._open_until is not None and now < self._open_until

    def record(self, failed_count: int, total_count: int, now: datetime) -> None:
        """Count a batch: `failed_count` of `total_count` reads were not answered."""
        if failed_count < total_count:
            self._failed_batches, self._open_until = 0, None
            return
        self._failed_batches += 1
        if self._failed_batches >= MAX_FAILED_BATCHES:
            doublings = min(self._failed_batches - MAX_FAILED_BATCHES, MAX_DOUBLINGS)
            self._open_until = now + min(MIN_COOLDOWN * 2**doublings, MAX_COOLDOWN)
