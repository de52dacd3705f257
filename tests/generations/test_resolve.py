"""Finding the task of a lost answer: only what must be it is linked, and nothing is sent again."""

import uuid
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import record_callback
from evolink_studio.generations.states import State
from tests.answers import error, hang_up
from tests.factories import NOW, VEO, GenerationFactory
from tests.generations.conftest import fresh

pytestmark = pytest.mark.django_db


def lost(**fields) -> Generation:
    """It was sent at noon; the answer never came."""
    return GenerationFactory(
        **{"state": State.UNKNOWN, "sent_at": NOW, "next_attempt_at": NOW, **fields}
    )


def offer(far, task_id, *, seconds=2, model=VEO, **fields) -> str:
    """EvoLink has such a task, made so many seconds after noon."""
    made = int((NOW + timedelta(seconds=seconds)).timestamp())
    document = {"id": task_id, "model": model, "created": made, "created_at": made}
    far.tasks[task_id] = {**document, "status": "processing", "progress": 5, **fields}
    return task_id


def call_back(generation, task_id, now=NOW) -> None:
    record_callback(
        token=generation.callback_token, size_bytes=50, status="completed", task_id=task_id, now=now
    )


def test_the_only_task_of_that_model_and_moment_is_linked(far, worker):
    generation = lost()
    offer(far, "task-ours", model="veo3.1-pro-beta", usage={"credits_reserved": 25.7})
    worker.search()
    found = fresh(generation)
    assert (found.state, found.task_id, found.charge) == ("running", "task-ours", "reserved")
    assert (str(found.credits_reserved), found.error_code) == ("25.7000", "")
    assert far.create.requests == []


OTHERS = {
    "made too early": {"seconds": -30},
    "made too late": {"seconds": 200},
    "of another model": {"model": "sora-2-preview"},
    "without a date": {"created": None, "created_at": None},
}


@pytest.mark.parametrize("odd", OTHERS.values(), ids=OTHERS)
def test_a_task_that_does_not_fit_is_not_taken(far, worker, odd):
    generation = lost()
    offer(far, "task-other", **odd)
    worker.search()
    assert fresh(generation).state == "unknown"


def test_a_task_that_belongs_to_another_generation_is_not_taken(far, worker):
    generation = lost()
    GenerationFactory(state=State.RUNNING, task_id=offer(far, "task-taken"))
    worker.search()
    assert fresh(generation).state == "unknown"


def test_of_two_that_fit_none_is_guessed(far, worker):
    generation = lost()
    offer(far, "task-1")
    offer(far, "task-2", seconds=3)
    worker.search()
    assert fresh(generation).state == "unknown"


@pytest.mark.parametrize("state", [State.UNKNOWN, State.SENDING])
def test_a_task_that_could_be_anothers_is_not_taken(far, worker, state):
    """EvoLink lists a task before the answer to its POST has arrived here."""
    generation = lost()
    GenerationFactory(
        state=state,
        sent_at=NOW + timedelta(seconds=3),
        next_attempt_at=NOW + timedelta(seconds=60),
        lease_id=uuid.uuid4(),
    )
    offer(far, "task-whose")
    worker.search()
    assert fresh(generation).state == "unknown"


@pytest.mark.parametrize(
    "list_answers",
    [error(404, "not_found"), error(500, "x"), hang_up()],
    ids=["no list", "500", "closed"],
)
def test_without_a_list_it_stays_unknown_and_is_searched_less_and_less(far, worker, list_answers):
    generation = lost()
    far.list.always(list_answers)
    gaps = []
    for _ in range(5):
        worker.wait_for(generation)
        worker.search()
        gaps.append((fresh(generation).next_attempt_at - worker.clock()).total_seconds())
    assert gaps == [10, 30, 60, 120, 300]
    assert fresh(generation).state == "unknown"


def test_after_two_days_it_is_searched_no_more_and_waits_for_a_person(far, worker):
    generation = lost()
    worker.clock.forward(hours=48, seconds=1)
    worker.search()
    assert (fresh(generation).state, fresh(generation).next_attempt_at) == ("unknown", None)


def test_the_task_that_a_callback_names_is_read_with_our_key_before_it_counts(far, worker):
    generation = lost(next_attempt_at=NOW + timedelta(hours=1))
    call_back(generation, offer(far, "task-ours"))
    assert fresh(generation).state == "unknown"
    worker.search()
    assert (fresh(generation).state, fresh(generation).task_id) == ("running", "task-ours")
    assert far.read.requests[0].headers["authorization"] == f"Bearer {worker.key}"


@pytest.mark.parametrize("odd", OTHERS.values(), ids=OTHERS)
def test_a_named_task_that_does_not_fit_is_not_believed(far, worker, odd):
    generation = lost()
    call_back(generation, offer(far, "task-forged", **odd))
    worker.search()
    assert (fresh(generation).state, fresh(generation).candidate_task_id) == ("unknown", "")


def test_a_named_task_that_evolink_does_not_know_is_forgotten(far, worker):
    generation = lost()
    call_back(generation, "task-forged")
    worker.search()
    assert (fresh(generation).state, fresh(generation).candidate_task_id) == ("unknown", "")


def test_a_named_task_that_another_generation_has_stays_with_it(far, worker):
    generation = lost()
    owner = GenerationFactory(state=State.RUNNING, task_id=offer(far, "task-theirs"))
    call_back(generation, "task-theirs")
    worker.search()
    assert fresh(generation).state == "unknown"
    assert fresh(owner).task_id == "task-theirs"


def test_a_callback_that_comes_during_a_search_is_not_lost(far, worker, monkeypatch):
    generation = lost()

    async def nothing_yet(*_):
        await sync_to_async(call_back)(generation, offer(far, "task-ours"))

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(EvoLinkClient, "list_tasks", nothing_yet)
        worker.search()
    assert fresh(generation).state == "unknown"
    worker.clock.forward(seconds=1)
    worker.search()
    assert fresh(generation).task_id == "task-ours"


# --- restored from a backup: nobody knows whether and when it was sent ---------------------------

HOUR = 3600


def restored(**fields) -> Generation:
    """Pressed at noon and waiting in the backup, which was brought back at two."""
    found = lost(error_code="restored", sent_at=None, next_attempt_at=None, **fields)
    Generation.objects.filter(pk=found.pk).update(progressed_at=NOW + timedelta(hours=2))
    return found


@pytest.mark.parametrize("seconds", [0, HOUR, 2 * HOUR])
def test_a_restored_one_is_linked_to_the_task_that_its_callback_names(far, worker, seconds):
    generation = restored()
    worker.clock.forward(hours=3)
    call_back(generation, offer(far, "task-ours", seconds=seconds), worker.clock())
    worker.search()
    assert (fresh(generation).state, fresh(generation).task_id) == ("running", "task-ours")
    assert far.create.requests == []


UNLIKELY = {
    "made before the press": {"seconds": -HOUR},
    "made long after the restoring": {"seconds": 3 * HOUR},
    "of another model": {"model": "sora-2-preview"},
    "without a date": {"created": None},
}


@pytest.mark.parametrize("odd", UNLIKELY.values(), ids=UNLIKELY)
def test_a_restored_one_does_not_take_just_any_task_that_is_named(far, worker, odd):
    generation = restored()
    worker.clock.forward(hours=4)
    call_back(generation, offer(far, "task-forged", **odd), worker.clock())
    worker.search()
    found = fresh(generation)
    assert (found.state, found.candidate_task_id, found.next_attempt_at) == ("unknown", "", None)


def test_the_task_list_alone_never_names_the_task_of_a_restored_one(far, worker):
    generation = restored()
    offer(far, "task-of-somebody", seconds=HOUR)
    worker.clock.forward(hours=3)
    call_back(generation, "task-nowhere", worker.clock())
    worker.search()
    assert fresh(generation).state == "unknown"


@pytest.mark.parametrize("kind", [restored, lost])
def test_a_task_that_was_named_is_asked_for_until_evolink_says_something(far, worker, kind):
    """Also days later: else a named task would be forgotten over a moment without EvoLink."""
    generation = kind()
    task_id = offer(far, "task-ours")
    worker.clock.forward(days=3)
    far.read.always(hang_up())
    call_back(generation, task_id, worker.clock())
    for _ in range(12):
        worker.wait_for(generation)
        worker.search()
    assert fresh(generation).next_attempt_at == worker.clock() + timedelta(hours=1)

    far.read.always(far._read)
    worker.wait_for(generation)
    worker.search()
    assert fresh(generation).task_id == "task-ours"
