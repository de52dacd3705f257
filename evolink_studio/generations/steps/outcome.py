"""What an answer of EvoLink means for a generation, whoever asked for it."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from evolink_studio.credits.amounts import kept
from evolink_studio.evolink.wire import Task
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.moves import move, note
from evolink_studio.generations.states import State
from evolink_studio.generations.steps import schedule

RESULTS_LIVE = timedelta(hours=24)
FAILED = frozenset({"failed", "cancelled"})


def apply_task(
    generation: Generation, task: Task, *, held: uuid.UUID, now: datetime, sandboxed: bool
) -> bool:
    """Bring a running generation to where EvoLink says it is.

    Terminal states are final: a late or repeated answer changes nothing and returns False.
    """
    if _is_made(task):
        return move(generation, State.SAVING, now=now, held=held, **_made(generation, task, now))
    if task.status in FAILED:
        return move(generation, State.FAILED, now=now, held=held, **_failed(task))
    return _still_running(generation, task, held=held, now=now, sandboxed=sandboxed)


def moves(task: Task) -> bool:
    """Whether this answer ends the running state, and so touches the book of credits."""
    return _is_made(task) or task.status in FAILED


def _is_made(task: Task) -> bool:
    return task.status == "completed" and bool(task.results)


def kept_reply(task: Task) -> dict[str, Any]:
    """The reply as JSON for the row; credits as decimal text."""
    return task.model_dump(mode="json", exclude_defaults=True)


def credits_taken(task: Task) -> Decimal | None:
    """Credits finally taken; None while EvoLink says nothing sensible about it.

    `usage.credits_used` is the authority (evolink-api, section 9, 2026-11-20). Where it is missing,
    the undocumented `billing` may name the charge before a refund or what was left of it. It is the
    latter when charge and refund together make up the reservation.
    """
    used = kept(task.usage.credits_used)
    charged, back = task.billing.charged_credits, task.billing.refunded_credits or Decimal(0)
    if used is not None or charged is None:
        return used
    reserved = task.billing.reserved_credits or task.usage.credits_reserved
    return kept(charged if charged + back == reserved else charged - back)


def _made(generation: Generation, task: Task, now: datetime) -> dict[str, Any]:
    # The documented answer names only what was reserved; then that is what was taken.
    used = credits_taken(task)
    for known in (generation.reserved, generation.estimated, Decimal(0)):
        used = known if used is None else used
    return {
        "used": used,
        "charge": Charge.CHARGED,
        "result_urls": list(task.results),
        "results_expire": now + RESULTS_LIVE,
        "progress": 100,
        "stalled": None,
        "attempts": 0,
        "error_code": "",
        "due": now,
        "last_reply": kept_reply(task),
    }


def _failed(task: Task) -> dict[str, Any]:
    error = task.error
    used = credits_taken(task) or Decimal(0)
    return {
        "error_code": error.code[:100] if error else f"task_{task.status}"[:100],
        "error_text": error.message if error else "",
        "used": used,
        "charge": Charge.CHARGED if used else Charge.RETURNED,
        "last_reply": kept_reply(task),
    }


def _still_running(
    generation: Generation, task: Task, *, held: uuid.UUID, now: datetime, sandboxed: bool
) -> bool:
    # EvoLink's progress is coarse and may go back; a bar that runs backwards helps nobody.
    progress = min(max(generation.progress, task.progress or 0), 99)
    if progress > generation.progress or (generation.last_status != task.status):
        generation.moved, generation.stalled = now, None
        news = {"progress": progress, "moved": now, "stalled": None, "last_reply": kept_reply(task)}
    else:
        news = {}
        if not generation.stalled and schedule.is_stalled(generation, now):
            generation.stalled = now
            news = {"stalled": generation.moved}
    due = now + schedule.next_look(generation, now=now, sandboxed=sandboxed)
    return note(
        generation,
        held=held,
        visible=bool(news),
        due=due,
        attempts=0,
        error_code="",
        last_status=task.status[:20],
        **news,
    )
