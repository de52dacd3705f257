"""It left, and the answer is lost or late: nothing is ever sent again by itself."""

from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from evolink_studio.generations.models import Generation
from evolink_studio.generations.pipeline.dispatch import dispatch, record_accepted
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.services import cancel
from evolink_studio.generations.states import State
from tests.answers import (
    answer,
    cut,
    cut_body,
    drip,
    error,
    gzip_bomb,
    hang_up,
    redirect,
    silence,
    task,
)
from tests.factories import GenerationFactory
from tests.farend import closed_port
from tests.generations.conftest import fresh
from tests.work import Worker

pytestmark = pytest.mark.django_db


LOST = {
    "no answer in time": silence(),
    "an answer that drips": drip(task(), pause=0.05),
    "closed": hang_up(),
    "reset": hang_up(reset=True),
    "cut in the head": cut(task(), after=30),
    "cut in the body": cut_body(task(), after=40),
    "moved": redirect("http://127.0.0.1:9/"),
    "kept method": redirect("/v1/videos/generations", 307),
    "500": error(500, "internal_error"),
    "500 over an accepted task": replace(error(500, "internal_error"), accepts=True),
    "502": error(502, "upstream_error"),
    "503": error(503, "service_unavailable"),
    "504": answer(b"<html>", 504),
    "garbage": answer(b"OK"),
    "nothing": answer(b""),
    "no id": answer({"status": "pending"}),
    "an id that is a path": task(id="../credits"),
    "unfolding": gzip_bomb(),
}


@pytest.mark.parametrize("reply", LOST.values(), ids=LOST)
def test_a_lost_answer_is_unknown_and_is_never_sent_again(far, worker, generation, reply):
    far.create.answers(reply)
    replace(worker, deadlines=Deadlines(create=0.3)).send()
    lost = fresh(generation)
    assert (lost.state, lost.error_code, lost.charge) == ("unknown", "answer_lost", "unclear")
    assert (lost.lease_id, lost.task_id) == (None, None)

    for _ in range(7):
        worker.clock.forward(days=1)
        worker.everything()
    assert fresh(generation).state == "unknown"
    assert len(far.create.requests) == 1


def test_a_reply_that_is_whole_counts_even_if_the_line_then_broke(far, worker, generation):
    whole = task()
    far.create.answers(cut(whole, after=len(whole.wire)))
    worker.send()
    assert fresh(generation).state == "running"


def test_one_task_for_two_posts_is_linked_once_and_shown_to_a_person(far, worker):
    GenerationFactory.create_batch(2)
    far.create.always(lambda _: task(id="task-twice"))
    worker.send()
    states = dict(Generation.objects.values_list("state", "error_code"))
    assert states == {"running": "", "unknown": "task_already_linked"}


@pytest.mark.django_db(transaction=True)
def test_what_evolink_said_is_written_down_when_the_database_is_back(
    far, worker, generation, monkeypatch
):
    """The task id is known nowhere else: losing it would lose a paid film."""
    told = []

    def away(*facts):
        told.append(facts)
        if len(told) < 3:
            raise OperationalError("database is locked")
        record_accepted(*facts)

    monkeypatch.setattr("evolink_studio.generations.pipeline.dispatch.record_accepted", away)
    monkeypatch.setattr(
        "evolink_studio.generations.pipeline.dispatch.RECORD_RETRY_SECONDS", (0, 0, 0)
    )
    worker.send()
    assert fresh(generation).task_id == far.accepted[0].task_id
    assert far.paid == 1


def test_an_answer_is_kept_even_when_a_colleague_already_called_it_lost(
    far, worker, generation, monkeypatch
):
    """A worker that was paused in the middle of its POST brings the answer in the end."""
    pause_after_the_post(monkeypatch, worker, generation)
    worker.send()
    found = fresh(generation)
    assert (found.state, found.charge, found.error_code) == ("running", "reserved", "")
    assert found.task_id == far.accepted[0].task_id
    assert far.paid == 1


CERTAIN = {
    "refused": (error(400, "invalid_parameter", "Not this."), "invalid_parameter"),
    "asked to wait": (error(429, "rate_limit_exceeded"), "rate_limit_exceeded"),
}


@pytest.mark.parametrize(("reply", "code"), CERTAIN.values(), ids=CERTAIN)
def test_a_no_counts_even_when_a_colleague_already_called_the_answer_lost(
    far, worker, generation, monkeypatch, reply, code
):
    """What is certain ends what was unclear: nobody has to look, and nothing stays reserved."""
    pause_after_the_post(monkeypatch, worker, generation)
    far.create.answers(reply)
    worker.send()
    ended = fresh(generation)
    assert (ended.state, ended.error_code, ended.charge) == ("failed", code, "none")
    worker.clock.forward(days=1)
    worker.everything()
    assert len(far.create.requests) == 1


def test_what_never_left_is_known_not_to_have_been_taken_even_late(
    far, worker, generation, monkeypatch
):
    pause_after_the_post(monkeypatch, worker, generation)
    replace(worker, url=f"http://127.0.0.1:{closed_port()}").send()
    ended = fresh(generation)
    assert (ended.state, ended.error_code, ended.charge) == ("failed", "not_sent", "none")


def test_a_late_no_changes_nothing_where_the_task_was_found_meanwhile(
    far, worker, generation, monkeypatch
):
    """EvoLink says no and yes: what is linked is worth more than a word."""

    def linked():
        Generation.objects.update(
            state=State.RUNNING, task_id="task-found", charge="credits_reserved"
        )

    pause_after_the_post(monkeypatch, worker, generation, linked)
    far.create.answers(error(400, "invalid_parameter"))
    worker.send()
    found = fresh(generation)
    assert (found.state, found.task_id, found.charge) == ("running", "task-found", "reserved")


def test_a_late_and_unclear_answer_leaves_it_unknown(far, worker, generation, monkeypatch):
    pause_after_the_post(monkeypatch, worker, generation)
    far.create.answers(hang_up())
    worker.send()
    assert (fresh(generation).state, fresh(generation).charge) == ("unknown", "unclear")


def pause_after_the_post(monkeypatch, worker, generation, then=lambda: None):
    """The worker freezes with the answer in the line; a colleague sweeps, and `then`."""
    create = EvoLinkClient.create_video

    def meanwhile():
        worker.sweep()
        assert fresh(generation).state == "unknown"
        then()

    async def paused(self, payload, **more):
        try:
            return await create(self, payload, **more)
        finally:
            worker.clock.forward(minutes=5)
            await sync_to_async(meanwhile)()

    monkeypatch.setattr(EvoLinkClient, "create_video", paused)


def test_a_worker_that_was_paused_before_its_post_does_not_post(far, clock, generation):
    worker = Worker(far.url, clock)
    held, rows = lease_due(State.QUEUED, limit=1, now=clock())
    clock.forward(minutes=5)
    worker.send()
    assert far.paid == 1
    worker.step(dispatch, rows, held)
    assert far.paid == len(far.create.requests) == 1


def test_a_generation_dropped_at_the_last_moment_is_not_sent(far, clock, generation):
    held, rows = lease_due(State.QUEUED, limit=1, now=clock())
    assert cancel(generation=fresh(generation), now=clock())
    Worker(far.url, clock).step(dispatch, rows, held)
    assert fresh(generation).state == "cancelled"
    assert far.received == []
