"""How late a worker reads, with many generations in flight.

One worker process on its own SQLite file reads every task at a fixed interval; the far end answers
after 50 ms and notes when each read arrived. Lateness is the time between two reads of a task
beyond the interval, as the far end saw it. The interval begins when an answer is kept, so it is how
late the read came after its due moment, with the 50 ms of the answer before it and its write. A
task that is waiting when the time is over counts with what it has waited. Every fifth read brings
progress, which is news for the owner's page and so costs more writes.
"""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from django.utils import timezone

from bench.figures import Figure, spread
from bench.grounds import Grounds
from bench.people import people
from bench.rows import running
from bench.running import Running
from bench.sizes import Size
from bench.wire import fetch

OWNERS = 20
NEWS = 5  # reads that bring one percent
SETTLING = 4  # seconds until the first read is due
WARM = 2  # intervals


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    for count, interval in size.loads:
        yield from _load(grounds, count, interval, max(size.read_for, 3 * interval))


def _load(grounds: Grounds, count: int, interval: int, seconds: float) -> Iterator[Figure]:
    with grounds.world() as world, world.far_end(every=NEWS):
        with world.database():
            owners = [person.user for person in people(OWNERS)]
            due, gap = timedelta(seconds=SETTLING), timedelta(seconds=interval)
            running(owners, count, now=timezone.now(), due=due, interval=gap)
        with world.worker(interval=interval) as worker:
            time.sleep(SETTLING + WARM * interval)
            begin, cost, end = _window(worker, seconds)
            reads: dict[str, list[float]] = json.loads(fetch(world.port + 1, "/bench/reads"))
    name = f"{count:,}".replace(",", " ") + f" in flight, every {interval} s"
    missing = [end - begin] * (count - len(reads))
    late = [gap for times in reads.values() for gap in _late(times, begin, end, interval)]
    done = sum(begin <= at <= end for times in reads.values() for at in times)
    if not done:
        raise RuntimeError(f"{name}: nothing was read")
    yield from spread(f"{name}: lateness", late + missing, "s", max=2)
    yield Figure("  reads", done / (end - begin), "/s")
    yield Figure("  reads that were due", count / interval, "/s")
    yield Figure("  worker CPU of a read", cost / done * 1000, "ms")


def _window(worker: Running, seconds: float) -> tuple[float, float, float]:
    """Begin, processor seconds of the worker, end."""
    begin, before = time.monotonic(), worker.seconds()
    time.sleep(seconds)
    worker.alive()
    return begin, worker.seconds() - before, time.monotonic()


def _late(times: list[float], begin: float, end: float, interval: float) -> list[float]:
    before_end = [at for at in times if at <= end]
    gaps = [b - a - interval for a, b in pairwise(before_end) if b >= begin]
    waiting = end - before_end[-1] - interval if before_end else end - begin
    return [*gaps, waiting] if waiting > 0 else gaps
