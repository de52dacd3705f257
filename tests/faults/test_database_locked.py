"""Another process holds the database's lock: presses wait, or fail and store nothing; nothing ends.

At full size a lock of 4 s passes while everybody waits for 16 s, and another is held until all have
waited 16 s in vain. FAULTS_SIZE=1 has about a tenth of that, as the same happens in the same order;
who waits longer than a short lock keeps the 16 s there, so that a busy machine refuses nobody.
"""

import subprocess
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections
from django.test import Client

from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.models import Generation
from tests.factories import VEO
from tests.faults.conftest import (
    FAULTS_SIZE,
    TIMEOUT_SECONDS,
    assert_nothing_paid_twice_or_hidden,
    count_states,
    create_generations,
    start_script,
    stop_workers,
    wait_until,
)
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases
from tests.faults.short_timeout_worker import short_timeout_options
from tests.generations.form_client import post_form
from tests.provider_replies import drip_reply, make_task_reply

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

LONG_TIMEOUT_SECONDS = 16
SHORT_TIMEOUT_SECONDS = min(FAULTS_SIZE, 16)
SHORT_LOCK_SECONDS = SHORT_TIMEOUT_SECONDS / 4
FORM_COUNT = 8


@contextmanager
def run_worker_process(instance, timeout_seconds: float):
    worker = start_script(instance, "tests.faults.short_timeout_worker", str(timeout_seconds))
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(TIMEOUT_SECONDS)


@contextmanager
def hold_lock(instance, seconds: float | None):
    """For so long; with None, until the body is done."""
    with start_script(
        instance, "tests.faults.lock_holder", instance.database_url, stdin=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        if seconds is None:
            yield
            holder.stdin.close()
        else:
            timer = threading.Timer(seconds, holder.stdin.close)
            timer.start()
            yield
            timer.join()
        assert holder.wait(TIMEOUT_SECONDS) == 0


@pytest.fixture
def clients(ada) -> list[Client]:
    """So many open pages of one person."""
    test_clients = [Client(raise_request_exception=False) for _ in range(FORM_COUNT)]
    for client in test_clients:
        client.force_login(ada)
    return test_clients


def submit_concurrently(clients: list[Client], keys: list[uuid.UUID]) -> list[int]:
    """The answers' statuses."""

    def submit_one(tab: Client, key: uuid.UUID) -> int:
        try:
            return post_form(tab, VEO, form_key=key).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(FORM_COUNT) as pool:
        return list(pool.map(submit_one, clients, keys))


@pytest.mark.parametrize(
    ("seconds", "timeout_seconds"),
    [
        pytest.param(SHORT_LOCK_SECONDS, LONG_TIMEOUT_SECONDS, id="short"),
        pytest.param(None, SHORT_TIMEOUT_SECONDS, id="longer than anybody waits"),
    ],
)
def test_a_lock_delays_and_may_refuse_but_doubles_and_loses_nothing(
    instance, fake_provider, ada, clients, monkeypatch, seconds, timeout_seconds
):
    options = short_timeout_options(timeout_seconds)
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", options)
    connection.close()  # the next one waits for a lock so long, and no longer
    fake_provider.create.reply_always(
        lambda _: drip_reply(make_task_reply(), byte_pause_seconds=0.001)
    )
    with (
        count_cases("Database: locked by another process") as case_counter,
        run_worker_process(instance, timeout_seconds) as worker,
    ):
        create_generations(ada, 4)
        wait_until(lambda: fake_provider.create.requests, "POSTs in flight")
        keys = [uuid.uuid4() for _ in clients]
        with hold_lock(instance, seconds):
            statuses = submit_concurrently(clients, keys)
        case_counter.cases = FORM_COUNT
        assert set(statuses) == {503 if seconds is None else 302}
        assert_answers_true(keys, statuses)
        assert worker.poll() is None, "the worker goes on"

        # On a busy machine they may be in each other's way once more.
        wait_until(lambda: set(submit_concurrently(clients, keys)) == {302}, "every press is taken")
        assert_answers_true(keys, [302] * FORM_COUNT)
        wait_until(lambda: count_states() == {"running": 4 + FORM_COUNT}, "all are sent")
        assert stop_workers(worker) == [0]
    assert fake_provider.paid_count == 4 + FORM_COUNT
    assert_nothing_paid_twice_or_hidden(fake_provider)


def assert_answers_true(keys: list[uuid.UUID], statuses: list[int]) -> None:
    """Where the press was taken there is one row with its credits, else nothing at all."""
    for key, status in zip(keys, statuses, strict=True):
        rows = Generation.objects.filter(form_key=key)
        assert rows.count() == (status == 302)
        assert (
            LedgerEntry.objects.filter(generation_id__in=rows, kind="reserve").count()
            == rows.count()
        )
    assert_proved()
