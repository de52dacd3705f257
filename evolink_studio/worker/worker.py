"""The worker on SQLite, one asyncio process, and the base of the one on PostgreSQL.

It sleeps until the next row is due or it is woken (`wake_up`), so that it costs nothing while there
is nothing to do. A wake-up that is lost costs at most MAX_SLEEP_SECONDS.
"""

import asyncio
import shutil
import socket
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from structlog.contextvars import bound_contextvars

from evolink_studio.generations.models import MIN_FREE_DISK_BYTES, Generation
from evolink_studio.generations.pipeline.batches import stop_failing_batches
from evolink_studio.generations.pipeline.dispatch import dispatch
from evolink_studio.generations.pipeline.downloading import download_results
from evolink_studio.generations.pipeline.leases import find_due_times, lease_due, renew_leases
from evolink_studio.generations.pipeline.lookups import has_waiting_lookups, read_named_tasks
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.pipeline.provider import Clock, Provider
from evolink_studio.generations.pipeline.queue import (
    ConcurrencyLimits,
    clear_waiting_for_disk,
    get_concurrency_limits,
    lease_next,
    mark_waiting_for_disk,
)
from evolink_studio.generations.pipeline.reconciliation import reconcile, recover_interrupted_sends
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from evolink_studio.worker.circuit_breaker import CircuitBreaker
from evolink_studio.worker.cuts import make_next_cut
from evolink_studio.worker.deliveries import deliver_next
from evolink_studio.worker.exports import make_next_export
from evolink_studio.worker.memory import return_freed_memory
from evolink_studio.worker.notifications import notify_admins
from evolink_studio.worker.periodic import refresh_balance, run_daily
from evolink_studio.worker.wake_up import WakeUpListener, get_pipe_path

log = structlog.get_logger(__name__)

QUEUE_INTERVAL_SECONDS = 0.3  # between two queries for due rows, at least
MAX_SLEEP_SECONDS = 5.0  # between two queries for due rows, at most
SEARCH_INTERVAL_SECONDS = 2.0
LOOKUP_INTERVAL_SECONDS = 1.0  # an admin is waiting for it
RENEW_INTERVAL_SECONDS = 30.0
RECOVERY_INTERVAL_SECONDS = 15.0
HEARTBEAT_INTERVAL_SECONDS = 10.0
BALANCE_INTERVAL_SECONDS = 60.0
NOTIFY_INTERVAL_SECONDS = 60.0
TRIM_INTERVAL_SECONDS = 30.0  # between two times that freed memory is given back
DAILY_CHECK_INTERVAL_SECONDS = 300.0  # between two checks whether the daily run is due
EXPORT_INTERVAL_SECONDS = 5.0
DELIVERY_INTERVAL_SECONDS = 5.0
CUT_INTERVAL_SECONDS = 4.0  # somebody is waiting for it
DRAIN_TIMEOUT_SECONDS = 20.0  # for running tasks after SIGTERM; the studio promises 25 s in all


class PipelineStep(Protocol):
    """A stage of the pipeline, for one leased generation."""

    def __call__(
        self, generation: Generation, *, lease_id: uuid.UUID, provider: Provider, clock: Clock
    ) -> Coroutine[Any, Any, None]: ...


@dataclass(frozen=True)
class WorkerCapacity:
    """How many tasks of each kind run at once, and the size of a batch of reads."""

    max_dispatches: int = 8
    max_poll_batches: int = 4
    poll_batch_size: int = 100
    max_downloads: int = 4
    max_searches: int = 1


@dataclass(frozen=True)
class WorkLoop:
    """Starts what is due of one kind, at most every `interval` seconds.

    `start` returns whether there is more to start at once. `name` is for the log.
    """

    name: str
    interval: float
    start: Callable[[], Awaitable[bool]]
    due_event: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Worker:
    """Runs until `stop()`; then leases nothing new and lets running tasks end."""

    provider: Provider
    clock: Clock
    capacity: WorkerCapacity = field(default_factory=WorkerCapacity)
    limits: ConcurrencyLimits = field(default_factory=get_concurrency_limits)
    name: str = field(default_factory=socket.gethostname)

    _lease_next = staticmethod(lease_next)

    def __post_init__(self) -> None:
        self._stop_event = asyncio.Event()
        self._lease_by_task: dict[asyncio.Task[None], uuid.UUID] = {}
        self._breaker = CircuitBreaker()
        self._has_disk_space = False
        self._has_looked_at_films = False
        self._wake_event = asyncio.Event()
        self._sleep_seconds = QUEUE_INTERVAL_SECONDS  # until the next look, unless woken
        self._listener = WakeUpListener(get_pipe_path(), self.wake)
        # By the state that becomes due; None for tasks that admins named.
        self._loops: Mapping[State | None, WorkLoop] = {
            State.QUEUED: WorkLoop(
                "start_dispatches", QUEUE_INTERVAL_SECONDS, self._start_dispatches
            ),
            State.RUNNING: WorkLoop("start_polls", QUEUE_INTERVAL_SECONDS, self._start_polls),
            State.SAVING: WorkLoop(
                "start_downloads", QUEUE_INTERVAL_SECONDS, self._start_downloads
            ),
            State.UNKNOWN: WorkLoop(
                "start_searches", SEARCH_INTERVAL_SECONDS, self._start_searches
            ),
            State.SENDING: WorkLoop(
                "recover_interrupted_sends",
                RECOVERY_INTERVAL_SECONDS,
                self._recover_interrupted_sends,
            ),
            None: WorkLoop("read_named_tasks", LOOKUP_INTERVAL_SECONDS, self._read_named_tasks),
        }

    def stop(self) -> None:
        """Begin to drain and end. May be called from a signal handler of asyncio."""
        self._stop_event.set()
        self._wake_event.set()
        for loop in self._loops.values():
            loop.due_event.set()

    def wake(self) -> None:
        """Look for due rows now, or QUEUE_INTERVAL_SECONDS after the last look."""
        self._wake_event.set()

    async def run(self) -> None:
        """Run all loops; after `stop()` wait for running tasks, at most DRAIN_TIMEOUT_SECONDS."""
        loops = asyncio.gather(
            self._look_for_work(),
            *(self._run_when_due(loop) for loop in self._loops.values()),
            self._run_every("renew_leases", RENEW_INTERVAL_SECONDS, self._renew_leases),
            self._run_every("return_memory", TRIM_INTERVAL_SECONDS, self._return_memory),
            self._run_every("record_heartbeat", HEARTBEAT_INTERVAL_SECONDS, self._record_heartbeat),
            self._run_every("refresh_balance", BALANCE_INTERVAL_SECONDS, self._refresh_balance),
            self._run_every("notify_admins", NOTIFY_INTERVAL_SECONDS, self._notify_admins),
            self._run_every("make_exports", EXPORT_INTERVAL_SECONDS, self._make_exports),
            self._run_every("deliver", DELIVERY_INTERVAL_SECONDS, self._deliver),
            self._run_every("make_cuts", CUT_INTERVAL_SECONDS, self._make_cuts),
            self._run_every(
                "run_daily", DAILY_CHECK_INTERVAL_SECONDS, self._run_daily, run_immediately=False
            ),
        )
        stop_task: asyncio.Future[Any] = asyncio.create_task(self._stop_event.wait())
        await asyncio.wait({stop_task, loops}, return_when=asyncio.FIRST_COMPLETED)
        self._listener.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT_SECONDS):
                await loops  # a loop may be in a slow read
                if self._lease_by_task:
                    await asyncio.wait(self._lease_by_task)

    async def _run_every(
        self,
        name: str,
        seconds: float,
        action: Callable[[], Awaitable[bool]],
        *,
        run_immediately: bool = True,
    ) -> None:
        """Repeat `action` until stopped; at once while it returns True. `name` is for the log."""
        if not run_immediately:
            await self._pause(seconds)
        while not self._stop_event.is_set():
            has_more = await self._run_logged(name, action)
            await self._pause(0.01 if has_more else seconds)

    async def _run_when_due(self, loop: WorkLoop) -> None:
        """Start what is due, whenever something is, until stopped."""
        while not self._stop_event.is_set():
            await loop.due_event.wait()
            loop.due_event.clear()
            has_more = await self._run_logged(loop.name, loop.start)
            if has_more:
                loop.due_event.set()
            await self._pause(0.01 if has_more else loop.interval)

    async def _run_logged(self, name: str, action: Callable[[], Awaitable[bool]]) -> bool:
        """The answer of `action`; False when it failed. No error of one loop stops a loop."""
        try:
            return await action()
        except DatabaseError:
            # The database is away or locked: the loop goes on.
            log.exception("database unavailable", loop=name)
            await sync_to_async(close_old_connections)()
        except Exception:
            log.exception("loop failed", loop=name)
        return False

    async def _look_for_work(self) -> None:
        """Set off the loops of what is due; then sleep until something is, or until woken."""
        while not self._stop_event.is_set():
            self._listener.ensure_open()
            self._wake_event.clear()
            self._sleep_seconds = QUEUE_INTERVAL_SECONDS
            await self._run_logged("look_for_work", self._announce_due)
            await self._pause(QUEUE_INTERVAL_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._wake_event.wait(), self._sleep_seconds - QUEUE_INTERVAL_SECONDS
                )

    async def _announce_due(self) -> bool:
        due_times, has_lookups = await sync_to_async(self._find_due)()
        now = self.clock()
        due_states = {state for state, due_at in due_times.items() if due_at <= now}
        for state, loop in self._loops.items():
            if state in due_states or (state is None and has_lookups):
                loop.due_event.set()
        if not due_states and not has_lookups:
            seconds_left = ((due_at - now).total_seconds() for due_at in due_times.values())
            self._sleep_seconds = min([MAX_SLEEP_SECONDS, *seconds_left])
        return False

    def _find_due(self) -> tuple[dict[State, datetime], bool]:
        """When the earliest row of each state is due, and whether a named task is to be read."""
        return find_due_times(state for state in self._loops if state), has_waiting_lookups()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop_event.wait(), seconds)

    async def _start_dispatches(self) -> bool:
        free_slots = self.capacity.max_dispatches - self._count_running(State.QUEUED)
        if free_slots <= 0 or not await self._check_disk_space():
            return False
        await sync_to_async(stop_failing_batches)(now=self.clock())
        lease_id, rows = await sync_to_async(self._lease_next)(
            limit=free_slots, now=self.clock(), limits=self.limits
        )
        for row in rows:
            with bound_contextvars(generation=row.pk):
                self._start_task(
                    State.QUEUED,
                    lease_id,
                    dispatch(row, lease_id=lease_id, provider=self.provider, clock=self.clock),
                )
        return len(rows) == free_slots

    async def _check_disk_space(self) -> bool:
        """Whether this disk has space for a film; pauses or resumes the queue accordingly."""
        has_space = shutil.disk_usage(settings.DATA_DIR).free >= MIN_FREE_DISK_BYTES
        if not has_space:
            await sync_to_async(mark_waiting_for_disk)(now=self.clock())
        elif not self._has_disk_space:
            await sync_to_async(clear_waiting_for_disk)()
        self._has_disk_space = has_space
        return has_space

    async def _start_downloads(self) -> bool:
        return await self._start_stage(State.SAVING, self.capacity.max_downloads, download_results)

    async def _start_searches(self) -> bool:
        # With max_searches = 1, as two searches at once could both find the same task.
        return await self._start_stage(State.UNKNOWN, self.capacity.max_searches, reconcile)

    async def _read_named_tasks(self) -> bool:
        await read_named_tasks(provider=self.provider, clock=self.clock)
        return False

    async def _start_stage(self, state: State, limit: int, stage: PipelineStep) -> bool:
        free_slots = limit - self._count_running(state)
        if free_slots <= 0:
            return False
        lease_id, rows = await sync_to_async(lease_due)(state, limit=free_slots, now=self.clock())
        for row in rows:
            with bound_contextvars(generation=row.pk):
                self._start_task(
                    state,
                    lease_id,
                    stage(row, lease_id=lease_id, provider=self.provider, clock=self.clock),
                )
        return len(rows) == free_slots

    async def _start_polls(self) -> bool:
        if self._breaker.is_open(self.clock()):
            return False
        if self._count_running(State.RUNNING) >= self.capacity.max_poll_batches:
            return True  # a batch may end at any moment
        lease_id, rows = await sync_to_async(lease_due)(
            State.RUNNING,
            limit=self.capacity.poll_batch_size,
            now=self.clock(),
            only_poll_columns=True,
        )
        if rows:
            self._start_task(State.RUNNING, lease_id, self._poll_batch(rows, lease_id))
        return len(rows) == self.capacity.poll_batch_size

    async def _poll_batch(self, rows: list[Generation], lease_id: uuid.UUID) -> None:
        failed_count = await poll_batch(
            rows, lease_id=lease_id, provider=self.provider, clock=self.clock
        )
        self._breaker.record(failed_count, len(rows), self.clock())

    def _count_running(self, state: State) -> int:
        return sum(task.get_name() == state.value for task in self._lease_by_task)

    def _start_task(
        self, state: State, lease_id: uuid.UUID, coroutine: Coroutine[None, None, None]
    ) -> None:
        task = asyncio.create_task(self._run_guarded(coroutine), name=state.value)
        self._lease_by_task[task] = lease_id
        task.add_done_callback(self._on_task_end)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        del self._lease_by_task[task]
        self._has_looked_at_films |= task.get_name() == State.SAVING
        self.wake()  # a next step may be due

    async def _run_guarded(self, coroutine: Coroutine[None, None, None]) -> None:
        # One failing row must not stop the others: its lease runs out and it is tried again.
        try:
            await coroutine
        except Exception:
            log.exception("step failed")

    async def _renew_leases(self) -> bool:
        lease_ids = set(self._lease_by_task.values())
        if lease_ids:
            await sync_to_async(renew_leases)(list(lease_ids), now=self.clock())
        return False

    async def _recover_interrupted_sends(self) -> bool:
        recovered_count = await sync_to_async(recover_interrupted_sends)(now=self.clock())
        if recovered_count:
            log.warning("interrupted dispatches found", count=recovered_count)
        return False

    async def _record_heartbeat(self) -> bool:
        free_bytes = shutil.disk_usage(settings.DATA_DIR).free
        await sync_to_async(record_heartbeat)(
            worker=self.name, disk_free_bytes=free_bytes, now=self.clock()
        )
        return False

    async def _refresh_balance(self) -> bool:
        await refresh_balance(self.provider, now=self.clock())
        return False

    async def _run_daily(self) -> bool:
        await run_daily(now=self.clock(), is_stopping=self._stop_event.is_set)
        return False

    async def _make_exports(self) -> bool:
        return await make_next_export(clock=self.clock, is_stopping=self._stop_event.is_set)

    async def _deliver(self) -> bool:
        return await deliver_next(clock=self.clock)

    async def _make_cuts(self) -> bool:
        has_made = await make_next_cut(clock=self.clock, is_stopping=self._stop_event.is_set)
        self._has_looked_at_films |= has_made
        return has_made

    async def _return_memory(self) -> bool:
        if self._has_looked_at_films:
            self._has_looked_at_films = False
            await sync_to_async(return_freed_memory, thread_sensitive=False)()
        return False

    async def _notify_admins(self) -> bool:
        await notify_admins(now=self.clock())
        return False
