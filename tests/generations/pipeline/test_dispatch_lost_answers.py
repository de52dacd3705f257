"""It left, and the answer is lost or late: nothing is ever sent again by itself."""

from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.dispatch import dispatch, record_accepted
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.services import cancel
from evolink_studio.generations.states import State
from tests.factories import GenerationFactory
from tests.fake_provider import find_closed_port
from tests.generations.conftest import reload
from tests.manual_worker import ManualWorker
from tests.provider_replies import (
    cut_reply,
    cut_reply_body,
    drip_reply,
    make_dropped_reply,
    make_error_reply,
    make_gzip_bomb_reply,
    make_redirect_reply,
    make_reply,
    make_silent_reply,
    make_task_reply,
)

pytestmark = pytest.mark.django_db


LOST_REPLIES = {
    "no answer in time": make_silent_reply(),
    "an answer that drips": drip_reply(make_task_reply(), byte_pause_seconds=0.05),
    "closed": make_dropped_reply(),
    "reset": make_dropped_reply(is_reset=True),
    "cut in the head": cut_reply(make_task_reply(), after_bytes=30),
    "cut in the body": cut_reply_body(make_task_reply(), after_bytes=40),
    "moved": make_redirect_reply("http://127.0.0.1:9/"),
    "kept method": make_redirect_reply("/v1/videos/generations", 307),
    "500": make_error_reply(500, "internal_error"),
    "500 over an accepted task": replace(
        make_error_reply(500, "internal_error"), accepts_task=True
    ),
    "502": make_error_reply(502, "upstream_error"),
    "503": make_error_reply(503, "service_unavailable"),
    "504": make_reply(b"<html>", 504),
    "garbage": make_reply(b"OK"),
    "nothing": make_reply(b""),
    "no id": make_reply({"status": "pending"}),
    "an id that is a path": make_task_reply(id="../credits"),
    "unfolding": make_gzip_bomb_reply(),
}


@pytest.mark.parametrize("reply", LOST_REPLIES.values(), ids=LOST_REPLIES)
def test_a_lost_answer_is_unknown_and_is_never_sent_again(fake_provider, worker, generation, reply):
    fake_provider.create.reply_next(reply)
    impatient_worker = replace(worker, deadlines=Deadlines(create=0.3))
    while reload(generation).state == "queued":  # connecting may take as long on a busy machine
        worker.advance_until_due(generation)
        impatient_worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == (
        "unknown",
        "answer_lost",
        "unclear",
    )
    assert (current.lease_id, current.task_id) == (None, None)

    for _ in range(7):
        worker.clock.advance(days=1)
        worker.run_all_stages()
    assert reload(generation).state == "unknown"
    assert len(fake_provider.create.requests) == 1


UNCLEAR_REPLIES = {
    "408": (make_error_reply(408, "timeout", "Too slow."), "Too slow."),
    "409": (make_error_reply(409, "conflict", "Twice?"), "Twice?"),
    "unknown to EvoLink itself": (make_error_reply(400, "paid_outcome_unknown", "Hm."), "Hm."),
    "403 of a proxy": (make_reply(b"<html>Forbidden</html>", 403), "HTTP 403"),
    "401 of a proxy": (make_reply(b"", 401), "HTTP 401"),
    "404 of a gateway": (make_reply({"message": "no Route matched"}, 404), "HTTP 404"),
    "429 of a proxy": (make_reply(b"slow down", 429, retry_after="5"), "HTTP 429"),
}


@pytest.mark.parametrize(("reply", "text"), UNCLEAR_REPLIES.values(), ids=list(UNCLEAR_REPLIES))
def test_an_answer_that_proves_no_refusal_keeps_the_credits_and_finds_its_task(
    fake_provider, worker, generation, reply, text
):
    fake_provider.create.reply_next(replace(reply, accepts_task=True))
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.error_text) == (
        *("unknown", "answer_unclear"),
        text,
    )
    assert current.charge == "unclear"
    (incident,) = list_open_incidents(now=worker.clock(), limit=9)
    assert (incident.type.name, incident.generation.pk) == ("unknown", generation.pk)

    task_id = fake_provider.accepted_posts[0].task_id
    now = int(worker.clock().timestamp())
    fake_provider.update_task(task_id, created=now, created_at=now)
    worker.advance_until_due(generation)
    worker.reconcile_due()
    assert (reload(generation).state, reload(generation).task_id) == ("running", task_id)
    assert reload(generation).error_code == ""
    assert len(fake_provider.create.requests) == 1


def test_a_named_task_stays_named_while_only_a_proxy_answers(fake_provider, worker, generation):
    fake_provider.create.reply_next(make_reply(b"<html>", 403))
    worker.dispatch_due()
    Generation.objects.update(candidate_task_id="task-named", candidate_confirmed=True)
    fake_provider.read.reply_always(make_reply(b"<html>Not found</html>", 404))
    worker.advance_until_due(generation)
    worker.reconcile_due()
    assert reload(generation).candidate_task_id == "task-named"


def test_a_reply_that_is_whole_counts_even_if_the_connection_then_broke(
    fake_provider, worker, generation
):
    reply = make_task_reply()
    fake_provider.create.reply_next(cut_reply(reply, after_bytes=len(reply.wire_bytes)))
    worker.dispatch_due()
    assert reload(generation).state == "running"


def test_one_task_for_two_posts_is_linked_once_and_shown_to_a_person(fake_provider, worker):
    GenerationFactory.create_batch(2)
    fake_provider.create.reply_always(lambda _: make_task_reply(id="task-twice"))
    worker.dispatch_due()
    states = dict(Generation.objects.values_list("state", "error_code"))
    assert states == {"running": "", "unknown": "task_already_linked"}


@pytest.mark.django_db(transaction=True)
def test_what_evolink_said_is_written_down_when_the_database_is_back(
    fake_provider, worker, generation, monkeypatch
):
    """The task id is known nowhere else: losing it would lose a paid film."""
    calls = []

    def fail_twice(*facts):
        calls.append(facts)
        if len(calls) < 3:
            raise OperationalError("database is locked")
        record_accepted(*facts)

    monkeypatch.setattr("evolink_studio.generations.pipeline.dispatch.record_accepted", fail_twice)
    monkeypatch.setattr(
        "evolink_studio.generations.pipeline.dispatch.RECORD_RETRY_SECONDS", (0, 0, 0)
    )
    worker.dispatch_due()
    assert reload(generation).task_id == fake_provider.accepted_posts[0].task_id
    assert fake_provider.paid_count == 1


def test_an_answer_is_stored_even_when_another_worker_already_called_it_lost(
    fake_provider, worker, generation, monkeypatch
):
    """A worker that was paused in the middle of its POST brings the answer in the end."""
    pause_after_post(monkeypatch, worker, generation)
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.charge, current.error_code) == ("running", "reserved", "")
    assert current.task_id == fake_provider.accepted_posts[0].task_id
    assert fake_provider.paid_count == 1


CERTAIN_REPLIES = {
    "refused": (make_error_reply(400, "invalid_parameter", "Not this."), "invalid_parameter"),
    "asked to wait": (make_error_reply(429, "rate_limit_exceeded"), "rate_limit_exceeded"),
}


@pytest.mark.parametrize(("reply", "code"), CERTAIN_REPLIES.values(), ids=CERTAIN_REPLIES)
def test_a_rejection_counts_even_when_another_worker_already_called_the_answer_lost(
    fake_provider, worker, generation, monkeypatch, reply, code
):
    """What is certain ends what was unclear: nobody has to look, and nothing stays reserved."""
    pause_after_post(monkeypatch, worker, generation)
    fake_provider.create.reply_next(reply)
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", code, "none")
    worker.clock.advance(days=1)
    worker.run_all_stages()
    assert len(fake_provider.create.requests) == 1


def test_what_never_left_is_known_not_to_have_been_taken_even_late(
    fake_provider, worker, generation, monkeypatch
):
    pause_after_post(monkeypatch, worker, generation)
    replace(worker, url=f"http://127.0.0.1:{find_closed_port()}").dispatch_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", "not_sent", "none")


def test_a_late_no_changes_nothing_where_the_task_was_found_meanwhile(
    fake_provider, worker, generation, monkeypatch
):
    """EvoLink says no and yes: what is linked is worth more than a word."""

    def link_task():
        Generation.objects.update(state=State.RUNNING, task_id="task-found", charge="reserved")

    pause_after_post(monkeypatch, worker, generation, link_task)
    fake_provider.create.reply_next(make_error_reply(400, "invalid_parameter"))
    worker.dispatch_due()
    current = reload(generation)
    assert (current.state, current.task_id, current.charge) == ("running", "task-found", "reserved")


def test_a_late_and_unclear_answer_leaves_it_unknown(
    fake_provider, worker, generation, monkeypatch
):
    pause_after_post(monkeypatch, worker, generation)
    fake_provider.create.reply_next(make_dropped_reply())
    worker.dispatch_due()
    assert (reload(generation).state, reload(generation).charge) == ("unknown", "unclear")


def pause_after_post(monkeypatch, worker, generation, action=lambda: None):
    """The worker freezes before it reads the answer; another one takes over, and `action` runs."""
    create_video = EvoLinkClient.create_video

    def recover_meanwhile():
        worker.recover_interrupted()
        assert reload(generation).state == "unknown"
        action()

    async def create_then_pause(self, payload, **kwargs):
        try:
            return await create_video(self, payload, **kwargs)
        finally:
            worker.clock.advance(minutes=5)
            await sync_to_async(recover_meanwhile)()

    monkeypatch.setattr(EvoLinkClient, "create_video", create_then_pause)


def test_a_worker_that_was_paused_before_its_post_does_not_post(fake_provider, clock, generation):
    worker = ManualWorker(fake_provider.url, clock)
    lease_id, rows = lease_due(State.QUEUED, limit=1, now=clock())
    clock.advance(minutes=5)
    worker.dispatch_due()
    assert fake_provider.paid_count == 1
    worker.run_stage(dispatch, rows, lease_id)
    assert fake_provider.paid_count == len(fake_provider.create.requests) == 1


def test_a_generation_cancelled_at_the_last_moment_is_not_sent(fake_provider, clock, generation):
    lease_id, rows = lease_due(State.QUEUED, limit=1, now=clock())
    assert cancel(generation=reload(generation), now=clock())
    ManualWorker(fake_provider.url, clock).run_stage(dispatch, rows, lease_id)
    assert reload(generation).state == "cancelled"
    assert fake_provider.received_requests == []
