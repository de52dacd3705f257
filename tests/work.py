"""The worker's steps, called by a test one at a time, at a time that the test sets."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asgiref.sync import async_to_sync

from evolink_studio.evolink.client import Deadlines, EvoLink
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.dispatch import send
from evolink_studio.generations.pipeline.downloading import save
from evolink_studio.generations.pipeline.leases import claim_due
from evolink_studio.generations.pipeline.polling import follow
from evolink_studio.generations.pipeline.provider import Far
from evolink_studio.generations.pipeline.queue import Limits, claim_turns
from evolink_studio.generations.pipeline.reconciliation import resolve, sweep
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

    def far(self) -> Far:
        client = EvoLink(
            api_url=self.url,
            files_url=self.files_url or self.url,
            key=self.key,
            user_agent="EvoLinkStudio/test",
            lanes=2,
            deadlines=self.deadlines,
        )
        addresses = (self.url, self.files_url or self.url)
        return Far(client, NAME, addresses, self.callbacks, self.sandboxed)

    def send(self) -> None:
        """Every queued generation whose time has come."""
        held, rows = claim_turns(limit=100, now=self.clock(), limits=Limits())
        self.step(send, rows, held)

    def save(self) -> None:
        """Every made generation whose time has come."""
        self._each(State.SAVING, save)

    def follow(self) -> int:
        """Every running generation whose time has come. Returns how many were read."""
        held, rows = claim_due(State.RUNNING, limit=100, now=self.clock(), light=True)

        async def run() -> None:
            far = self.far()
            async with far.client:
                await follow(rows, held=held, far=far, clock=self.clock)

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
        assert generation.due is not None
        self.clock.now = max(self.clock.now, generation.due)

    def search(self) -> None:
        """Every generation whose answer was lost and whose time has come."""
        self._each(State.UNKNOWN, resolve)

    def sweep(self) -> int:
        return sweep(now=self.clock())

    def everything(self) -> None:
        """One round of all steps, as the engine would."""
        self.sweep()
        self.search()
        self.send()
        self.follow()
        self.save()

    def _each(self, state: State, step) -> None:
        held, rows = claim_due(state, limit=100, now=self.clock())
        self.step(step, rows, held)

    def step(self, step, rows: Iterable[Generation], held) -> None:
        """One step for rows that are held already."""

        async def run() -> None:
            far = self.far()
            async with far.client:
                for row in rows:
                    await step(row, held=held, far=far, clock=self.clock)

        async_to_sync(run)()
