"""Workers are killed at random instants while everything is in their hands at once.

They send, read and save; the answers to their POSTs drip. FAULTS_SIZE=17 makes 510 kills.
"""

import hashlib
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from evolink_studio.generations.models import GeneratedVideo, Generation
from tests.answers import Received, Reply, answer, drip, task
from tests.faults.conftest import (
    SIZE,
    beside,
    fresh_worker,
    nothing_was_paid_twice_and_nothing_is_hidden,
    states,
    time_passes,
    until,
    wishes,
)
from tests.faults.table import tally
from tests.library.footage import film

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

KILLS = 30 * SIZE
LOAD = 24  # so many always wait
ENDS = (
    lambda far, task_id, link: far.finish(task_id, link),
    *[lambda far, task_id, link: far.fail(task_id, "content_policy_violation")] * 3,
    *[lambda far, task_id, link: far.move(task_id, status="processing")] * 4,
)
GOING = ("pending", "processing")
END = {"completed", "failed", "unknown"}
LOOKS = 10  # kills from one thorough look to the next


@pytest.fixture
def chance(far, tmp_path) -> random.Random:
    """A far end whose answers drip, and whose tasks end at some look: every fourth with a film."""
    dice = random.Random(7)
    clip = film(tmp_path / "clip.mp4", seconds=1).read_bytes()
    link = far.serve("/film.mp4", clip)

    def read(request: Received) -> Reply:
        task_id = request.path.rpartition("/")[2]
        end = dice.choice(ENDS)
        if far.tasks[task_id]["status"] in GOING:
            end(far, task_id, link)
        return answer(far.tasks[task_id])

    far.create.always(lambda _: drip(task(), pause=dice.choice((0, 0, 0, 0.0004, 0.0012))))
    far.read.always(read)
    far.list.always(lambda _: answer({"data": list(far.tasks.values())[-50:]}))
    return dice


def test_workers_killed_at_random_under_load_lose_and_double_nothing(place, far, ada, chance):
    with (
        tally("Worker: killed at random instants under load") as counted,
        beside(place, "tests.faults.dying", "engine", stdin=subprocess.PIPE) as driver,
    ):
        assert driver.stdout.readline() == "ready\n"
        while counted.cases < KILLS:
            wishes(ada, max(0, LOAD - states()["queued"]))
            one_dies(driver, far, chance)
            counted.cases += 1
            nothing_was_posted_twice(far)
            if counted.cases % LOOKS == 0:
                nothing_was_paid_twice_and_nothing_is_hidden(far)
            time_passes(minutes=10)
        driver.stdin.close()
        assert driver.wait(60) == 0
        the_next_worker_brings_everything_to_its_end(place, far)


def one_dies(driver, far, chance: random.Random) -> None:
    """Every fourth at any moment from its start, the others soon after one of their POSTs."""
    before = len(far.create.requests)
    tell(driver, "begin", "begun")
    if chance.random() < 0.75:
        until(lambda: len(far.create.requests) > before, "it sends")
    time.sleep(chance.uniform(0, 0.3))
    tell(driver, "die", "dead")
    # Hundreds of lost answers would be all that the next worker has time to look for.
    Generation.objects.filter(state="unknown").update(next_attempt_at=None)


def tell(driver, word: str, answered: str) -> None:
    driver.stdin.write(word + "\n")
    driver.stdin.flush()
    assert driver.stdout.readline() == answered + "\n"


def nothing_was_posted_twice(far) -> None:
    posted = Counter(request.headers["idempotency-key"] for request in far.create.requests)
    assert not [key for key, count in posted.items() if count > 1]


def the_next_worker_brings_everything_to_its_end(place, far) -> None:
    assert far.paid > KILLS / 2, "there was load"
    far.create.always(lambda _: task())
    for task_id in [task_id for task_id, told in far.tasks.items() if told["status"] in GOING]:
        far.fail(task_id, "content_policy_violation")
    worker = fresh_worker(far)
    for _ in range(200):
        if states().keys() <= END:
            break
        worker.everything()
        worker.clock.forward(minutes=5)
    assert states().keys() <= END, states()
    nothing_was_paid_twice_and_nothing_is_hidden(far)
    every_film_was_kept(far)


def every_film_was_kept(far) -> None:
    kept = GeneratedVideo.objects.select_related("asset")
    assert kept.count() == Generation.objects.filter(state="completed").count()
    whole = {asset.sha256 for asset in (result.asset for result in kept)}
    assert len(whole) == 1
    for path in {Path(result.asset.file.path) for result in kept}:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in whole
