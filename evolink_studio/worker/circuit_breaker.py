"""A pause in reading while EvoLink answers nothing, so that its return is not met by a storm."""

from datetime import datetime, timedelta

TRIES = 3
FIRST = timedelta(seconds=5)
LONGEST = timedelta(seconds=60)
DOUBLINGS = 10  # far beyond the longest pause; an outage of a day must not count on for ever


class Breaker:
    """Opens after several batches in a row brought nothing at all; the pauses double up to 60 s."""

    def __init__(self) -> None:
        self._barren = 0
        self._until: datetime | None = None

    def open(self, now: datetime) -> bool:
        """Whether reading pauses now."""
        return self._until is not None and now < self._until

    def note(self, failed: int, of: int, now: datetime) -> None:
        """Count a batch: `failed` of `of` reads brought nothing."""
        if failed < of:
            self._barren, self._until = 0, None
            return
        self._barren += 1
        if self._barren >= TRIES:
            doublings = min(self._barren - TRIES, DOUBLINGS)
            self._until = now + min(FIRST * 2**doublings, LONGEST)
