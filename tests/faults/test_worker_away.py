"""The worker is away for half an hour: the page says so, and afterwards nothing is missing."""

from datetime import timedelta

import pytest
import time_machine

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import record_heartbeat
from tests.factories import NOW, VEO
from tests.faults.conftest import states
from tests.faults.table import tally
from tests.generations.pressing import press
from tests.library.footage import film
from tests.page import Page
from tests.work import Clock, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
AWAY = "The studio's worker is away"


@pytest.fixture
def tab(client, ada):
    client.force_login(ada)
    return client


def shown(tab, clock: Clock) -> str:
    with time_machine.travel(clock(), tick=False):
        return Page(tab.get(f"/create/{VEO}/")).text


def pressed(tab, clock: Clock, times: int) -> list[int]:
    before = set(Generation.objects.values_list("pk", flat=True))
    with time_machine.travel(clock(), tick=False):
        for _ in range(times):
            assert press(tab, VEO).status_code == 302
    return sorted(set(Generation.objects.values_list("pk", flat=True)) - before)


@pytest.fixture
def at_work(far, tab, tmp_path) -> Worker:
    """A worker that has one running, one ready to be saved, and one still to be sent."""
    worker = Worker(far.url, Clock(NOW))
    pressed(tab, worker.clock, 2)
    worker.send()
    ready = Generation.objects.earliest("pk")
    link = far.serve("/film.mp4", film(tmp_path / "clip.mp4", seconds=1).read_bytes())
    far.finish(ready.task_id, link)
    worker.look(ready)
    pressed(tab, worker.clock, 1)
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=worker.clock())
    return worker


@tally("Worker: away for 30 minutes", cases=1)
def test_after_half_an_hour_without_a_worker_everything_goes_on_from_where_it_was(
    far, tab, at_work
):
    clock = at_work.clock
    assert states() == {"saving": 1, "running": 1, "queued": 1}
    assert AWAY not in shown(tab, clock)
    clock.forward(seconds=31)
    assert AWAY in shown(tab, clock)
    clock.forward(minutes=15)
    later = pressed(tab, clock, 2)
    clock.forward(minutes=15)
    assert AWAY in shown(tab, clock)
    assert far.paid == 2, "nothing was sent meanwhile"

    record_heartbeat(worker="here", disk_free_bytes=10**12, now=clock())
    assert AWAY not in shown(tab, clock)
    at_work.everything()
    assert states() == {"completed": 1, "running": 4}
    assert far.paid == 5
    assert len({request.headers["idempotency-key"] for request in far.create.requests}) == 5
    for task_id in far.tasks:
        far.finish(task_id, far.url + "/film.mp4")
    for _ in range(3):
        clock.forward(minutes=2)
        at_work.everything()
    assert states() == {"completed": 5}
    waited = Generation.objects.filter(pk__in=later)
    assert all(row.finished_at - row.created_at < timedelta(minutes=25) for row in waited)
    assert audit_ledger_with_generations().findings == ()
