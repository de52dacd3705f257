"""SQLite finds no room for another page: what was said is so, nothing paid is lost or doubled.

The database itself is told to grow no further, by so many pages more in each case; on PostgreSQL a
full disk stops the whole server, which the tests of its restart stand for.
"""

import uuid

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import dispatch
from tests.factories import VEO
from tests.faults.conftest import (
    FAULTS_SIZE,
    assert_nothing_paid_twice_or_hidden,
    count_states,
    create_generations,
)
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases
from tests.generations.form_client import post_form
from tests.manual_worker import ManualWorker

__test__ = connection.vendor == "sqlite"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

CASE_COUNT = min(12 * FAULTS_SIZE, 60)
QUEUED_COUNT = 6


def run_pragma(statement: str) -> int:
    with connection.cursor() as cursor:
        return int(cursor.execute(f"PRAGMA {statement}").fetchone()[0])


def limit_free_pages(pages: int) -> None:
    connection.cursor().execute("VACUUM")  # pages that were given back would be used first
    run_pragma(f"max_page_count={run_pragma('page_count') + pages}")


def remove_page_limit() -> None:
    run_pragma("max_page_count=1000000")


def run_failing_rounds(worker: ManualWorker, rounds: int) -> int:
    """Rounds of a worker whose every write may fail. Returns how many rounds did."""
    failed_rounds = 0
    for _ in range(rounds):
        try:
            worker.run_all_stages()
        except DatabaseError:
            failed_rounds += 1
        worker.clock.advance(minutes=10)
    return failed_rounds


def test_a_full_database_keeps_what_it_said_and_sends_nothing_twice(
    fake_provider, ada, monkeypatch
):
    monkeypatch.setattr(dispatch, "RECORD_RETRY_SECONDS", (0, 0))  # it is not mended meanwhile
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    worker = ManualWorker(fake_provider.url)
    outcomes: set[str] = set()
    with count_cases("Database: full") as case_counter:
        for case in range(CASE_COUNT):
            create_generations(ada, QUEUED_COUNT)
            worker.clock.now = Generation.objects.latest("created_at").created_at
            limit_free_pages(case // 2 % 8)
            try:
                statuses = {
                    key: post_form(client, VEO, form_key=key).status_code
                    for key in make_form_keys(2 if case % 3 else 30)
                }
                failed_rounds = run_failing_rounds(worker, 1 + case % 2)
            finally:
                remove_page_limit()
            case_counter.cases += 1
            outcomes |= {f"press {status}" for status in statuses.values()} | {
                f"work {failed_rounds > 0}"
            }
            for key, status in statuses.items():
                assert Generation.objects.filter(form_key=key).count() == (status == 302)
            assert_nothing_paid_twice_or_hidden(fake_provider)
            assert_everything_goes_on(fake_provider, worker)
            outcomes |= set(count_states())
        assert {"unknown", "press 302", "press 503", "work True", "work False"} <= outcomes


def make_form_keys(count: int) -> list[uuid.UUID]:
    return [uuid.uuid4() for _ in range(count)]


def assert_everything_goes_on(fake_provider, worker: ManualWorker) -> None:
    for _ in range(3):
        worker.clock.advance(minutes=10)
        worker.run_all_stages()
    assert set(count_states()) <= {"running", "unknown", "failed"}
    assert_nothing_paid_twice_or_hidden(fake_provider)
    assert_proved()
    for task_id in fake_provider.tasks:
        fake_provider.fail_task(task_id, "content_policy_violation")
    worker.clock.advance(minutes=10)
    worker.run_all_stages()
