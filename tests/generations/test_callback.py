"""A callback proves nothing: it only makes us look, and learns nothing by it."""

import json
import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client

from evolink_studio.generations.models import CallbackDelivery, Generation
from evolink_studio.generations.states import ENDED_STATES, State
from tests.answers import task
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh

pytestmark = pytest.mark.django_db
MOMENT = NOW + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(MOMENT, tick=False):
        yield


@pytest.fixture
def evolink() -> Client:
    """EvoLink, as it calls us: no session, no token of a form."""
    return Client(enforce_csrf_checks=True)


def running(**fields) -> Generation:
    due = NOW + timedelta(minutes=5)
    return GenerationFactory(**{"state": State.RUNNING, "next_attempt_at": due, **fields})


def call(evolink, generation, body=None, **how):
    token = generation if isinstance(generation, str) else generation.callback_token
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return evolink.post(f"/callbacks/{token}/", content, content_type="application/json", **how)


def without_due(generation) -> dict[str, object]:
    row = Generation.objects.filter(pk=generation.pk).values().get()
    return {name: value for name, value in row.items() if name not in ("due", "candidate")}


BODIES = {
    "done": {"status": "completed", "results": ["http://evil.example/film.mp4"]},
    "failed": {"status": "failed", "error": {"code": "service_error"}},
    "a path": {"id": "../../v1/credits", "status": "completed"},
    "nothing": b"",
    "garbage": b"\xff\xfe{",
    "deep": b"[" * 60_000,
    "a list": [1, 2],
    "a number": 7,
    "odd types": {"id": ["x"], "status": {"a": 1}},
    "huge number": b'{"id": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_whatever_it_says_it_only_makes_us_look_at_our_own_task(evolink, far, body):
    generation = running()
    before = without_due(generation)
    response = call(evolink, generation, body)
    assert (response.status_code, response.content) == (204, b"")
    assert without_due(generation) == before
    assert fresh(generation).next_attempt_at == MOMENT
    assert far.received == []


def test_the_answer_is_the_same_for_every_token_and_every_body(evolink):
    generation = running()
    answers = [
        call(evolink, token, body)
        for token in (generation.callback_token, "no-such-token", "x" * 200, "%27%20OR%201=1", "٣")
        for body in BODIES.values()
    ]
    answers.append(call(evolink, generation, b"x" * 3_000_000))
    assert len({(a.status_code, a.content, said_in_headers(a)) for a in answers}) == 1


def said_in_headers(answer) -> str:
    """All headers; the number of the request and the order inside of them say nothing."""
    told = {name: sorted(value.split("; ")) for name, value in answer.items()}
    told.pop("X-Request-ID", None)
    return str(sorted(told.items()))


def refusals(generation) -> list[tuple[str, int, str]]:
    rows = generation.deliveries.exclude(refused="").order_by("pk")
    return list(rows.values_list("refused", "size", "task_named"))


def test_a_body_that_is_too_large_is_not_even_read_and_that_is_written_down(evolink):
    generation = running()
    call(evolink, generation, b'{"id": "task-of-somebody"}' + b" " * 70_000)
    assert fresh(generation).next_attempt_at == generation.next_attempt_at
    assert refusals(generation) == [("too_large", 70_026, "")]


def test_a_size_beyond_every_column_is_written_down_as_the_largest(evolink):
    generation = running()
    call(evolink, generation, {}, CONTENT_LENGTH="9" * 15)
    assert refusals(generation) == [("too_large", 2**31 - 1, "")]


def test_another_task_than_ours_is_not_listened_to_and_written_down(evolink):
    generation = running()
    before = Generation.objects.values().get()
    answer = call(evolink, generation, {"id": "task-of-somebody", "status": "completed"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert Generation.objects.values().get() == before
    ((refused, _size, named),) = refusals(generation)
    assert (refused, named) == ("other_task", "task-of-somebody")
    call(evolink, generation, {"id": generation.task_id})
    assert fresh(generation).next_attempt_at == MOMENT


def test_what_nobody_can_know_to_be_wrong_is_listened_to(evolink):
    """Before the answer no task is ours yet, and a body may name none at all."""
    lost = GenerationFactory(state=State.UNKNOWN, next_attempt_at=NOW + timedelta(minutes=5))
    call(evolink, lost, {"id": "task-quick"})
    quiet = running()
    call(evolink, quiet, {"status": "completed"})
    assert (refusals(lost), refusals(quiet)) == ([], [])
    assert fresh(lost).candidate_task_id == "task-quick"
    assert fresh(quiet).next_attempt_at == MOMENT


def test_a_callback_does_not_replace_the_task_that_an_admin_named(evolink):
    lost = GenerationFactory(
        state=State.UNKNOWN, candidate_task_id="task-named", candidate_confirmed=True
    )
    call(evolink, lost, {"id": "task-called"})
    assert (fresh(lost).candidate_task_id, fresh(lost).candidate_confirmed) == ("task-named", True)
    Generation.objects.update(candidate_task_id="")  # EvoLink does not know that one
    call(evolink, lost, {"id": "task-called"})
    assert (fresh(lost).candidate_task_id, fresh(lost).candidate_confirmed) == (
        "task-called",
        False,
    )


@pytest.mark.parametrize("how", [{}, {"CONTENT_LENGTH": "9" * 15}])
def test_for_an_unknown_address_nothing_is_written_down(evolink, how):
    assert call(evolink, "no-such-token", {"id": "task-1"}, **how).status_code == 204
    assert not CallbackDelivery.objects.exists()


@pytest.mark.parametrize("length", ["", "-5", "many", "9" * 40])
def test_a_length_that_makes_no_sense_does_no_harm(evolink, length):
    generation = running()
    before = without_due(generation)
    assert call(evolink, generation, {}, CONTENT_LENGTH=length).status_code == 204
    assert without_due(generation) == before


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_a_post_is_a_callback(evolink, method):
    generation = running()
    response = getattr(evolink, method)(f"/callbacks/{generation.callback_token}/")
    assert response.status_code == 405
    assert fresh(generation).next_attempt_at == generation.next_attempt_at


def test_what_it_woke_is_read_with_our_key_and_only_that_counts(evolink, far, worker):
    generation = running()
    far.tasks[generation.task_id] = {"id": generation.task_id, "status": "processing"}
    call(evolink, generation, {"id": generation.task_id, "status": "completed"})
    worker.clock.now = MOMENT
    worker.follow()
    (request,) = far.read.requests
    assert request.path == f"/v1/tasks/{generation.task_id}"
    assert fresh(generation).state == "running"


@pytest.mark.parametrize(
    "state", [*sorted(ENDED_STATES), State.SENDING, State.QUEUED, State.SAVING]
)
def test_before_the_answer_and_after_the_end_it_changes_nothing(evolink, state):
    generation = GenerationFactory(state=state)
    before = Generation.objects.values().get()
    call(evolink, generation, {"id": "task-1", "status": "completed"})
    assert Generation.objects.values().get() == before


def test_a_callback_before_the_answer_loses_nothing(evolink, far, worker):
    """EvoLink may be quicker with the film than with the answer to the POST."""
    generation = GenerationFactory()

    call(evolink, generation, {"id": "task-quick", "status": "completed"})
    far.create.answers(task(id="task-quick"))
    worker.send()
    assert fresh(generation).task_id == "task-quick"
    call(evolink, generation, {"id": "task-quick", "status": "completed"})
    assert fresh(generation).state == "running"
    assert fresh(generation).next_attempt_at == MOMENT


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_are_one_look(far, worker):
    generation = running()
    far.tasks[generation.task_id] = {"id": generation.task_id, "status": "processing"}
    answers, start = [], threading.Barrier(20)

    def ring():
        start.wait()
        client = Client()
        answers.extend(call(client, generation, {}).status_code for _ in range(5))
        connection.close()

    threads = [threading.Thread(target=ring) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [204] * 100
    worker.clock.now = MOMENT
    worker.follow()
    worker.follow()
    assert len(far.read.requests) == 1


def test_a_flood_on_one_token_leaves_a_bounded_trace(evolink):
    generation = running()
    for _ in range(60):
        call(evolink, generation, {"status": "completed"})
    assert generation.deliveries.filter(rejection="").count() == 20
    assert [refused for refused, _, _ in refusals(generation)] == ["too_many"]


def test_nobody_can_guess_a_token():
    tokens = {GenerationFactory().callback_token for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 21
