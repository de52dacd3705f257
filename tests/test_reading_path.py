"""Which files a reading of a task passes on its way from EvoLink to the card on the page."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from asgiref.sync import async_to_sync
from django.template.loader import render_to_string
from django.urls import get_resolver

import evolink_studio
from evolink_studio.generations.change_feed import changes_since, feed_state
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.pipeline.polling import poll_batch
from evolink_studio.generations.presenters.workspace import changed_fragments
from evolink_studio.generations.states import State
from tests.fake_provider import FakeProvider
from tests.generations.conftest import (  # noqa: F401  # fixtures
    clock,
    fake_provider,
    running_generation,
    update_task,
    worker,
)
from tests.manual_worker import PROVIDER_KEY, ManualWorker

ROOT = Path(evolink_studio.__file__).parent

# In the order in which they are entered. Whoever follows a reading reads these.
READING_PATH = [
    "generations/pipeline/polling.py",
    "evolink/client.py",
    "evolink/types.py",
    "evolink/transport.py",
    "evolink/responses.py",
    "generations/pipeline/poll_schedule.py",
    "generations/transitions.py",
    "generations/change_feed.py",
    "generations/queries.py",
    "generations/presenters/workspace.py",
    "generations/presenters/cards.py",
    "generations/presenters/status_text.py",
    "generations/presenters/timers.py",
    "generations/models.py",
]
# What is called on the way and knows nothing of tasks: times and texts, columns, numbers.
HELPERS = {
    "core/formatting.py",
    "core/prepared_query.py",
    "credits/fields.py",
    "evolink/redaction.py",
    "evolink/timestamps.py",
}
MAX_FILES = 15


@contextmanager
def record_files() -> Iterator[list[str]]:
    """The files of the studio whose functions run meanwhile, each once, in the order of entry."""
    entered: list[str] = []

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        path = Path(code.co_filename)
        if event == "call" and code.co_name != "<module>" and path.is_relative_to(ROOT):
            name = path.relative_to(ROOT).as_posix()
            if name not in entered:
                entered.append(name)

    threading.setprofile(profile)  # the loop of `async_to_sync` runs in a thread of its own
    sys.setprofile(profile)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def poll(worker: ManualWorker, entered: list[str]) -> None:  # noqa: F811
    """Read what is due, and list the files from the beginning of the read on."""
    lease_id, rows = lease_due(State.RUNNING, limit=1, now=worker.clock(), only_poll_columns=True)
    provider = worker.build_provider()

    async def read() -> None:
        async with provider.client:
            entered.clear()
            await poll_batch(rows, lease_id=lease_id, provider=provider, clock=worker.clock)

    async_to_sync(read)()


@pytest.mark.django_db
def test_a_reading_passes_few_files_from_evolink_to_the_card(
    fake_provider: FakeProvider,  # noqa: F811
    worker: ManualWorker,  # noqa: F811
    running_generation,  # noqa: F811
) -> None:
    owner, number = running_generation.owner, running_generation.pk
    since = feed_state(owner, PROVIDER_KEY).get_token(worker.clock())
    update_task(fake_provider, running_generation, status="processing", progress=40)
    worker.advance_until_due(running_generation)

    def render_changes() -> str:
        _, rows = changes_since(owner, PROVIDER_KEY, since=since.version)
        fragments = changed_fragments(
            owner,
            rows,
            since=since,
            selected_id=number,
            steady_bar_ids=set(),
            now=worker.clock(),
        )
        return render_to_string("generations/_poll_response.html", fragments)

    _ = get_resolver().url_patterns  # imports every view, which is not part of the way
    render_changes()
    with record_files() as entered:
        poll(worker, entered)
        html = render_changes()

    assert 'value="40"' in html
    assert [name for name in entered if name not in HELPERS] == READING_PATH
    assert set(entered) - set(READING_PATH) <= HELPERS
    assert len(READING_PATH) <= MAX_FILES
