"""A row of each state that raises an unexpected error waits longer and longer, in nobody's way."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import dispatch, downloading, polling, reconciliation
from tests.factories import NOW, UserFactory
from tests.faults.conftest import create_generations
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases
from tests.manual_worker import FakeClock, ManualWorker
from tests.sample_videos import make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

# The step that breaks, and what in it.
FAILING_FUNCTIONS = {
    "queued": (dispatch, "_build_payload"),
    "running": (polling, "apply_task"),
    "saving": (downloading, "_download_one"),
    "unknown": (reconciliation, "_find_in_list"),
}
HEALTHY_COUNT = 5
ATTEMPT_COUNT = 8


@pytest.fixture
def video_url(fake_provider, tmp_path) -> str:
    return fake_provider.serve_file(
        "/film.mp4", make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    )


def create_due_generations(worker: ManualWorker, count: int) -> list[Generation]:
    generations = create_generations(UserFactory(), count)
    Generation.objects.update(created_at=NOW, progressed_at=NOW, next_attempt_at=NOW)
    assert worker.clock() == NOW
    return generations


def advance_to_state(
    state: str, worker: ManualWorker, fake_provider, video_url: str
) -> list[Generation]:
    """Generations in this state."""
    generations = create_due_generations(worker, HEALTHY_COUNT + 1)
    if state == "queued":
        return generations
    worker.dispatch_due()
    if state == "unknown":
        Generation.objects.update(state=state, charge="unclear", task_id=None)
    if state == "saving":
        for row in Generation.objects.all():
            fake_provider.complete_task(row.task_id, video_url)
            worker.poll_when_due(row)
    return [Generation.objects.get(pk=row.pk) for row in generations]


def fail_for_row(monkeypatch, state: str, failing_row: Generation) -> None:
    module, name = FAILING_FUNCTIONS[state]
    original = getattr(module, name)

    def fail_or_call(row, *facts, **kwargs):
        if row.pk == failing_row.pk:
            raise ZeroDivisionError("unexpected")
        return original(row, *facts, **kwargs)

    monkeypatch.setattr(module, name, fail_or_call)


def attempt_times(worker: ManualWorker, failing_row: Generation) -> Iterator[float]:
    """When the failing row was worked on, in seconds."""
    for _ in range(ATTEMPT_COUNT):
        worker.advance_until_due(failing_row)
        worker.run_all_stages()
        assert Generation.objects.get(pk=failing_row.pk).attempts == failing_row.attempts + 1
        yield worker.clock().timestamp()


@pytest.mark.parametrize("state", sorted(FAILING_FUNCTIONS))
def test_an_unprocessable_row_waits_longer_and_longer_and_stops_no_other(
    fake_provider, video_url, monkeypatch, state
):
    worker = ManualWorker(fake_provider.url, FakeClock())
    with count_cases("Worker: a row that no code can work on") as case_counter:
        failing_row, *other_rows = advance_to_state(state, worker, fake_provider, video_url)
        fail_for_row(monkeypatch, state, failing_row)
        times = list(attempt_times(worker, failing_row))
        case_counter.cases = len(times)
        if state == "queued":
            assert_incident_reported(failing_row, worker)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert gaps[3] > 2 * gaps[0], "further each time"
        assert gaps == sorted(gaps)
        worker.clock.advance(hours=3)
        worker.run_all_stages()
        failing_row.refresh_from_db()
        assert_the_others_went_on(state, other_rows)
        if state == "queued":  # after an hour it is given up, and the person reads why
            assert (failing_row.state, failing_row.charge) == ("failed", "none")
        else:
            assert failing_row.state == state
            assert_incident_reported(failing_row, worker)
        assert fake_provider.paid_count == (
            HEALTHY_COUNT if state == "queued" else HEALTHY_COUNT + 1
        )
        assert_proved()


def assert_the_others_went_on(state: str, other_rows: list[Generation]) -> None:
    for row in other_rows:
        row.refresh_from_db()
    if state == "unknown":  # so many at one moment: only a person can tell which is which
        assert {row.state for row in other_rows} == {"unknown"}
        assert all(row.attempts > 4 for row in other_rows)
    else:
        next_state = {"queued": "running", "running": "running", "saving": "completed"}[state]
        assert {row.state for row in other_rows} == {next_state}
        assert {row.error_code for row in other_rows} == {""}


def assert_incident_reported(failing_row: Generation, worker: ManualWorker) -> None:
    assert failing_row.pk in {
        incident.generation.pk for incident in list_open_incidents(now=worker.clock(), limit=100)
    }
