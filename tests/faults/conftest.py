import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from evolink_studio.catalog import get_spec
from evolink_studio.environment import ROOT
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import create_generation
from tests.factories import VEO
from tests.fake_provider import FakeProvider
from tests.faults.lifecycle import GenerationLifecycle
from tests.faults.proofs import assert_proved
from tests.manual_worker import FakeClock, ManualWorker
from tests.sample_videos import make_video
from tests.worker_processes import API_KEY, StudioInstance, instance_on_test_database

# How much is killed and cut: 1 in every run of the tests, more by `make faults`.
FAULTS_SIZE = int(os.environ.get("FAULTS_SIZE", "1"))
TIMEOUT_SECONDS = 300  # a bound for what hangs; never a pace that a busy machine must keep


@pytest.fixture
def instance(tmp_path, fake_provider, settings) -> StudioInstance:
    """Where worker processes find this test's database, its files and its provider."""
    settings.MEDIA_ROOT = tmp_path / "media"
    limits = {"RUNNING_AT_ONCE": "0", "RUNNING_PER_PERSON": "0", "RUNNING_PER_MODEL": "0"}
    return instance_on_test_database(tmp_path, fake_provider, **limits)


@pytest.fixture
def lifecycle(fake_provider) -> GenerationLifecycle:
    return GenerationLifecycle(fake_provider)


@pytest.fixture
def video_url(fake_provider, tmp_path) -> str:
    """Where a film of one second lies ready."""
    return fake_provider.serve_file(
        "/film.mp4", make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    )


def create_generations(owner, count: int, assets=()) -> list[Generation]:
    """So many presses of the button."""
    params = {"prompt": "A cat playing piano", "image_urls": [asset.ref for asset in assets]}
    return [
        create_generation(
            owner=owner,
            spec=get_spec(VEO),
            params=params,
            assets=list(assets),
            form_key=uuid.uuid4(),
            credits_estimated=Decimal(162),
            now=timezone.now(),
        ).generation
        for _ in range(count)
    ]


def start_script(instance: StudioInstance, *arguments: str, **options) -> "subprocess.Popen[str]":
    """A script of this folder in a process of its own."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=instance.env, text=True, stdout=subprocess.PIPE, **options
    )


@contextmanager
def run_workers(
    instance: StudioInstance, count: int = 1
) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """So many real worker processes. None outlives the test, however it ends."""
    workers = [instance.start_command("worker") for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(TIMEOUT_SECONDS)


def stop_workers(*workers: "subprocess.Popen[bytes]") -> list[int]:
    """Their exit codes after SIGTERM."""
    for worker in workers:
        worker.terminate()
    return [worker.wait(TIMEOUT_SECONDS) for worker in workers]


def freeze_worker(worker: "subprocess.Popen[bytes]") -> None:
    """Stop it, but not in the middle of a write: its locks would stay."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        suspend_process(worker)
        if not _is_anybody_writing():
            return
        worker.send_signal(signal.SIGCONT)
    raise AssertionError("it never stopped writing")


def suspend_process(worker: "subprocess.Popen[bytes]") -> None:
    """Until it stands still: a signal is sent before it arrives, and much is done in between."""
    worker.send_signal(signal.SIGSTOP)
    wait_until(lambda: _is_suspended(worker), "every thread has stopped")


def _is_suspended(worker: "subprocess.Popen[bytes]") -> bool:
    threads = Path(f"/proc/{worker.pid}/task").glob("*/stat")
    with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end meanwhile
        return all(stat.read_text().rpartition(")")[2].split()[0] in "Tt" for stat in threads)
    return False


def _is_anybody_writing() -> bool:
    return _has_active_session() if connection.vendor == "postgresql" else _is_file_locked()


def _has_active_session() -> bool:
    """In a statement, or between two of a transaction, whose locks it holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return cursor.fetchone()[0] > 0


def _is_file_locked() -> bool:
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        probe.rollback()
        return False


def wait_until(condition: Callable[[], object], description: str) -> None:
    """Wait for a real process."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still not: {description}"
        time.sleep(0.02)


def make_due_earlier(**span: float) -> None:
    """For the rows: whatever was to happen in that time is due now."""
    Generation.objects.exclude(next_attempt_at=None).update(
        next_attempt_at=F("next_attempt_at") - timedelta(**span)
    )


def create_later_worker(fake_provider: FakeProvider) -> ManualWorker:
    """A worker that nothing happens to, ten minutes after the last one died."""
    return ManualWorker(
        fake_provider.url, FakeClock(timezone.now() + timedelta(minutes=10)), api_key=API_KEY
    )


def count_states() -> Counter[str]:
    return Counter(Generation.objects.values_list("state", flat=True))


def assert_nothing_paid_twice_or_hidden(fake_provider: FakeProvider) -> None:
    """Compares our rows with what the provider accepted, and the ledger with both."""
    post_counts = Counter(
        request.headers["idempotency-key"] for request in fake_provider.create.requests
    )
    assert not [key for key, count in post_counts.items() if count > 1]
    rows = Generation.objects.only("form_key", "task_id", "state")
    by_key = {f"studio-{row.form_key.hex}": row for row in rows}
    for accepted in fake_provider.accepted_posts:
        row = by_key[accepted.request.headers["idempotency-key"]]
        assert row.task_id == accepted.task_id or row.state in ("sending", "unknown"), row.state
    unclear_rows = Generation.objects.filter(state="unknown").exclude(charge="unclear")
    assert not unclear_rows.exists()
    linked_ids = [row.task_id for row in by_key.values() if row.task_id]
    assert set(linked_ids) <= {accepted.task_id for accepted in fake_provider.accepted_posts}
    assert_proved()
