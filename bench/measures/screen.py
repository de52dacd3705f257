"""From finished at the provider to the finished card in a page's answer, film copied and checked.

Every person has a page that looks when the studio says. Films finish one after the other, at any
moment between two looks of worker and page. Twice: read every second, as with the sandbox, and read
every 8 s with the callback that EvoLink makes when it has finished.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from bench.figures import Figure, percentile_figures
from bench.generation_rows import create_running
from bench.http_client import ClientConnection, build_request, open_connections
from bench.instances import BenchInstance, InstanceFactory
from bench.polling_page import PollingPage
from bench.sample_film import render_film
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.models import Generation

SETTLING_SECONDS = 4  # seconds until everything runs evenly
GAP_SECONDS = 0.37  # seconds between two films: never in step with the looks
TIMEOUT_SECONDS = 30.0
OPENING_SECONDS = 2.0  # within these the pages are opened
COMPLETED_MARK = 'data-status="completed"'


@dataclass
class CompletionTimes:
    """The people, their one generation each, and when it was finished and seen."""

    users: list[SignedInUser]
    rows: list[Generation]
    finished_at: dict[int, float] = field(default_factory=dict)
    seen_at: dict[int, float] = field(default_factory=dict)


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    video = render_film(instances.folder / "film.mp4")
    yield from percentile_figures(
        "finished → on the page, read every 1 s",
        _measure_delays(instances, size, video, interval=1, sends_callback=False),
        "s",
        p95=4,
    )
    yield from percentile_figures(
        "finished → on the page, read every 8 s and callback",
        _measure_delays(instances, size, video, interval=8, sends_callback=True),
        "s",
        p50=2,
        p95=4,
    )


def _measure_delays(
    instances: InstanceFactory, size: BenchSize, video: Path, *, interval: int, sends_callback: bool
) -> list[float]:
    with instances.create_instance() as instance, instance.run_fake_provider(video=video):
        with instance.use_database():
            users = create_signed_in_users(size.film_count)
            due, gap = timedelta(seconds=SETTLING_SECONDS), timedelta(seconds=interval)
            owners = [user.user for user in users]
            rows = create_running(
                owners, len(users), now=timezone.now(), first_poll_delay=due, interval=gap
            )
        times = CompletionTimes(users, rows)
        with (
            instance.run_web(has_callbacks=sends_callback),
            instance.run_worker(interval=interval) as worker,
        ):
            asyncio.run(_finish_and_watch(instance, times, sends_callback))
            worker.ensure_running()
    if unseen_count := len(rows) - len(times.seen_at):
        raise RuntimeError(
            f"{unseen_count} of {len(rows)} films were not seen within {TIMEOUT_SECONDS} s"
        )
    return [times.seen_at[pk] - times.finished_at[pk] for pk in times.seen_at]


async def _finish_and_watch(
    instance: BenchInstance, times: CompletionTimes, sends_callback: bool
) -> None:
    begin = time.monotonic()
    ends_at = begin + SETTLING_SECONDS + len(times.rows) * GAP_SECONDS + TIMEOUT_SECONDS
    async with (
        open_connections(instance.port, len(times.users)) as page_connections,
        open_connections(instance.port + 1) as (provider_connection,),
        open_connections(instance.port) as (callback_connection,),
    ):
        pages = zip(page_connections, times.users, times.rows, strict=True)
        await asyncio.gather(
            _finish_tasks(
                times, provider_connection, callback_connection if sends_callback else None
            ),
            *(_watch_page(times, *page, begin, ends_at) for page in pages),
        )


async def _finish_tasks(
    times: CompletionTimes,
    provider_connection: ClientConnection,
    callback_connection: ClientConnection | None,
) -> None:
    await asyncio.sleep(SETTLING_SECONDS)
    for row in times.rows:
        await asyncio.sleep(GAP_SECONDS)
        times.finished_at[row.pk] = time.monotonic()
        await provider_connection.send(
            build_request(f"/bench/finish/{row.task_id}", {}, method="POST"), 200
        )
        if callback_connection:
            path = f"/callbacks/{row.callback_token}/"
            await callback_connection.send(build_request(path, {}, method="POST", body=b"{}"), 204)


async def _watch_page(
    times: CompletionTimes,
    connection: ClientConnection,
    user: SignedInUser,
    row: Generation,
    begin: float,
    ends_at: float,
) -> None:
    def record_completion(news: str, at: float) -> bool:
        if COMPLETED_MARK in news:
            times.seen_at[row.pk] = at
        return COMPLETED_MARK in news

    phase = row.pk * 0.61 % OPENING_SECONDS
    await PollingPage(connection, user, row.pk).poll_until(
        record_completion, starts_at=begin + phase, ends_at=ends_at
    )
