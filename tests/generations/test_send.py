"""Sending: each thing that can be observed at the one paid POST, and what is written down."""

import socket
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.credits.models import ProviderAccount
from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.pipeline import poll_schedule
from tests.answers import Reply, answer, error, task
from tests.factories import NOW
from tests.farend import closed_port
from tests.generations.conftest import fresh
from tests.work import NAME

pytestmark = pytest.mark.django_db


def test_an_accepted_task_is_linked_with_what_evolink_reserved(far, worker, generation):
    far.create.answers(task(id="task-unified-1-abc", model="veo3.1-pro-beta", progress=3))
    worker.send()
    sent = fresh(generation)
    assert (sent.state, sent.task_id, sent.model_used) == (
        "running",
        "task-unified-1-abc",
        "veo3.1-pro-beta",
    )
    assert (sent.credits_reserved, sent.charge) == (Decimal("25.7"), "reserved")
    assert (sent.sent_at, sent.accepted_at, sent.lease_id, sent.progress) == (NOW, NOW, None, 3)
    assert sent.expected_seconds == 180
    assert sent.next_attempt_at == NOW + timedelta(seconds=15)
    assert far.paid == 1


def test_what_is_sent_is_what_was_stored_with_a_key_of_its_own(far, worker, generation):
    worker.send()
    (request,) = far.create.requests
    assert request.json["model"] == generation.model_id
    assert request.json["prompt"] == "A cat playing piano"
    assert request.headers["idempotency-key"] == f"studio-{generation.form_key.hex}"
    assert request.headers["connection"] == "close"


def test_what_was_sent_is_not_sent_again(far, worker, generation):
    for _ in range(5):
        worker.send()
        worker.clock.forward(hours=1)
    assert far.paid == len(far.create.requests) == 1


def unresolvable(*_args, **_kwargs):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.fixture(params=["refused", "no such name", "no TLS", "closed in the handshake"])
def unsendable(request, far, worker, monkeypatch):
    """A worker that cannot bring anything to EvoLink."""
    urls = {
        "refused": f"http://127.0.0.1:{closed_port()}",
        "no such name": "http://name.invalid",
        "no TLS": far.url.replace("http:", "https:"),
        "closed in the handshake": far.url.replace("http:", "https:"),
    }
    if request.param == "no such name":
        monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    if request.param.startswith("closed"):
        far.closes_at_once = 100
    return replace(worker, url=urls[request.param], files_url=far.url)


def test_what_could_not_leave_is_tried_again_with_growing_gaps(far, unsendable, generation):
    gaps = []
    for _ in range(6):
        unsendable.send()
        waiting = fresh(generation)
        assert (waiting.state, waiting.charge, waiting.sent_at) == ("queued", "none", None)
        assert waiting.error_code == "unreachable"
        gaps.append((waiting.next_attempt_at - unsendable.clock()).total_seconds())
        unsendable.wait_for(generation)
    assert gaps == [2, 5, 15, 30, 60, 60]
    assert far.received == []


def test_after_an_hour_of_that_it_has_failed_and_nothing_was_charged(far, unsendable, generation):
    unsendable.clock.forward(hours=1, seconds=1)
    unsendable.send()
    given_up = fresh(generation)
    assert (given_up.state, given_up.error_code, given_up.charge) == ("failed", "not_sent", "none")
    assert far.received == []


def test_it_is_sent_when_the_line_is_back(far, worker, generation):
    away = replace(worker, url=f"http://127.0.0.1:{closed_port()}")
    away.send()
    worker.wait_for(generation)
    worker.send()
    sent = fresh(generation)
    assert (sent.state, sent.error_code, sent.attempts) == ("running", "", 0)
    assert far.paid == 1


def test_a_line_that_is_up_but_says_nothing_at_connecting_is_not_sent(far, worker, generation):
    far.mute = True
    slow = replace(worker, url=far.url.replace("http:", "https:"), deadlines=Deadlines(create=0.2))
    slow.send()
    assert fresh(generation).state == "queued"
    assert far.received == []


REFUSALS = {
    "invalid request": (400, "invalid_request"),
    "content policy": (400, "content_policy_violation"),
    "no access": (403, "model_access_denied"),
    "too large": (413, "request_too_large_error"),
    "out of credits": (402, "insufficient_quota"),
    "a code that is a number": (422, 1234),
    "a code nobody knows": (418, "teapot"),
}


@pytest.mark.parametrize(("status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_final_and_free(far, worker, generation, status, code):
    far.create.answers(error(status, code, "Because of reasons."))
    worker.send()
    worker.clock.forward(hours=2)
    worker.everything()
    refused = fresh(generation)
    assert (refused.state, refused.error_code, refused.charge) == ("failed", str(code), "none")
    assert refused.error_text == "Because of reasons."
    assert len(far.create.requests) == 1


def test_a_refusal_without_a_code_is_named_by_its_status(far, worker, generation):
    far.create.answers(answer(b"", 405))
    worker.send()
    assert fresh(generation).error_code == "http_405"


def test_the_parameter_that_evolink_names_is_kept_for_the_form(far, worker, generation):
    said = {"code": "invalid_parameter", "message": "Too long.", "param": "duration"}
    far.create.answers(answer({"error": said}, 400))
    worker.send()
    assert (fresh(generation).error_field, fresh(generation).error_text) == (
        "duration",
        "Too long.",
    )


def test_a_refused_key_is_told_to_everybody(far, worker, generation):
    far.create.answers(error(401, "unauthorized"))
    worker.send()
    assert (fresh(generation).state, fresh(generation).error_code) == ("failed", "unauthorized")
    assert ProviderAccount.objects.get(provider_key=NAME).key_state == "refused"


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "120"}, 120),
        ({}, 20),
        ({"retry_after": "121"}, 20),
        ({"retry_after": "999999999"}, 20),
        ({"retry_after": "-1"}, 20),
        ({"retry_after": "0"}, 20),
        ({"retry_after": "nan"}, 20),
        ({"retry_after": "1e9"}, 20),
        ({"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 20),
        ({"retry_after": "soon"}, 20),
    ],
    ids=str,
)
def test_a_sane_wish_to_wait_is_honoured_and_no_other(far, worker, generation, asked, waited):
    far.create.answers(answer({"error": {"code": "rate_limit_exceeded"}}, 429, **asked))
    worker.send()
    waiting = fresh(generation)
    assert (waiting.state, waiting.charge) == ("queued", "none")
    assert waiting.error_code == "rate_limit_exceeded"
    assert waiting.next_attempt_at == NOW + timedelta(seconds=waited)


def test_a_third_wish_to_wait_is_the_last(far, worker, generation):
    far.create.always(error(429, "rate_limit_exceeded"))
    for _ in range(poll_schedule.MAX_RATE_LIMITED_TRIES):
        worker.wait_for(generation)
        worker.send()
    refused = fresh(generation)
    assert (refused.state, refused.error_code, refused.charge) == (
        "failed",
        "rate_limit_exceeded",
        "none",
    )
    assert len(far.create.requests) == 3
    assert far.paid == 0


def test_after_waiting_it_is_sent(far, worker, generation):
    far.create.answers(error(429, "rate_limit_exceeded"))
    worker.send()
    worker.wait_for(generation)
    worker.send()
    assert (fresh(generation).state, fresh(generation).attempts) == ("running", 0)
    assert far.paid == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"task_info": {"estimated_time": -5}},
        {"task_info": {"estimated_time": 10**12}},
        {"usage": {"credits_reserved": 10**12}},
        {"usage": {"credits_reserved": 999_999_999_999.99996}},
        {"usage": {"credits_reserved": -1}},
        {"usage": None, "task_info": None},
        {"progress": 250},
        {"progress": -5},
        {"progress": None},
        {"status": "x" * 300},
        {"status": None},
        {"model": "m" * 4000},
        {"status": "completed", "results": []},
    ],
    ids=lambda odd: str(odd)[:60],
)
def test_an_answer_with_odd_figures_still_links_its_task(far, worker, generation, odd):
    far.create.answers(task(id="task-odd", **odd))
    worker.send()
    linked = fresh(generation)
    assert (linked.state, linked.task_id) == ("running", "task-odd")
    assert 0 <= linked.progress < 100


def test_nothing_of_the_key_is_ever_kept(far, worker, generation):
    def told(request) -> Reply:
        return error(400, "invalid_request", f"Not with {request.headers['authorization']}")

    far.create.answers(told)
    worker.send()
    row = " ".join(map(str, vars(fresh(generation)).values()))
    assert worker.key not in row
    assert "Not with" in row
