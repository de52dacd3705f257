"""Workers are killed at random instants while they work on everything at once.

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
from tests.faults.conftest import (
    FAULTS_SIZE,
    TIMEOUT_SECONDS,
    assert_nothing_paid_twice_or_hidden,
    count_states,
    create_generations,
    create_later_worker,
    make_due_earlier,
    start_script,
    wait_until,
)
from tests.faults.report import count_cases
from tests.provider_replies import ReceivedRequest, Reply, drip_reply, make_reply, make_task_reply
from tests.sample_videos import make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

KILL_COUNT = 30 * FAULTS_SIZE
QUEUE_LENGTH = 24  # so many always wait
TASK_ENDINGS = (
    lambda provider, task_id, link: provider.complete_task(task_id, link),
    *[lambda provider, task_id, link: provider.fail_task(task_id, "content_policy_violation")] * 3,
    *[lambda provider, task_id, link: provider.update_task(task_id, status="processing")] * 4,
)
RUNNING_STATUSES = ("pending", "processing")
FINAL_STATES = {"completed", "failed", "unknown"}
POLL_COUNT = 10  # kills from one thorough look to the next


@pytest.fixture
def random_provider(fake_provider, tmp_path) -> random.Random:
    """A provider whose answers drip, and whose tasks end at some look: every fourth with a film."""
    random_source = random.Random(7)
    video = make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    video_url = fake_provider.serve_file("/film.mp4", video)

    def reply_to_read(request: ReceivedRequest) -> Reply:
        task_id = request.path.rpartition("/")[2]
        end = random_source.choice(TASK_ENDINGS)
        if fake_provider.tasks[task_id]["status"] in RUNNING_STATUSES:
            end(fake_provider, task_id, video_url)
        return make_reply(fake_provider.tasks[task_id])

    fake_provider.create.reply_always(
        lambda _: drip_reply(
            make_task_reply(), byte_pause_seconds=random_source.choice((0, 0, 0, 0.0004, 0.0012))
        )
    )
    fake_provider.read.reply_always(reply_to_read)
    fake_provider.list.reply_always(
        lambda _: make_reply({"data": list(fake_provider.tasks.values())[-50:]})
    )
    return random_source


def test_workers_killed_at_random_under_load_lose_and_double_nothing(
    instance, fake_provider, ada, random_provider
):
    with (
        count_cases("Worker: killed at random instants under load") as case_counter,
        start_script(
            instance, "tests.faults.self_killing_worker", "worker", stdin=subprocess.PIPE
        ) as script,
    ):
        assert script.stdout.readline() == "ready\n"
        while case_counter.cases < KILL_COUNT:
            create_generations(ada, max(0, QUEUE_LENGTH - count_states()["queued"]))
            kill_one_worker(script, fake_provider, random_provider)
            case_counter.cases += 1
            assert_posted_once(fake_provider)
            if case_counter.cases % POLL_COUNT == 0:
                assert_nothing_paid_twice_or_hidden(fake_provider)
            make_due_earlier(minutes=10)
        script.stdin.close()
        assert script.wait(TIMEOUT_SECONDS) == 0
        assert_next_worker_ends_all(instance, fake_provider)


def kill_one_worker(script, fake_provider, random_source: random.Random) -> None:
    """Every fourth at any moment from its start, the others soon after one of their POSTs."""
    before = len(fake_provider.create.requests)
    send_command(script, "begin", "begun")
    if random_source.random() < 0.75:
        wait_until(lambda: len(fake_provider.create.requests) > before, "it sends")
    time.sleep(random_source.uniform(0, 0.3))
    send_command(script, "die", "dead")
    # Hundreds of lost answers would be all that the next worker has time to look for.
    Generation.objects.filter(state="unknown").update(next_attempt_at=None)


def send_command(script, command: str, expected: str) -> None:
    script.stdin.write(command + "\n")
    script.stdin.flush()
    assert script.stdout.readline() == expected + "\n"


def assert_posted_once(fake_provider) -> None:
    post_counts = Counter(
        request.headers["idempotency-key"] for request in fake_provider.create.requests
    )
    assert not [key for key, count in post_counts.items() if count > 1]


def assert_next_worker_ends_all(instance, fake_provider) -> None:
    assert fake_provider.paid_count > KILL_COUNT / 2, "there was load"
    fake_provider.create.reply_always(lambda _: make_task_reply())
    for task_id in [
        task_id
        for task_id, document in fake_provider.tasks.items()
        if document["status"] in RUNNING_STATUSES
    ]:
        fake_provider.fail_task(task_id, "content_policy_violation")
    worker = create_later_worker(fake_provider)
    for _ in range(200):
        if count_states().keys() <= FINAL_STATES:
            break
        worker.run_all_stages()
        worker.clock.advance(minutes=5)
    assert count_states().keys() <= FINAL_STATES, count_states()
    assert_nothing_paid_twice_or_hidden(fake_provider)
    assert_every_video_stored(fake_provider)


def assert_every_video_stored(fake_provider) -> None:
    stored_videos = GeneratedVideo.objects.select_related("asset")
    assert stored_videos.count() == Generation.objects.filter(state="completed").count()
    hashes = {asset.sha256 for asset in (result.asset for result in stored_videos)}
    assert len(hashes) == 1
    for path in {Path(result.asset.file.path) for result in stored_videos}:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in hashes
