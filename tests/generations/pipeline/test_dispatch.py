"""Sending: each thing that can be observed at the one paid POST, and what is written down."""

import socket
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.credits.models import ProviderAccount
from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.pipeline import schedule
from tests.factories import NOW
from tests.fake_provider import find_closed_port
from tests.generations.conftest import reload
from tests.manual_worker import PROVIDER_KEY
from tests.provider_replies import Reply, make_error_reply, make_reply, make_task_reply

pytestmark = pytest.mark.django_db


def test_an_accepted_task_is_linked_with_what_evolink_reserved(fake_provider, worker, generation):
    fake_provider.create.reply_next(
        make_task_reply(id="task-unified-1-abc", model="veo3.1-pro-beta", progress=3)
    )
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.task_id, current.model_used) == (
        "running",
        "task-unified-1-abc",
        "veo3.1-pro-beta",
    )
    assert (current.credits_reserved, current.charge) == (Decimal("25.7"), "reserved")
    assert (current.sent_at, current.accepted_at, current.lease_id, current.progress) == (
        NOW,
        NOW,
        None,
        3,
    )
    assert current.expected_seconds == 180
    assert current.next_attempt_at == NOW + timedelta(seconds=15)
    assert fake_provider.paid_count == 1


def test_what_is_sent_is_what_was_stored_with_a_key_of_its_own(fake_provider, worker, generation):
    worker.dispatch_due()
    (request,) = fake_provider.create.requests
    assert request.json["model"] == generation.model_id
    assert request.json["prompt"] == "A cat playing piano"
    assert request.headers["idempotency-key"] == f"studio-{generation.form_key.hex}"
    assert request.headers["connection"] == "close"


def test_what_was_sent_is_not_sent_again(fake_provider, worker, generation):
    for _ in range(5):
        worker.dispatch_due()
        worker.clock.advance(hours=1)
    assert fake_provider.paid_count == len(fake_provider.create.requests) == 1


def fail_to_resolve(*_args, **_kwargs):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.fixture(params=["refused", "no such name", "no TLS", "closed in the handshake"])
def unsendable_worker(request, fake_provider, worker, monkeypatch):
    """A worker that cannot bring anything to EvoLink."""
    urls = {
        "refused": f"http://127.0.0.1:{find_closed_port()}",
        "no such name": "http://name.invalid",
        "no TLS": fake_provider.url.replace("http:", "https:"),
        "closed in the handshake": fake_provider.url.replace("http:", "https:"),
    }
    if request.param == "no such name":
        monkeypatch.setattr(socket, "getaddrinfo", fail_to_resolve)
    if request.param.startswith("closed"):
        fake_provider.connections_to_drop = 100
    return replace(worker, url=urls[request.param], files_url=fake_provider.url)


def test_what_could_not_leave_is_tried_again_with_growing_gaps(
    fake_provider, unsendable_worker, generation
):
    gaps = []
    for _ in range(6):
        unsendable_worker.dispatch_due()
        waiting = reload(generation)
        assert (waiting.state, waiting.charge, waiting.sent_at) == ("queued", "none", None)
        assert waiting.error_code == "unreachable"
        gaps.append((waiting.next_attempt_at - unsendable_worker.clock()).total_seconds())
        unsendable_worker.advance_until_due(generation)
    assert gaps == [2, 5, 15, 30, 60, 60]
    assert fake_provider.received_requests == []


def test_after_an_hour_of_that_it_has_failed_and_nothing_was_charged(
    fake_provider, unsendable_worker, generation
):
    unsendable_worker.clock.advance(hours=1, seconds=1)
    unsendable_worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", "not_sent", "none")
    assert fake_provider.received_requests == []


def test_it_is_sent_when_the_connection_is_back(fake_provider, worker, generation):
    unreachable_worker = replace(worker, url=f"http://127.0.0.1:{find_closed_port()}")
    unreachable_worker.dispatch_due()
    worker.advance_until_due(generation)
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.attempts) == ("running", "", 0)
    assert fake_provider.paid_count == 1


def test_a_connection_that_stays_silent_in_the_handshake_is_not_sent(
    fake_provider, worker, generation
):
    fake_provider.is_mute = True
    slow_worker = replace(
        worker, url=fake_provider.url.replace("http:", "https:"), deadlines=Deadlines(create=0.2)
    )
    slow_worker.dispatch_due()
    assert reload(generation).state == "queued"
    assert fake_provider.received_requests == []


REJECTIONS = {
    "invalid request": (400, "invalid_request"),
    "content policy": (400, "content_policy_violation"),
    "no access": (403, "model_access_denied"),
    "too large": (413, "request_too_large_error"),
    "out of credits": (402, "insufficient_quota"),
    "a code that is a number": (422, 1234),
    "a code nobody knows": (422, "teapot"),
}


@pytest.mark.parametrize(("status", "code"), REJECTIONS.values(), ids=REJECTIONS)
def test_a_refusal_is_final_and_free(fake_provider, worker, generation, status, code):
    fake_provider.create.reply_next(make_error_reply(status, code, "Because of reasons."))
    worker.dispatch_due()
    worker.clock.advance(hours=2)
    worker.run_all_stages()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", str(code), "none")
    assert current.error_text == "Because of reasons."
    assert len(fake_provider.create.requests) == 1


def test_a_refusal_without_a_code_is_named_by_its_status(fake_provider, worker, generation):
    fake_provider.create.reply_next(make_reply({"error": {"message": "No."}}, 422))
    worker.dispatch_due()
    assert reload(generation).error_code == "http_422"


def test_the_parameter_that_evolink_names_is_kept_for_the_form(fake_provider, worker, generation):
    error = {"code": "invalid_parameter", "message": "Too long.", "param": "duration"}
    fake_provider.create.reply_next(make_reply({"error": error}, 400))
    worker.dispatch_due()
    assert (reload(generation).error_field, reload(generation).error_text) == (
        "duration",
        "Too long.",
    )


def test_a_refused_key_is_told_to_everybody(fake_provider, worker, generation):
    fake_provider.create.reply_next(make_error_reply(401, "unauthorized"))
    worker.dispatch_due()
    assert (reload(generation).state, reload(generation).error_code) == ("failed", "unauthorized")
    assert ProviderAccount.objects.get(provider_key=PROVIDER_KEY).key_state == "refused"


@pytest.mark.parametrize(
    ("retry_after", "wait_seconds"),
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
def test_a_sane_retry_after_is_honoured_and_no_other(
    fake_provider, worker, generation, retry_after, wait_seconds
):
    fake_provider.create.reply_next(
        make_reply({"error": {"code": "rate_limit_exceeded"}}, 429, **retry_after)
    )
    worker.dispatch_due()
    waiting = reload(generation)
    assert (waiting.state, waiting.charge) == ("queued", "none")
    assert waiting.error_code == "rate_limit_exceeded"
    assert waiting.next_attempt_at == NOW + timedelta(seconds=wait_seconds)


def test_a_third_retry_after_is_the_last(fake_provider, worker, generation):
    fake_provider.create.reply_always(make_error_reply(429, "rate_limit_exceeded"))
    for _ in range(schedule.MAX_RATE_LIMITED_TRIES):
        worker.advance_until_due(generation)
        worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == (
        "failed",
        "rate_limit_exceeded",
        "none",
    )
    assert len(fake_provider.create.requests) == 3
    assert fake_provider.paid_count == 0


def test_after_waiting_it_is_sent(fake_provider, worker, generation):
    fake_provider.create.reply_next(make_error_reply(429, "rate_limit_exceeded"))
    worker.dispatch_due()
    worker.advance_until_due(generation)
    worker.dispatch_due()
    assert (reload(generation).state, reload(generation).attempts) == ("running", 0)
    assert fake_provider.paid_count == 1


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
def test_an_answer_with_odd_amounts_still_links_its_task(fake_provider, worker, generation, odd):
    fake_provider.create.reply_next(make_task_reply(id="task-odd", **odd))
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.task_id) == ("running", "task-odd")
    assert 0 <= current.progress < 100


def test_nothing_of_the_key_is_ever_kept(fake_provider, worker, generation):
    def reply_with_key(request) -> Reply:
        return make_error_reply(
            400, "invalid_request", f"Not with {request.headers['authorization']}"
        )

    fake_provider.create.reply_next(reply_with_key)
    worker.dispatch_due()
    row = " ".join(map(str, vars(reload(generation)).values()))
    assert worker.api_key not in row
    assert "Not with" in row
