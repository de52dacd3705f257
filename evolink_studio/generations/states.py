"""The states of a generation and the moves between them.

queued ─→ sending ─→ running ─→ saving ─→ completed
  │          │          └──────────┴────→ failed
  │          ├─→ queued   nothing was sent, or EvoLink asked to wait
  │          ├─→ failed   EvoLink refused
  │          └─→ unknown ─→ running | failed   the answer was lost; never sent again by itself
  └─→ cancelled | failed
"""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    SENDING = "sending", _("Sending")
    UNKNOWN = "unknown", _("Answer lost")
    RUNNING = "running", _("In progress")
    SAVING = "saving", _("Saving")
    COMPLETED = "completed", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.SENDING, State.CANCELLED, State.FAILED}),
    State.SENDING: frozenset({State.QUEUED, State.RUNNING, State.UNKNOWN, State.FAILED}),
    State.UNKNOWN: frozenset({State.RUNNING, State.FAILED}),
    State.RUNNING: frozenset({State.SAVING, State.FAILED}),
    State.SAVING: frozenset({State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}

ENDED_STATES = frozenset(state for state, onward in TRANSITIONS.items() if not onward)
LIVE_STATES = frozenset(State) - ENDED_STATES
# What can be done at once instead of when due: searching, reading and copying are free.
REFRESHABLE_STATES = frozenset({State.UNKNOWN, State.RUNNING, State.SAVING})
# What a person may dismiss: the worker goes on. What was not sent yet is cancelled instead.
DISMISSIBLE_STATES = LIVE_STATES - {State.QUEUED}


class ErrorCode(StrEnum):
    """The studio's own codes in `Generation.error_code`: why a generation waits, or why it ended.

    The column also holds EvoLink's codes unchanged, `http_<status>` for a refusal without
    a code and `task_<status>` for a failed task without an error.
    """

    # Queued: not sent yet.
    UNREACHABLE = "unreachable"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"  # EvoLink's code too: failed after three tries
    INTERNAL = "internal"  # an unexpected exception, in any step
    DISK_FULL = "disk_full"  # also while saving
    # Failed without being sent.
    NOT_SENT = "not_sent"
    RULES_CHANGED = "rules_changed"
    FILE_MISSING = "file_missing"
    # Unknown: whether EvoLink has the task is not known.
    ANSWER_LOST = "answer_lost"
    ANSWER_UNCLEAR = "answer_unclear"  # an answer came, but it does not prove a refusal
    TASK_ALREADY_LINKED = "task_already_linked"
    RESTORED = "restored"  # from a backup that does not know whether it was sent
    # Running: EvoLink's answer is not one that a task may end with.
    NO_RESULT = "no_result"  # completed, and no link that can be used; also failed for that
    END_UNCLEAR = "end_unclear"  # an error beside a status that nobody knows
    # Saving: the film is made, but not in the library yet.
    DOWNLOAD_FAILED = "download_failed"
    LINK_DEAD = "link_dead"
    LINK_UNSAFE = "link_unsafe"  # it leads, itself or by a redirect, where the studio does not go
    NOT_A_FILM = "not_a_film"
    NOT_STORED = "not_stored"
    FILM_LOST = "film_lost"  # given up: the link is gone
    # An admin decided.
    NEVER_TAKEN = "never_taken"
    CHARGED_WITHOUT_FILM = "charged_without_film"


# What may stand in `error_code` of a running generation because of EvoLink's answer.
RUNNING_PROBLEMS = frozenset({ErrorCode.NO_RESULT, ErrorCode.END_UNCLEAR})


def source_states(target: State) -> frozenset[State]:
    """The states from which a generation may move to `target`."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)
