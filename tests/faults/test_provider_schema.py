"""Answers that no documentation promises: a row tells the truth whatever JSON comes."""

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolink_studio.credits.audit import audit_ledger_with_generations
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.answers import Reply, answer
from tests.evolink.test_tolerance import ID, odd, tasks
from tests.faults.conftest import SIZE, nothing_was_paid_twice_and_nothing_is_hidden
from tests.faults.journeys import Journey, all_is_cleared, facts, fresh, journey
from tests.faults.table import tally

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
__all__ = ["journey"]  # a fixture

ANY = settings(
    max_examples=20 * SIZE,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
numbers = count(1)

STRANGE = [
    {"results": []},
    {"status": "completed", "results": []},
    {"status": "completed", "results": None, "progress": 100},
    {"status": "completed", "results": ["javascript:alert(1)", 7, None]},
    {"status": "waiting_for_paint", "progress": 20},
    {"status": None},
    {"status": 7, "progress": "7"},
    {"progress": -5},
    {"progress": 250},
    {"progress": None},
    {"progress": 1e308},
    {"progress": "62 %"},
    {"error": {"code": 500, "message": "not failed, though"}},
    {"error": "in one string"},
    {"usage": {"credits_reserved": 10**15, "credits_used": "many"}},
    {"usage": []},
    {"billing": {"charged_credits": -5}},
    {"task_info": "none", "results": {"url": "https://x/y"}, "model": ["m"]},
    {"created": "yesterday", "duration": "long", "anything": {"new": [True]}},
    {"result_data": {"deep": [[[[[]]]]]}, "object": None, "type": 5},
]
ENDS = [
    {"status": "failed", "error": {"code": code, "message": "No."}}
    for code in ("content_policy_violation", 500, 1.5, None, True, "", "x" * 300, ["c"], {"c": 1})
] + [{"status": "failed", "error": e} for e in (None, "It broke.", [1], 5, {})]


def test_no_strange_answer_ends_a_task_and_every_failure_ends_it_free(journey, far):
    with tally("Provider: answers that no documentation promises") as counted:
        for number, end in enumerate(ENDS):
            (row,) = journey.press()
            journey.send_all()
            shown = 0
            for said in STRANGE[:: 1 if SIZE > 1 or number == 0 else 7]:
                far.read.answers(answer(far.tasks[journey.task_of(row)] | said))
                looked = journey.worker.look(row)
                assert (looked.state, looked.charge, looked.error_code) == (
                    *("running", "reserved"),
                    "",
                ), said
                assert shown <= looked.progress < 100, said
                shown = looked.progress
                counted.cases += 1
            far.move(journey.task_of(row), **end)
            ended = journey.worker.look(row)
            assert (ended.state, ended.charge, ended.used) == ("failed", "returned", 0), end
            counted.cases += 1
        all_is_cleared(far)


@ANY
@given(told=st.lists(tasks | odd, min_size=1, max_size=5))
def test_any_json_at_all_leaves_a_row_that_tells_the_truth(far, told):
    """What EvoLink said last and soundly counts; nothing poisons a row; what ended stays."""
    journey = Journey(far)
    with tally("Provider: any JSON as the answer to a read") as counted:
        (row,) = journey.press()
        journey.send_all()
        ended = None
        for document in told:
            if isinstance(document, dict):
                document = document | {"id": document.get("id", ID)}
                if document["id"] == ID:
                    document["id"] = journey.task_of(row)
            far.read.always(Reply(200, json.dumps(document).encode()))
            journey.clock.forward(minutes=10)
            journey.worker.follow()
            looked = fresh(row)
            assert looked.state in {"running", "saving", "failed"}
            assert looked.error_code != "internal"
            assert looked.task_id == journey.task_of(row)
            assert looked.lease_id is None
            assert looked.credits_charged is None or looked.credits_charged >= 0
            assert ended in (None, facts(row))
            ended = facts(row) if looked.state != State.RUNNING else None
            counted.cases += 1
        assert audit_ledger_with_generations().findings == ()
        Generation.objects.filter(state__in=[State.RUNNING, State.SAVING]).update(
            next_attempt_at=None
        )


@ANY
@given(document=tasks)
def test_any_json_as_the_answer_to_a_post_is_linked_or_shown_as_lost(far, document):
    """With a sound id it is that task. Without one nobody knows, and it is never sent again."""
    journey = Journey(far)
    with tally("Provider: any JSON as the answer to a POST") as counted:
        (row,) = journey.press()
        told = {name: value for name, value in document.items() if name != "error"}
        if told.get("id") == ID:
            told["id"] = f"task-fuzzed-{next(numbers)}"
        far.create.answers(Reply(200, json.dumps(told).encode(), accepts=True))
        journey.send_all()
        sent = fresh(row)
        sound = str(told.get("id", "")).startswith("task-fuzzed")
        assert sent.state == "running" if sound else sent.state in {"unknown", "running"}
        assert sent.error_code in {"", "answer_lost"}
        counted.cases += 1
        nothing_was_paid_twice_and_nothing_is_hidden(far)
        Generation.objects.update(next_attempt_at=None)
