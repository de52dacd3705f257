"""The embedded engine: one asyncio process that runs all steps over the rows of one database."""

import asyncio
import shutil
import socket
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from structlog.contextvars import bound_contextvars

from evolink_studio.generations.models import MIN_FREE_DISK_BYTES, Generation
from evolink_studio.generations.pipeline.dispatch import dispatch
from evolink_studio.generations.pipeline.downloading import download_results
from evolink_studio.generations.pipeline.leases import lease_due, renew_leases
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.pipeline.provider import Clock, Provider
from evolink_studio.generations.pipeline.queue import (
    ConcurrencyLimits,
    concurrency_limits_from_settings,
    lease_next,
    pause_queue,
    resume_queue,
)
from evolink_studio.generations.pipeline.reconciliation import reconcile, recover_interrupted_sends
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from evolink_studio.worker.circuit_breaker import Breaker
from evolink_studio.worker.notifications import tell_admins
from evolink_studio.worker.periodic import daily, read_balance

log = structlog.get_logger(__name__)

LOOK = 0.3  # seconds between two looks for due rows
SEARCH = 2.0
RENEW = 30.0
SWEEP = 15.0
BEAT = 5.0
BALANCE = 60.0
TELL = 60.0
DAILY = 300.0  # between two looks whether the daily hour has come; nothing of it at the start
DRAIN = 20.0  # seconds that work in hand may take after SIGTERM; the studio promises 25 in all


@dataclass(frozen=True)
class Capacity:
    """How much is in hand at once: posts, batches of reads and their size, downloads."""

    sends: int = 8
    batches: int = 4
    batch: int = 100
    saves: int = 4
    searches: int = 1


@dataclass
class LocalEngine:
    """Runs until `stop()`; then takes nothing new and lets what is in hand end."""

    far: Provider
    clock: Clock
    capacity: Capacity = field(default_factory=Capacity)
    limits: ConcurrencyLimits = field(default_factory=concurrency_limits_from_settings)
    name: str = field(default_factory=socket.gethostname)

    _claim_turns = staticmethod(lease_next)

    def __post_init__(self) -> None:
        self._stopping = asyncio.Event()
        self._work: dict[asyncio.Task[None], uuid.UUID] = {}
        self._breaker = Breaker()
        self._roomy = False

    def stop(self) -> None:
        """From a signal handler: drain and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Run all loops; after `stop()` wait for work in hand, at most 20 s."""
        loops = asyncio.gather(
            self._every(LOOK, self._take_sends),
            self._every(LOOK, self._take_reads),
            self._every(LOOK, self._take_saves),
            self._every(SEARCH, self._take_searches),
            self._every(RENEW, self._renew),
            self._every(SWEEP, self._sweep),
            self._every(BEAT, self._beat),
            self._every(BALANCE, self._balance),
            self._every(TELL, self._tell),
            self._every(DAILY, self._daily, at_once=False),
        )
        stopped: asyncio.Future[Any] = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({stopped, loops}, return_when=asyncio.FIRST_COMPLETED)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):  # a loop may hang in a slow read, too
                await loops
                if self._work:
                    await asyncio.wait(self._work)

    async def _every(
        self, seconds: float, act: Callable[[], Awaitable[bool]], *, at_once: bool = True
    ) -> None:
        """Act until stopped; at once again while there is more to take."""
        if not at_once:
            await self._pause(seconds)
        while not self._stopping.is_set():
            more = False
            try:
                more = await act()
            except DatabaseError:
                # The database is away or locked: rows keep, the loop goes on.
                log.exception("database trouble", loop=getattr(act, "__name__", ""))
                await sync_to_async(close_old_connections)()
            except Exception:
                log.exception("loop trouble", loop=getattr(act, "__name__", ""))
            await self._pause(0.01 if more else seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _take_sends(self) -> bool:
        free = self.capacity.sends - self._running(State.QUEUED)
        if free <= 0 or not await self._has_room():
            return False
        held, rows = await sync_to_async(self._claim_turns)(
            limit=free, now=self.clock(), limits=self.limits
        )
        for row in rows:
            with bound_contextvars(generation=row.pk):
                self._start(
                    State.QUEUED,
                    held,
                    dispatch(row, lease_id=held, provider=self.far, clock=self.clock),
                )
        return len(rows) == free

    async def _has_room(self) -> bool:
        """Whether this disk could keep a film: one that cannot be kept must not be paid."""
        room = shutil.disk_usage(settings.DATA_DIR).free >= MIN_FREE_DISK_BYTES
        if not room:
            await sync_to_async(pause_queue)(now=self.clock())
        elif not self._roomy:
            await sync_to_async(resume_queue)()
        self._roomy = room
        return room

    async def _take_saves(self) -> bool:
        return await self._take_single(State.SAVING, self.capacity.saves, download_results)

    async def _take_searches(self) -> bool:
        # One at a time: two searches at once could both find the same task.
        return await self._take_single(State.UNKNOWN, self.capacity.searches, reconcile)

    async def _take_single(
        self, state: State, most: int, step: Callable[..., Coroutine[None, None, None]]
    ) -> bool:
        free = most - self._running(state)
        if free <= 0:
            return False
        held, rows = await sync_to_async(lease_due)(state, limit=free, now=self.clock())
        for row in rows:
            with bound_contextvars(generation=row.pk):
                self._start(state, held, step(row, held=held, far=self.far, clock=self.clock))
        return len(rows) == free

    async def _take_reads(self) -> bool:
        if self._breaker.open(self.clock()):
            return False
        if self._running(State.RUNNING) >= self.capacity.batches:
            return True  # one may end at any moment
        held, rows = await sync_to_async(lease_due)(
            State.RUNNING, limit=self.capacity.batch, now=self.clock(), only_poll_columns=True
        )
        if rows:
            self._start(State.RUNNING, held, self._read(rows, held))
        return len(rows) == self.capacity.batch

    async def _read(self, rows: list[Generation], held: uuid.UUID) -> None:
        barren = await poll_batch(rows, lease_id=held, provider=self.far, clock=self.clock)
        self._breaker.note(barren, len(rows), self.clock())

    def _running(self, state: State) -> int:
        return sum(task.get_name() == state.value for task in self._work)

    def _start(self, state: State, held: uuid.UUID, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guarded(work), name=state.value)
        self._work[task] = held
        task.add_done_callback(self._work.pop)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        # One poisoned row must not stop the others: its claim runs out and it is tried again later.
        try:
            await work
        except Exception:
            log.exception("step failed")

    async def _renew(self) -> bool:
        held = set(self._work.values())
        if held:
            await sync_to_async(renew_leases)(list(held), now=self.clock())
        return False

    async def _sweep(self) -> bool:
        found = await sync_to_async(recover_interrupted_sends)(now=self.clock())
        if found:
            log.warning("answers lost", count=found)
        return False

    async def _beat(self) -> bool:
        free = shutil.disk_usage(settings.DATA_DIR).free
        await sync_to_async(record_heartbeat)(
            worker=self.name, disk_free_bytes=free, now=self.clock()
        )
        return False

    async def _balance(self) -> bool:
        await read_balance(self.far, now=self.clock())
        return False

    async def _daily(self) -> bool:
        await daily(now=self.clock())
        return False

    async def _tell(self) -> bool:
        await tell_admins(now=self.clock())
        return False
