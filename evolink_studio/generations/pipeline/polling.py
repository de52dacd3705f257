"""What an answer of EvoLink means for a generation, whoever asked for it."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, OperationalError

from evolink_studio.credits.fields import kept
from evolink_studio.credits.services import record_key_refused
from evolink_studio.evolink.errors import EvoLinkError, KeyRefused, RateLimited, Unavailable
from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.pipeline import poll_schedule, retry_policy
from evolink_studio.generations.pipeline.provider import Clock, Far
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import Note, move, note, note_all

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
        if not generation.stalled and poll_schedule.is_stalled(generation, now):
            generation.stalled = now
            news = {"stalled": generation.moved}
    usual = {
        "due": now + poll_schedule.next_look(generation, now=now, sandboxed=sandboxed),
        "attempts": 0,
        "error_code": "",
        "last_status": task.status[:20],
    }
    return Note(generation, visible=bool(news), facts=usual | news)


log = structlog.get_logger(__name__)

ROUND = 1.0  # seconds that the quick answers of a batch wait for the slow ones

Answer = Task | Exception
Answers = list[tuple[Generation, Answer]]


async def follow(batch: Sequence[Generation], *, held: uuid.UUID, far: Far, clock: Clock) -> int:
    """Read every task of a claimed batch at once, and keep the answers as they come.

    Returns how many reads were not answered, so that the caller can slow down when EvoLink is away.
    """
    reads = {asyncio.create_task(_read(generation, far)): generation for generation in batch}
    pending, barren = set(reads), 0
    try:
        while pending:
            come, pending = await asyncio.wait(pending, timeout=ROUND)
            answers = [(reads[read], read.result()) for read in reads if read in come]
            if answers:
                await sync_to_async(_keep)(answers, held, far, clock())
            barren += sum(isinstance(answer, Unavailable | RateLimited) for _, answer in answers)
    finally:
        for read in pending:
            read.cancel()
    return barren


async def _read(generation: Generation, far: Far) -> Answer:
    try:
        assert generation.task_id is not None
        return await far.client.read(generation.task_id)
    except Exception as error:  # of ours or of EvoLink: it must not take the others along
        return error


def _keep(answers: Answers, held: uuid.UUID, far: Far, now: datetime) -> None:
    """What touches the book each in a transaction of its own, all else together.

    A move locks purses. Two generations in one transaction could hold a purse that a press waits
    for, while that press holds the feed that the second one needs.
    """
    found = (_learn(generation, answer, held, far, now) for generation, answer in answers)
    notes = [one for one in found if one is not None]
    try:
        if any(isinstance(answer, KeyRefused) for _, answer in answers):
            record_key_refused(far_end=far.name, now=now)
        left = note_all(notes, State.RUNNING, held=held)
    except OperationalError:
        raise  # the database is away: their claims run out, and they are read again
    except Exception:
        left = notes
    for one in left:
        _keep_alone(one, held, now)


def _learn(
    generation: Generation, answer: Answer, held: uuid.UUID, far: Far, now: datetime
) -> Note | None:
    """What is to be noted; None for a generation that has moved on."""
    try:
        if isinstance(answer, Task):
            return apply_task(generation, answer, held=held, now=now, sandboxed=far.sandboxed)
        if not isinstance(answer, EvoLinkError):
            raise answer
        # A read that brought nothing never fails a generation: the film may be on its way.
        outcome = type(answer).__name__
        log.info("read brought nothing", generation=generation.pk, outcome=outcome)
        return _later(generation, now)
    except Exception as error:
        return _put_off(generation, error, now)


def _keep_alone(one: Note, held: uuid.UUID, now: datetime) -> None:
    """Where not even that it is put off can be written, its claim runs out."""
    try:
        _write(one, held)
    except Exception as error:
        try:
            _write(_put_off(one.generation, error, now), held)
        except DatabaseError as trouble:
            reason = type(trouble).__name__
            log.warning("not put off", generation=one.generation.pk, reason=reason)


def _write(one: Note, held: uuid.UUID) -> None:
    note(one.generation, held=held, visible=one.visible, **one.facts)


def _put_off(generation: Generation, error: Exception, now: datetime) -> Note:
    """Further each time."""
    retry_policy.tell(generation, error, step="follow")
    return _later(generation, now, error_code=retry_policy.INTERNAL)


def _later(generation: Generation, now: datetime, **facts: Any) -> Note:
    newly_stalled = not generation.stalled and poll_schedule.is_stalled(generation, now)
    facts |= {
        "due": now + poll_schedule.after_trouble(generation.attempts),
        "attempts": generation.attempts + 1,
        "stalled": generation.moved if newly_stalled else generation.stalled,
    }
    return Note(generation, newly_stalled, facts)
