"""From finished at the far end to the finished card in a page's answer, film copied and checked.

Every person has a page that looks every 2 s. Films finish one after the other, at any moment
between two looks of worker and page. Twice: read every second, as with the sandbox, and read every
8 s with the callback that EvoLink makes when it has finished.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from bench.figures import Figure, spread
from bench.grounds import Grounds, World
from bench.people import Person, people
from bench.rows import running
from bench.sizes import Size
from bench.watching import EVERY, Page
from bench.wire import Line, lines, question
from evolink_studio.generations.models import Generation
from evolink_studio.sandbox.video.storyboard import Storyboard

SETTLING = 4  # seconds until everything runs evenly
GAP = 0.37  # seconds between two films: never in step with the looks
PATIENCE = 30.0
DONE = 'data-status="completed"'
RENDER = [sys.executable, "-m", "evolink_studio.sandbox.video.render"]


@dataclass
class Show:
    """The people, their one generation each, and when it was finished and seen."""

    people: list[Person]
    rows: list[Generation]
    finished: dict[int, float] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    film = grounds.folder / "film.mp4"
    board = Storyboard(str(film), 640, 360, 12, 5, "A film for the bench", "", sound=True)
    subprocess.run(RENDER, input=board.dumps(), check=True)
    yield from spread(
        "finished → on the page, read every 1 s",
        _run(grounds, size, film, interval=1, callback=False),
        "s",
        p95=4,
    )
    yield from spread(
        "finished → on the page, read every 8 s and callback",
        _run(grounds, size, film, interval=8, callback=True),
        "s",
        p50=3,
        p95=6,
    )


def _run(grounds: Grounds, size: Size, film: Path, *, interval: int, callback: bool) -> list[float]:
    with grounds.world() as world, world.far_end(film=film):
        with world.database():
            them = people(size.films)
            due, gap = timedelta(seconds=SETTLING), timedelta(seconds=interval)
            owners = [person.user for person in them]
            rows = running(owners, len(them), now=timezone.now(), due=due, interval=gap)
        show = Show(them, rows)
        with world.web(), world.worker(interval=interval) as worker:
            asyncio.run(_play(world, show, callback))
            worker.alive()
    if unseen := len(rows) - len(show.seen):
        raise RuntimeError(f"{unseen} of {len(rows)} films were not seen within {PATIENCE} s")
    return [show.seen[pk] - show.finished[pk] for pk in show.seen]


async def _play(world: World, show: Show, callback: bool) -> None:
    begin = time.monotonic()
    until = begin + SETTLING + len(show.rows) * GAP + PATIENCE
    async with (
        lines(world.port, len(show.people)) as opened,
        lines(world.port + 1) as (far,),
        lines(world.port) as (back,),
    ):
        pages = zip(opened, show.people, show.rows, strict=True)
        await asyncio.gather(
            _finish(show, far, back if callback else None),
            *(_watch(show, *page, begin, until) for page in pages),
        )


async def _finish(show: Show, far: Line, back: Line | None) -> None:
    await asyncio.sleep(SETTLING)
    for row in show.rows:
        await asyncio.sleep(GAP)
        show.finished[row.pk] = time.monotonic()
        await far.ask(question(f"/bench/finish/{row.task_id}", {}, method="POST"), 200)
        if back:
            path = f"/callbacks/{row.callback_token}/"
            await back.ask(question(path, {}, method="POST", body=b"{}"), 204)


async def _watch(
    show: Show, line: Line, person: Person, row: Generation, begin: float, until: float
) -> None:
    def seen(news: str, at: float) -> bool:
        if DONE in news:
            show.seen[row.pk] = at
        return DONE in news

    phase = row.pk * 0.61 % EVERY
    await Page(line, person, row.pk).watch(seen, begin=begin + phase, until=until)
