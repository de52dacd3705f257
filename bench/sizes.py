"""How much of everything is measured."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class BenchSize:
    """`load` is (generations in flight, seconds between two reads of one); times in seconds."""

    poll_rounds: int  # of A B A B
    round_seconds: float  # one side of a round
    submit_count: int
    loads: tuple[tuple[int, int], ...]
    read_seconds: float  # at least; always three intervals or more
    kill_load: tuple[int, int]  # as in `loads`, when one of two workers is killed
    after_kill_seconds: float
    film_count: int  # finished one after the other
    saved_film_count: int  # many at once
    start_count: int
    watcher_count: int
    watch_seconds: float
    real_watch_seconds: float  # whole multiples of the worker's interval
    installs_peers: bool  # what the watchers are compared with; it takes minutes, once
    library_size: int  # generations of one person
    history_sizes: tuple[int, ...]  # generations of everybody, the smallest to compare with
    film_list_sizes: tuple[int, ...]  # generations of one person whose films are filtered
    rhythm_seconds: float  # of reading each task every 8 s
    idle_seconds: float  # that nobody uses a studio
    press_count: int  # that wake it
    paint_rounds: int
    interaction_rounds: int
    lighthouse_rounds: int
    lighthouse_presets: tuple[str, ...]


SMALL = BenchSize(
    poll_rounds=5,
    round_seconds=1.0,
    submit_count=60,
    loads=((1_000, 3), (3_000, 3), (10_000, 10)),
    read_seconds=12,
    kill_load=(1_000, 3),
    after_kill_seconds=25,
    film_count=16,
    saved_film_count=200,
    start_count=2,
    watcher_count=200,
    watch_seconds=10,
    real_watch_seconds=16,
    installs_peers=False,
    library_size=20_000,
    history_sizes=(10_000,),
    film_list_sizes=(10_000,),
    rhythm_seconds=20,
    idle_seconds=12,
    press_count=5,
    paint_rounds=3,
    interaction_rounds=1,
    lighthouse_rounds=1,
    lighthouse_presets=("phone",),
)
FULL = BenchSize(
    poll_rounds=9,
    round_seconds=2.0,
    submit_count=300,
    loads=((1_000, 3), (3_000, 3), (10_000, 10)),
    read_seconds=30,
    kill_load=(5_000, 10),
    after_kill_seconds=150,
    film_count=60,
    saved_film_count=5_000,
    start_count=5,
    watcher_count=200,
    watch_seconds=40,
    real_watch_seconds=48,
    installs_peers=True,
    library_size=100_000,
    history_sizes=(10_000, 1_000_000),
    film_list_sizes=(10_000, 1_000_000),
    rhythm_seconds=60,
    idle_seconds=60,
    press_count=15,
    paint_rounds=9,
    interaction_rounds=5,
    lighthouse_rounds=5,
    lighthouse_presets=("phone", "desktop"),
)


def size_from_environment() -> BenchSize:
    """Full with `BENCH_SIZE=full`."""
    return FULL if os.environ.get("BENCH_SIZE") == "full" else SMALL
