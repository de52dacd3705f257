"""A row that no code can work on: put off further each time, told once in full, in nobody's way."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.pipeline.polling import apply_task
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import reload
from tests.sample_videos import make_video

pytestmark = pytest.mark.django_db


def attempt_gaps(worker, run_stage, generation, count=8) -> list[float]:
    """Seconds from each try to the next."""
    seconds = []
    for _ in range(count):
        worker.advance_until_due(generation)
        run_stage()
        seconds.append((reload(generation).next_attempt_at - worker.clock()).total_seconds())
    return seconds


def logged_exceptions(logs) -> list[str]:
    return [entry["event"] for entry in logs if entry.get("exc_info")]


def raise_zero_division(*_args, **_more):
    raise ZeroDivisionError("poisoned")


def test_a_generation_that_cannot_be_prepared_is_postponed_and_logged_in_full_once(
    fake_provider, worker
):
    poisoned = GenerationFactory(params=[1, 2])
    with capture_logs() as logs:
        assert attempt_gaps(worker, worker.dispatch_due, poisoned, 6) == [2, 5, 15, 30, 60, 60]
    waiting = reload(poisoned)
    assert (waiting.state, waiting.error_code, waiting.lease_id) == ("queued", "internal", None)
    assert len(logged_exceptions(logs)) == 1
    assert len([entry for entry in logs if entry["event"] == "dispatch not prepared"]) == 6
    assert fake_provider.received_requests == []


def test_after_an_hour_it_has_failed_and_nothing_was_charged(fake_provider, worker):
    poisoned = GenerationFactory(params=[1, 2])
    worker.clock.advance(hours=1, seconds=1)
    worker.dispatch_due()
    failed = reload(poisoned)
    assert (failed.state, failed.error_code, failed.charge) == ("failed", "internal", "none")
    assert fake_provider.received_requests == []


def test_it_delays_no_other_generation(fake_provider, worker):
    poisoned, good = GenerationFactory(params=[1, 2]), GenerationFactory()
    worker.dispatch_due()
    assert (reload(poisoned).state, reload(good).state) == ("queued", "running")
    assert fake_provider.paid_count == 1


@pytest.fixture
def running_generations(fake_provider, worker) -> list[Generation]:
    """Three that EvoLink works on, of which the second one is poisoned."""
    rows = GenerationFactory.create_batch(3)
    worker.dispatch_due()
    for row in rows:
        fake_provider.update_task(reload(row).task_id, status="processing", progress=50)
    return [reload(row) for row in rows]


@pytest.mark.parametrize("where", ["reading", "keeping"])
def test_an_answer_that_cannot_be_used_puts_off_only_its_own_row(
    worker, running_generations, monkeypatch, where
):
    poisoned = running_generations[1]
    if where == "reading":
        read = EvoLinkClient.get_task

        async def reads(self, task_id):
            return (
                raise_zero_division() if task_id == poisoned.task_id else await read(self, task_id)
            )

        monkeypatch.setattr(EvoLinkClient, "get_task", reads)
    else:

        def apply(row, *facts, **more):
            return (
                raise_zero_division() if row.pk == poisoned.pk else apply_task(row, *facts, **more)
            )

        monkeypatch.setattr("evolink_studio.generations.pipeline.polling.apply_task", apply)
    with capture_logs() as logs:
        assert attempt_gaps(worker, worker.poll_due, poisoned, 4) == [8, 16, 32, 64]
    assert [reload(row).progress for row in running_generations] == [50, 0, 50]
    assert reload(poisoned).error_code == "internal"
    assert len(logged_exceptions(logs)) == 1


def test_when_the_code_was_mended_it_goes_on_as_if_nothing_had_been(
    worker, running_generations, monkeypatch
):
    poisoned = running_generations[1]
    with monkeypatch.context() as now:
        now.setattr("evolink_studio.generations.pipeline.polling.apply_task", raise_zero_division)
        worker.poll_when_due(poisoned)
    assert reload(poisoned).error_code == "internal"
    worker.poll_when_due(poisoned)
    assert (reload(poisoned).progress, reload(poisoned).error_code) == (50, "")


@pytest.mark.django_db(transaction=True)
def test_a_film_that_cannot_be_kept_is_tried_at_growing_gaps(
    fake_provider, worker, monkeypatch, tmp_path
):
    link = fake_provider.serve_file(
        "/film.mp4", make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    )
    made = GenerationFactory(
        state=State.SAVING, result_urls=[link], results_expire_at=NOW + timedelta(hours=24)
    )
    with monkeypatch.context() as now, capture_logs() as logs:
        now.setattr(downloading, "add_result", raise_zero_division)
        assert attempt_gaps(worker, worker.download_due, made) == [2, 5, 15, 60, 120, 300, 600, 600]
    assert (reload(made).state, reload(made).error_code) == ("saving", "internal")
    assert len(logged_exceptions(logs)) == 1
    worker.advance_until_due(made)
    worker.download_due()
    assert (reload(made).state, reload(made).error_code) == ("completed", "")


@pytest.mark.parametrize(("urls", "problem"), [(7, "internal"), ([], "link_dead")])
def test_without_a_link_nothing_is_called_done_and_it_ends_as_a_lost_film(worker, urls, problem):
    made = GenerationFactory(
        state=State.SAVING, result_urls=urls, results_expire_at=NOW + timedelta(hours=24)
    )
    worker.download_due()
    assert (reload(made).state, reload(made).error_code) == ("saving", problem)
    worker.clock.advance(hours=27)
    worker.download_due()
    assert (reload(made).state, reload(made).error_code) == ("failed", "film_lost")


def test_a_search_that_breaks_is_made_at_growing_gaps(fake_provider, worker, monkeypatch):
    lost = GenerationFactory(state=State.UNKNOWN, sent_at=NOW, next_attempt_at=NOW)
    monkeypatch.setattr(
        "evolink_studio.generations.pipeline.reconciliation._find_in_list", raise_zero_division
    )
    with capture_logs() as logs:
        assert attempt_gaps(worker, worker.reconcile_due, lost, 5) == [10, 30, 60, 120, 300]
    assert (reload(lost).state, len(logged_exceptions(logs))) == ("unknown", 5)
