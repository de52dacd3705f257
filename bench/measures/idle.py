"""A poll that finds nothing new, against a bare view with the same session, middleware and login.

Both are asked on the same kept-alive connections, in turns (A B, B A, …), so that a busy moment of
the machine and an uneven spread of the connections hit both.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from bench.figures import Figure, median
from bench.grounds import Grounds, World
from bench.people import Person, people
from bench.rows import kept, running
from bench.running import Running
from bench.sizes import Size
from bench.watching import Page
from bench.wire import Answer, Line, lines, question, storm
from evolink_studio.generations.services import record_heartbeat

CONNECTIONS = 16
DAY = timedelta(days=1)


@dataclass
class Side:
    """One of the two, with what its rounds gave."""

    asked: bytes
    status: int
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)  # server CPU ms a request

    async def round(self, opened: list[Line], server: Running, seconds: float) -> None:
        before = server.seconds()
        rate = await storm(opened, self.asked, status=self.status, seconds=seconds)
        self.rates.append(rate)
        self.costs.append((server.seconds() - before) / (rate * seconds) * 1000)


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    with grounds.world() as world:
        with world.database():
            (person,) = people(1)
            now = timezone.now()
            kept(person.user, 12, now=now)
            (row,) = running([person.user], 1, now=now, due=DAY, interval=DAY)
            # A worker that is never silent while this runs: its silence would be news.
            record_heartbeat(worker="bench", disk_free_bytes=10**12, now=now + DAY)
        with world.web() as server:
            bare, idle, answer = asyncio.run(_rounds(world, server, person, row.pk, size))
    ratios = [mine / least for mine, least in zip(idle.rates, bare.rates, strict=True)]
    yield Figure("idle poll against a bare view, requests/s", median(ratios), "×", least=0.8)
    yield Figure("  idle polls", median(idle.rates), "/s")
    yield Figure("  bare views", median(bare.rates), "/s")
    yield Figure("  server CPU of an idle poll", median(idle.costs), "ms")
    yield Figure("  server CPU of a bare view", median(bare.costs), "ms")
    yield Figure("idle poll, body", len(answer.body), "B", most=0)
    yield Figure("idle poll, whole answer on the wire", answer.wire, "B")


async def _rounds(
    world: World, server: Running, person: Person, shown: int, size: Size
) -> tuple[Side, Side, Answer]:
    """The bare view, the idle poll, and one answer to the poll."""
    async with lines(world.port, CONNECTIONS) as opened:
        page = Page(opened[0], person, shown)
        await page.look()
        bare = Side(question("/bench/bare/", person.headers), 200)
        idle = Side(page.asked, 204)
        for side in (bare, idle):  # warm up
            await storm(opened, side.asked, status=side.status, seconds=size.storm)
        for number in range(size.rounds):
            for side in (bare, idle) if number % 2 else (idle, bare):
                await side.round(opened, server, size.storm)
        return bare, idle, await opened[0].ask(idle.asked, idle.status)
