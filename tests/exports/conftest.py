"""A list of generations to export, and a worker that makes one step at a time."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import default_storage

from evolink_studio.accounts.models import User
from evolink_studio.exports import responses, services, sources
from evolink_studio.exports.making import advance_export, make_export
from evolink_studio.exports.models import Export
from evolink_studio.generations.usage_export import USAGE_EXPORT
from evolink_studio.worker.exports import make_next_export
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.manual_worker import FakeClock

ROW_COUNT = 7
PERIOD = "created_from=2026-11-01&created_to=2026-11-30"
USAGE_CSV_URL = f"/admin/generations/generation/usage/?{PERIOD}&as=csv"
EXPORTS_URL = "/admin/exports/export/"


@pytest.fixture
def staff(db) -> User:
    """Somebody who sees the admin pages and owns nothing."""
    return UserFactory(username="helper", is_staff=True)


@pytest.fixture
def generations(db) -> list:
    """Some generations, two of which have the same moment."""
    moments = [NOW - timedelta(minutes=max(number, 1)) for number in range(ROW_COUNT)]
    return [
        GenerationFactory(created_at=moment, prompt=f"=film {number}")
        for number, moment in enumerate(moments)
    ]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def small_batches(monkeypatch) -> None:
    """Batches of two rows, and no list is short."""
    monkeypatch.setattr(sources, "BATCH_ROWS", 2)
    monkeypatch.setattr(responses, "MAX_DIRECT_ROWS", 3)


@pytest.fixture
def export(staff, generations, small_batches) -> Export:
    """One that waits for the worker."""
    export, _is_new = services.request_export(
        user=staff, source=USAGE_EXPORT, query=PERIOD, language="en", now=NOW
    )
    return export


def make_all(clock: FakeClock) -> int:
    """Let the worker make what is due. Returns how many it had in hand."""
    count = 0
    while async_to_sync(make_next_export)(clock=clock, is_stopping=lambda: False):
        count += 1
    return count


def begin(clock: FakeClock, steps: int) -> tuple[Export, Iterator[None]]:
    """Lease the next export and take so many steps."""
    export = services.lease_next(now=clock())
    assert export is not None
    making = make_export(export, clock=clock)
    for _ in range(steps):
        assert advance_export(making, export, seconds=0)
    return export, making


def read_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def list_stored() -> list[str]:
    """The files of exports in the store."""
    try:
        return default_storage.listdir(services.FOLDER)[1]
    except FileNotFoundError:
        return []
