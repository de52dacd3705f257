"""Callbacks, as an attacker or a clumsy EvoLink might send them: they only ever make us look."""

import random
import re
import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client

from evolink_studio.credits.models import LedgerEntry
from evolink_studio.generations.models import CallbackDelivery, Generation
from evolink_studio.generations.services import MAX_CALLBACKS_PER_GENERATION
from evolink_studio.generations.states import ENDED_STATES, State
from tests.answers import Received, Reply, cut_body, film, hang_up
from tests.factories import NOW, GenerationFactory
from tests.farend import FarEnd
from tests.faults.conftest import SIZE, nothing_was_paid_twice_and_nothing_is_hidden
from tests.faults.journeys import all_is_cleared, at_once, facts, fresh, journey, link, states
from tests.faults.table import tally
from tests.library.footage import film as footage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["journey", "link"]  # fixtures


def ring(client: Client, token: str, body: bytes = b"{}"):
    return client.post(f"/callbacks/{token}/", body, content_type="application/json")


def said(answer) -> tuple[object, ...]:
    """All of an answer; the number of the request and the order inside a header say nothing."""
    told = {name: sorted(value.split("; ")) for name, value in answer.items()}
    told.pop("X-Request-ID", None)
    return answer.status_code, answer.content, str(sorted(told.items()))


def test_a_hundred_at_once_while_the_worker_reads_end_a_task_once(journey, far, link):
    with tally("Callbacks: a hundred at once") as counted:
        for _ in range(SIZE):
            (row,) = journey.press()
            journey.send_all()
            row.refresh_from_db()
            before = len(far.read.requests)
            far.finish(row.task_id, link)
            body = b'{"id": "%s", "status": "completed"}' % row.task_id.encode()
            journey.clock.forward(seconds=3)

            def storm(number: int, row=row, body=body) -> int:
                if number == 20:
                    for _ in range(10):
                        journey.worker.follow()
                    return 204
                client = Client(enforce_csrf_checks=True)
                return [ring(client, row.callback_token, body).status_code for _ in range(5)][-1]

            with time_machine.travel(journey.clock(), tick=False):
                assert at_once(21, storm) == [204] * 21
            journey.worker.follow()
            assert fresh(row).state == "saving"
            assert 1 <= len(far.read.requests) - before <= 21
            assert (
                CallbackDelivery.objects.filter(generation=row).count()
                <= MAX_CALLBACKS_PER_GENERATION + 21
            )
            counted.cases += 100
        journey.until_all_ended()
        settled = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE)
        assert settled.count() == Generation.objects.count()
        all_is_cleared(far)


def test_a_forged_result_is_neither_believed_nor_fetched(journey, far, link):
    """Whatever ends it claims: our own read says that it is still being made."""
    forged = ["completed", "failed", "cancelled", "refunded"]
    with tally("Callbacks: forged") as counted, FarEnd() as evil:
        evil.serve("/film.mp4", b"not what was paid for")
        rows = journey.press(len(forged))
        journey.send_all()
        for row, status in zip(rows, forged, strict=True):
            before = facts(row)
            told = {"results": [f"{evil.url}/film.mp4"], "usage": {"credits_used": 9999}}
            task_id = fresh(row).task_id
            assert journey.calls_back(row, id=task_id, status=status, **told).status_code == 204
            assert facts(row) == before
            counted.cases += 1
        far.media.requests.clear()
        for _ in range(5):
            journey.clock.forward(minutes=1)
            journey.worker.everything()
        assert states() == {"running": len(rows)}
        assert evil.connections == 0
        journey.clears(rows, link)


PATHS = [
    *("../../v1/credits", "../credits", "/v1/credits", "a/b", "%2e%2e%2fcredits", "task?x=1"),
    *("task#x", "task\r\nX-Evil: 1", "task\x00", "", " ", "x" * 129, "٣", "tásk", "task id", "."),
]


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.UNKNOWN, State.RUNNING])
def test_a_forged_id_leads_to_no_other_address(journey, far, state):
    """Only ids that are plain words ever stand in an address that is asked with our key."""
    with tally("Callbacks: forged") as counted:
        for path in PATHS:
            row = GenerationFactory(
                owner=journey.ada, state=state, sent_at=NOW, next_attempt_at=NOW
            )
            journey.calls_back(row, id=path, status="completed")
            assert fresh(row).candidate_task_id == ""
            counted.cases += 1
        journey.clock.forward(seconds=1)
        journey.worker.everything()
        asked = {request.path for request in far.received}
        assert all(re.fullmatch(r"/v1/tasks(/[A-Za-z0-9_-]{1,128})?", path) for path in asked)
        assert states() == {state.value: len(PATHS)}
        assert far.create.requests == []


@pytest.mark.django_db
def test_a_task_of_somebody_else_is_never_linked_by_a_callback(journey, far):
    """The token is known, the id is real, and it is another person's: it stays with them."""
    with tally("Callbacks: forged") as counted:
        theirs, mine = journey.press(2)
        far.create.answers(journey.taken(), hang_up(accepts=False))
        journey.send_all()
        (owner,) = Generation.objects.filter(state=State.RUNNING)
        (lost,) = Generation.objects.filter(state=State.UNKNOWN)
        for _ in range(3):
            journey.calls_back(lost, id=owner.task_id, status="completed")
            journey.clock.forward(seconds=40)
            journey.worker.everything()
            counted.cases += 1
        assert (fresh(lost).state, fresh(lost).task_id) == ("unknown", None)
        assert {owner.pk, lost.pk} == {theirs.pk, mine.pk}
        nothing_was_paid_twice_and_nothing_is_hidden(far)


@pytest.mark.parametrize("heard", [True, False], ids=["the answer comes", "the answer is lost"])
@pytest.mark.parametrize("again", [True, False], ids=["called again later", "called once"])
def test_a_callback_that_is_quicker_than_the_answer_loses_nothing(journey, far, heard, again):
    """EvoLink calls while our POST is still in the line. With the answer lost, it says which."""
    with tally("Callbacks: before the answer to the POST") as counted:
        (row,) = journey.press()
        far.list.always(Reply(404))

        def called_meanwhile(_: Received) -> Reply:
            reply = journey.taken(id="task-quick", status="failed", error={"code": "service_error"})
            caller = threading.Thread(target=call)
            caller.start()
            caller.join(10)
            return reply if heard else cut_body(reply, 10)

        def call() -> None:
            assert journey.calls_back(row, id="task-quick", status="failed").status_code == 204
            connection.close()

        far.create.answers(called_meanwhile)
        journey.send_all()
        assert CallbackDelivery.objects.filter(
            generation=row, reported_task_id="task-quick"
        ).exists()
        assert fresh(row).state == ("running" if heard else "unknown")
        if again:
            journey.calls_back(row, id="task-quick", status="failed")
        journey.until_all_ended()
        assert fresh(row).task_id == "task-quick"
        nothing_was_paid_twice_and_nothing_is_hidden(far)
        all_is_cleared(far)
        counted.cases += 1


@pytest.mark.django_db
def test_after_the_end_and_after_deletion_nothing_comes_back(journey, far):
    with tally("Callbacks: after the end, after deletion") as counted:
        for state in sorted(ENDED_STATES):
            row = GenerationFactory(owner=journey.ada, state=state)
            before = facts(row)
            known = said(journey.calls_back(row, id=row.task_id or "task-x", status="completed"))
            assert facts(row) == before
            Generation.objects.filter(pk=row.pk).delete()
            assert said(journey.calls_back(row, id="task-x", status="completed")) == known
            assert not CallbackDelivery.objects.exists()
            counted.cases += 2
        journey.clock.forward(days=1)
        journey.worker.everything()
        assert not Generation.objects.exists()
        assert far.received == []


def test_callbacks_in_any_order_and_number_change_no_figure(journey, far, tmp_path):
    """Each row is called at random moments with random words, from the press to after its end."""
    chance = random.Random(3)
    clip = footage(tmp_path / "clip.mp4", seconds=1).read_bytes()
    far.files["/film.mp4"] = film(clip)
    with tally("Callbacks: at random moments") as counted:
        rows = journey.press(8 * SIZE)

        def some_call(back: int) -> None:
            for row in chance.sample(rows, back):
                words = {"status": chance.choice(["completed", "failed", "pending", ""])}
                ids = [fresh(row).task_id or "task-none", "task-forged", "", "../x"]
                journey.calls_back(row, id=chance.choice(ids), **words)
                counted.cases += 1

        some_call(4)
        journey.send_all()
        for _ in range(4):
            some_call(4)
            journey.clock.now += timedelta(seconds=20)
            journey.worker.everything()
        journey.ends(rows, far.url + "/film.mp4")
        some_call(4)
        journey.until_all_ended()
        before = [facts(row) for row in rows]
        some_call(8)
        journey.worker.everything()
        assert [facts(row) for row in rows] == before
        all_is_cleared(far)
