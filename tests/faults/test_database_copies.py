"""A copy of the database, taken at any instant, knows everything that EvoLink accepted by then.

A worker is sending all the while. Put back, however old, a copy never sends anything again.
"""

import random
import signal
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterable
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import refresh_now
from evolink_studio.library import storage
from evolink_studio.operations.backup import create_backup, database
from tests.faults.conftest import (
    FAULTS_SIZE,
    count_states,
    create_generations,
    run_workers,
    stop_workers,
    suspend_process,
    wait_until,
)
from tests.faults.report import count_cases
from tests.provider_replies import drip_reply, make_task_reply
from tests.sample_videos import make_video
from tests.worker_processes import StudioInstance, create_empty_instance

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

COPY_COUNT = min(20 * FAULTS_SIZE, 200)
RESTORE_COUNT = min(FAULTS_SIZE, 5)
ROWS_QUERY = "SELECT form_key, state, task_id FROM generations_generation"
QUEUE_LENGTH = 20


@pytest.fixture
def random_delays(fake_provider, tmp_path) -> random.Random:
    random_source = random.Random(11)
    fake_provider.create.reply_always(
        lambda _: drip_reply(
            make_task_reply(), byte_pause_seconds=random_source.choice((0, 0.0003, 0.001))
        )
    )
    fake_provider.serve_file("/film.mp4", make_video(tmp_path / "clip.mp4", seconds=1).read_bytes())
    return random_source


def accepted_by_key(fake_provider) -> dict[str, str]:
    """Task ids by form key, of everything that was accepted so far."""
    accepted = list(fake_provider.accepted_posts)
    return {_form_key_hex(a.request.headers["idempotency-key"]): a.task_id for a in accepted}


def _form_key_hex(text: object) -> str:
    return uuid.UUID(str(text).removeprefix("studio-")).hex


def assert_copy_knows(accepted_tasks: dict[str, str], rows: Iterable[tuple]) -> None:
    """Every accepted task is linked in the copy, or its row says that it may have been sent."""
    copied_rows = {_form_key_hex(key): (state, task_id) for key, state, task_id in rows}
    for key, accepted in accepted_tasks.items():
        state, task_id = copied_rows[key]
        assert task_id == accepted or state in ("sending", "unknown"), state


@contextmanager
def run_sending_worker(instance, ada, fake_provider):
    """A worker that always has something to send."""
    with run_workers(instance) as (worker,):
        create_generations(ada, QUEUE_LENGTH)
        wait_until(lambda: fake_provider.accepted_posts, "it sends")
        yield worker


def wait_until_sending(fake_provider, copy_number: int) -> None:
    """Copies and sends keep step, so that copies are of a database at work."""
    wait_until(lambda: len(fake_provider.accepted_posts) > copy_number / 4, "it goes on sending")


def refill_queue(ada) -> None:
    create_generations(ada, max(0, QUEUE_LENGTH - count_states()["queued"]))


def test_a_copy_made_while_people_work_knows_every_accepted_task(
    instance, fake_provider, ada, random_delays, tmp_path
):
    tools = database.TOOLS_BY_ENGINE[database.get_engine()]
    with (
        count_cases("Database: copied online at random instants") as case_counter,
        run_sending_worker(instance, ada, fake_provider),
    ):
        for number in range(COPY_COUNT):
            time.sleep(random_delays.uniform(0, 0.05))
            refill_queue(ada)
            wait_until_sending(fake_provider, number)
            accepted_tasks = accepted_by_key(fake_provider)
            with tools.take_snapshot(tmp_path / f"copy-{number}", ()) as ask:
                assert_copy_knows(accepted_tasks, ask(ROWS_QUERY))
            case_counter.cases += 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's files are its own affair")
def test_its_files_copied_while_everything_is_stopped_know_every_accepted_task(
    instance, fake_provider, ada, random_delays, tmp_path
):
    source = Path(instance.database_url.removeprefix("sqlite:///"))
    with (
        count_cases("Database: its files copied at a stopped moment") as case_counter,
        run_sending_worker(instance, ada, fake_provider) as worker,
    ):
        for number in range(COPY_COUNT):
            refill_queue(ada)
            wait_until_sending(fake_provider, number)
            time.sleep(random_delays.uniform(0, 0.1))
            suspend_process(worker)
            copy = tmp_path / f"copy-{number}.sqlite3"
            try:
                accepted_tasks = accepted_by_key(fake_provider)
                for suffix in ("", "-wal"):
                    copy_in_process(f"{source}{suffix}", f"{copy}{suffix}")
            finally:
                worker.send_signal(signal.SIGCONT)
            with closing(sqlite3.connect(copy)) as database:
                assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
                assert_copy_knows(accepted_tasks, database.execute(ROWS_QUERY))
            case_counter.cases += 1


def copy_in_process(source: str, to: str) -> None:
    """In another process: to close a file gives up every lock that SQLite holds on it in this."""
    subprocess.run(["cp", source, to], check=True)


def test_an_old_copy_put_back_has_everything_and_sends_nothing(
    instance, fake_provider, ada, random_delays, tmp_path
):
    with count_cases("Loss: an old backup put back") as case_counter:
        with run_sending_worker(instance, ada, fake_provider) as worker:
            for task_id in fake_provider.tasks:
                fake_provider.complete_task(task_id, fake_provider.url + "/film.mp4")
            wait_until(count_completed_after_refresh, "a film is kept")
            backups = [
                create_backup_at_random(ada, random_delays, tmp_path / f"{n}")
                for n in range(RESTORE_COUNT)
            ]
            assert stop_workers(worker) == [0]
        # With nobody at work, this one certainly has something left to send.
        backups.append(create_backup_at_random(ada, random_delays, tmp_path / "last"))
        for number, (folder, rows) in enumerate(backups):
            restore_and_check(
                folder,
                rows,
                create_empty_instance(tmp_path / f"new{number}", fake_provider),
                fake_provider,
            )
            case_counter.cases += 1


def count_completed_after_refresh() -> int:
    refresh_now(queryset=Generation.objects.filter(state="running"), now=timezone.now())
    return count_states()["completed"]


def create_backup_at_random(ada, random_source, folder: Path) -> tuple[Path, int]:
    """At some instant; returns where, and how many generations it has."""
    time.sleep(random_source.uniform(0, 0.2))
    refill_queue(ada)
    return folder, create_backup(folder, now=timezone.now()).manifest.rows["generations_generation"]


def restore_and_check(folder: Path, rows: int, instance: StudioInstance, fake_provider) -> None:
    result = instance.run_command("restore", folder)
    assert result.returncode == 0, result.stderr
    assert len(instance.query(ROWS_QUERY)) == rows
    for name, sha256 in instance.query("SELECT file, sha256 FROM library_asset"):
        assert storage.compute_sha256(instance.folder / "media" / name) == sha256
    posts, credit_reads = len(fake_provider.create.requests), len(fake_provider.credits.requests)
    with run_workers(instance) as (worker,):
        wait_until(lambda: len(fake_provider.credits.requests) > credit_reads, "it works")
        assert stop_workers(worker) == [0]
    assert len(fake_provider.create.requests) == posts, "nothing is sent"
    assert not instance.query(f"{ROWS_QUERY} WHERE state IN ('queued', 'sending')")
