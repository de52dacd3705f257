"""What people who watch cost the server, while every one of them has news every two seconds.

Each has one generation large on the page and looks every 2 s. The studio's worker reads each task
every 2 s from the scripted far end, and each read brings one percent. Counted is the processor time
of the web server's processes; an update is on time when the page has it within one look and 1 s.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from bench.figures import Figure, at, spread
from bench.grounds import Grounds, World
from bench.people import Person, people
from bench.rows import running
from bench.running import Running
from bench.sizes import Size
from bench.watching import EVERY, Page
from bench.wire import fetch, lines
from evolink_studio.generations.models import Generation

SETTLING = 4  # seconds until the worker reads
WARM = 4.0
ON_TIME = EVERY + 1
PERCENT = re.compile(r'aria-valuenow="(\d+)"')
Seen = list[tuple[int, float]]  # percent, and when it was seen


@dataclass(frozen=True)
class Window:
    """The time that counts, in monotonic seconds."""

    begin: float
    length: float

    @property
    def end(self) -> float:
        return self.begin + self.length

    def holds(self, moment: float) -> bool:
        return self.begin <= moment < self.end


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    with grounds.world() as world, world.far_end(every=1):
        with world.database():
            them = people(size.watchers)
            due, gap = timedelta(seconds=SETTLING), timedelta(seconds=EVERY)
            owners = [person.user for person in them]
            rows = running(owners, len(them), now=timezone.now(), due=due, interval=gap)
        with world.web() as web, world.worker(interval=int(EVERY)) as worker:
            window = Window(time.monotonic() + SETTLING + WARM, size.watch_for)
            pages, seen, cost = asyncio.run(_watch(world, them, rows, web, worker, window))
            reads: dict[str, list[float]] = json.loads(fetch(world.port + 1, "/bench/reads"))
    answers = [took for page in pages for at, took in page.answers if window.holds(at)]
    minutes = len(answers) * EVERY / 60  # of watching that was really served
    delays = [
        delay
        for row, some in zip(rows, seen, strict=True)
        for delay in _delays(reads[row.task_id or ""], some, window)
    ]
    yield Figure(
        f"server CPU of a watcher-minute, {len(them)} watchers",
        cost[0] / minutes,
        "s",
        most=0.035,
    )
    yield Figure("  worker CPU of a watcher-minute", cost[1] / minutes, "s")
    yield Figure(
        "  looks answered of those due", len(answers) * EVERY / size.watch_for / len(them), "×"
    )
    yield Figure("  answer of a poll, p95", at(0.95, answers) * 1000, "ms")
    yield from spread("news at the far end → on the page", delays, "s", max=ON_TIME)


async def _watch(
    world: World,
    them: list[Person],
    rows: list[Generation],
    web: Running,
    worker: Running,
    window: Window,
) -> tuple[list[Page], list[Seen], tuple[float, float]]:
    """The pages, what each saw, and the CPU seconds of web and worker in the window."""
    begin = window.begin - WARM
    async with lines(world.port, len(them)) as opened:
        pages = [Page(*page) for page in zip(opened, them, (row.pk for row in rows), strict=True)]
        counts = asyncio.create_task(_count(web, worker, window))
        looks = (
            _look(page, begin + EVERY * number / len(pages), window.end)
            for number, page in enumerate(pages)
        )
        return pages, await asyncio.gather(*looks), await counts


async def _look(page: Page, begin: float, until: float) -> Seen:
    """What one watcher saw."""
    found: Seen = []

    def note(news: str, when: float) -> bool:
        if percent := PERCENT.search(news):
            found.append((int(percent[1]), when))
        return False

    await page.watch(note, begin=begin, until=until)
    return found


async def _count(web: Running, worker: Running, window: Window) -> tuple[float, float]:
    await asyncio.sleep(window.begin - time.monotonic())
    before = web.seconds(), worker.seconds()
    await asyncio.sleep(window.end - time.monotonic())
    return web.seconds() - before[0], worker.seconds() - before[1]


def _delays(reads: list[float], seen: Seen, window: Window) -> Iterator[float]:
    """From each read to the page that shows it or a later one; at least until the end if none."""
    for percent, at_far in enumerate(reads, start=1):
        if window.begin <= at_far < window.end - ON_TIME:
            shown = (when for shows, when in seen if shows >= percent)
            yield next(shown, window.end) - at_far
