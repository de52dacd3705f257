"""A row that no code can work on: put off further each time, told once in full, in nobody's way."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.generations.pipeline.polling import apply_task
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh
from tests.library.footage import film

pytestmark = pytest.mark.django_db


def gaps(worker, step, generation, count=8) -> list[float]:
    """Seconds from each try to the next."""
    found = []
    for _ in range(count):
        worker.wait_for(generation)
        step()
        found.append((fresh(generation).next_attempt_at - worker.clock()).total_seconds())
    return found


def told_in_full(logs) -> list[str]:
    return [entry["event"] for entry in logs if entry.get("exc_info")]


def broken(*_args, **_more):
    raise ZeroDivisionError("poisoned")


def test_a_wish_that_cannot_be_prepared_is_put_off_and_told_in_full_once(far, worker):
    poisoned = GenerationFactory(params=[1, 2])
    with capture_logs() as logs:
        assert gaps(worker, worker.send, poisoned, 6) == [2, 5, 15, 30, 60, 60]
    waiting = fresh(poisoned)
    assert (waiting.state, waiting.error_code, waiting.lease_id) == ("queued", "internal", None)
    assert len(told_in_full(logs)) == 1
    assert len([entry for entry in logs if entry["event"] == "not prepared"]) == 6
    assert far.received == []


def test_after_an_hour_it_has_failed_and_nothing_was_charged(far, worker):
    poisoned = GenerationFactory(params=[1, 2])
    worker.clock.forward(hours=1, seconds=1)
    worker.send()
    failed = fresh(poisoned)
    assert (failed.state, failed.error_code, failed.charge) == ("failed", "internal", "none")
    assert far.received == []


def test_it_delays_no_other_wish(far, worker):
    poisoned, good = GenerationFactory(params=[1, 2]), GenerationFactory()
    worker.send()
    assert (fresh(poisoned).state, fresh(good).state) == ("queued", "running")
    assert far.paid == 1


@pytest.fixture
def running(far, worker) -> list[Generation]:
    """Three that EvoLink works on, of which the second one is poisoned."""
    rows = GenerationFactory.create_batch(3)
    worker.send()
    for row in rows:
        far.move(fresh(row).task_id, status="processing", progress=50)
    return [fresh(row) for row in rows]


@pytest.mark.parametrize("where", ["reading", "keeping"])
def test_an_answer_that_cannot_be_used_puts_off_only_its_own_row(
    worker, running, monkeypatch, where
):
    poisoned = running[1]
    if where == "reading":
        read = EvoLinkClient.get_task

        async def reads(self, task_id):
            return broken() if task_id == poisoned.task_id else await read(self, task_id)

        monkeypatch.setattr(EvoLinkClient, "get_task", reads)
    else:

        def apply(row, *facts, **more):
            return broken() if row.pk == poisoned.pk else apply_task(row, *facts, **more)

        monkeypatch.setattr("evolink_studio.generations.pipeline.polling.apply_task", apply)
    with capture_logs() as logs:
        assert gaps(worker, worker.follow, poisoned, 4) == [8, 16, 32, 64]
    assert [fresh(row).progress for row in running] == [50, 0, 50]
    assert fresh(poisoned).error_code == "internal"
    assert len(told_in_full(logs)) == 1


def test_when_the_code_was_mended_it_goes_on_as_if_nothing_had_been(worker, running, monkeypatch):
    poisoned = running[1]
    with monkeypatch.context() as now:
        now.setattr("evolink_studio.generations.pipeline.polling.apply_task", broken)
        worker.look(poisoned)
    assert fresh(poisoned).error_code == "internal"
    worker.look(poisoned)
    assert (fresh(poisoned).progress, fresh(poisoned).error_code) == (50, "")


@pytest.mark.django_db(transaction=True)
def test_a_film_that_cannot_be_kept_is_tried_at_growing_gaps(far, worker, monkeypatch, tmp_path):
    link = far.serve("/film.mp4", film(tmp_path / "clip.mp4", seconds=1).read_bytes())
    made = GenerationFactory(
        state=State.SAVING, result_urls=[link], results_expire_at=NOW + timedelta(hours=24)
    )
    with monkeypatch.context() as now, capture_logs() as logs:
        now.setattr(saving, "add_result", broken)
        assert gaps(worker, worker.save, made) == [2, 5, 15, 60, 120, 300, 600, 600]
    assert (fresh(made).state, fresh(made).error_code) == ("saving", "internal")
    assert len(told_in_full(logs)) == 1
    worker.wait_for(made)
    worker.save()
    assert (fresh(made).state, fresh(made).error_code) == ("completed", "")


@pytest.mark.parametrize(("urls", "problem"), [(7, "internal"), ([], "link_dead")])
def test_without_a_link_nothing_is_called_done_and_it_ends_as_a_lost_film(worker, urls, problem):
    made = GenerationFactory(
        state=State.SAVING, result_urls=urls, results_expire_at=NOW + timedelta(hours=24)
    )
    worker.save()
    assert (fresh(made).state, fresh(made).error_code) == ("saving", problem)
    worker.clock.forward(hours=27)
    worker.save()
    assert (fresh(made).state, fresh(made).error_code) == ("failed", "film_lost")


def test_a_search_that_breaks_is_made_at_growing_gaps(far, worker, monkeypatch):
    lost = GenerationFactory(state=State.UNKNOWN, sent_at=NOW, next_attempt_at=NOW)
    monkeypatch.setattr("evolink_studio.generations.pipeline.reconciliation._find_in_list", broken)
    with capture_logs() as logs:
        assert gaps(worker, worker.search, lost, 5) == [10, 30, 60, 120, 300]
    assert (fresh(lost).state, len(told_in_full(logs))) == ("unknown", 5)
