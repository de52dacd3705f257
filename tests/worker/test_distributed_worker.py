"""Many workers on one PostgreSQL, against a provider that records what it accepted.

`scripts/with-postgres` gives these tests their server.
"""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.db import connection

from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.pipeline.dispatch import _build_idempotency_key
from evolink_studio.generations.states import ENDED_STATES, ErrorCode, State
from evolink_studio.worker.worker import WorkerCapacity
from tests.factories import VEO, UserFactory
from tests.fake_provider import FakeProvider
from tests.generations.form_client import post_form
from tests.provider_replies import ReceivedRequest, Reply, drip_reply, make_reply, make_task_reply
from tests.sample_videos import make_video
from tests.worker.short_lease_worker import start_worker
from tests.worker_processes import instance_on_test_database

__test__ = connection.vendor == "postgresql"
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

TIMEOUT_SECONDS = 120.0
GENERATION_COUNT = 12


@pytest.fixture(autouse=True)
def _clear_jobs(transactional_db) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def fake_provider(tmp_path: Path) -> Iterator[FakeProvider]:
    """Every task is done when it is read for the second time."""
    content = make_video(tmp_path / "film.mp4", seconds=1).read_bytes()
    with FakeProvider() as provider:
        url = provider.serve_file("/film.mp4", content)
        reads: Counter[str] = Counter()

        def reply_to_read(request: ReceivedRequest) -> Reply:
            task_id = request.path.rpartition("/")[2]
            reads[task_id] += 1
            if reads[task_id] > 1:
                provider.complete_task(task_id, url)
            return make_reply(provider.tasks[task_id])

        provider.read.reply_always(reply_to_read)
        yield provider


@contextmanager
def run_workers(
    count: int, fake_provider: FakeProvider, folder: Path
) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers on the database of this test. What still runs at the end is told to stop."""
    # Without a key the provider is the sandbox, one port above our own: it is read every second.
    instance = instance_on_test_database(folder, None, PORT=str(fake_provider.port - 1))
    with ExitStack() as stack:
        processes = [
            stack.enter_context(_stop_at_exit(start_worker(instance.env))) for _ in range(count)
        ]
        yield processes


@contextmanager
def _stop_at_exit(worker: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGCONT)
        worker.terminate()
        try:
            worker.wait(60)
        finally:
            worker.kill()


@pytest.fixture
def submit_form(client, transactional_db) -> Callable[[int], None]:
    """So many presses of one person."""
    client.force_login(UserFactory(username="ada"))

    def submit_times(times: int) -> None:
        before = Generation.objects.count()
        for _ in range(times):
            post_form(client, VEO)
        assert Generation.objects.count() == before + times

    return submit_times


def wait_until(condition: Callable[[], bool], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, count_states()
        time.sleep(0.1)


def count_states() -> Counter[str]:
    return Counter(Generation.objects.values_list("state", flat=True))


def have_all_ended() -> bool:
    return not Generation.objects.exclude(state__in=[*ENDED_STATES, State.UNKNOWN]).exists()


def count_posts(fake_provider: FakeProvider) -> Counter[str]:
    """How often each press reached the provider."""
    return Counter(request.headers["idempotency-key"] for request in fake_provider.create.requests)


def count_repeated_posts(fake_provider: FakeProvider) -> int:
    """How many presses reached the provider more than once."""
    return sum(count > 1 for count in count_posts(fake_provider).values())


def test_two_workers_make_every_film_with_one_paid_request_each(
    submit_form, fake_provider, tmp_path
):
    with run_workers(2, fake_provider, tmp_path):
        submit_form(GENERATION_COUNT)
        wait_until(have_all_ended)
    assert count_states() == {State.COMPLETED: GENERATION_COUNT}
    assert fake_provider.paid_count == GENERATION_COUNT
    assert count_repeated_posts(fake_provider) == 0


def test_what_a_killed_worker_leased_is_taken_over_and_nothing_is_sent_twice(
    submit_form, fake_provider, tmp_path
):
    fake_provider.create.reply_always(
        lambda request: drip_reply(make_task_reply(), byte_pause_seconds=0.004)
    )
    with run_workers(2, fake_provider, tmp_path) as (first, _):
        submit_form(GENERATION_COUNT)
        wait_until(lambda: fake_provider.paid_count > GENERATION_COUNT // 3)
        first.kill()
        wait_until(have_all_ended)
    states = count_states()
    assert states[State.COMPLETED] + states[State.UNKNOWN] == GENERATION_COUNT
    assert states[State.UNKNOWN] <= WorkerCapacity().max_dispatches, (
        "only what it was sending is unclear"
    )
    assert fake_provider.paid_count == len(count_posts(fake_provider))
    assert count_repeated_posts(fake_provider) == 0


def test_a_worker_that_was_frozen_changes_nothing_that_others_took_over(
    submit_form, fake_provider, tmp_path
):
    with run_workers(2, fake_provider, tmp_path) as (first, _):
        submit_form(GENERATION_COUNT)
        wait_until(lambda: fake_provider.paid_count > GENERATION_COUNT // 3)
        first.send_signal(signal.SIGSTOP)
        wait_until(have_all_ended)
        end_states = count_states()
        first.send_signal(signal.SIGCONT)
        submit_form(2)
        # At least: thawed, it may bring a late answer, and what was unclear completes as well.
        wait_until(lambda: count_states()[State.COMPLETED] >= end_states[State.COMPLETED] + 2)
    # Frozen while it connected, it knows once thawed that nothing was sent: then that generation
    # fails without a charge, which the others could only call unclear.
    failed_rows = Generation.objects.filter(state=State.FAILED)
    outcomes = set(failed_rows.values_list("error_code", "charge"))
    assert outcomes <= {(ErrorCode.NOT_SENT, Charge.NONE)}, outcomes
    assert not count_posts(fake_provider).keys() & set(map(_build_idempotency_key, failed_rows))
    assert count_repeated_posts(fake_provider) == 0


def test_a_worker_told_to_stop_brings_its_paid_request_to_an_end(
    submit_form, fake_provider, tmp_path
):
    fake_provider.create.reply_always(
        lambda request: drip_reply(make_task_reply(), byte_pause_seconds=0.01)
    )
    with run_workers(1, fake_provider, tmp_path) as (process,):
        submit_form(1)
        wait_until(lambda: fake_provider.paid_count == 1)
        process.terminate()
        assert process.wait(60) == 0
    assert count_states() == {State.RUNNING: 1}
    assert count_repeated_posts(fake_provider) == 0


def test_a_lost_job_loses_nothing(submit_form, fake_provider, tmp_path):
    submit_form(3)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    with run_workers(1, fake_provider, tmp_path):
        wait_until(have_all_ended)
    assert count_states() == {State.COMPLETED: 3}
