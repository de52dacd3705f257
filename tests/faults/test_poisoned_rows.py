"""One row in each state that no code can work on: it waits longer and longer, in nobody's way."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.generations.incidents import open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline import dispatch as sending
from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.generations.pipeline import polling as following
from evolink_studio.generations.pipeline import reconciliation as resolving
from tests.factories import NOW, UserFactory
from tests.faults.conftest import wishes
from tests.faults.table import tally
from tests.library.footage import film
from tests.work import Clock, Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

# The step that breaks, and what in it.
POISON = {
    "queued": (sending, "_payload"),
    "running": (following, "apply_task"),
    "saving": (saving, "_fetch"),
    "unknown": (resolving, "_listed"),
}
SOUND = 5
TRIES = 8


@pytest.fixture
def link(far, tmp_path) -> str:
    return far.serve("/film.mp4", film(tmp_path / "clip.mp4", seconds=1).read_bytes())


def wished(worker: Worker, count: int) -> list[Generation]:
    made = wishes(UserFactory(), count)
    Generation.objects.update(created_at=NOW, progressed_at=NOW, next_attempt_at=NOW)
    assert worker.clock() == NOW
    return made


def brought_to(state: str, worker: Worker, far, link: str) -> list[Generation]:
    """Wishes that have come so far."""
    made = wished(worker, SOUND + 1)
    if state == "queued":
        return made
    worker.send()
    if state == "unknown":
        Generation.objects.update(state=state, charge="unclear", task_id=None)
    if state == "saving":
        for row in Generation.objects.all():
            far.finish(row.task_id, link)
            worker.look(row)
    return [Generation.objects.get(pk=row.pk) for row in made]


def poison(monkeypatch, state: str, victim: Generation) -> None:
    module, name = POISON[state]
    sound = getattr(module, name)

    def broken(row, *facts, **more):
        if row.pk == victim.pk:
            raise ZeroDivisionError("poisoned")
        return sound(row, *facts, **more)

    monkeypatch.setattr(module, name, broken)


def tries(worker: Worker, victim: Generation) -> Iterator[float]:
    """When the poisoned row was worked on, in seconds."""
    for _ in range(TRIES):
        worker.wait_for(victim)
        worker.everything()
        assert Generation.objects.get(pk=victim.pk).attempts == victim.attempts + 1
        yield worker.clock().timestamp()


@pytest.mark.parametrize("state", sorted(POISON))
def test_a_poisoned_row_waits_longer_and_longer_and_stops_no_other(far, link, monkeypatch, state):
    worker = Worker(far.url, Clock())
    with tally("Worker: a row that no code can work on") as counted:
        victim, *others = brought_to(state, worker, far, link)
        poison(monkeypatch, state, victim)
        when = list(tries(worker, victim))
        counted.cases = len(when)
        if state == "queued":
            assert_somebody_is_told(victim, worker)
        gaps = [later - earlier for earlier, later in pairwise(when)]
        assert gaps[3] > 2 * gaps[0], "further each time"
        assert gaps == sorted(gaps)
        worker.clock.forward(hours=3)
        worker.everything()
        victim.refresh_from_db()
        assert_the_others_went_on(state, others)
        if state == "queued":  # after an hour it is given up, and the person reads why
            assert (victim.state, victim.charge) == ("failed", "none")
        else:
            assert victim.state == state
            assert_somebody_is_told(victim, worker)
        assert far.paid == (SOUND if state == "queued" else SOUND + 1)
        assert audit_ledger_with_generations().findings == ()


def assert_the_others_went_on(state: str, others: list[Generation]) -> None:
    for row in others:
        row.refresh_from_db()
    if state == "unknown":  # so many at one moment: only a person can tell which is which
        assert {row.state for row in others} == {"unknown"}
        assert all(row.attempts > 4 for row in others)
    else:
        ahead = {"queued": "running", "running": "running", "saving": "completed"}[state]
        assert {row.state for row in others} == {ahead}
        assert {row.error_code for row in others} == {""}


def assert_somebody_is_told(victim: Generation, worker: Worker) -> None:
    assert victim.pk in {
        item.generation.pk for item in open_incidents(now=worker.clock(), limit=100)
    }
