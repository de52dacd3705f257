"""How late a worker reads, with many generations in flight.

One worker process on its own SQLite file reads every task at a fixed interval; the provider answers
after 50 ms and notes when each read arrived. Lateness is the time between two reads of a task
beyond the interval, as the provider saw it. The interval begins when an answer is kept, so it is
how late the read came after its due moment, with the 50 ms of the answer before it and its write. A
task that is waiting when the time is over counts with what it has waited. Every fifth read brings
progress, which is news for the owner's page and so costs more writes.

The largest load again on PostgreSQL; there also two workers, one of which is killed.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

from django.db import connection
from django.utils import timezone

from bench.figures import Figure, percentile_figures
from bench.generation_rows import create_running
from bench.http_client import fetch_body
from bench.instances import BenchInstance, InstanceFactory
from bench.postgres import run_on_postgres
from bench.processes import BenchProcess, kill_and_wait
from bench.signed_in_users import create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.accounts.models import User
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.leases import LEASE_DURATION

OWNER_COUNT = 20
READS_PER_PERCENT = 5  # reads that bring one percent
SETTLING_SECONDS = 4  # seconds until the first read is due
WARM_UP_INTERVALS = 2  # intervals
MAX_P95_SECONDS, MAX_CORE_PERCENT = 0.6, 60


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    for count, interval in size.loads:
        yield from _measure_load(instances, count, interval, max(size.read_seconds, 3 * interval))
    yield from run_on_postgres("reads")


def measure_on_postgres(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    """The largest load on PostgreSQL, and two workers of which one is killed."""
    count, interval = size.loads[-1]
    yield from _measure_load(instances, count, interval, max(size.read_seconds, 3 * interval))
    yield from _measure_kill(instances, size)


def _measure_load(
    instances: InstanceFactory, count: int, interval: int, seconds: float
) -> Iterator[Figure]:
    with (
        _run_in_flight(instances, count, interval) as instance,
        instance.run_worker(interval=interval) as worker,
    ):
        time.sleep(SETTLING_SECONDS + WARM_UP_INTERVALS * interval)
        begin, cpu_seconds, end = _measure_window(worker, seconds)
        reads = _fetch_reads(instance)
    name = f"{_format_count(count)} in flight, every {interval} s, {_database_name()}"
    unread_delays = [end - begin] * (count - len(reads))
    delays = [gap for times in reads.values() for gap in _delays(times, begin, end, interval)]
    read_count = sum(begin <= at <= end for times in reads.values() for at in times)
    if not read_count:
        raise RuntimeError(f"{name}: nothing was read")
    yield from percentile_figures(
        f"{name}: lateness", delays + unread_delays, "s", p95=MAX_P95_SECONDS, max=2
    )
    yield Figure("  reads", read_count / (end - begin), "/s")
    yield Figure("  reads that were due", count / interval, "/s")
    share = cpu_seconds / (end - begin) * 100
    yield Figure("  worker, of one core", share, "%", at_most=MAX_CORE_PERCENT)
    yield Figure("  worker CPU of a read", cpu_seconds / read_count * 1000, "ms")


def _measure_kill(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    """Two workers, and SIGKILL for one. What it had leased waits for the end of its leases."""
    count, interval = size.kill_load
    with (
        _run_in_flight(instances, count, interval) as instance,
        instance.run_worker(interval=interval) as killed,
        instance.run_worker(interval=interval),
    ):
        time.sleep(SETTLING_SECONDS + WARM_UP_INTERVALS * interval)
        killed_at = time.monotonic()
        kill_and_wait(killed.pid)
        time.sleep(size.after_kill_seconds)
        end = time.monotonic()
        reads = _fetch_reads(instance)
    moments = sorted(at for times in reads.values() for at in times if at > killed_at)
    longest_pause = max(b - a for a, b in pairwise([killed_at, *moments, end]))
    late = [gap for times in reads.values() for gap in _delays(times, killed_at, end, interval)]
    waiting_count = sum(times[-1] < killed_at for times in reads.values())
    name = f"{_format_count(count)} in flight, one of two workers killed"
    yield Figure(f"{name}: longest time without a read", longest_pause, "s", at_most=15)
    yield from percentile_figures(f"{name}: lateness", late, "s", max=LEASE_DURATION.seconds + 15)
    yield Figure(f"  not read again within {size.after_kill_seconds:.0f} s", waiting_count)


@contextmanager
def _run_in_flight(
    instances: InstanceFactory, count: int, interval: int
) -> Iterator[BenchInstance]:
    """An instance with tasks in flight, and their provider."""
    with (
        instances.create_instance() as instance,
        instance.run_fake_provider(reads_per_percent=READS_PER_PERCENT),
    ):
        with instance.use_database():
            Generation.objects.all().delete()  # on PostgreSQL: those of the measure before
            User.objects.all().delete()
            owners = [user.user for user in create_signed_in_users(OWNER_COUNT)]
            due, gap = timedelta(seconds=SETTLING_SECONDS), timedelta(seconds=interval)
            create_running(owners, count, now=timezone.now(), first_poll_delay=due, interval=gap)
        yield instance


def _fetch_reads(instance: BenchInstance) -> dict[str, list[float]]:
    """When each task was read, in seconds of the machine's monotonic clock."""
    reads: dict[str, list[float]] = json.loads(fetch_body(instance.port + 1, "/bench/reads"))
    return reads


def _format_count(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def _database_name() -> str:
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.vendor]


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
