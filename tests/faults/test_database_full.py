"""SQLite finds no room for another page: what was said is so, nothing paid is lost or doubled.

The database itself is told to grow no further, by so many pages more in each case; on PostgreSQL a
full disk stops the whole server, which the tests of its restart stand for.
"""

import uuid

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import dispatch as sending
from tests.factories import VEO
from tests.faults.conftest import SIZE, nothing_was_paid_twice_and_nothing_is_hidden, states, wishes
from tests.faults.table import tally
from tests.generations.pressing import press
from tests.work import Worker

__test__ = connection.vendor == "sqlite"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

CASES = min(12 * SIZE, 60)
WAITING = 6


def pragma(words: str) -> int:
    with connection.cursor() as cursor:
        return int(cursor.execute(f"PRAGMA {words}").fetchone()[0])


def leave_room_for(pages: int) -> None:
    connection.cursor().execute("VACUUM")  # pages that were given back would be used first
    pragma(f"max_page_count={pragma('page_count') + pages}")


def make_room() -> None:
    pragma("max_page_count=1000000")


def as_far_as_it_goes(worker: Worker, steps: int) -> int:
    """Rounds of a worker whose every write may fail. Returns how many rounds did."""
    failed = 0
    for _ in range(steps):
        try:
            worker.everything()
        except DatabaseError:
            failed += 1
        worker.clock.forward(minutes=10)
    return failed


def test_a_full_database_keeps_what_it_said_and_sends_nothing_twice(far, ada, monkeypatch):
    monkeypatch.setattr(sending, "RECORD_RETRY_SECONDS", (0, 0))  # it is not mended meanwhile
    tab = Client(raise_request_exception=False)
    tab.force_login(ada)
    worker = Worker(far.url)
    met: set[str] = set()
    with tally("Database: full") as counted:
        for case in range(CASES):
            wishes(ada, WAITING)
            worker.clock.now = Generation.objects.latest("created_at").created_at
            leave_room_for(case // 2 % 8)
            try:
                said = {
                    key: press(tab, VEO, key=key).status_code for key in keys(2 if case % 3 else 30)
                }
                failed = as_far_as_it_goes(worker, 1 + case % 2)
            finally:
                make_room()
            counted.cases += 1
            met |= {f"press {status}" for status in said.values()} | {f"work {failed > 0}"}
            for key, status in said.items():
                assert Generation.objects.filter(form_key=key).count() == (status == 302)
            nothing_was_paid_twice_and_nothing_is_hidden(far)
            everything_goes_on(far, worker)
            met |= set(states())
        assert {"unknown", "press 302", "press 503", "work True", "work False"} <= met


def keys(count: int) -> list[uuid.UUID]:
    return [uuid.uuid4() for _ in range(count)]


def everything_goes_on(far, worker: Worker) -> None:
    for _ in range(3):
        worker.clock.forward(minutes=10)
        worker.everything()
    assert set(states()) <= {"running", "unknown", "failed"}
    nothing_was_paid_twice_and_nothing_is_hidden(far)
    assert audit_ledger_with_generations().findings == ()
    for task_id in far.tasks:
        far.fail(task_id, "content_policy_violation")
    worker.clock.forward(minutes=10)
    worker.everything()
