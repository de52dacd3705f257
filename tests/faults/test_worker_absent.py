"""The worker is away for half an hour: the page says so, and afterwards nothing is missing."""

from datetime import timedelta

import pytest
import time_machine

from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import record_heartbeat
from tests.factories import NOW, VEO
from tests.faults.conftest import count_states
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases
from tests.form_pages import ParsedPage
from tests.generations.form_client import post_form
from tests.manual_worker import FakeClock, ManualWorker
from tests.sample_videos import make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
WORKER_DOWN_TEXT = "The studio's worker is away"


def page_text(client, clock: FakeClock) -> str:
    with time_machine.travel(clock(), tick=False):
        return ParsedPage(client.get(f"/create/{VEO}/")).text


def submit_forms(client, clock: FakeClock, times: int) -> list[int]:
    earlier_ids = set(Generation.objects.values_list("pk", flat=True))
    with time_machine.travel(clock(), tick=False):
        for _ in range(times):
            assert post_form(client, VEO).status_code == 302
    return sorted(set(Generation.objects.values_list("pk", flat=True)) - earlier_ids)


@pytest.fixture
def busy_worker(fake_provider, ada_client, tmp_path) -> ManualWorker:
    """A worker that has one running, one ready to be saved, and one still to be sent."""
    worker = ManualWorker(fake_provider.url, FakeClock(NOW))
    submit_forms(ada_client, worker.clock, 2)
    worker.dispatch_due()
    generation = Generation.objects.earliest("pk")
    video_url = fake_provider.serve_file(
        "/film.mp4", make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    )
    fake_provider.complete_task(generation.task_id, video_url)
    worker.poll_when_due(generation)
    submit_forms(ada_client, worker.clock, 1)
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=worker.clock())
    return worker


@count_cases("Worker: away for 30 minutes", cases=1)
def test_after_half_an_hour_without_a_worker_everything_goes_on_from_where_it_was(
    fake_provider, ada_client, busy_worker
):
    clock = busy_worker.clock
    assert count_states() == {"saving": 1, "running": 1, "queued": 1}
    assert WORKER_DOWN_TEXT not in page_text(ada_client, clock)
    clock.advance(seconds=31)
    assert WORKER_DOWN_TEXT in page_text(ada_client, clock)
    clock.advance(minutes=15)
    later_rows = submit_forms(ada_client, clock, 2)
    clock.advance(minutes=15)
    assert WORKER_DOWN_TEXT in page_text(ada_client, clock)
    assert fake_provider.paid_count == 2, "nothing was sent meanwhile"

    record_heartbeat(worker="here", disk_free_bytes=10**12, now=clock())
    assert WORKER_DOWN_TEXT not in page_text(ada_client, clock)
    busy_worker.run_all_stages()
    assert count_states() == {"completed": 1, "running": 4}
    assert fake_provider.paid_count == 5
    assert (
        len({request.headers["idempotency-key"] for request in fake_provider.create.requests}) == 5
    )
    for task_id in fake_provider.tasks:
        fake_provider.complete_task(task_id, fake_provider.url + "/film.mp4")
    for _ in range(3):
        clock.advance(minutes=2)
        busy_worker.run_all_stages()
    assert count_states() == {"completed": 5}
    waiting_rows = Generation.objects.filter(pk__in=later_rows)
    assert all(row.finished_at - row.created_at < timedelta(minutes=25) for row in waiting_rows)
    assert_proved()
