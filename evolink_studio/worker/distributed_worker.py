"""The engine for many workers on many machines: the local one, driven by Procrastinate's jobs.

Rows are held by claims here as there, so nothing depends on a job running once, or at all. Clocks
of the machines must agree to a second.
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
from evolink_studio.generations.pipeline.downloading import still_needed
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.states import State
from evolink_studio.library.storage import remove_stale_temporary_files
from evolink_studio.worker.tasks import SLOTS, wake
from evolink_studio.worker.worker import BEAT, DRAIN, LOOK, RENEW, LocalEngine

log = structlog.get_logger(__name__)

DAY = 86_400.0
HANDS = 12  # jobs at once in one process: the slots, one of each other kind, some to spare
POLL = 0.5  # seconds between two looks for jobs, should a notification be missed
AGAIN = 1.0  # seconds before jobs are looked for again after the database was away
LINGER = 2.0  # seconds that jobs have to end; their loops hold nothing, so no more is needed
TURNS = 0x5455524E  # the advisory lock of those who choose whose turn it is
TROUBLE = (psycopg.Error, psycopg_pool.PoolTimeout, ProcrastinateException)


def handover(slot: int, now: float, shift: float) -> float:
    """Seconds until a slot is given over, between half a shift and one and a half.

    Every slot has its own moment of the shift, so no two are given over at once: there is no gap.
    """
    left = (shift * slot / SLOTS - now) % shift
    return left if left >= shift / 2 else left + shift


def claim_alone(
    *, limit: int, now: datetime, limits: ConcurrencyLimits
) -> tuple[uuid.UUID, list[Generation]]:
    """Choose whose turn it is, one worker at a time: else two would count the same free places."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TURNS])
        return lease_next(limit=limit, now=now, limits=limits)


@dataclass
class DistributedEngine(LocalEngine):
    """Runs until `stop()`; then takes nothing new and lets what is in hand end.

    `shift` is how long a slot of followers is kept, `pulse` how often this worker says that it
    lives, and `silence` after how long its jobs are given to others; all in seconds.
    """

    shift: float = 10.0
    pulse: float = 3.0
    silence: float = 10.0
    renewal: float = RENEW

    _claim_turns = staticmethod(claim_alone)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._asked: set[State] = set()
        self._lent: set[State] = set()

    @property
    def _takes(self) -> Mapping[State, Callable[[], Awaitable[bool]]]:
        return {
            State.QUEUED: self._take_sends,
            State.SAVING: self._take_saves,
            State.UNKNOWN: self._take_searches,
        }

    @property
    def _duties(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        return {
            "sweep": self._sweep,
            "balance": self._balance,
            "tell": self._tell,
            "daily": self._daily,
        }

    async def run(self) -> None:
        """Run jobs; after `stop()` wait for work in hand, at most 20 s."""
        own = asyncio.gather(
            self._every(self.renewal, self._renew),
            self._every(BEAT, self._beat),
            self._every(DAY, self._clear),
        )
        while not self._stopping.is_set():
            try:
                await self._unless_stopped(self._jobs())
            except TROUBLE as error:
                log.warning("jobs cannot be had", reason=type(error).__name__)
            await self._pause(AGAIN)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                await own
                if self._work:
                    await asyncio.wait(self._work)

    async def lend(self, state: State) -> None:
        """Take what is due and see it through, until nothing is due or the engine stops.

        One loop a state carries as much as this process may have in hand, so who comes second only
        makes the first one look again.
        """
        self._asked.add(state)
        if state in self._lent:
            return
        self._lent.add(state)
        try:
            while not self._stopping.is_set() and (state in self._asked or self._running(state)):
                self._asked.discard(state)
                more = await self._takes[state]()
                await self._pause(0.01 if more else LOOK)
        finally:
            self._lent.discard(state)

    async def follow(self, slot: int) -> None:
        """Look for tasks to read until this slot is given over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + handover(slot, self.clock().timestamp(), self.shift)
        while not self._stopping.is_set() and loop.time() < until:
            more = await self._take_reads()
            await self._pause(0.01 if more else LOOK)

    async def attend(self, duty: str) -> None:
        """Do something that one worker does for all."""
        await self._duties[duty]()

    async def _jobs(self) -> None:
        """Run jobs until the database goes away."""
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=4)
        with app.replace_connector(connector):
            async with app.open_async():
                await app.run_worker_async(
                    name=self.name,
                    concurrency=HANDS,
                    fetch_job_polling_interval=POLL,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    update_heartbeat_interval=self.pulse,
                    stalled_worker_timeout=self.silence,
                    shutdown_graceful_timeout=LINGER,
                    additional_context={"engine": self},
                )

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> None:
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        # Procrastinate takes this as a wish to end in good order; without a database it cannot.
        working.cancel()
        await asyncio.wait({working}, timeout=LINGER + 1)
        if working.done() and not working.cancelled():
            working.result()

    async def _read(self, rows: list[Generation], held: uuid.UUID) -> None:
        await super()._read(rows, held)
        await wake(State.SAVING)

    async def _clear(self) -> bool:
        # Films on their way lie on the machine that fetches them: each looks after its own.
        await sync_to_async(remove_stale_temporary_files)(self.clock(), still_needed)
        return False
