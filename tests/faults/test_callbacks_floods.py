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
from tests.faults.conftest import SIZE
from tests.faults.journeys import all_is_cleared, facts, fresh, journey, link, states
from tests.faults.table import tally
from tests.faults.test_callbacks import ring, said

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["journey", "link"]  # fixtures

UNKNOWN_TOKENS = ["no-such-token", "A" * 22, "x" * 200, "%27%20OR%201=1", "٣", "%00", "A%00B"]


@pytest.mark.django_db
def test_the_answer_is_the_same_whoever_asks_and_costs_about_the_same(journey):
    """Status, body, headers; few queries either way; no difference in time that tells anything."""
    with tally("Callbacks: unknown address") as counted:
        known = [
            GenerationFactory(owner=journey.ada, state=state).callback_token for state in State
        ]
        body = b'{"id": "task-1", "status": "completed"}'
        found, queries = set(), []
        for token in [*known, *UNKNOWN_TOKENS]:
            for content in (body, b"", b"\xff{", b"[" * 60_000, b"x" * (MAX_CALLBACK_BYTES + 1)):
                with CaptureQueriesContext(connection) as asked:
                    found.add(said(ring(journey.evolink, token, content)))
                queries.append(len(asked))
                counted.cases += 1
        assert len(found) == 1
        assert max(queries) <= 12

        spent: dict[bool, list[float]] = {True: [], False: []}
        for number in range(60):
            is_known = bool(number % 2)
            token = GenerationFactory(owner=journey.ada).callback_token if is_known else "A" * 22
            begun = time.perf_counter()
            ring(journey.evolink, token, body)
            spent[is_known].append(time.perf_counter() - begun)
        assert abs(statistics.median(spent[True]) - statistics.median(spent[False])) < 0.05


def test_a_flood_on_one_address_leaves_a_bounded_trace_and_disturbs_nobody(journey, far, link):
    with tally("Callbacks: a flood on one address") as counted:
        flooded, other = journey.press(2)
        journey.send_all()
        usual = len(far.read.requests)
        for _ in range(300 * SIZE):
            journey.calls_back(flooded, status="completed")
            counted.cases += 1
            if counted.cases % 10 == 0:
                journey.clock.forward(seconds=0.1)
                journey.worker.follow()
        assert (
            CallbackDelivery.objects.filter(generation=flooded).count()
            <= MAX_CALLBACKS_PER_GENERATION + 1
        )
        assert len(far.read.requests) - usual <= MAX_CALLBACKS_PER_GENERATION + 1 + 4 * SIZE
        assert states() == {"running": 2}

        far.finish(fresh(other).task_id, link)
        journey.calls_back(other, status="completed")
        journey.worker.follow()
        assert fresh(other).state == "saving", "others are still heard"
        far.fail(fresh(flooded).task_id, "service_error")
        journey.until_all_ended()
        all_is_cleared(far)


class Endless(io.RawIOBase):
    """A body without an end, that counts how much of it was read."""

    came = 0

    def read(self, size: int = -1) -> bytes:
        size = 65_536 if size < 0 else size
        self.came += size
        return bytes(size)


GIGABYTE = 1024**3


HUGE = [
    {"CONTENT_LENGTH": str(GIGABYTE)},
    {"CONTENT_LENGTH": str(MAX_CALLBACK_BYTES + 1)},
    {"CONTENT_LENGTH": "9" * 40},
    {"CONTENT_LENGTH": "-5"},
    {"CONTENT_LENGTH": "many"},
    {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"},
]


@pytest.mark.django_db
def test_a_gigabyte_is_not_read(journey):
    with tally("Callbacks: a gigabyte") as counted:
        (row,) = journey.press()
        before, usual = facts(row), said(ring(journey.evolink, "no-such-token"))
        for token in (row.callback_token, "A" * 22):
            for declared in HUGE:
                body = Endless()
                told = {"wsgi.input": body, **declared}
                answer = journey.evolink.generic("POST", f"/callbacks/{token}/", **told)
                assert said(answer) == usual
                assert body.came == 0
                counted.cases += 1
        assert facts(row) == before
