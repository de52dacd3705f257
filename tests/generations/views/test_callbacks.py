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
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import reload
from tests.provider_replies import make_task_reply

pytestmark = pytest.mark.django_db
CALLBACK_TIME = NOW + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _frozen_time():
    with time_machine.travel(CALLBACK_TIME, tick=False):
        yield


@pytest.fixture
def provider_client() -> Client:
    """EvoLink, as it calls us: no session, no token of a form."""
    return Client(enforce_csrf_checks=True)


def create_running_generation(**fields) -> Generation:
    due = NOW + timedelta(minutes=5)
    return GenerationFactory(**{"state": State.RUNNING, "next_attempt_at": due, **fields})


def post_callback(client, generation, body=None, **options):
    token = generation if isinstance(generation, str) else generation.callback_token
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return client.post(f"/callbacks/{token}/", content, content_type="application/json", **options)


def unaffected_columns(generation) -> dict[str, object]:
    row = Generation.objects.filter(pk=generation.pk).values().get()
    return {
        name: value
        for name, value in row.items()
        if name not in ("next_attempt_at", "candidate_task_id")
    }


CALLBACK_BODIES = {
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


@pytest.mark.parametrize("body", CALLBACK_BODIES.values(), ids=CALLBACK_BODIES)
def test_whatever_it_says_it_only_makes_us_poll_our_own_task(provider_client, fake_provider, body):
    generation = create_running_generation()
    before = unaffected_columns(generation)
    response = post_callback(provider_client, generation, body)
    assert (response.status_code, response.content) == (204, b"")
    assert unaffected_columns(generation) == before
    assert reload(generation).next_attempt_at == CALLBACK_TIME
    assert fake_provider.received_requests == []


def test_the_answer_is_the_same_for_every_token_and_every_body(provider_client):
    generation = create_running_generation()
    answers = [
        post_callback(provider_client, token, body)
        for token in (generation.callback_token, "no-such-token", "x" * 200, "%27%20OR%201=1", "٣")
        for body in CALLBACK_BODIES.values()
    ]
    answers.append(post_callback(provider_client, generation, b"x" * 3_000_000))
    assert (
        len(
            {(answer.status_code, answer.content, comparable_headers(answer)) for answer in answers}
        )
        == 1
    )


def comparable_headers(answer) -> str:
    """All headers; the number of the request and the order inside of them say nothing."""
    headers = {name: sorted(value.split("; ")) for name, value in answer.items()}
    headers.pop("X-Request-ID", None)
    return str(sorted(headers.items()))


def list_rejections(generation) -> list[tuple[str, int, str]]:
    rows = generation.deliveries.exclude(rejection="").order_by("pk")
    return list(rows.values_list("rejection", "size_bytes", "reported_task_id"))


def test_a_body_that_is_too_large_is_not_even_read_and_that_is_written_down(provider_client):
    generation = create_running_generation()
    post_callback(provider_client, generation, b'{"id": "task-of-somebody"}' + b" " * 70_000)
    assert reload(generation).next_attempt_at == generation.next_attempt_at
    assert list_rejections(generation) == [("too_large", 70_026, "")]


def test_a_size_beyond_every_column_is_written_down_as_the_largest(provider_client):
    generation = create_running_generation()
    post_callback(provider_client, generation, {}, CONTENT_LENGTH="9" * 15)
    assert list_rejections(generation) == [("too_large", 2**31 - 1, "")]


def test_another_task_than_ours_is_rejected_and_written_down(provider_client):
    generation = create_running_generation()
    before = Generation.objects.values().get()
    answer = post_callback(
        provider_client, generation, {"id": "task-of-somebody", "status": "completed"}
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert Generation.objects.values().get() == before
    ((refusal, _size, task_id),) = list_rejections(generation)
    assert (refusal, task_id) == ("other_task", "task-of-somebody")
    post_callback(provider_client, generation, {"id": generation.task_id})
    assert reload(generation).next_attempt_at == CALLBACK_TIME


def test_what_nobody_can_know_to_be_wrong_is_accepted(provider_client):
    """Before the answer no task is ours yet, and a body may name none at all."""
    unknown_row = GenerationFactory(state=State.UNKNOWN, next_attempt_at=NOW + timedelta(minutes=5))
    post_callback(provider_client, unknown_row, {"id": "task-quick"})
    running_row = create_running_generation()
    post_callback(provider_client, running_row, {"status": "completed"})
    assert (list_rejections(unknown_row), list_rejections(running_row)) == ([], [])
    assert reload(unknown_row).candidate_task_id == "task-quick"
    assert reload(running_row).next_attempt_at == CALLBACK_TIME


def test_a_callback_does_not_replace_the_task_that_an_admin_named(provider_client):
    unknown_row = GenerationFactory(
        state=State.UNKNOWN, candidate_task_id="task-named", candidate_confirmed=True
    )
    post_callback(provider_client, unknown_row, {"id": "task-called"})
    assert (reload(unknown_row).candidate_task_id, reload(unknown_row).candidate_confirmed) == (
        "task-named",
        True,
    )
    Generation.objects.update(candidate_task_id="")  # EvoLink does not know that one
    post_callback(provider_client, unknown_row, {"id": "task-called"})
    assert (reload(unknown_row).candidate_task_id, reload(unknown_row).candidate_confirmed) == (
        "task-called",
        False,
    )


@pytest.mark.parametrize("how", [{}, {"CONTENT_LENGTH": "9" * 15}])
def test_for_an_unknown_address_nothing_is_written_down(provider_client, how):
    assert (
        post_callback(provider_client, "no-such-token", {"id": "task-1"}, **how).status_code == 204
    )
    assert not CallbackDelivery.objects.exists()


@pytest.mark.parametrize("length", ["", "-5", "many", "9" * 40])
def test_a_length_that_makes_no_sense_does_no_harm(provider_client, length):
    generation = create_running_generation()
    before = unaffected_columns(generation)
    assert post_callback(provider_client, generation, {}, CONTENT_LENGTH=length).status_code == 204
    assert unaffected_columns(generation) == before


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_a_post_is_a_callback(provider_client, method):
    generation = create_running_generation()
    response = getattr(provider_client, method)(f"/callbacks/{generation.callback_token}/")
    assert response.status_code == 405
    assert reload(generation).next_attempt_at == generation.next_attempt_at


def test_what_it_made_due_is_read_with_our_key_and_only_that_counts(
    provider_client, fake_provider, worker
):
    generation = create_running_generation()
    fake_provider.tasks[generation.task_id] = {"id": generation.task_id, "status": "processing"}
    post_callback(provider_client, generation, {"id": generation.task_id, "status": "completed"})
    worker.clock.now = CALLBACK_TIME
    worker.poll_due()
    (request,) = fake_provider.read.requests
    assert request.path == f"/v1/tasks/{generation.task_id}"
    assert reload(generation).state == "running"


@pytest.mark.parametrize(
    "state", [*sorted(ENDED_STATES), State.SENDING, State.QUEUED, State.SAVING]
)
def test_before_the_answer_and_after_the_end_it_changes_nothing(provider_client, state):
    generation = GenerationFactory(state=state)
    before = Generation.objects.values().get()
    post_callback(provider_client, generation, {"id": "task-1", "status": "completed"})
    assert Generation.objects.values().get() == before


def test_a_callback_before_the_answer_loses_nothing(provider_client, fake_provider, worker):
    """EvoLink may be quicker with the film than with the answer to the POST."""
    generation = GenerationFactory()

    post_callback(provider_client, generation, {"id": "task-quick", "status": "completed"})
    fake_provider.create.reply_next(make_task_reply(id="task-quick"))
    worker.dispatch_due()
    assert reload(generation).task_id == "task-quick"
    post_callback(provider_client, generation, {"id": "task-quick", "status": "completed"})
    assert reload(generation).state == "running"
    assert reload(generation).next_attempt_at == CALLBACK_TIME


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_are_one_poll(fake_provider, worker):
    generation = create_running_generation()
    fake_provider.tasks[generation.task_id] = {"id": generation.task_id, "status": "processing"}
    answers, start = [], threading.Barrier(20)

    def call_back():
        start.wait()
        client = Client()
        answers.extend(post_callback(client, generation, {}).status_code for _ in range(5))
        connection.close()

    threads = [threading.Thread(target=call_back) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [204] * 100
    worker.clock.now = CALLBACK_TIME
    worker.poll_due()
    worker.poll_due()
    assert len(fake_provider.read.requests) == 1


def test_a_flood_on_one_token_leaves_a_bounded_trace(provider_client):
    generation = create_running_generation()
    for _ in range(60):
        post_callback(provider_client, generation, {"status": "completed"})
    assert generation.deliveries.filter(rejection="").count() == 20
    assert [refusal for refusal, _, _ in list_rejections(generation)] == ["too_many"]


def test_nobody_can_guess_a_token():
    tokens = {GenerationFactory().callback_token for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 21
