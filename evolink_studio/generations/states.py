"""The states of a generation and the moves between them.

queued ─→ sending ─→ running ─→ saving ─→ completed
  │          │          └──────────┴────→ failed
  │          ├─→ queued   nothing was sent, or EvoLink asked to wait
  │          ├─→ failed   EvoLink refused
  │          └─→ unknown ─→ running | failed   the answer was lost; never sent again by itself
  └─→ cancelled | failed
"""

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


def source_states(target: State) -> frozenset[State]:
    """The states from which a generation may move to `to`."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)
