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

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import IntegrityError, OperationalError, close_old_connections, transaction
from django.urls import reverse

from evolink_studio.catalog import UnknownModel, spec_for
from evolink_studio.credits.fields import kept
from evolink_studio.credits.services import record_key_refused
from evolink_studio.evolink.errors import (
    EvoLinkError,
    KeyRefused,
    NotSent,
    RateLimited,
    Refused,
    Unavailable,
)
from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.params import FileGone, stored_values
from evolink_studio.generations.pipeline import poll_schedule, retry_policy
from evolink_studio.generations.pipeline.polling import kept_reply
from evolink_studio.generations.pipeline.provider import Clock, Far
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import move, note
from evolink_studio.library.models import Asset
from evolink_studio.library.remote_copies import ensure_at_evolink

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
        "due": now + poll_schedule.first_look(expected, sandboxed=far.sandboxed),
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
    if generation.attempts + 1 >= poll_schedule.ASK_TO_WAIT_TRIES:
        return _fail(generation, "rate_limit_exceeded", error.words, held, now)
    wait = timedelta(seconds=error.retry_after or poll_schedule.ASK_TO_WAIT_GAP)
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
    retry_policy.tell(generation, error, step="send")
    if _patience_is_over(generation, now):
        return _fail(generation, retry_policy.INTERNAL, "", held, now)
    return _try_again(generation, held, now, retry_policy.INTERNAL)


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
    return now - generation.created > poll_schedule.SEND_PATIENCE


def _try_again(generation: Generation, held: uuid.UUID, now: datetime, why: str) -> bool:
    gap = poll_schedule.gap(poll_schedule.SEND_GAPS, generation.attempts)
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
        due=now + poll_schedule.FIRST_SEARCH,
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


log = structlog.get_logger(__name__)

POST_TAKES_AT_MOST = timedelta(seconds=120)
KEEP_GAPS = (0.5, 2, 5, 10)  # seconds, besides the patience of the database itself


async def send(generation: Generation, *, held: uuid.UUID, far: Far, clock: Clock) -> None:
    """Send one claimed, queued generation. Every outcome ends in a state that tells the truth."""
    try:
        payload = await _payload(generation, far, clock)
    except Exception as error:  # whatever it is, nothing has left: it may be tried again
        await sync_to_async(not_prepared)(generation, error, held, far, clock())
        return
    if not await sync_to_async(move)(
        generation,
        State.SENDING,
        now=clock(),
        held=held,
        sent=clock(),
        due=clock() + POST_TAKES_AT_MOST,
    ):
        return
    try:
        task = await far.client.create(payload, idempotency_key=_idempotency_key(generation))
    except EvoLinkError as error:
        await _keep(not_accepted, generation, error, held, far, clock())
    else:
        await _keep(accepted, generation, task, held, far, clock())


async def _keep(write: Callable[..., None], *facts: object) -> None:
    """What came of the POST is known nowhere else: write it down, even if the database is away."""
    for gap in KEEP_GAPS:
        try:
            return await sync_to_async(write)(*facts)
        except OperationalError:
            log.exception("not written down yet", again_in=gap)
            await sync_to_async(close_old_connections)()
            await asyncio.sleep(gap)
    return await sync_to_async(write)(*facts)


def _idempotency_key(generation: Generation) -> str:
    return f"studio-{generation.form_key.hex}"


async def _payload(generation: Generation, far: Far, clock: Clock) -> Mapping[str, object]:
    try:
        spec = spec_for(generation.model_id)
        values, assets = await sync_to_async(stored_values)(generation)
    except UnknownModel as error:
        raise NotSendable("rules_changed") from error
    except FileGone as error:
        # Without it EvoLink would make, and charge, something that nobody asked for.
        raise NotSendable("file_missing") from error
    checked = spec.check(values)
    if checked.request is None:
        raise NotSendable("rules_changed")
    urls = {asset.ref: await _url(asset, far, clock) for asset in assets}
    payload = spec.payload(checked.request, urls)
    if far.callbacks:
        payload["callback_url"] = far.callbacks + reverse(
            "callback", args=[generation.callback_token]
        )
    return payload


async def _url(asset: Asset, far: Far, clock: Clock) -> str:
    try:
        return await ensure_at_evolink(far.client, asset=asset, far_end=far.name, now=clock())
    except FileNotFoundError as error:
        raise NotSendable("file_missing") from error
    except OSError as error:  # such as a disk that is away for the moment
        raise Unavailable("A file of the library cannot be read") from error
