"""How often one address may do something with shares, counted in the cache that all share."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache


@dataclass(frozen=True)
class Throttle:
    """At most `limit` times within `seconds`, which begin anew for everybody at once."""

    action: str
    limit: int
    seconds: int

    def is_within(self, *parts: object, now: datetime) -> bool:
        """Count once more for who or what `parts` name. False beyond the limit."""
        window = int(now.timestamp()) // self.seconds
        name = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
        key = f"sharing:{self.action}:{window}:{name}"
        if cache.add(key, 1, self.seconds):
            return True
        try:
            return cache.incr(key) <= self.limit
        except ValueError:  # it ended between the two
            return True


# A token has 256 bits: this only keeps who tries anyway from costing the studio anything.
UNKNOWN_TOKENS = Throttle("unknown", limit=60, seconds=300)
ANSWERS = Throttle("answers", limit=12, seconds=300)
