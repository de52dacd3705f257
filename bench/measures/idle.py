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
from bench.generation_rows import create_completed, create_running
from bench.http_client import (
    ClientConnection,
    HttpAnswer,
    build_request,
    measure_throughput,
    open_connections,
)
from bench.instances import BenchInstance, InstanceFactory
from bench.polling_page import PollingPage
from bench.processes import BenchProcess
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.services import record_heartbeat

CONNECTION_COUNT = 16
DAY = timedelta(days=1)


@dataclass
class RequestSeries:
    """One of the two, with what its rounds gave."""

    request: bytes
    status: int
    requests_per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # server CPU ms a request

    async def run_round(
        self, connections: list[ClientConnection], server: BenchProcess, seconds: float
    ) -> None:
        before = server.cpu_seconds()
        rate = await measure_throughput(
            connections, self.request, status=self.status, seconds=seconds
        )
        self.requests_per_second.append(rate)
        self.cpu_ms.append((server.cpu_seconds() - before) / (rate * seconds) * 1000)


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance:
        with instance.use_database():
            (user,) = create_signed_in_users(1)
            now = timezone.now()
            create_completed(user.user, 12, now=now)
            (row,) = create_running([user.user], 1, now=now, first_poll_delay=DAY, interval=DAY)
            # A worker that is never silent while this runs: its silence would be news.
            record_heartbeat(worker="bench", disk_free_bytes=10**12, now=now + DAY)
        with instance.run_web() as server:
            bare, idle, answer = asyncio.run(_run_rounds(instance, server, user, row.pk, size))
    ratios = [
        idle_rate / bare_rate
        for idle_rate, bare_rate in zip(
            idle.requests_per_second, bare.requests_per_second, strict=True
        )
    ]
    yield Figure("idle poll against a bare view, requests/s", median(ratios), "×", at_least=2.0)
    yield Figure("  idle polls", median(idle.requests_per_second), "/s")
    yield Figure("  bare views", median(bare.requests_per_second), "/s")
    yield Figure("  server CPU of an idle poll", median(idle.cpu_ms), "ms")
    yield Figure("  server CPU of a bare view", median(bare.cpu_ms), "ms")
    yield Figure("idle poll, body", len(answer.body), "B", at_most=0)
    yield Figure("idle poll, whole answer on the wire", answer.wire_bytes, "B")


async def _run_rounds(
    instance: BenchInstance,
    server: BenchProcess,
    user: SignedInUser,
    generation_id: int,
    size: BenchSize,
) -> tuple[RequestSeries, RequestSeries, HttpAnswer]:
    """The bare view, the idle poll, and one answer to the poll."""
    async with open_connections(instance.port, CONNECTION_COUNT) as connections:
        page = PollingPage(connections[0], user, generation_id)
        await page.poll()
        bare = RequestSeries(build_request("/bench/bare/", user.headers), 200)
        idle = RequestSeries(page.request, 204)
        for series in (bare, idle):  # warm up
            await measure_throughput(
                connections, series.request, status=series.status, seconds=size.round_seconds
            )
        for number in range(size.poll_rounds):
            for series in (bare, idle) if number % 2 else (idle, bare):
                await series.run_round(connections, server, size.round_seconds)
        return bare, idle, await connections[0].send(idle.request, idle.status)
