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
from tests.factories import NOW, GenerationFactory
from tests.fake_provider import FakeProvider
from tests.faults.conftest import FAULTS_SIZE, assert_nothing_paid_twice_or_hidden
from tests.faults.lifecycle import (
    assert_all_cleared,
    count_states,
    final_values,
    reload,
    run_concurrently,
)
from tests.faults.report import count_cases
from tests.provider_replies import (
    ReceivedRequest,
    Reply,
    cut_reply_body,
    make_dropped_reply,
    make_media_script,
)
from tests.sample_videos import make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


def post_callback(client: Client, token: str, body: bytes = b"{}"):
    return client.post(f"/callbacks/{token}/", body, content_type="application/json")


def comparable_answer(answer) -> tuple[object, ...]:
    """All of an answer; the number of the request and the order inside a header say nothing."""
    headers = {name: sorted(value.split("; ")) for name, value in answer.items()}
    headers.pop("X-Request-ID", None)
    return answer.status_code, answer.content, str(sorted(headers.items()))


def test_a_hundred_at_once_while_the_worker_reads_end_a_task_once(
    lifecycle, fake_provider, video_url
):
    with count_cases("Callbacks: a hundred at once") as case_counter:
        for _ in range(FAULTS_SIZE):
            (row,) = lifecycle.create_generations()
            lifecycle.dispatch_all()
            row.refresh_from_db()
            before = len(fake_provider.read.requests)
            fake_provider.complete_task(row.task_id, video_url)
            body = b'{"id": "%s", "status": "completed"}' % row.task_id.encode()
            lifecycle.clock.advance(seconds=3)

            def call_back(number: int, row=row, body=body) -> int:
                if number == 20:
                    for _ in range(10):
                        lifecycle.worker.poll_due()
                    return 204
                client = Client(enforce_csrf_checks=True)
                return [
                    post_callback(client, row.callback_token, body).status_code for _ in range(5)
                ][-1]

            with time_machine.travel(lifecycle.clock(), tick=False):
                assert run_concurrently(21, call_back) == [204] * 21
            lifecycle.worker.poll_due()
            assert reload(row).state == "saving"
            assert 1 <= len(fake_provider.read.requests) - before <= 21
            assert (
                CallbackDelivery.objects.filter(generation=row).count()
                <= MAX_CALLBACKS_PER_GENERATION + 21
            )
            case_counter.cases += 100
        lifecycle.run_until_all_ended()
        settlements = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE)
        assert settlements.count() == Generation.objects.count()
        assert_all_cleared(fake_provider)


def test_a_forged_result_is_neither_believed_nor_fetched(lifecycle, fake_provider, video_url):
    """Whatever ends it claims: our own read says that it is still being made."""
    forged_states = ["completed", "failed", "cancelled", "refunded"]
    with count_cases("Callbacks: forged") as case_counter, FakeProvider() as evil_host:
        evil_host.serve_file("/film.mp4", b"not what was paid for")
        rows = lifecycle.create_generations(len(forged_states))
        lifecycle.dispatch_all()
        for row, status in zip(rows, forged_states, strict=True):
            before = final_values(row)
            callback = {"results": [f"{evil_host.url}/film.mp4"], "usage": {"credits_used": 9999}}
            task_id = reload(row).task_id
            assert (
                lifecycle.post_callback(row, id=task_id, status=status, **callback).status_code
                == 204
            )
            assert final_values(row) == before
            case_counter.cases += 1
        fake_provider.media.requests.clear()
        for _ in range(5):
            lifecycle.clock.advance(minutes=1)
            lifecycle.worker.run_all_stages()
        assert count_states() == {"running": len(rows)}
        assert evil_host.connection_count == 0
        lifecycle.end_and_assert_cleared(rows, video_url)


FORGED_PATHS = [
    *("../../v1/credits", "../credits", "/v1/credits", "a/b", "%2e%2e%2fcredits", "task?x=1"),
    *("task#x", "task\r\nX-Evil: 1", "task\x00", "", " ", "x" * 129, "٣", "tásk", "task id", "."),
]


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.UNKNOWN, State.RUNNING])
def test_a_forged_id_leads_to_no_other_address(lifecycle, fake_provider, state):
    """Only ids that are plain words ever stand in an address that is asked with our key."""
    with count_cases("Callbacks: forged") as case_counter:
        for path in FORGED_PATHS:
            row = GenerationFactory(
                owner=lifecycle.ada, state=state, sent_at=NOW, next_attempt_at=NOW
            )
            lifecycle.post_callback(row, id=path, status="completed")
            assert reload(row).candidate_task_id == ""
            case_counter.cases += 1
        lifecycle.clock.advance(seconds=1)
        lifecycle.worker.run_all_stages()
        requested_paths = {request.path for request in fake_provider.received_requests}
        assert all(
            re.fullmatch(r"/v1/tasks(/[A-Za-z0-9_-]{1,128})?", path) for path in requested_paths
        )
        assert count_states() == {state.value: len(FORGED_PATHS)}
        assert fake_provider.create.requests == []


@pytest.mark.django_db
def test_a_task_of_somebody_else_is_never_linked_by_a_callback(lifecycle, fake_provider):
    """The token is known, the id is real, and it is another person's: it stays with them."""
    with count_cases("Callbacks: forged") as case_counter:
        other_row, own_row = lifecycle.create_generations(2)
        fake_provider.create.reply_next(
            lifecycle.make_task_reply_now(), make_dropped_reply(accepts_task=False)
        )
        lifecycle.dispatch_all()
        (owner,) = Generation.objects.filter(state=State.RUNNING)
        (lost_row,) = Generation.objects.filter(state=State.UNKNOWN)
        for _ in range(3):
            lifecycle.post_callback(lost_row, id=owner.task_id, status="completed")
            lifecycle.clock.advance(seconds=40)
            lifecycle.worker.run_all_stages()
            case_counter.cases += 1
        assert (reload(lost_row).state, reload(lost_row).task_id) == ("unknown", None)
        assert {owner.pk, lost_row.pk} == {other_row.pk, own_row.pk}
        assert_nothing_paid_twice_or_hidden(fake_provider)


@pytest.mark.parametrize(
    "is_answered", [True, False], ids=["the answer comes", "the answer is lost"]
)
@pytest.mark.parametrize("is_repeated", [True, False], ids=["called again later", "called once"])
def test_a_callback_that_is_quicker_than_the_answer_loses_nothing(
    lifecycle, fake_provider, is_answered, is_repeated
):
    """EvoLink calls before our POST is answered. When the answer is lost, it names the task."""
    with count_cases("Callbacks: before the answer to the POST") as case_counter:
        (row,) = lifecycle.create_generations()
        fake_provider.list.reply_always(Reply(404))

        def reply_after_callback(_: ReceivedRequest) -> Reply:
            reply = lifecycle.make_task_reply_now(
                id="task-quick", status="failed", error={"code": "service_error"}
            )
            caller = threading.Thread(target=call)
            caller.start()
            caller.join(10)
            return reply if is_answered else cut_reply_body(reply, 10)

        def call() -> None:
            assert lifecycle.post_callback(row, id="task-quick", status="failed").status_code == 204
            connection.close()

        fake_provider.create.reply_next(reply_after_callback)
        lifecycle.dispatch_all()
        assert CallbackDelivery.objects.filter(
            generation=row, reported_task_id="task-quick"
        ).exists()
        assert reload(row).state == ("running" if is_answered else "unknown")
        if is_repeated:
            lifecycle.post_callback(row, id="task-quick", status="failed")
        lifecycle.run_until_all_ended()
        assert reload(row).task_id == "task-quick"
        assert_nothing_paid_twice_or_hidden(fake_provider)
        assert_all_cleared(fake_provider)
        case_counter.cases += 1


@pytest.mark.django_db
def test_after_the_end_and_after_deletion_nothing_comes_back(lifecycle, fake_provider):
    with count_cases("Callbacks: after the end, after deletion") as case_counter:
        for state in sorted(ENDED_STATES):
            row = GenerationFactory(owner=lifecycle.ada, state=state)
            before = final_values(row)
            known_answer = comparable_answer(
                lifecycle.post_callback(row, id=row.task_id or "task-x", status="completed")
            )
            assert final_values(row) == before
            Generation.objects.filter(pk=row.pk).delete()
            assert (
                comparable_answer(lifecycle.post_callback(row, id="task-x", status="completed"))
                == known_answer
            )
            assert not CallbackDelivery.objects.exists()
            case_counter.cases += 2
        lifecycle.clock.advance(days=1)
        lifecycle.worker.run_all_stages()
        assert not Generation.objects.exists()
        assert fake_provider.received_requests == []


def test_callbacks_in_any_order_and_number_change_no_amount(lifecycle, fake_provider, tmp_path):
    """Each row is called at random moments with random words, from the press to after its end."""
    random_source = random.Random(3)
    clip = make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    fake_provider.files["/film.mp4"] = make_media_script(clip)
    with count_cases("Callbacks: at random moments") as case_counter:
        rows = lifecycle.create_generations(8 * FAULTS_SIZE)

        def call_back_some(row_count: int) -> None:
            for row in random_source.sample(rows, row_count):
                words = {"status": random_source.choice(["completed", "failed", "pending", ""])}
                ids = [reload(row).task_id or "task-none", "task-forged", "", "../x"]
                lifecycle.post_callback(row, id=random_source.choice(ids), **words)
                case_counter.cases += 1

        call_back_some(4)
        lifecycle.dispatch_all()
        for _ in range(4):
            call_back_some(4)
            lifecycle.clock.now += timedelta(seconds=20)
            lifecycle.worker.run_all_stages()
        lifecycle.end_tasks(rows, fake_provider.url + "/film.mp4")
        call_back_some(4)
        lifecycle.run_until_all_ended()
        before = [final_values(row) for row in rows]
        call_back_some(8)
        lifecycle.worker.run_all_stages()
        assert [final_values(row) for row in rows] == before
        assert_all_cleared(fake_provider)
