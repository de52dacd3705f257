"""How much of everything is measured."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """`load` is (generations in flight, seconds between two reads of one); times in seconds."""

    rounds: int  # of A B A B
    storm: float  # one side of a round
    submits: int
    loads: tuple[tuple[int, int], ...]
    read_for: float  # at least; always three intervals or more
    films: int  # finished one after the other
    starts: int
    watchers: int
    watch_for: float
    library: int  # generations of one person


SMALL = Size(
    rounds=5,
    storm=1.0,
    submits=60,
    loads=((1_000, 3), (3_000, 3), (10_000, 10)),
    read_for=12,
    films=16,
    starts=2,
    watchers=200,
    watch_for=20,
    library=20_000,
)
FULL = Size(
    rounds=9,
    storm=2.0,
    submits=300,
    loads=((1_000, 3), (3_000, 3), (10_000, 10)),
    read_for=30,
    films=60,
    starts=5,
    watchers=200,
    watch_for=40,
    library=100_000,
)


def chosen() -> Size:
    """Small with `BENCH_SIZE=small`."""
    return SMALL if os.environ.get("BENCH_SIZE") == "small" else FULL
