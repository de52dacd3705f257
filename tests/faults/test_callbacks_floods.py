"""Callbacks to no address of ours, in floods, of any size: they cost little and learn nothing."""

import io
import statistics
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.generations.models import CallbackDelivery
from evolink_studio.generations.services import MAX_CALLBACK_BYTES, MAX_CALLBACKS_PER_GENERATION
from evolink_studio.generations.states import State
from tests.factories import GenerationFactory
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.lifecycle import (
    assert_all_cleared,
    count_states,
    final_values,
    reload,
)
from tests.faults.report import count_cases
from tests.faults.test_callbacks import comparable_answer, post_callback

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

UNKNOWN_TOKENS = ["no-such-token", "A" * 22, "x" * 200, "%27%20OR%201=1", "٣", "%00", "A%00B"]


@pytest.mark.django_db
def test_the_answer_is_the_same_whoever_asks_and_costs_about_the_same(lifecycle):
    """Status, body, headers; few queries either way; no difference in time that tells anything."""
    with count_cases("Callbacks: unknown address") as case_counter:
        known_tokens = [
            GenerationFactory(owner=lifecycle.ada, state=state).callback_token for state in State
        ]
        body = b'{"id": "task-1", "status": "completed"}'
        answers, queries = set(), []
        for token in [*known_tokens, *UNKNOWN_TOKENS]:
            for content in (body, b"", b"\xff{", b"[" * 60_000, b"x" * (MAX_CALLBACK_BYTES + 1)):
                with CaptureQueriesContext(connection) as query_log:
                    answers.add(
                        comparable_answer(post_callback(lifecycle.callback_client, token, content))
                    )
                queries.append(len(query_log))
                case_counter.cases += 1
        assert len(answers) == 1
        assert max(queries) <= 12

        durations: dict[bool, list[float]] = {True: [], False: []}
        for number in range(60):
            is_known = bool(number % 2)
            token = GenerationFactory(owner=lifecycle.ada).callback_token if is_known else "A" * 22
            started_at = time.thread_time()  # of the processor, whoever else uses it
            post_callback(lifecycle.callback_client, token, body)
            durations[is_known].append(time.thread_time() - started_at)
        assert abs(statistics.median(durations[True]) - statistics.median(durations[False])) < 0.05


def test_a_flood_on_one_address_leaves_a_bounded_trace_and_disturbs_nobody(
    lifecycle, fake_provider, video_url
):
    with count_cases("Callbacks: a flood on one address") as case_counter:
        flooded_row, other_row = lifecycle.create_generations(2)
        lifecycle.dispatch_all()
        read_count = len(fake_provider.read.requests)
        for _ in range(300 * FAULTS_SIZE):
            lifecycle.post_callback(flooded_row, status="completed")
            case_counter.cases += 1
            if case_counter.cases % 10 == 0:
                lifecycle.clock.advance(seconds=0.1)
                lifecycle.worker.poll_due()
        assert (
            CallbackDelivery.objects.filter(generation=flooded_row).count()
            <= MAX_CALLBACKS_PER_GENERATION + 1
        )
        assert (
            len(fake_provider.read.requests) - read_count
            <= MAX_CALLBACKS_PER_GENERATION + 1 + 4 * FAULTS_SIZE
        )
        assert count_states() == {"running": 2}

        fake_provider.complete_task(reload(other_row).task_id, video_url)
        lifecycle.post_callback(other_row, status="completed")
        lifecycle.worker.poll_due()
        assert reload(other_row).state == "saving", "others are still heard"
        fake_provider.fail_task(reload(flooded_row).task_id, "service_error")
        lifecycle.run_until_all_ended()
        assert_all_cleared(fake_provider)


class EndlessBody(io.RawIOBase):
    """A body without an end, that counts how much of it was read."""

    read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        size = 65_536 if size < 0 else size
        self.read_bytes += size
        return bytes(size)


GIGABYTE = 1024**3


HUGE_BODIES = [
    {"CONTENT_LENGTH": str(GIGABYTE)},
    {"CONTENT_LENGTH": str(MAX_CALLBACK_BYTES + 1)},
    {"CONTENT_LENGTH": "9" * 40},
    {"CONTENT_LENGTH": "-5"},
    {"CONTENT_LENGTH": "many"},
    {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"},
]


@pytest.mark.django_db
def test_a_gigabyte_is_not_read(lifecycle):
    with count_cases("Callbacks: a gigabyte") as case_counter:
        (row,) = lifecycle.create_generations()
        before, usual_answer = (
            final_values(row),
            comparable_answer(post_callback(lifecycle.callback_client, "no-such-token")),
        )
        for token in (row.callback_token, "A" * 22):
            for headers in HUGE_BODIES:
                body = EndlessBody()
                extra = {"wsgi.input": body, **headers}
                answer = lifecycle.callback_client.generic("POST", f"/callbacks/{token}/", **extra)
                assert comparable_answer(answer) == usual_answer
                assert body.read_bytes == 0
                case_counter.cases += 1
        assert final_values(row) == before
