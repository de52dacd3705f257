"""What people who watch cost the server, and how soon they see what happened.

Each has one generation large on the page; each read of the studio's worker brings one percent more
from the scripted provider. Counted is the processor time of the web server's processes.

1. Forced: every page asks every 2 s, whatever the studio says, and the worker reads every 2 s, so
   that each poll brings news. An update is on time when the page has it within one look and 1 s.
2. At the real rhythm: the worker reads every 8 s, and pages ask when the studio says. The watchers
   are spread over the expected time of their films and somewhat beyond. Meanwhile films of those
   that are near their end finish, one after the other: once without callbacks, so that the worker
   finds it at its next look, and once with the callback that EvoLink makes.

`bench.measures.peers` has what the same watching costs elsewhere.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from bench.figures import Figure, percentile, percentile_figures
from bench.generation_rows import create_running
from bench.http_client import build_request, fetch_body, open_connections
from bench.instances import BenchInstance, InstanceFactory
from bench.polling_page import PollingPage
from bench.processes import BenchProcess
from bench.sample_film import render_film
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State

FORCED_SECONDS = 2.0
LOOK_SECONDS = 8.0  # between two reads of one task, as the studio reads EvoLink
SETTLING_SECONDS = 4.0  # until the worker reads and all pages are open
TIMEOUT_SECONDS = 30.0  # for the last film
ON_TIME_SECONDS = FORCED_SECONDS + 1
LATEST_SHARE = 1.25  # of the expected time, for the watcher whose film is the latest
LIKELY_END_SHARE = 0.7  # films end from here on
PERCENT_PATTERN = re.compile(r'aria-valuenow="(\d+)"')
COMPLETED_MARK = 'data-status="completed"'


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


@dataclass
class Watcher:
    """A person before their page: what they saw of their one generation, and when."""

    user: SignedInUser
    row: Generation
    answers: list[tuple[float, float]] = field(default_factory=list)  # moment, seconds it took
    progress: list[tuple[int, float]] = field(default_factory=list)  # percent, moment
    finished_at: float | None = None
    seen_at: float | None = None

    def record(self, news: str, moment: float) -> bool:
        """Whether it is all over."""
        if percent := PERCENT_PATTERN.search(news):
            self.progress.append((int(percent[1]), moment))
        if COMPLETED_MARK in news:
            self.seen_at = moment
        return self.seen_at is not None


@dataclass
class WatchedRun:
    """One run: its rhythm, and the CPU seconds that web and worker took within its window."""

    window: TimeWindow
    interval_seconds: float | None = None  # None: as the studio says
    finished_count: int = 0
    has_callbacks: bool = False
    web_seconds: float = 0.0
    worker_seconds: float = 0.0


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    video = render_film(instances.folder / "film.mp4")
    with (
        instances.create_instance() as instance,
        instance.run_fake_provider(reads_per_percent=1, video=video),
    ):
        with instance.use_database():
            users = create_signed_in_users(size.watcher_count)
        yield from _measure_forced(instance, users, size)
        for has_callbacks in (False, True):
            yield from _measure_real(instance, users, size, has_callbacks=has_callbacks)


def _measure_forced(
    instance: BenchInstance, users: list[SignedInUser], size: BenchSize
) -> Iterator[Figure]:
    watchers = _create_watchers(instance, users, "forced", FORCED_SECONDS)
    run = WatchedRun(_open_window(size.watch_seconds), interval_seconds=FORCED_SECONDS)
    _watch(instance, watchers, run, worker_interval=FORCED_SECONDS)
    window = run.window
    reads: dict[str, list[float]] = json.loads(fetch_body(instance.port + 1, "/bench/reads"))
    answers = _list_durations(watchers, window)
    minutes = len(answers) * FORCED_SECONDS / 60  # of watching that was really served
    yield Figure(
        f"server CPU of a watcher-minute, {len(users)} watchers, news every 2 s",
        run.web_seconds / minutes,
        "s",
        at_most=0.07,
    )
    yield Figure("  worker CPU of a watcher-minute", run.worker_seconds / minutes, "s")
    due_count = size.watch_seconds * len(users) / FORCED_SECONDS
    yield Figure("  looks answered of those due", len(answers) / due_count, "×")
    yield Figure("  answer of a poll, p95", percentile(0.95, answers) * 1000, "ms")
    delays = [
        delay
        for watcher in watchers
        for delay in _list_news_delays(reads[watcher.row.task_id or ""], watcher, window)
    ]
    yield from percentile_figures(
        "news at the far end → on the page", delays, "s", max=ON_TIME_SECONDS
    )


def _measure_real(
    instance: BenchInstance, users: list[SignedInUser], size: BenchSize, *, has_callbacks: bool
) -> Iterator[Figure]:
    name = "with callbacks" if has_callbacks else "without callbacks"
    watchers = _create_watchers(instance, users, name.split()[0], LOOK_SECONDS)
    run = WatchedRun(
        _open_window(size.real_watch_seconds),
        finished_count=size.film_count,
        has_callbacks=has_callbacks,
    )
    _watch(instance, watchers, run, worker_interval=LOOK_SECONDS)
    delays = [
        watcher.seen_at - watcher.finished_at
        for watcher in watchers
        if watcher.finished_at and watcher.seen_at
    ]
    if len(delays) < run.finished_count:
        unseen_count = run.finished_count - len(delays)
        raise RuntimeError(f"{unseen_count} films were not seen within {TIMEOUT_SECONDS:.0f} s")
    minutes = len(users) * size.real_watch_seconds / 60
    yield Figure(
        f"server CPU of a watcher-minute at the real rhythm, {name}",
        run.web_seconds / minutes,
        "s",
        at_most=0.025,
    )
    yield Figure("  worker CPU of a watcher-minute", run.worker_seconds / minutes, "s")
    answers = _list_durations(watchers, run.window)
    yield Figure("  polls of a watcher-minute", len(answers) / minutes)
    targets = {"p50": 2.0, "p95": 4.0} if has_callbacks else {"max": LOOK_SECONDS + 2}
    yield from percentile_figures(f"finished → on the page, {name}", delays, "s", **targets)


def _open_window(length_seconds: float) -> TimeWindow:
    return TimeWindow(time.monotonic() + 2 * SETTLING_SECONDS, length_seconds)


def _create_watchers(
    instance: BenchInstance, users: list[SignedInUser], task_prefix: str, look_seconds: float
) -> list[Watcher]:
    """Each with a new generation; those of an earlier run have ended."""
    with instance.use_database():
        Generation.objects.update(state=State.FAILED, next_attempt_at=None)
        rows = create_running(
            [user.user for user in users],
            len(users),
            now=timezone.now(),
            first_poll_delay=timedelta(seconds=SETTLING_SECONDS),
            interval=timedelta(seconds=look_seconds),
            task_prefix=task_prefix,
            latest_share=LATEST_SHARE,
        )
    return [Watcher(user, row) for user, row in zip(users, rows, strict=True)]


def _watch(
    instance: BenchInstance, watchers: list[Watcher], run: WatchedRun, *, worker_interval: float
) -> None:
    with (
        instance.run_web(has_callbacks=run.has_callbacks) as web,
        instance.run_worker(interval=int(worker_interval)) as worker,
    ):
        asyncio.run(_watch_pages(instance, watchers, run, web, worker))
        worker.ensure_running()


async def _watch_pages(
    instance: BenchInstance,
    watchers: list[Watcher],
    run: WatchedRun,
    web: BenchProcess,
    worker: BenchProcess,
) -> None:
    opens_at = run.window.begins_at - SETTLING_SECONDS
    async with open_connections(instance.port, len(watchers)) as connections:
        pages = [
            PollingPage(connection, watcher.user, watcher.row.pk)
            for connection, watcher in zip(connections, watchers, strict=True)
        ]
        watching = [
            asyncio.create_task(
                page.poll_until(
                    watcher.record,
                    starts_at=opens_at + FORCED_SECONDS * number / len(pages),
                    ends_at=run.window.ends_at + (TIMEOUT_SECONDS if run.finished_count else 0),
                    interval_seconds=run.interval_seconds,
                )
            )
            for number, (page, watcher) in enumerate(zip(pages, watchers, strict=True))
        ]
        await asyncio.gather(_measure_cpu(run, web, worker), _finish_tasks(instance, watchers, run))
        finishing = [
            task
            for task, watcher in zip(watching, watchers, strict=True)
            if watcher.finished_at or not run.finished_count
        ]
        await asyncio.gather(*finishing)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for page, watcher in zip(pages, watchers, strict=True):
            watcher.answers = page.answers


async def _measure_cpu(run: WatchedRun, web: BenchProcess, worker: BenchProcess) -> None:
    await asyncio.sleep(run.window.begins_at - time.monotonic())
    web_before, worker_before = web.cpu_seconds(), worker.cpu_seconds()
    await asyncio.sleep(run.window.ends_at - time.monotonic())
    run.web_seconds = web.cpu_seconds() - web_before
    run.worker_seconds = worker.cpu_seconds() - worker_before


async def _finish_tasks(instance: BenchInstance, watchers: list[Watcher], run: WatchedRun) -> None:
    """Evenly over the window, films that are likely to end, in an order that mixes them."""
    if not run.finished_count:
        return
    late = watchers[int(len(watchers) * LIKELY_END_SHARE / LATEST_SHARE) :]
    chosen = late[:: max(1, len(late) // run.finished_count)][: run.finished_count]
    gap = run.window.length_seconds / len(chosen)
    async with (
        open_connections(instance.port + 1) as (provider,),
        open_connections(instance.port) as (callbacks,),
    ):
        for number, watcher in enumerate(chosen):
            moment = run.window.begins_at + gap * number
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            watcher.finished_at = time.monotonic()
            finish_path = f"/bench/finish/{watcher.row.task_id}"
            await provider.send(build_request(finish_path, {}, method="POST"), 200)
            if run.has_callbacks:
                path = f"/callbacks/{watcher.row.callback_token}/"
                await callbacks.send(build_request(path, {}, method="POST", body=b"{}"), 204)


def _list_durations(watchers: list[Watcher], window: TimeWindow) -> list[float]:
    return [
        duration for watcher in watchers for at, duration in watcher.answers if window.contains(at)
    ]


def _list_news_delays(reads: list[float], watcher: Watcher, window: TimeWindow) -> Iterator[float]:
    """From each read to the page that shows it or a later one; at least until the end if none."""
    for percent, read_at in enumerate(reads, start=1):
        if window.begins_at <= read_at < window.ends_at - ON_TIME_SECONDS:
            shown_times = (
                seen_at for shown_percent, seen_at in watcher.progress if shown_percent >= percent
            )
            yield next(shown_times, window.ends_at) - read_at
