"""What a word for the state of a task means."""

import pytest

from evolink_studio.evolink.outcomes import FAILED_OUTCOMES, Outcome, parse_outcome
from evolink_studio.evolink.types import Task

WORDS = {
    Outcome.COMPLETED: [
        *("completed", "complete", "COMPLETED", "Completed", " completed ", "succeeded", "succeed"),
        *("success", "SUCCESS", "SUCCEEDED", "successful", "done", "Done.", "finished", "FINISH"),
        *("TASK_STATUS_SUCCEED", "task_succeeded", "generation.completed", "JobStateSucceeded"),
    ],
    Outcome.FAILED: [
        *("failed", "FAILED", "Failed", "\tfailed\n", "failure", "FAILURE", "fail", "error"),
        *("errored", "ERROR", "task_failed", "TASK_STATUS_FAILED", "exception"),
    ],
    Outcome.CANCELLED: [
        *("cancelled", "canceled", "CANCELLED", "Canceled", "aborted", "ABORT", "terminated"),
    ],
    Outcome.EXPIRED: ["expired", "EXPIRED", " Expired ", "task-expired"],
    Outcome.TIMED_OUT: ["timeout", "time_out", "time-out", "Timed Out", "TIMEDOUT"],
    Outcome.REJECTED: [
        *("rejected", "REJECTED", "refused", "denied", "content_filtered", "blocked"),
        "CONTENT_POLICY_VIOLATION",
    ],
    Outcome.RUNNING: [
        *("pending", "PENDING", "queued", "in_queue", "processing", "PROCESSING", "in_progress"),
        *("In Progress", "in-progress", "InProgress", "INPROGRESS", "running", "submitted"),
        *("accepted", "created", "scheduled", "not_started", "starting", "generating", "rendering"),
        *("TASK_STATUS_PROCESSING", "moderating", "retrying", "waiting", "preparing", "uploading"),
        *("Cancelling", "paused"),
    ],
    Outcome.UNRECOGNIZED: ["", " ", "?", "painting", "waiting_for_paint", "7", "x" * 500, "task"],
}


@pytest.mark.parametrize(
    ("word", "outcome"),
    [(word, outcome) for outcome, words in WORDS.items() for word in words],
)
def test_the_usual_words_are_understood_in_any_spelling(word: str, outcome: Outcome) -> None:
    assert parse_outcome(word) == outcome


def test_every_end_without_a_result_is_a_failure() -> None:
    ends = set(Outcome) - {Outcome.RUNNING, Outcome.COMPLETED, Outcome.UNRECOGNIZED}
    assert ends == FAILED_OUTCOMES


def parse_task(**fields: object) -> Task:
    return Task.model_validate({"id": "task-1", **fields})


@pytest.mark.parametrize("name", ["status", "state", "task_status"])
def test_the_word_may_stand_under_another_name(name: str) -> None:
    assert parse_task(**{name: "SUCCEEDED"}).outcome == Outcome.COMPLETED


def test_an_unknown_word_over_finished_results_is_an_end() -> None:
    link = "https://media.example/a.mp4"
    assert parse_task(status="hung", progress=100, results=[link]).outcome == Outcome.COMPLETED
    for fields in (
        {"progress": 99, "results": [link]},
        {"progress": 100, "results": []},
        {"progress": 100, "results": [link], "error": {"code": "x", "message": "No."}},
    ):
        assert parse_task(status="hung", **fields).outcome == Outcome.UNRECOGNIZED


REAL_ERRORS = [
    {"error": {"code": "x", "message": ""}},
    {"error": {"code": "", "message": "It broke."}},
    {"error": "It broke."},
    {"error": {"code": 500, "message": "m"}},
    {"error_message": "It broke."},
    {"fail_reason": "It broke."},
    {"error_code": "x"},
]
NO_ERRORS = [
    *({}, {"error": None}, {"error": {}}, {"error": ""}, {"error": {"code": "", "message": ""}}),
    {"error": {"code": 0, "message": "success"}},
    {"error": {"code": "OK", "message": "fine"}},
    {"error": {"code": None, "message": None}},
]


@pytest.mark.parametrize("fields", REAL_ERRORS, ids=str)
def test_an_error_is_found_wherever_it_stands(fields: dict[str, object]) -> None:
    assert parse_task(status="hung", **fields).has_error


@pytest.mark.parametrize("fields", NO_ERRORS, ids=str)
def test_a_note_that_there_is_no_error_is_none(fields: dict[str, object]) -> None:
    assert not parse_task(status="hung", **fields).has_error
