"""The worker on PostgreSQL, one or many: the embedded one, driven by Procrastinate jobs.

Rows are leased as in the embedded worker, so a job may run twice, or be lost. The clocks of the
machines must agree to a second.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg
import psycopg_pool
import structlog
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app, connector_params
from procrastinate.exceptions import ProcrastinateException

from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.downloading import filter_needed_files
from evolink_studio.generations.pipeline.leases import find_due_times
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.states import State
from evolink_studio.library.storage import remove_stale_temporary_files
from evolink_studio.worker.tasks import LOOK_UP_DUTY, SLOT_COUNT, defer_if_due
from evolink_studio.worker.worker import (
    CUT_INTERVAL_SECONDS,
    DELIVERY_INTERVAL_SECONDS,
    DRAIN_TIMEOUT_SECONDS,
    EXPORT_INTERVAL_SECONDS,
    HEARTBEAT_INTERVAL_SECONDS,
    QUEUE_INTERVAL_SECONDS,
    RENEW_INTERVAL_SECONDS,
    TRIM_INTERVAL_SECONDS,
    Worker,
)

log = structlog.get_logger(__name__)

CLEANUP_INTERVAL_SECONDS = 86_400.0
CONCURRENCY = 12  # jobs at once in one process: the slots, one of each other kind, some spare
JOB_POLL_INTERVAL_SECONDS = 2.0  # between two queries for jobs, if a notification is missed
MAX_SLEEP_SECONDS = 2.0  # between two looks of a slot: wake-ups do not reach another machine
RECONNECT_DELAY_SECONDS = 1.0  # after the database was away
JOB_SHUTDOWN_SECONDS = 2.0  # for jobs to end; they only start tasks, so that is enough
QUEUE_LOCK_ID = 0x5455524E  # of the advisory lock around `lease_next`
DATABASE_ERRORS = (psycopg.Error, psycopg_pool.PoolTimeout, ProcrastinateException)


def slot_seconds_left(slot: int, now: float, slot_seconds: float) -> float:
    """Seconds until the job of a slot ends: between 0.5 and 1.5 times `slot_seconds`.

    Each slot ends at its own offset, so that no two end at once and polling never pauses.
    """
    seconds_left = (slot_seconds * slot / SLOT_COUNT - now) % slot_seconds
    return seconds_left if seconds_left >= slot_seconds / 2 else seconds_left + slot_seconds


def lease_next_exclusively(
    *, limit: int, now: datetime, limits: ConcurrencyLimits
) -> tuple[uuid.UUID, list[Generation]]:
    """`lease_next`, one worker at a time: two at once would count the same free capacity."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [QUEUE_LOCK_ID])
        return lease_next(limit=limit, now=now, limits=limits)


@dataclass
class DistributedWorker(Worker):
    """Runs until `stop()`; then leases nothing new and lets running tasks end.

    slot_seconds           average time for which one job polls a slot
    heartbeat_seconds      how often this worker renews its heartbeat in the job queue
    stalled_after_seconds  without a heartbeat for so long, its jobs are queued again
    """

    slot_seconds: float = 10.0
    heartbeat_seconds: float = 3.0
    stalled_after_seconds: float = 10.0
    renew_interval_seconds: float = RENEW_INTERVAL_SECONDS

    _lease_next = staticmethod(lease_next_exclusively)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._requested_states: set[State] = set()
        self._draining_states: set[State] = set()

    @property
    def _duties(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        return {
            "sweep": self._recover_interrupted_sends,
            LOOK_UP_DUTY: self._read_named_tasks,
            "balance": self._refresh_balance,
            "tell": self._notify_admins,
            "daily": self._run_daily,
        }

    async def run(self) -> None:
        """Run jobs; after `stop()` wait for running tasks, at most DRAIN_TIMEOUT_SECONDS."""
        loops = asyncio.gather(
            self._run_every("renew_leases", self.renew_interval_seconds, self._renew_leases),
            self._run_every("return_memory", TRIM_INTERVAL_SECONDS, self._return_memory),
            self._run_every("record_heartbeat", HEARTBEAT_INTERVAL_SECONDS, self._record_heartbeat),
            self._run_every("make_exports", EXPORT_INTERVAL_SECONDS, self._make_exports),
            self._run_every("deliver", DELIVERY_INTERVAL_SECONDS, self._deliver),
            self._run_every("make_cuts", CUT_INTERVAL_SECONDS, self._make_cuts),
            self._run_every(
                "remove_stale_files", CLEANUP_INTERVAL_SECONDS, self._remove_stale_files
            ),
        )
        while not self._stop_event.is_set():
            try:
                await self._run_until_stopped(self._run_jobs())
            except DATABASE_ERRORS as error:
                log.warning("job queue unavailable", reason=type(error).__name__)
            await self._pause(RECONNECT_DELAY_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT_SECONDS):
                await loops
                if self._lease_by_task:
                    await asyncio.wait(self._lease_by_task)
        self._listener.close()

    async def drain_state(self, state: State) -> None:
        """Work on due rows of a state until none is due or the worker stops.

        One loop per state uses the whole capacity of this process: a second call only makes the
        first one query again.
        """
        self._requested_states.add(state)
        if state in self._draining_states:
            return
        self._draining_states.add(state)
        try:
            while not self._stop_event.is_set() and (
                state in self._requested_states or self._count_running(state)
            ):
                self._requested_states.discard(state)
                has_more = await self._loops[state].start()
                await self._pause(0.01 if has_more else QUEUE_INTERVAL_SECONDS)
        finally:
            self._draining_states.discard(state)

    async def poll_slot(self, slot: int) -> None:
        """Poll due tasks until the time of this slot is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + slot_seconds_left(
            slot, self.clock().timestamp(), self.slot_seconds
        )
        while not self._stop_event.is_set() and loop.time() < deadline:
            self._wake_event.clear()  # before the look: who wakes us later is not missed
            if await self._start_polls():
                await self._pause(0.01)
            else:
                await self._sleep_until_due(State.RUNNING, deadline - loop.time())

    async def _sleep_until_due(self, state: State, max_seconds: float) -> None:
        """Until a row of this state is due, or until woken. QUEUE_INTERVAL_SECONDS at least.

        Another worker may make a row due sooner, so it is at most MAX_SLEEP_SECONDS.
        """
        self._listener.ensure_open()
        due_at = (await sync_to_async(find_due_times)([state])).get(state)
        seconds_left = [(due_at - self.clock()).total_seconds()] if due_at else []
        await self._pause(QUEUE_INTERVAL_SECONDS)
        seconds = min([MAX_SLEEP_SECONDS, max_seconds, *seconds_left]) - QUEUE_INTERVAL_SECONDS
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake_event.wait(), seconds)

    async def run_duty(self, duty: str) -> None:
        """Run a periodic action that one worker does for all."""
        await self._duties[duty]()

    async def _run_jobs(self) -> None:
        """Run jobs until the database goes away."""
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=4)
        with app.replace_connector(connector):
            async with app.open_async():
                await app.run_worker_async(
                    name=self.name,
                    concurrency=CONCURRENCY,
                    fetch_job_polling_interval=JOB_POLL_INTERVAL_SECONDS,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    update_heartbeat_interval=self.heartbeat_seconds,
                    stalled_worker_timeout=self.stalled_after_seconds,
                    shutdown_graceful_timeout=JOB_SHUTDOWN_SECONDS,
                    additional_context={"worker": self},
                )

    async def _run_until_stopped(self, coroutine: Coroutine[None, None, None]) -> None:
        run_task = asyncio.create_task(coroutine)
        stop_task = asyncio.create_task(self._stop_event.wait())
        await asyncio.wait({run_task, stop_task}, return_when=asyncio.FIRST_COMPLETED)
        stop_task.cancel()
        # Procrastinate then shuts down gracefully; without a database it cannot.
        run_task.cancel()
        await asyncio.wait({run_task}, timeout=JOB_SHUTDOWN_SECONDS + 1)
        if run_task.done() and not run_task.cancelled():
            run_task.result()

    async def _poll_batch(self, rows: list[Generation], lease_id: uuid.UUID) -> None:
        await super()._poll_batch(rows, lease_id)
        await defer_if_due(State.SAVING)

    async def _remove_stale_files(self) -> bool:
        # Partial files are on the machine that downloads them: each cleans up its own.
        await sync_to_async(remove_stale_temporary_files)(self.clock(), filter_needed_files)
        return False
