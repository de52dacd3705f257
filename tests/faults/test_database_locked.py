"""Another process holds the database's lock: presses wait or fail with nothing kept; nothing ends.

Full size is a lock of 4 s and one of 20 s beside a patience of 16 s. FAULTS_SIZE=1 has about a
tenth of that, as the same happens in the same order.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections
from django.test import Client

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.models import Generation
from tests.answers import drip, task
from tests.factories import VEO
from tests.faults.conftest import (
    PATIENCE,
    SIZE,
    beside,
    nothing_was_paid_twice_and_nothing_is_hidden,
    states,
    told_to_end,
    until,
    wishes,
)
from tests.faults.impatient import options
from tests.faults.table import tally
from tests.generations.pressing import press

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

WAITS = min(SIZE, 16)  # seconds
SHORT, LONG = WAITS / 4, min(WAITS * 2, 20)
PRESSES = 8


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Connections made from now on wait for a lock so long, and no longer."""
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options(WAITS))
    connection.close()


@contextmanager
def worker_beside(place):
    worker = beside(place, "tests.faults.impatient", str(WAITS))
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(PATIENCE)


@contextmanager
def held(place, seconds: float):
    with beside(place, "tests.faults.holding", place.database, str(seconds)) as holder:
        assert holder.stdout.readline() == "held\n"
        yield
        assert holder.wait(PATIENCE) == 0


@pytest.fixture
def tabs(ada) -> list[Client]:
    """So many open pages of one person."""
    opened = [Client(raise_request_exception=False) for _ in range(PRESSES)]
    for tab in opened:
        tab.force_login(ada)
    return opened


def pressed_at_once(tabs: list[Client], keys: list[uuid.UUID]) -> list[int]:
    """The answers' statuses."""

    def one(tab: Client, key: uuid.UUID) -> int:
        try:
            return press(tab, VEO, key=key).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(PRESSES) as people:
        return list(people.map(one, tabs, keys))


@pytest.mark.parametrize("seconds", [SHORT, LONG], ids=["short", "longer than anybody waits"])
@pytest.mark.usefixtures("impatient")
def test_a_lock_delays_and_may_refuse_but_doubles_and_loses_nothing(place, far, ada, tabs, seconds):
    far.create.always(lambda _: drip(task(), pause=0.001))
    with tally("Database: locked by another process") as counted, worker_beside(place) as worker:
        wishes(ada, 4)
        until(lambda: far.create.requests, "POSTs in flight")
        keys = [uuid.uuid4() for _ in tabs]
        with held(place, seconds):
            said = pressed_at_once(tabs, keys)
        counted.cases = PRESSES
        assert (set(said) == {302}) if seconds == SHORT else (503 in said)
        every_answer_was_true(keys, said)
        assert worker.poll() is None, "the worker goes on"

        # On a busy machine they may be in each other's way once more.
        until(lambda: set(pressed_at_once(tabs, keys)) == {302}, "every press is taken")
        every_answer_was_true(keys, [302] * PRESSES)
        until(lambda: states() == {"running": 4 + PRESSES}, "all are sent")
        assert told_to_end(worker) == [0]
    assert far.paid == 4 + PRESSES
    nothing_was_paid_twice_and_nothing_is_hidden(far)


def every_answer_was_true(keys: list[uuid.UUID], said: list[int]) -> None:
    """Where the press was taken there is one row with its credits, else nothing at all."""
    for key, status in zip(keys, said, strict=True):
        rows = Generation.objects.filter(form_key=key)
        assert rows.count() == (status == 302)
        assert (
            LedgerEntry.objects.filter(generation_id__in=rows, kind="reserve").count()
            == rows.count()
        )
    assert audit_ledger_with_generations().findings == ()
