"""A row that raises an unexpected error: retried ever later, logged once, delays no other."""

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
    raise ZeroDivisionError("unexpected")


def test_a_generation_that_cannot_be_prepared_is_postponed_and_logged_in_full_once(
    fake_provider, worker
):
    failing_row = GenerationFactory(params=[1, 2])
    with capture_logs() as logs:
        assert attempt_gaps(worker, worker.dispatch_due, failing_row, 6) == [2, 5, 15, 30, 60, 60]
    current = reload(failing_row)
    assert (current.state, current.error_code, current.lease_id) == ("queued", "internal", None)
    assert len(logged_exceptions(logs)) == 1
    assert len([entry for entry in logs if entry["event"] == "dispatch not prepared"]) == 6
    assert fake_provider.received_requests == []


def test_after_an_hour_it_has_failed_and_nothing_was_charged(fake_provider, worker):
    failing_row = GenerationFactory(params=[1, 2])
    worker.clock.advance(hours=1, seconds=1)
    worker.dispatch_due()
    current = reload(failing_row)
    assert (current.state, current.error_code, current.charge) == ("failed", "internal", "none")
    assert fake_provider.received_requests == []


def test_it_delays_no_other_generation(fake_provider, worker):
    failing_row, good_row = GenerationFactory(params=[1, 2]), GenerationFactory()
    worker.dispatch_due()
    assert (reload(failing_row).state, reload(good_row).state) == ("queued", "running")
    assert fake_provider.paid_count == 1


@pytest.fixture
def running_generations(fake_provider, worker) -> list[Generation]:
    """Three that EvoLink works on; the second one raises an unexpected error."""
    rows = GenerationFactory.create_batch(3)
    worker.dispatch_due()
    for row in rows:
        fake_provider.update_task(reload(row).task_id, status="processing", progress=50)
    return [reload(row) for row in rows]


@pytest.mark.parametrize("step_name", ["reading", "keeping"])
def test_an_answer_that_cannot_be_used_puts_off_only_its_own_row(
    worker, running_generations, monkeypatch, step_name
):
    failing_row = running_generations[1]
    if step_name == "reading":
        read = EvoLinkClient.get_task

        async def get_task_or_fail(self, task_id):
            return (
                raise_zero_division()
                if task_id == failing_row.task_id
                else await read(self, task_id)
            )

        monkeypatch.setattr(EvoLinkClient, "get_task", get_task_or_fail)
    else:

        def apply(row, *facts, **kwargs):
            return (
                raise_zero_division()
                if row.pk == failing_row.pk
                else apply_task(row, *facts, **kwargs)
            )

        monkeypatch.setattr("evolink_studio.generations.pipeline.polling.apply_task", apply)
    with capture_logs() as logs:
        assert attempt_gaps(worker, worker.poll_due, failing_row, 4) == [8, 16, 32, 64]
    assert [reload(row).progress for row in running_generations] == [50, 0, 50]
    assert reload(failing_row).error_code == "internal"
    assert len(logged_exceptions(logs)) == 1


def test_when_the_code_was_mended_it_goes_on_as_if_nothing_had_been(
    worker, running_generations, monkeypatch
):
    failing_row = running_generations[1]
    with monkeypatch.context() as now:
        now.setattr("evolink_studio.generations.pipeline.polling.apply_task", raise_zero_division)
        worker.poll_when_due(failing_row)
    assert reload(failing_row).error_code == "internal"
    worker.poll_when_due(failing_row)
    assert (reload(failing_row).progress, reload(failing_row).error_code) == (50, "")


@pytest.mark.django_db(transaction=True)
def test_a_film_that_cannot_be_kept_is_tried_at_growing_gaps(
    fake_provider, worker, monkeypatch, tmp_path
):
    link = fake_provider.serve_file(
        "/film.mp4", make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    )
    row = GenerationFactory(
        state=State.SAVING, result_urls=[link], results_expire_at=NOW + timedelta(hours=24)
    )
    with monkeypatch.context() as now, capture_logs() as logs:
        now.setattr(downloading, "add_result", raise_zero_division)
        assert attempt_gaps(worker, worker.download_due, row) == [2, 5, 15, 60, 120, 300, 600, 600]
    assert (reload(row).state, reload(row).error_code) == ("saving", "internal")
    assert len(logged_exceptions(logs)) == 1
    worker.advance_until_due(row)
    worker.download_due()
    assert (reload(row).state, reload(row).error_code) == ("completed", "")


@pytest.mark.parametrize("urls", [7, {}, "x", []])
def test_without_a_link_nothing_is_called_done_and_it_ends_as_a_lost_film(worker, urls):
    row = GenerationFactory(
        state=State.SAVING, result_urls=urls, results_expire_at=NOW + timedelta(hours=24)
    )
    worker.download_due()
    assert (reload(row).state, reload(row).error_code) == ("saving", "link_dead")
    worker.clock.advance(hours=27)
    worker.download_due()
    assert (reload(row).state, reload(row).error_code) == ("failed", "film_lost")


def test_a_search_that_breaks_is_made_at_growing_gaps(fake_provider, worker, monkeypatch):
    row = GenerationFactory(state=State.UNKNOWN, sent_at=NOW, next_attempt_at=NOW)
    monkeypatch.setattr(
        "evolink_studio.generations.pipeline.reconciliation._find_in_list", raise_zero_division
    )
    with capture_logs() as logs:
        assert attempt_gaps(worker, worker.reconcile_due, row, 5) == [10, 30, 60, 120, 300]
    assert (reload(row).state, len(logged_exceptions(logs))) == ("unknown", 5)
