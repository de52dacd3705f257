"""Answers that no documentation promises: a row tells the truth whatever JSON comes."""

import json
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.evolink.test_malformed_replies import TASK_ID, odd_values, tasks
from tests.faults.conftest import FAULTS_SIZE, assert_nothing_paid_twice_or_hidden
from tests.faults.lifecycle import (
    GenerationLifecycle,
    assert_all_cleared,
    final_values,
    reload,
)
from tests.faults.proofs import assert_proved
from tests.faults.report import count_cases
from tests.provider_replies import Reply, make_reply

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

hypothesis_settings = settings(
    max_examples=20 * FAULTS_SIZE,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
task_numbers = count(1)

STRANGE_ANSWERS = [
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
FAILURE_ANSWERS = [
    {"status": "failed", "error": {"code": code, "message": "No."}}
    for code in ("content_policy_violation", 500, 1.5, None, True, "", "x" * 300, ["c"], {"c": 1})
] + [{"status": "failed", "error": e} for e in (None, "It broke.", [1], 5, {})]


def test_no_strange_answer_ends_a_task_and_every_failure_ends_it_free(lifecycle, fake_provider):
    with count_cases("Provider: answers that no documentation promises") as case_counter:
        for number, end in enumerate(FAILURE_ANSWERS):
            (row,) = lifecycle.create_generations()
            lifecycle.dispatch_all()
            max_progress = 0
            for document in STRANGE_ANSWERS[:: 1 if FAULTS_SIZE > 1 or number == 0 else 7]:
                fake_provider.read.reply_next(
                    make_reply(fake_provider.tasks[lifecycle.task_id_of(row)] | document)
                )
                current = lifecycle.worker.poll_when_due(row)
                is_completed = document.get("status") == "completed"
                assert (current.state, current.charge, current.error_code) == (
                    *("running", "reserved"),
                    "no_result" if is_completed else "",
                ), document
                assert max_progress <= current.progress < 100, document
                max_progress = current.progress
                case_counter.cases += 1
            fake_provider.update_task(lifecycle.task_id_of(row), **end)
            current_end = lifecycle.worker.poll_when_due(row)
            assert (current_end.state, current_end.charge, current_end.credits_charged) == (
                "failed",
                "returned",
                0,
            ), end
            case_counter.cases += 1
        assert_all_cleared(fake_provider)


@hypothesis_settings
@given(task_json=st.lists(tasks | odd_values, min_size=1, max_size=5))
def test_any_json_at_all_leaves_a_row_that_tells_the_truth(fake_provider, task_json):
    """What EvoLink said last and soundly counts; no answer breaks a row; what ended stays."""
    journey = GenerationLifecycle(fake_provider)
    with count_cases("Provider: any JSON as the answer to a read") as case_counter:
        (row,) = journey.create_generations()
        journey.dispatch_all()
        final = None
        for document in task_json:
            if isinstance(document, dict):
                document = document | {"id": document.get("id", TASK_ID)}
                if document["id"] == TASK_ID:
                    document["id"] = journey.task_id_of(row)
            fake_provider.read.reply_always(Reply(200, json.dumps(document).encode()))
            journey.clock.advance(minutes=10)
            journey.worker.poll_due()
            current = reload(row)
            assert current.state in {"running", "saving", "failed"}
            assert current.error_code != "internal"
            assert current.task_id == journey.task_id_of(row)
            assert current.lease_id is None
            assert current.credits_charged is None or current.credits_charged >= 0
            assert final in (None, final_values(row))
            final = final_values(row) if current.state != State.RUNNING else None
            case_counter.cases += 1
        assert_proved()
        Generation.objects.filter(state__in=[State.RUNNING, State.SAVING]).update(
            next_attempt_at=None
        )


@hypothesis_settings
@given(document=tasks)
def test_any_json_as_the_answer_to_a_post_is_linked_or_shown_as_lost(fake_provider, document):
    """With a sound id it is that task. Without one nobody knows, and it is never sent again."""
    journey = GenerationLifecycle(fake_provider)
    with count_cases("Provider: any JSON as the answer to a POST") as case_counter:
        (row,) = journey.create_generations()
        fields = {name: value for name, value in document.items() if name != "error"}
        if fields.get("id") == TASK_ID:
            fields["id"] = f"task-fuzzed-{next(task_numbers)}"
        fake_provider.create.reply_next(Reply(200, json.dumps(fields).encode(), accepts_task=True))
        journey.dispatch_all()
        row_after = reload(row)
        sound = str(fields.get("id", "")).startswith("task-fuzzed")
        assert row_after.state == "running" if sound else row_after.state in {"unknown", "running"}
        assert row_after.error_code in {"", "answer_lost"}
        case_counter.cases += 1
        assert_nothing_paid_twice_or_hidden(fake_provider)
        Generation.objects.update(next_attempt_at=None)
