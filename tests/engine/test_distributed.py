"""Many workers on one PostgreSQL, against a far end that keeps the truth.

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

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State
from evolink_studio.worker.worker import Capacity
from tests.answers import Received, Reply, answer, drip, task
from tests.engine.apart import here
from tests.engine.hurried import start
from tests.factories import VEO, UserFactory
from tests.farend import FarEnd
from tests.generations import pressing
from tests.library.footage import film

__test__ = connection.vendor == "postgresql"
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

PATIENCE = 120.0
WISHES = 12


@pytest.fixture(autouse=True)
def _no_old_jobs(transactional_db) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def far(tmp_path: Path) -> Iterator[FarEnd]:
    """Every task is done when it is read for the second time."""
    content = film(tmp_path / "film.mp4", seconds=1).read_bytes()
    with FarEnd() as running:
        url = running.serve("/film.mp4", content)
        reads: Counter[str] = Counter()

        def read(request: Received) -> Reply:
            task_id = request.path.rpartition("/")[2]
            reads[task_id] += 1
            if reads[task_id] > 1:
                running.finish(task_id, url)
            return answer(running.tasks[task_id])

        running.read.always(read)
        yield running


@contextmanager
def workers(count: int, far: FarEnd, folder: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers on the database of this test. What still runs at the end is told to stop."""
    # Without a key the far end is the sandbox, one port above our own: it is read every second.
    place = here(folder, None, PORT=str(far.port - 1))
    with ExitStack() as stack:
        running = [stack.enter_context(_ended(start(place.env))) for _ in range(count)]
        yield running


@contextmanager
def _ended(worker: "subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
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
def press(client, transactional_db) -> Callable[[int], None]:
    """So many presses of one person."""
    client.force_login(UserFactory(username="ada"))

    def press(times: int) -> None:
        before = Generation.objects.count()
        for _ in range(times):
            pressing.press(client, VEO)
        assert Generation.objects.count() == before + times

    return press


def until(happened: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline, states()
        time.sleep(0.1)


def states() -> Counter[str]:
    return Counter(Generation.objects.values_list("state", flat=True))


def all_ended() -> bool:
    return not Generation.objects.exclude(state__in=[*ENDED_STATES, State.UNKNOWN]).exists()


def posts(far: FarEnd) -> Counter[str]:
    """How often each press reached the far end."""
    return Counter(request.headers["idempotency-key"] for request in far.create.requests)


def doubled(far: FarEnd) -> int:
    """How many presses reached the far end more than once."""
    return sum(count > 1 for count in posts(far).values())


def test_two_workers_make_every_film_with_one_paid_request_each(press, far, tmp_path):
    with workers(2, far, tmp_path):
        press(WISHES)
        until(all_ended)
    assert states() == {State.COMPLETED: WISHES}
    assert far.paid == WISHES
    assert doubled(far) == 0


def test_what_a_killed_worker_held_is_taken_over_and_nothing_is_sent_twice(press, far, tmp_path):
    far.create.always(lambda request: drip(task(), pause=0.004))
    with workers(2, far, tmp_path) as (first, _):
        press(WISHES)
        until(lambda: far.paid > WISHES // 3)
        first.kill()
        until(all_ended)
    found = states()
    assert found[State.COMPLETED] + found[State.UNKNOWN] == WISHES
    assert found[State.UNKNOWN] <= Capacity().sends, "only what it was sending is unclear"
    assert far.paid == len(posts(far))
    assert doubled(far) == 0


def test_a_worker_that_was_frozen_changes_nothing_that_others_took_over(press, far, tmp_path):
    with workers(2, far, tmp_path) as (first, _):
        press(WISHES)
        until(lambda: far.paid > WISHES // 3)
        first.send_signal(signal.SIGSTOP)
        until(all_ended)
        ended = states()
        first.send_signal(signal.SIGCONT)
        press(2)
        # At least: thawed, it may bring a late answer, and what was unclear completes as well.
        until(lambda: states()[State.COMPLETED] >= ended[State.COMPLETED] + 2)
    assert states()[State.FAILED] == 0
    assert doubled(far) == 0


def test_a_worker_told_to_stop_brings_its_paid_request_to_an_end(press, far, tmp_path):
    far.create.always(lambda request: drip(task(), pause=0.01))
    with workers(1, far, tmp_path) as (only,):
        press(1)
        until(lambda: far.paid == 1)
        only.terminate()
        assert only.wait(60) == 0
    assert states() == {State.RUNNING: 1}
    assert doubled(far) == 0


def test_a_lost_job_loses_nothing(press, far, tmp_path):
    press(3)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    with workers(1, far, tmp_path):
        until(all_ended)
    assert states() == {State.COMPLETED: 3}
