"""What people who watch cost the server, while every one of them has news every two seconds.

Each has one generation large on the page and looks every 2 s. The studio's worker reads each task
every 2 s from the scripted provider, and each read brings one percent. Counted is the processor
time of the web server's processes; an update is on time when the page has it within one look and 1
s.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from bench.figures import Figure, percentile, percentile_figures
from bench.generation_rows import create_running
from bench.http_client import fetch_body, open_connections
from bench.instances import BenchInstance, InstanceFactory
from bench.polling_page import POLL_INTERVAL_SECONDS, PollingPage
from bench.processes import BenchProcess
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.models import Generation

SETTLING_SECONDS = 4  # seconds until the worker reads
WARM_UP_SECONDS = 4.0
ON_TIME_SECONDS = POLL_INTERVAL_SECONDS + 1
PERCENT_PATTERN = re.compile(r'aria-valuenow="(\d+)"')
SeenProgress = list[tuple[int, float]]  # percent, and when it was seen


@dataclass(frozen=True)
class TimeWindow:
    """The time that counts, in monotonic seconds."""

    begins_at: float
    length_seconds: float

    @property
    def ends_at(self) -> float:
        return self.begins_at + self.length_seconds

    def contains(self, moment: float) -> bool:
        return self.begins_at <= moment < self.ends_at


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance, instance.run_fake_provider(reads_per_percent=1):
        with instance.use_database():
            users = create_signed_in_users(size.watcher_count)
            due, gap = timedelta(seconds=SETTLING_SECONDS), timedelta(seconds=POLL_INTERVAL_SECONDS)
            owners = [user.user for user in users]
            rows = create_running(
                owners, len(users), now=timezone.now(), first_poll_delay=due, interval=gap
            )
        with (
            instance.run_web() as web,
            instance.run_worker(interval=int(POLL_INTERVAL_SECONDS)) as worker,
        ):
            window = TimeWindow(
                time.monotonic() + SETTLING_SECONDS + WARM_UP_SECONDS, size.watch_seconds
            )
            pages, progress_seen, cpu_seconds = asyncio.run(
                _watch_pages(instance, users, rows, web, worker, window)
            )
            reads: dict[str, list[float]] = json.loads(
                fetch_body(instance.port + 1, "/bench/reads")
            )
    answers = [duration for page in pages for at, duration in page.answers if window.contains(at)]
    minutes = len(answers) * POLL_INTERVAL_SECONDS / 60  # of watching that was really served
    delays = [
        delay
        for row, progress in zip(rows, progress_seen, strict=True)
        for delay in _delays(reads[row.task_id or ""], progress, window)
    ]
    yield Figure(
        f"server CPU of a watcher-minute, {len(users)} watchers",
        cpu_seconds[0] / minutes,
        "s",
        at_most=0.035,
    )
    yield Figure("  worker CPU of a watcher-minute", cpu_seconds[1] / minutes, "s")
    yield Figure(
        "  looks answered of those due",
        len(answers) * POLL_INTERVAL_SECONDS / size.watch_seconds / len(users),
        "×",
    )
    yield Figure("  answer of a poll, p95", percentile(0.95, answers) * 1000, "ms")
    yield from percentile_figures(
        "news at the far end → on the page", delays, "s", max=ON_TIME_SECONDS
    )


async def _watch_pages(
    instance: BenchInstance,
    users: list[SignedInUser],
    rows: list[Generation],
    web: BenchProcess,
    worker: BenchProcess,
    window: TimeWindow,
) -> tuple[list[PollingPage], list[SeenProgress], tuple[float, float]]:
    """The pages, what each saw, and the CPU seconds of web and worker in the window."""
    begin = window.begins_at - WARM_UP_SECONDS
    async with open_connections(instance.port, len(users)) as connections:
        pages = [
            PollingPage(*page)
            for page in zip(connections, users, (row.pk for row in rows), strict=True)
        ]
        cpu_task = asyncio.create_task(_measure_cpu(web, worker, window))
        watch_tasks = (
            _watch_one(page, begin + POLL_INTERVAL_SECONDS * number / len(pages), window.ends_at)
            for number, page in enumerate(pages)
        )
        return pages, await asyncio.gather(*watch_tasks), await cpu_task


async def _watch_one(page: PollingPage, begin: float, ends_at: float) -> SeenProgress:
    """What one watcher saw."""
    progress: SeenProgress = []

    def record_progress(news: str, moment: float) -> bool:
        if percent := PERCENT_PATTERN.search(news):
            progress.append((int(percent[1]), moment))
        return False

    await page.poll_until(record_progress, starts_at=begin, ends_at=ends_at)
    return progress


async def _measure_cpu(
    web: BenchProcess, worker: BenchProcess, window: TimeWindow
) -> tuple[float, float]:
    await asyncio.sleep(window.begins_at - time.monotonic())
    cpu_before = web.cpu_seconds(), worker.cpu_seconds()
    await asyncio.sleep(window.ends_at - time.monotonic())
    return web.cpu_seconds() - cpu_before[0], worker.cpu_seconds() - cpu_before[1]


def _delays(reads: list[float], progress_seen: SeenProgress, window: TimeWindow) -> Iterator[float]:
    """From each read to the page that shows it or a later one; at least until the end if none."""
    for percent, read_at in enumerate(reads, start=1):
        if window.begins_at <= read_at < window.ends_at - ON_TIME_SECONDS:
            shown_times = (
                seen_at for shown_percent, seen_at in progress_seen if shown_percent >= percent
            )
            yield next(shown_times, window.ends_at) - read_at
