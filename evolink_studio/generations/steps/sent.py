"""What came of sending: one table from an outcome to what is written down.

| observed                                   | then                                              |
|--------------------------------------------|---------------------------------------------------|
| accepted                                   | running, task id and reserved credits kept        |
| nothing left this machine                  | queued again with growing gaps, failed after 1 h  |
| EvoLink asks to wait (429)                 | queued again as asked, at most 3 tries            |
| EvoLink refuses (other 4xx)                | failed, nothing charged                           |
| anything else                              | unknown: never sent again by itself               |

A worker that was paused may bring its answer when the row was called lost already. What is certain
then still counts: accepted is linked, and what was surely not taken has failed.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction

from evolink_studio.credits.amounts import kept
from evolink_studio.credits.services import record_key_refused
from evolink_studio.evolink.errors import (
    EvoLinkError,
    KeyRefused,
    NotSent,
    RateLimited,
    Refused,
)
from evolink_studio.evolink.wire import Task
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.moves import move, note
from evolink_studio.generations.states import State
from evolink_studio.generations.steps import poison, schedule
from evolink_studio.generations.steps.far import Far
from evolink_studio.generations.steps.outcome import kept_reply

log = structlog.get_logger(__name__)

LONGEST = 86_400  # seconds; an announced time beyond a day, or below 0, is no announcement


class NotSendable(Exception):
    """The stored request cannot be sent as it is. `code` says why, as `failures` knows it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def accepted(generation: Generation, task: Task, held: uuid.UUID, far: Far, now: datetime) -> None:
    """Link the task. Also from `unknown`: a worker that was paused may bring the answer late."""
    # Written down nowhere else if the database should fail us now.
    log.info("answered", generation=generation.pk, task=task.id)
    expected = _sane(task.task_info.estimated_time) or generation.expected_seconds
    facts: dict[str, Any] = {
        "task_id": task.id,
        "model_used": task.model[:100],
        "expected_seconds": expected,
        "progress": min(task.progress or 0, 99),
        "reserved": kept(task.usage.credits_reserved),
        "charge": Charge.RESERVED,
        "accepted": now,
        "attempts": 0,
        "error_code": "",
        "error_text": "",
        "last_status": task.status[:20],
        "last_reply": kept_reply(task),
        "due": now + schedule.first_look(expected, sandboxed=far.sandboxed),
    }
    try:
        with transaction.atomic():
            linked = move(generation, State.RUNNING, now=now, **facts)
    except IntegrityError:
        # One task id for two POSTs: a person has to look, and nothing is sent again.
        linked = False
        _unknown(generation, "task_already_linked", task.id, held, now)
    log.info("sent", generation=generation.pk, task=task.id, linked=linked)


def _sane(seconds: int | None) -> int | None:
    return seconds if seconds is not None and 0 < seconds <= LONGEST else None


def not_prepared(
    generation: Generation,
    error: Exception,
    held: uuid.UUID,
    far: Far,
    now: datetime,
) -> None:
    """Trouble before the POST: nothing was sent, so nothing can have been charged."""
    log.warning("not prepared", generation=generation.pk, reason=type(error).__name__)
    _react(_BEFORE, generation, error, held, far, now)


def not_accepted(
    generation: Generation, error: EvoLinkError, held: uuid.UUID, far: Far, now: datetime
) -> None:
    """Trouble at the POST, sorted by what it says about the money. Also late, from `unknown`."""
    log.warning(
        "not accepted", generation=generation.pk, outcome=type(error).__name__, status=error.status
    )
    if not _react(_AT_THE_POST, generation, error, held, far, now):
        _late(generation, error, now)


# A reaction says whether it changed anything: not so when the row is no longer in our hands.
Reaction = Callable[[Generation, Any, uuid.UUID, Far, datetime], bool]
Reactions = tuple[tuple[type[Exception], Reaction], ...]


def _react(
    reactions: Reactions,
    generation: Generation,
    error: Exception,
    held: uuid.UUID,
    far: Far,
    now: datetime,
) -> bool:
    reaction = next(react for kind, react in reactions if isinstance(error, kind))
    return reaction(generation, error, held, far, now)


def _lost(
    generation: Generation, error: EvoLinkError, held: uuid.UUID, far: Far, now: datetime
) -> bool:
    return _unknown(generation, "answer_lost", error.words, held, now)


def _asked_to_wait(
    generation: Generation, error: RateLimited, held: uuid.UUID, far: Far, now: datetime
) -> bool:
    if generation.attempts + 1 >= schedule.ASK_TO_WAIT_TRIES:
        return _fail(generation, "rate_limit_exceeded", error.words, held, now)
    wait = timedelta(seconds=error.retry_after or schedule.ASK_TO_WAIT_GAP)
    return _put_back(generation, held, now, wait, "rate_limit_exceeded")


def _refused(
    generation: Generation, error: Refused, held: uuid.UUID, far: Far, now: datetime
) -> bool:
    if isinstance(error, KeyRefused):
        record_key_refused(far_end=far.name, now=now)
    return _fail(generation, _code(error), error.words, held, now, error.field)


def _unsendable(
    generation: Generation, error: NotSendable, held: uuid.UUID, far: Far, now: datetime
) -> bool:
    return _fail(generation, error.code, "", held, now)


def _unreachable(
    generation: Generation, error: EvoLinkError, held: uuid.UUID, far: Far, now: datetime
) -> bool:
    if _patience_is_over(generation, now):
        return _fail(generation, "not_sent", error.words, held, now)
    return _try_again(generation, held, now, "unreachable")


def _poisoned(
    generation: Generation, error: Exception, held: uuid.UUID, far: Far, now: datetime
) -> bool:
    poison.tell(generation, error, step="send")
    if _patience_is_over(generation, now):
        return _fail(generation, poison.INTERNAL, "", held, now)
    return _try_again(generation, held, now, poison.INTERNAL)


_BEFORE: Reactions = (
    (NotSendable, _unsendable),
    (Refused, _refused),
    (EvoLinkError, _unreachable),
    (Exception, _poisoned),
)
_AT_THE_POST: Reactions = (
    (NotSent, _unreachable),
    (RateLimited, _asked_to_wait),
    (Refused, _refused),
    (EvoLinkError, _lost),
)
# What a row has failed of that was called lost before the answer came: surely nothing was taken.
_LATE: dict[type[EvoLinkError], str] = {NotSent: "not_sent", RateLimited: "rate_limit_exceeded"}


def _late(generation: Generation, error: EvoLinkError, now: datetime) -> None:
    if not isinstance(error, NotSent | RateLimited | Refused):
        return
    ended = move(
        generation,
        State.FAILED,
        now=now,
        standing=State.UNKNOWN,
        charge=Charge.NONE,
        error_code=_LATE.get(type(error)) or _code(error),
        error_text=error.words,
        error_field=(error.field or "")[:100],
    )
    log.info("answered late", generation=generation.pk, ended=ended)


def _code(error: EvoLinkError) -> str:
    return error.code[:100] or f"http_{error.status}"


def _patience_is_over(generation: Generation, now: datetime) -> bool:
    return now - generation.created > schedule.SEND_PATIENCE


def _try_again(generation: Generation, held: uuid.UUID, now: datetime, why: str) -> bool:
    gap = schedule.gap(schedule.SEND_GAPS, generation.attempts)
    return _put_back(generation, held, now, gap, why)


def _put_back(
    generation: Generation, held: uuid.UUID, now: datetime, wait: timedelta, why: str
) -> bool:
    facts: dict[str, Any] = {
        "due": now + wait,
        "attempts": generation.attempts + 1,
        "error_code": why,
    }
    back = move(generation, State.QUEUED, now=now, held=held, sent=None, **facts)
    return back or note(generation, held=held, visible=True, **facts)


def _unknown(generation: Generation, code: str, text: str, held: uuid.UUID, now: datetime) -> bool:
    return move(
        generation,
        State.UNKNOWN,
        now=now,
        held=held,
        charge=Charge.UNCLEAR,
        due=now + schedule.FIRST_SEARCH,
        attempts=0,
        error_code=code,
        error_text=text,
    )


def _fail(
    generation: Generation,
    code: str,
    text: str,
    held: uuid.UUID,
    now: datetime,
    field: str | None = None,
) -> bool:
    return move(
        generation,
        State.FAILED,
        now=now,
        held=held,
        charge=Charge.NONE,
        error_code=code[:100],
        error_text=text,
        error_field=(field or "")[:100],
    )
