"""What EvoLink's words for the state of a task mean.

Documented are pending, processing, completed, failed and cancelled (2026-11-20). Raw words of the
makers of the models leak through, so the usual synonyms are understood, in any case and spacing.
"""

import re
from enum import StrEnum


class Outcome(StrEnum):
    """What a task has come to. `UNRECOGNIZED`: nobody knows the word."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    TIMED_OUT = "timeout"
    REJECTED = "rejected"
    UNRECOGNIZED = "unrecognized"


# Ends without a result.
FAILED_OUTCOMES = frozenset(
    {
        Outcome.FAILED,
        Outcome.CANCELLED,
        Outcome.EXPIRED,
        Outcome.TIMED_OUT,
        Outcome.REJECTED,
    }
)

_WORDS_BY_OUTCOME: dict[Outcome, str] = {
    Outcome.COMPLETED: (
        "completed complete completion succeeded succeed succeeds success successful successfully"
        " done finished finish fulfilled ok ready"
    ),
    Outcome.FAILED: (
        "failed fail fails failure error errored exception crashed unsuccessful interrupted invalid"
    ),
    Outcome.CANCELLED: (
        "cancelled canceled cancel aborted abort terminated stopped killed revoked deleted"
    ),
    Outcome.EXPIRED: "expired expire outdated",
    Outcome.TIMED_OUT: "timeout timedout time_out timed_out deadline_exceeded",
    Outcome.REJECTED: (
        "rejected reject refused denied declined blocked moderated nsfw content_filtered"
        " content_moderated content_blocked safety_blocked"
        " violation policy_violation content_policy_violation"
    ),
    Outcome.RUNNING: (
        "pending queued queue queueing queuing in_queue enqueued waiting wait submitted submitting"
        " accepted received created new scheduled not_started notstarted not_start starting started"
        " start preparing prepared initializing initialized loading processing process in_process"
        " in_progress inprogress progress running run working active executing execute ongoing"
        " generating rendering encoding uploading upscaling postprocessing post_processing"
        " finalizing finishing saving retrying throttled moderating reviewing validating partial"
        " paused suspended cancelling canceling"
    ),
}
_OUTCOME_BY_WORD = {
    word: outcome for outcome, words in _WORDS_BY_OUTCOME.items() for word in words.split()
}
_PREFIX_PATTERN = re.compile(r"^(?:(?:video_)?(?:generation|task|job|run|request|state|status)_)+")


def parse_outcome(status: str) -> Outcome:
    """The meaning of a status: "SUCCEEDED", " in-progress", "TASK_STATUS_FAILED", …"""
    camel_split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status.strip())
    words = re.sub(r"[^a-z0-9]+", "_", camel_split.lower()).strip("_")
    for text in (words, _PREFIX_PATTERN.sub("", words), words.replace("_", "")):
        if text in _OUTCOME_BY_WORD:
            return _OUTCOME_BY_WORD[text]
    return Outcome.UNRECOGNIZED
