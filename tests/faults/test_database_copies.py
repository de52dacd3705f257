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
from evolink_studio.operations.backup import database, take
from tests.answers import drip, task
from tests.engine.apart import Place, elsewhere
from tests.faults.conftest import SIZE, states, stop, told_to_end, until, wishes, working
from tests.faults.table import tally
from tests.library.footage import film

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

COPIES = min(20 * SIZE, 200)
RESTORED = min(SIZE, 5)
ROWS = "SELECT form_key, state, task_id FROM generations_generation"
LOAD = 20


@pytest.fixture
def chance(far, tmp_path) -> random.Random:
    dice = random.Random(11)
    far.create.always(lambda _: drip(task(), pause=dice.choice((0, 0.0003, 0.001))))
    far.serve("/film.mp4", film(tmp_path / "clip.mp4", seconds=1).read_bytes())
    return dice


def posted_by_now(far) -> dict[str, str]:
    """Task ids by form key, of everything that was accepted so far."""
    accepted = list(far.accepted)
    return {_key(a.request.headers["idempotency-key"]): a.task_id for a in accepted}


def _key(text: object) -> str:
    return uuid.UUID(str(text).removeprefix("studio-")).hex


def it_knows(posted: dict[str, str], rows: Iterable[tuple]) -> None:
    """Every accepted task is linked in the copy, or its row says that it may have been sent."""
    found = {_key(key): (state, task_id) for key, state, task_id in rows}
    for key, accepted in posted.items():
        state, task_id = found[key]
        assert task_id == accepted or state in ("sending", "unknown"), state


@contextmanager
def sending(place, ada, far):
    """A worker that always has something to send."""
    with working(place) as (worker,):
        wishes(ada, LOAD)
        until(lambda: far.accepted, "it sends")
        yield worker


def keep_it_busy(ada) -> None:
    wishes(ada, max(0, LOAD - states()["queued"]))


def test_a_copy_made_while_people_work_knows_every_accepted_task(place, far, ada, chance, tmp_path):
    tools = database.TOOLS[database.engine()]
    with (
        tally("Database: copied online at random instants") as counted,
        sending(place, ada, far),
    ):
        for number in range(COPIES):
            time.sleep(chance.uniform(0, 0.05))
            keep_it_busy(ada)
            posted = posted_by_now(far)
            with tools.snapshot(tmp_path / f"copy-{number}", ()) as ask:
                it_knows(posted, ask(ROWS))
            counted.cases += 1
        assert len(posted_by_now(far)) > COPIES / 4, "it was sending"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's files are its own affair")
def test_its_files_copied_while_everything_is_stopped_know_every_accepted_task(
    place, far, ada, chance, tmp_path
):
    source = Path(place.database.removeprefix("sqlite:///"))
    with (
        tally("Database: its files copied at a stopped moment") as counted,
        sending(place, ada, far) as worker,
    ):
        for number in range(COPIES):
            keep_it_busy(ada)
            time.sleep(chance.uniform(0, 0.1))
            stop(worker)
            copy = tmp_path / f"copy-{number}.sqlite3"
            try:
                posted = posted_by_now(far)
                for ending in ("", "-wal"):
                    copied_beside(f"{source}{ending}", f"{copy}{ending}")
            finally:
                worker.send_signal(signal.SIGCONT)
            with closing(sqlite3.connect(copy)) as found:
                assert found.execute("PRAGMA quick_check").fetchone() == ("ok",)
                it_knows(posted, found.execute(ROWS))
            counted.cases += 1
        assert len(posted_by_now(far)) > COPIES / 4, "it was sending"


def copied_beside(source: str, to: str) -> None:
    """In another process: to close a file gives up every lock that SQLite holds on it in this."""
    subprocess.run(["cp", source, to], check=True)


def test_an_old_copy_put_back_has_everything_and_sends_nothing(place, far, ada, chance, tmp_path):
    with tally("Loss: an old backup put back") as counted:
        with sending(place, ada, far) as worker:
            for task_id in far.tasks:
                far.finish(task_id, far.url + "/film.mp4")
            until(a_film_was_kept, "a film is kept")
            taken = [backup(worker, ada, chance, tmp_path / f"{n}") for n in range(RESTORED)]
            assert told_to_end(worker) == [0]
        assert states()["queued"] > 0, "there was something left to send"
        for number, (folder, rows) in enumerate(taken):
            put_back(folder, rows, elsewhere(tmp_path / f"new{number}", far), far)
            counted.cases += 1


def a_film_was_kept() -> int:
    refresh_now(queryset=Generation.objects.filter(state="running"), now=timezone.now())
    return states()["completed"]


def backup(worker, ada, chance, folder: Path) -> tuple[Path, int]:
    """At some instant; returns where, and how many generations it has."""
    time.sleep(chance.uniform(0, 0.2))
    keep_it_busy(ada)
    return folder, take(folder, now=timezone.now()).manifest.rows["generations_generation"]


def put_back(folder: Path, rows: int, new: Place, far) -> None:
    done = new.manage("restore", folder)
    assert done.returncode == 0, done.stderr
    assert len(new.ask(ROWS)) == rows
    for name, sha256 in new.ask("SELECT file, sha256 FROM library_asset"):
        assert storage.sha256_of(new.folder / "media" / name) == sha256
    posts, others = len(far.create.requests), len(far.credits.requests)
    with working(new) as (worker,):
        until(lambda: len(far.credits.requests) > others, "it works")
        assert told_to_end(worker) == [0]
    assert len(far.create.requests) == posts, "nothing is sent"
    assert not new.ask(f"{ROWS} WHERE state IN ('queued', 'sending')")
