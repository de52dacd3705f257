"""What grows with the history of a studio, and must not: the queue, the press, pages, the rhythm.

On databases of several sizes, of each kind there is. Milliseconds are processor time of the process
that asks; on PostgreSQL the server's own is not among them.

The rhythm is the time between two reads of one task, as the provider saw it, while 20 wait for a
place, people look at lists, and the worker is to read each task every 8 s.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import pairwise

from bench.figures import Figure, percentile_figures
from bench.history_costs import RUNNING_COUNT
from bench.history_instances import HistoryInstance, list_databases, open_history
from bench.http_client import build_request, fetch_body, open_connections
from bench.instances import InstanceFactory
from bench.processes import BenchProcess
from bench.sizes import BenchSize

# Milliseconds at most, by the names of `history_costs`.
TARGETS_MS = {
    "taking the next 8": 5.0,
    "taking the next, none fits": 5.0,
    "press": 25.0,
    "create page": 30.0,
    "poll with news": 10.0,
    "in the making": 25.0,
    "films page, first": 15.0,
    "films page, middle": 15.0,
    "films page, deep": 15.0,
    "films page, failed": 15.0,
}
MAX_GROWTH = 2.0
INTERVAL_SECONDS = 8
WARM_UP_SECONDS = 4.0
LOAD_PAUSE_SECONDS = 0.5
LOAD_PATHS = (
    "/admin/generations/generation/",
    "/admin/generations/generation/?o=2",
    "/admin/credits/ledgerentry/",
    "/films/",
)


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    for database in list_databases():
        costs_by_count: dict[int, dict[str, float]] = {}
        for count in size.history_sizes:
            with open_history(instances, count, database) as instance:
                label = f"{database} {count:,}".replace(",", " ")
                costs = costs_by_count[count] = instance.call("bench.history_costs:measure_costs")
                for name, milliseconds in costs.items():
                    yield Figure(f"{label}: {name}", milliseconds, "ms", at_most=TARGETS_MS[name])
                yield from _measure_rhythm(instance, label, size.rhythm_seconds)
        smallest, *larger = costs_by_count
        for count in larger:
            growth = costs_by_count[count]["taking the next 8"]
            growth /= costs_by_count[smallest]["taking the next 8"]
            name = f"{database}: taking the next 8, {count:,} over {smallest:,}".replace(",", " ")
            yield Figure(name, growth, "×", at_most=MAX_GROWTH)


def _measure_rhythm(instance: HistoryInstance, label: str, seconds: float) -> Iterator[Figure]:
    session_key = instance.call("bench.history_costs:prepare_rhythm", INTERVAL_SECONDS)
    # All places are taken, so those who wait go on waiting.
    variables = {"RUNNING_AT_ONCE": str(RUNNING_COUNT)}
    with (
        instance.run_fake_provider(),
        instance.run_web() as web,
        instance.run_worker(interval=INTERVAL_SECONDS, variables=variables) as worker,
    ):
        begin, load_count = asyncio.run(_load_pages(instance.port, session_key, seconds, worker))
        web.ensure_running()
        reads: dict[str, list[float]] = json.loads(fetch_body(instance.port + 1, "/bench/reads"))
    end = begin + seconds
    if len(reads) != RUNNING_COUNT:
        raise RuntimeError(f"{label}: {len(reads)} tasks were read")
    gaps = [gap for times in reads.values() for gap in _list_gaps(times, begin, end)]
    yield from percentile_figures(f"{label}: between two reads", gaps, "s", p50=8.5, max=10)
    yield Figure("  pages that others opened meanwhile", load_count)


async def _load_pages(
    port: int, session_key: str, seconds: float, worker: BenchProcess
) -> tuple[float, int]:
    """Open pages after a warm-up; when that was over, and how many."""
    await asyncio.sleep(WARM_UP_SECONDS)
    begin, count = time.monotonic(), 0
    headers = {"Cookie": f"sessionid={session_key}"}
    async with open_connections(port) as (connection,):
        while time.monotonic() < begin + seconds:
            path = LOAD_PATHS[count % len(LOAD_PATHS)]
            await connection.send(build_request(path, headers), 200)
            worker.ensure_running()
            count += 1
            await asyncio.sleep(LOAD_PAUSE_SECONDS)
    return begin, count


def _list_gaps(times: list[float], begin: float, end: float) -> list[float]:
    """Between two reads, and from the last one to the end, if that is longer than the interval."""
    before_end = [at for at in times if at <= end]
    gaps = [later - earlier for earlier, later in pairwise(before_end) if later >= begin]
    waiting = end - before_end[-1] if before_end else end - begin
    return [*gaps, waiting] if waiting > INTERVAL_SECONDS else gaps
