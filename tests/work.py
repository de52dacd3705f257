"""The worker's steps, called by a test one at a time, at a time that the test sets."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asgiref.sync import async_to_sync

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.dispatch import dispatch
from evolink_studio.generations.pipeline.downloading import download_results
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.pipeline.reconciliation import reconcile, recover_interrupted_sends
from evolink_studio.generations.states import State
from tests.factories import NOW

KEY = "sk-evo-0123456789abcdefghij"
NAME = "there#1"
PATIENCE = Deadlines(create=5, read=5, upload=5)


@dataclass
class Clock:
    """The time, which moves only when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Worker:
    """Takes what is due and works it off, against the far end at `url`."""

    url: str
    clock: Clock = field(default_factory=Clock)
    callbacks: str = ""
    sandboxed: bool = False
    deadlines: Deadlines = PATIENCE
    files_url: str = ""
    key: str = KEY

    def far(self) -> Provider:
        client = EvoLinkClient(
            api_url=self.url,
            files_url=self.files_url or self.url,
            api_key=self.key,
            user_agent="EvoLinkStudio/test",
            max_connections=2,
            deadlines=self.deadlines,
        )
        addresses = (self.url, self.files_url or self.url)
        return Provider(client, NAME, addresses, self.callbacks, self.sandboxed)

    def send(self) -> None:
        """Every queued generation whose time has come."""
        held, rows = lease_next(limit=100, now=self.clock(), limits=ConcurrencyLimits())
        self.step(dispatch, rows, held)

    def save(self) -> None:
        """Every made generation whose time has come."""
        self._each(State.SAVING, download_results)

    def follow(self) -> int:
        """Every running generation whose time has come. Returns how many were read."""
        held, rows = lease_due(State.RUNNING, limit=100, now=self.clock(), only_poll_columns=True)

        async def run() -> None:
            far = self.far()
            async with far.client:
                await poll_batch(rows, lease_id=held, provider=far, clock=self.clock)

        if rows:
            async_to_sync(run)()
        return len(rows)

    def look(self, generation: Generation) -> Generation:
        """Wait until this generation wants to be looked at, and look. Returns it as it stands."""
        self.wait_for(generation)
        assert self.follow()
        generation.refresh_from_db()
        return generation

    def wait_for(self, generation: Generation) -> None:
        """Let the time pass until the generation is due."""
        generation.refresh_from_db()
        assert generation.next_attempt_at is not None
        self.clock.now = max(self.clock.now, generation.next_attempt_at)

    def search(self) -> None:
        """Every generation whose answer was lost and whose time has come."""
        self._each(State.UNKNOWN, reconcile)

    def sweep(self) -> int:
        return recover_interrupted_sends(now=self.clock())

    def everything(self) -> None:
        """One round of all steps, as the engine would."""
        self.sweep()
        self.search()
        self.send()
        self.follow()
        self.save()

    def _each(self, state: State, step) -> None:
        held, rows = lease_due(state, limit=100, now=self.clock())
        self.step(step, rows, held)

    def step(self, step, rows: Iterable[Generation], held) -> None:
        """One step for rows that are held already."""

        async def run() -> None:
            far = self.far()
            async with far.client:
                for row in rows:
                    await step(row, lease_id=held, provider=far, clock=self.clock)

        async_to_sync(run)()
