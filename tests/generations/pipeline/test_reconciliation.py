"""Finding the task of a lost answer: only what must be it is linked, and nothing is sent again."""

import uuid
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.generations.models import Generation
from evolink_studio.generations.services import record_callback
from evolink_studio.generations.states import State
from tests.factories import NOW, VEO, GenerationFactory
from tests.generations.conftest import reload
from tests.provider_replies import make_dropped_reply, make_error_reply

pytestmark = pytest.mark.django_db


def create_unknown_generation(**fields) -> Generation:
    """It was sent at NOW; the answer never came."""
    return GenerationFactory(
        **{"state": State.UNKNOWN, "sent_at": NOW, "next_attempt_at": NOW, **fields}
    )


def add_task(fake_provider, task_id, *, seconds_after_sent=2, model_id=VEO, **fields) -> str:
    """EvoLink has such a task, created so many seconds after NOW."""
    created = int((NOW + timedelta(seconds=seconds_after_sent)).timestamp())
    document = {"id": task_id, "model": model_id, "created": created, "created_at": created}
    fake_provider.tasks[task_id] = {**document, "status": "processing", "progress": 5, **fields}
    return task_id


def receive_callback(generation, task_id, now=NOW) -> None:
    record_callback(
        token=generation.callback_token, size_bytes=50, status="completed", task_id=task_id, now=now
    )


def test_the_only_task_of_that_model_and_moment_is_linked(fake_provider, worker):
    generation = create_unknown_generation()
    add_task(
        fake_provider, "task-ours", model_id="veo3.1-pro-beta", usage={"credits_reserved": 25.7}
    )
    worker.reconcile_due()
    current = reload(generation)
    assert (current.state, current.task_id, current.charge) == ("running", "task-ours", "reserved")
    assert (str(current.credits_reserved), current.error_code) == ("25.7000", "")
    assert fake_provider.create.requests == []


UNFIT_TASKS = {
    "made too early": {"seconds_after_sent": -30},
    "made too late": {"seconds_after_sent": 200},
    "of another model": {"model_id": "sora-2-preview"},
    "without a date": {"created": None, "created_at": None},
}


@pytest.mark.parametrize("odd", UNFIT_TASKS.values(), ids=UNFIT_TASKS)
def test_a_task_that_does_not_fit_is_not_taken(fake_provider, worker, odd):
    generation = create_unknown_generation()
    add_task(fake_provider, "task-other", **odd)
    worker.reconcile_due()
    assert reload(generation).state == "unknown"


def test_a_task_that_belongs_to_another_generation_is_not_taken(fake_provider, worker):
    generation = create_unknown_generation()
    GenerationFactory(state=State.RUNNING, task_id=add_task(fake_provider, "task-taken"))
    worker.reconcile_due()
    assert reload(generation).state == "unknown"


def test_of_two_that_fit_none_is_guessed(fake_provider, worker):
    generation = create_unknown_generation()
    add_task(fake_provider, "task-1")
    add_task(fake_provider, "task-2", seconds_after_sent=3)
    worker.reconcile_due()
    assert reload(generation).state == "unknown"


@pytest.mark.parametrize("state", [State.UNKNOWN, State.SENDING])
def test_a_task_that_could_be_anothers_is_not_taken(fake_provider, worker, state):
    """EvoLink lists a task before the answer to its POST has arrived here."""
    generation = create_unknown_generation()
    GenerationFactory(
        state=state,
        sent_at=NOW + timedelta(seconds=3),
        next_attempt_at=NOW + timedelta(seconds=60),
        lease_id=uuid.uuid4(),
    )
    add_task(fake_provider, "task-whose")
    worker.reconcile_due()
    assert reload(generation).state == "unknown"


@pytest.mark.parametrize(
    "list_answers",
    [make_error_reply(404, "not_found"), make_error_reply(500, "x"), make_dropped_reply()],
    ids=["no list", "500", "closed"],
)
def test_without_a_list_it_stays_unknown_and_is_searched_less_and_less(
    fake_provider, worker, list_answers
):
    generation = create_unknown_generation()
    fake_provider.list.reply_always(list_answers)
    gaps = []
    for _ in range(5):
        worker.advance_until_due(generation)
        worker.reconcile_due()
        gaps.append((reload(generation).next_attempt_at - worker.clock()).total_seconds())
    assert gaps == [10, 30, 60, 120, 300]
    assert reload(generation).state == "unknown"


def test_after_two_days_it_is_searched_no_more_and_waits_for_a_person(fake_provider, worker):
    generation = create_unknown_generation()
    worker.clock.advance(hours=48, seconds=1)
    worker.reconcile_due()
    assert (reload(generation).state, reload(generation).next_attempt_at) == ("unknown", None)


def test_the_task_that_a_callback_names_is_read_with_our_key_before_it_counts(
    fake_provider, worker
):
    generation = create_unknown_generation(next_attempt_at=NOW + timedelta(hours=1))
    receive_callback(generation, add_task(fake_provider, "task-ours"))
    assert reload(generation).state == "unknown"
    worker.reconcile_due()
    assert (reload(generation).state, reload(generation).task_id) == ("running", "task-ours")
    assert fake_provider.read.requests[0].headers["authorization"] == f"Bearer {worker.api_key}"


@pytest.mark.parametrize("odd", UNFIT_TASKS.values(), ids=UNFIT_TASKS)
def test_a_named_task_that_does_not_fit_is_not_believed(fake_provider, worker, odd):
    generation = create_unknown_generation()
    receive_callback(generation, add_task(fake_provider, "task-forged", **odd))
    worker.reconcile_due()
    assert (reload(generation).state, reload(generation).candidate_task_id) == ("unknown", "")


def test_a_named_task_that_evolink_does_not_know_is_forgotten(fake_provider, worker):
    generation = create_unknown_generation()
    receive_callback(generation, "task-forged")
    worker.reconcile_due()
    assert (reload(generation).state, reload(generation).candidate_task_id) == ("unknown", "")


def test_a_named_task_that_another_generation_has_stays_with_it(fake_provider, worker):
    generation = create_unknown_generation()
    owner = GenerationFactory(state=State.RUNNING, task_id=add_task(fake_provider, "task-theirs"))
    receive_callback(generation, "task-theirs")
    worker.reconcile_due()
    assert reload(generation).state == "unknown"
    assert reload(owner).task_id == "task-theirs"


def test_a_callback_that_comes_during_a_search_is_not_lost(fake_provider, worker, monkeypatch):
    generation = create_unknown_generation()

    async def find_nothing(*_):
        await sync_to_async(receive_callback)(generation, add_task(fake_provider, "task-ours"))

    with monkeypatch.context() as patches:
        patches.setattr(EvoLinkClient, "list_tasks", find_nothing)
        worker.reconcile_due()
    assert reload(generation).state == "unknown"
    worker.clock.advance(seconds=1)
    worker.reconcile_due()
    assert reload(generation).task_id == "task-ours"


# --- restored from a backup: nobody knows whether and when it was sent ---------------------------

HOUR_SECONDS = 3600


def create_restored_generation(**fields) -> Generation:
    """Queued in a backup that was restored two hours later."""
    generation = create_unknown_generation(
        error_code="restored", sent_at=None, next_attempt_at=None, **fields
    )
    Generation.objects.filter(pk=generation.pk).update(progressed_at=NOW + timedelta(hours=2))
    return generation


@pytest.mark.parametrize("seconds", [0, HOUR_SECONDS, 2 * HOUR_SECONDS])
def test_a_restored_one_is_linked_to_the_task_that_its_callback_names(
    fake_provider, worker, seconds
):
    generation = create_restored_generation()
    worker.clock.advance(hours=3)
    receive_callback(
        generation, add_task(fake_provider, "task-ours", seconds_after_sent=seconds), worker.clock()
    )
    worker.reconcile_due()
    assert (reload(generation).state, reload(generation).task_id) == ("running", "task-ours")
    assert fake_provider.create.requests == []


UNLIKELY_TASKS = {
    "made before the press": {"seconds_after_sent": -HOUR_SECONDS},
    "made long after the restoring": {"seconds_after_sent": 3 * HOUR_SECONDS},
    "of another model": {"model_id": "sora-2-preview"},
    "without a date": {"created": None},
}


@pytest.mark.parametrize("odd", UNLIKELY_TASKS.values(), ids=UNLIKELY_TASKS)
def test_a_restored_one_does_not_take_just_any_task_that_is_named(fake_provider, worker, odd):
    generation = create_restored_generation()
    worker.clock.advance(hours=4)
    receive_callback(generation, add_task(fake_provider, "task-forged", **odd), worker.clock())
    worker.reconcile_due()
    current = reload(generation)
    assert (current.state, current.candidate_task_id, current.next_attempt_at) == (
        "unknown",
        "",
        None,
    )


def test_the_task_list_alone_never_names_the_task_of_a_restored_one(fake_provider, worker):
    generation = create_restored_generation()
    add_task(fake_provider, "task-of-somebody", seconds_after_sent=HOUR_SECONDS)
    worker.clock.advance(hours=3)
    receive_callback(generation, "task-nowhere", worker.clock())
    worker.reconcile_due()
    assert reload(generation).state == "unknown"


@pytest.mark.parametrize("kind", [create_restored_generation, create_unknown_generation])
def test_a_task_that_was_named_is_asked_for_until_evolink_says_something(
    fake_provider, worker, kind
):
    """Also days later: else a named task would be forgotten over a moment without EvoLink."""
    generation = kind()
    task_id = add_task(fake_provider, "task-ours")
    worker.clock.advance(days=3)
    fake_provider.read.reply_always(make_dropped_reply())
    receive_callback(generation, task_id, worker.clock())
    for _ in range(12):
        worker.advance_until_due(generation)
        worker.reconcile_due()
    assert reload(generation).next_attempt_at == worker.clock() + timedelta(hours=1)

    fake_provider.read.reply_always(fake_provider._reply_to_read)
    worker.advance_until_due(generation)
    worker.reconcile_due()
    assert reload(generation).task_id == "task-ours"
