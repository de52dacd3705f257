"""What an answer of EvoLink means for a generation, whoever asked for it."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from evolink_studio.credits.amounts import kept
from evolink_studio.evolink.wire import Task
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.moves import Note, move
from evolink_studio.generations.states import State
from evolink_studio.generations.steps import schedule

RESULTS_LIVE = timedelta(hours=24)
FAILED = frozenset({"failed", "cancelled"})
# What the undocumented `billing` may say without leaving the charge of a failed task open.
SETTLED = frozenset({"", "none", "refunded", "returned", "released", "not_charged"})


def apply_task(
    generation: Generation, task: Task, *, held: uuid.UUID, now: datetime, sandboxed: bool
) -> Note | None:
    """Bring a running generation to where EvoLink says it is; while it still runs, the answer is
    what the caller has to note about it.

    Terminal states are final: a late or repeated answer changes nothing.
    """
    if task.status == "completed" and task.results:
        move(generation, State.SAVING, now=now, held=held, **_made(generation, task, now))
        return None
    if task.status in FAILED:
        move(generation, State.FAILED, now=now, held=held, **_failed(task))
        return None
    return _still_running(generation, task, now=now, sandboxed=sandboxed)


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
        "last_status": task.status[:20],
        "last_reply": kept_reply(task),
    }


def _failed(task: Task) -> dict[str, Any]:
    """A failed task costs nothing (evolink-api, section 8) unless EvoLink names credits. Where it
    only hints at some, such as a refund that is still to come, nobody knows yet."""
    error = task.error
    used = credits_taken(task)
    said = {task.billing.charge_status.lower(), task.billing.refund_status.lower()}
    if unclear := used is None and not said <= SETTLED:
        charge = Charge.UNCLEAR
    else:
        charge = Charge.CHARGED if used else Charge.RETURNED
    return {
        "error_code": error.code[:100] if error else f"task_{task.status}"[:100],
        "error_text": error.message if error else "",
        "used": None if unclear else used or Decimal(0),
        "charge": charge,
        "last_status": task.status[:20],
        "last_reply": kept_reply(task),
    }


def _still_running(generation: Generation, task: Task, *, now: datetime, sandboxed: bool) -> Note:
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
    usual = {
        "due": now + schedule.next_look(generation, now=now, sandboxed=sandboxed),
        "attempts": 0,
        "error_code": "",
        "last_status": task.status[:20],
    }
    return Note(generation, visible=bool(news), facts=usual | news)
