"""The worker's steps, called by a test one at a time, at a time that the test sets."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asgiref.sync import async_to_sync

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.batches import stop_failing_batches
from evolink_studio.generations.pipeline.dispatch import dispatch
from evolink_studio.generations.pipeline.downloading import download_results
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.pipeline.reconciliation import reconcile, recover_interrupted_sends
from evolink_studio.generations.states import State
from tests.factories import NOW

API_KEY = "sk-evo-0123456789abcdefghij"
PROVIDER_KEY = "there#1"
DEADLINES = Deadlines(create=5, read=5, upload=5)


@dataclass
class FakeClock:
    """The time, which moves only when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class ManualWorker:
    """Takes what is due and works on it, against the provider at `url`."""

    url: str
    clock: FakeClock = field(default_factory=FakeClock)
    callback_base_url: str = ""
    is_sandbox: bool = False
    deadlines: Deadlines = DEADLINES
    files_url: str = ""
    api_key: str = API_KEY
    limits: ConcurrencyLimits = field(default_factory=ConcurrencyLimits)

    def build_provider(self) -> Provider:
        client = EvoLinkClient(
            api_url=self.url,
            files_url=self.files_url or self.url,
            api_key=self.api_key,
            user_agent="EvoLinkStudio/test",
            max_connections=2,
            deadlines=self.deadlines,
        )
        base_urls = (self.url, self.files_url or self.url)
        return Provider(client, PROVIDER_KEY, base_urls, self.callback_base_url, self.is_sandbox)

    def dispatch_due(self) -> None:
        """Every queued generation whose time has come."""
        stop_failing_batches(now=self.clock())
        lease_id, rows = lease_next(limit=100, now=self.clock(), limits=self.limits)
        self.run_stage(dispatch, rows, lease_id)

    def download_due(self) -> None:
        """Every made generation whose time has come."""
        self._run_stage_on_due(State.SAVING, download_results)

    def poll_due(self) -> int:
        """Every running generation whose time has come. Returns how many were read."""
        lease_id, rows = lease_due(
            State.RUNNING, limit=100, now=self.clock(), only_poll_columns=True
        )

        async def run() -> None:
            provider = self.build_provider()
            async with provider.client:
                await poll_batch(rows, lease_id=lease_id, provider=provider, clock=self.clock)

        if rows:
            async_to_sync(run)()
        return len(rows)

    def poll_when_due(self, generation: Generation) -> Generation:
        """Wait until this generation wants to be looked at, and look. Returns it as it stands."""
        self.advance_until_due(generation)
        assert self.poll_due()
        generation.refresh_from_db()
        return generation

    def advance_until_due(self, generation: Generation) -> None:
        """Let the time pass until the generation is due."""
        generation.refresh_from_db()
        assert generation.next_attempt_at is not None
        self.clock.now = max(self.clock.now, generation.next_attempt_at)

    def reconcile_due(self) -> None:
        """Every generation whose answer was lost and whose time has come."""
        self._run_stage_on_due(State.UNKNOWN, reconcile)

    def recover_interrupted(self) -> int:
        return recover_interrupted_sends(now=self.clock())

    def run_all_stages(self) -> None:
        """One round of all steps, as the worker would."""
        self.recover_interrupted()
        self.reconcile_due()
        self.dispatch_due()
        self.poll_due()
        self.download_due()

    def _run_stage_on_due(self, state: State, stage) -> None:
        lease_id, rows = lease_due(state, limit=100, now=self.clock())
        self.run_stage(stage, rows, lease_id)

    def run_stage(self, stage, rows: Iterable[Generation], lease_id) -> None:
        """One step for rows that are leased already."""

        async def run() -> None:
            provider = self.build_provider()
            async with provider.client:
                for row in rows:
                    await stage(row, lease_id=lease_id, provider=provider, clock=self.clock)

        async_to_sync(run)()
