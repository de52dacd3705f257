"""How late a worker reads, with many generations in flight.

One worker process on its own SQLite file reads every task at a fixed interval; the provider answers
after 50 ms and notes when each read arrived. Lateness is the time between two reads of a task
beyond the interval, as the provider saw it. The interval begins when an answer is kept, so it is
how late the read came after its due moment, with the 50 ms of the answer before it and its write. A
task that is waiting when the time is over counts with what it has waited. Every fifth read brings
progress, which is news for the owner's page and so costs more writes.
"""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from django.utils import timezone

from bench.figures import Figure, percentile_figures
from bench.generation_rows import create_running
from bench.http_client import fetch_body
from bench.instances import InstanceFactory
from bench.processes import BenchProcess
from bench.signed_in_users import create_signed_in_users
from bench.sizes import BenchSize

OWNER_COUNT = 20
READS_PER_PERCENT = 5  # reads that bring one percent
SETTLING_SECONDS = 4  # seconds until the first read is due
WARM_UP_INTERVALS = 2  # intervals


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    for count, interval in size.loads:
        yield from _measure_load(instances, count, interval, max(size.read_seconds, 3 * interval))


def _measure_load(
    instances: InstanceFactory, count: int, interval: int, seconds: float
) -> Iterator[Figure]:
    with (
        instances.create_instance() as instance,
        instance.run_fake_provider(reads_per_percent=READS_PER_PERCENT),
    ):
        with instance.use_database():
            owners = [user.user for user in create_signed_in_users(OWNER_COUNT)]
            due, gap = timedelta(seconds=SETTLING_SECONDS), timedelta(seconds=interval)
            create_running(owners, count, now=timezone.now(), first_poll_delay=due, interval=gap)
        with instance.run_worker(interval=interval) as worker:
            time.sleep(SETTLING_SECONDS + WARM_UP_INTERVALS * interval)
            begin, cpu_seconds, end = _measure_window(worker, seconds)
            reads: dict[str, list[float]] = json.loads(
                fetch_body(instance.port + 1, "/bench/reads")
            )
    name = f"{count:,}".replace(",", " ") + f" in flight, every {interval} s"
    unread_delays = [end - begin] * (count - len(reads))
    delays = [gap for times in reads.values() for gap in _delays(times, begin, end, interval)]
    read_count = sum(begin <= at <= end for times in reads.values() for at in times)
    if not read_count:
        raise RuntimeError(f"{name}: nothing was read")
    yield from percentile_figures(f"{name}: lateness", delays + unread_delays, "s", max=2)
    yield Figure("  reads", read_count / (end - begin), "/s")
    yield Figure("  reads that were due", count / interval, "/s")
    yield Figure("  worker CPU of a read", cpu_seconds / read_count * 1000, "ms")


def _measure_window(worker: BenchProcess, seconds: float) -> tuple[float, float, float]:
    """Begin, processor seconds of the worker, end."""
    begin, cpu_before = time.monotonic(), worker.cpu_seconds()
    time.sleep(seconds)
    worker.ensure_running()
    return begin, worker.cpu_seconds() - cpu_before, time.monotonic()


def _delays(times: list[float], begin: float, end: float, interval: float) -> list[float]:
    before_end = [at for at in times if at <= end]
    gaps = [b - a - interval for a, b in pairwise(before_end) if b >= begin]
    waiting = end - before_end[-1] - interval if before_end else end - begin
    return [*gaps, waiting] if waiting > 0 else gaps
