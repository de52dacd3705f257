"""Sending a queued generation: the one paid POST, and what is stored of its outcome.

| outcome                                    | stored                                            |
|--------------------------------------------|---------------------------------------------------|
| accepted                                   | running, with task id and reserved credits        |
| nothing was sent                           | queued again, growing delays; failed after 1 h    |
| rate limited (429, in EvoLink's words)     | queued again after the given delay, 3 tries       |
| rejected (4xx, in EvoLink's words)         | failed, nothing charged                           |
| anything else                              | unknown: never sent again automatically           |

The answer of a paused worker may come when the row is `unknown` already. It still counts if it is
certain: an accepted task is linked, and a request that was surely not taken fails.
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

from evolink_studio.catalog import UnknownModelError, get_spec
from evolink_studio.credits.fields import to_credits
from evolink_studio.credits.services import record_key_rejected
from evolink_studio.evolink.errors import (
    AuthenticationError,
    EvoLinkError,
    RateLimitError,
    RequestNotSent,
    RequestRejected,
    ServiceUnavailableError,
)
from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import Charge, Decision, Generation
from evolink_studio.generations.params import AssetMissing, load_params_for_dispatch
from evolink_studio.generations.pipeline import schedule, unexpected_errors
from evolink_studio.generations.pipeline.provider import Clock, Provider
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import transition, update_in_state
from evolink_studio.library.models import Asset
from evolink_studio.library.remote_copies import ensure_remote_copy

log = structlog.get_logger(__name__)

MAX_ESTIMATED_SECONDS = 86_400  # a longer estimate of EvoLink is ignored
MAX_POST_DURATION = timedelta(seconds=120)
RECORD_RETRY_SECONDS = (0.5, 2, 5, 10)  # beside the lock timeout of the database itself


class UnsendableRequestError(Exception):
    """The stored request cannot be sent as it is; `code` says why."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


def record_accepted(
    generation: Generation, task: Task, lease_id: uuid.UUID, provider: Provider, now: datetime
) -> None:
    """Link the task. Also from `unknown`: a paused worker may bring the answer late."""
    # If the database fails now, the log alone has the task id.
    log.info("task accepted", generation=generation.pk, task=task.id)
    expected_seconds = _valid_estimate(task.task_info.estimated_time) or generation.expected_seconds
    changes: dict[str, Any] = {
        "task_id": task.id,
        "model_used": task.model[:100],
        "expected_seconds": expected_seconds,
        "progress": min(task.progress or 0, 99),
        "credits_reserved": to_credits(task.usage.credits_reserved),
        "charge": Charge.RESERVED,
        "accepted_at": now,
        "attempts": 0,
        "error_code": "",
        "error_text": "",
        "last_status": task.status[:20],
        "last_reply": task.to_json(),
        "next_attempt_at": now
        + schedule.compute_first_poll_delay(expected_seconds, is_sandbox=provider.is_sandbox),
    }
    try:
        with transaction.atomic():
            is_linked = transition(generation, State.RUNNING, now=now, **changes)
    except IntegrityError:
        # Another generation has this task id: a person has to decide.
        is_linked = False
        _mark_unknown(generation, ErrorCode.TASK_ALREADY_LINKED, task.id, lease_id, now)
    if not is_linked:
        # A paused worker brings the answer after a person has decided without it.
        decisions = Decision.objects.filter(generation=generation).exclude(task_id=task.id)
        decisions.exclude(kind=Decision.Kind.UNLINK).contradict(
            Decision.Contradiction.ANSWER, now=now, task_id=task.id
        )
    log.info("dispatch recorded", generation=generation.pk, task=task.id, linked=is_linked)


def _valid_estimate(seconds: int | None) -> int | None:
    return seconds if seconds is not None and 0 < seconds <= MAX_ESTIMATED_SECONDS else None


def record_prepare_error(
    generation: Generation,
    error: Exception,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> None:
    """Store an error before the POST: nothing was sent, so nothing can have been charged."""
    log.warning("dispatch not prepared", generation=generation.pk, reason=type(error).__name__)
    _handle_error(_PREPARE_HANDLERS, generation, error, lease_id, provider, now)


def record_submit_error(
    generation: Generation,
    error: EvoLinkError,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> None:
    """Store an error of the POST by what it means for the charge. Also late, from `unknown`."""
    log.warning(
        "dispatch failed",
        generation=generation.pk,
        outcome=type(error).__name__,
        status=error.status,
    )
    if not _handle_error(_SUBMIT_HANDLERS, generation, error, lease_id, provider, now):
        _record_late_error(generation, error, now)


# A handler returns whether it changed the row; False when the lease is lost.
ErrorHandler = Callable[[Generation, Any, uuid.UUID, Provider, datetime], bool]
ErrorHandlers = tuple[tuple[type[Exception], ErrorHandler], ...]


def _handle_error(
    handlers: ErrorHandlers,
    generation: Generation,
    error: Exception,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> bool:
    handler = next(
        candidate for error_class, candidate in handlers if isinstance(error, error_class)
    )
    return handler(generation, error, lease_id, provider, now)


def _on_outcome_unknown(
    generation: Generation,
    error: EvoLinkError,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> bool:
    is_client_error = error.status is not None and 400 <= error.status < 500
    code = ErrorCode.ANSWER_UNCLEAR if is_client_error else ErrorCode.ANSWER_LOST
    text = error.provider_message or (f"HTTP {error.status}" if error.status else "")
    return _mark_unknown(generation, code, text, lease_id, now)


def _on_rate_limit(
    generation: Generation,
    error: RateLimitError,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> bool:
    if generation.attempts + 1 >= schedule.MAX_RATE_LIMITED_TRIES:
        return _mark_failed(
            generation, ErrorCode.RATE_LIMIT_EXCEEDED, error.provider_message, lease_id, now
        )
    delay = timedelta(seconds=error.retry_after or schedule.RATE_LIMIT_WAIT_SECONDS)
    return _requeue(generation, lease_id, now, delay, ErrorCode.RATE_LIMIT_EXCEEDED)


def _on_rejection(
    generation: Generation,
    error: RequestRejected,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> bool:
    if isinstance(error, AuthenticationError):
        record_key_rejected(provider_key=provider.provider_key, now=now)
    return _mark_failed(
        generation, _error_code(error), error.provider_message, lease_id, now, error.field
    )


def _on_unsendable(
    generation: Generation,
    error: UnsendableRequestError,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> bool:
    return _mark_failed(generation, error.code, "", lease_id, now)


def _on_unreachable(
    generation: Generation,
    error: EvoLinkError,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> bool:
    if _is_retry_period_over(generation, now):
        return _mark_failed(generation, ErrorCode.NOT_SENT, error.provider_message, lease_id, now)
    return _retry(generation, lease_id, now, ErrorCode.UNREACHABLE)


def _on_unexpected(
    generation: Generation, error: Exception, lease_id: uuid.UUID, provider: Provider, now: datetime
) -> bool:
    unexpected_errors.log_unexpected_error(generation, error, step="send")
    if _is_retry_period_over(generation, now):
        return _mark_failed(generation, ErrorCode.INTERNAL, "", lease_id, now)
    return _retry(generation, lease_id, now, ErrorCode.INTERNAL)


_PREPARE_HANDLERS: ErrorHandlers = (
    (UnsendableRequestError, _on_unsendable),
    (RequestRejected, _on_rejection),
    (EvoLinkError, _on_unreachable),
    (Exception, _on_unexpected),
)
_SUBMIT_HANDLERS: ErrorHandlers = (
    (RequestNotSent, _on_unreachable),
    (RateLimitError, _on_rate_limit),
    (RequestRejected, _on_rejection),
    (EvoLinkError, _on_outcome_unknown),
)
# Errors that certainly cost nothing, for rows that are `unknown` already when the answer comes.
_LATE_ERROR_CODES: dict[type[EvoLinkError], ErrorCode] = {
    RequestNotSent: ErrorCode.NOT_SENT,
    RateLimitError: ErrorCode.RATE_LIMIT_EXCEEDED,
}


def _record_late_error(generation: Generation, error: EvoLinkError, now: datetime) -> None:
    if not isinstance(error, RequestNotSent | RateLimitError | RequestRejected):
        return
    is_ended = transition(
        generation,
        State.FAILED,
        now=now,
        expected_state=State.UNKNOWN,
        charge=Charge.NONE,
        error_code=_LATE_ERROR_CODES.get(type(error)) or _error_code(error),
        error_text=error.provider_message,
        error_field=(error.field or "")[:100],
    )
    log.info("late error received", generation=generation.pk, ended=is_ended)


def _error_code(error: EvoLinkError) -> str:
    return error.code[:100] or f"http_{error.status}"


def _is_retry_period_over(generation: Generation, now: datetime) -> bool:
    return now - generation.created_at > schedule.DISPATCH_RETRY_PERIOD


def _retry(
    generation: Generation, lease_id: uuid.UUID, now: datetime, error_code: ErrorCode
) -> bool:
    delay = schedule.get_delay_for_attempt(schedule.DISPATCH_RETRY_SECONDS, generation.attempts)
    return _requeue(generation, lease_id, now, delay, error_code)


def _requeue(
    generation: Generation,
    lease_id: uuid.UUID,
    now: datetime,
    delay: timedelta,
    error_code: ErrorCode,
) -> bool:
    changes: dict[str, Any] = {
        "next_attempt_at": now + delay,
        "attempts": generation.attempts + 1,
        "error_code": error_code,
    }
    is_requeued = transition(
        generation, State.QUEUED, now=now, lease_id=lease_id, sent_at=None, **changes
    )
    return is_requeued or update_in_state(generation, lease_id=lease_id, is_visible=True, **changes)


def _mark_unknown(
    generation: Generation, code: ErrorCode, text: str, lease_id: uuid.UUID, now: datetime
) -> bool:
    return transition(
        generation,
        State.UNKNOWN,
        now=now,
        lease_id=lease_id,
        charge=Charge.UNCLEAR,
        next_attempt_at=now + schedule.FIRST_SEARCH_DELAY,
        attempts=0,
        error_code=code,
        error_text=text,
    )


def _mark_failed(
    generation: Generation,
    code: str,
    text: str,
    lease_id: uuid.UUID,
    now: datetime,
    field: str | None = None,
) -> bool:
    return transition(
        generation,
        State.FAILED,
        now=now,
        lease_id=lease_id,
        charge=Charge.NONE,
        error_code=code[:100],
        error_text=text,
        error_field=(field or "")[:100],
    )


async def dispatch(
    generation: Generation, *, lease_id: uuid.UUID, provider: Provider, clock: Clock
) -> None:
    """Send one leased, queued generation and store the outcome (see the table above)."""
    try:
        payload = await _build_payload(generation, provider, clock)
    except Exception as error:  # nothing was sent: it may be tried again
        await sync_to_async(record_prepare_error)(generation, error, lease_id, provider, clock())
        return
    if not await sync_to_async(transition)(
        generation,
        State.SENDING,
        now=clock(),
        lease_id=lease_id,
        sent_at=clock(),
        next_attempt_at=clock() + MAX_POST_DURATION,
    ):
        return
    try:
        task = await provider.client.create_video(
            payload, idempotency_key=_build_idempotency_key(generation)
        )
    except EvoLinkError as error:
        await _record_durably(record_submit_error, generation, error, lease_id, provider, clock())
    else:
        await _record_durably(record_accepted, generation, task, lease_id, provider, clock())


async def _record_durably(record: Callable[..., None], *arguments: object) -> None:
    """Store the outcome of the POST, which only this process knows; retry without a database.

    Raises OperationalError after the last retry.
    """
    for delay in RECORD_RETRY_SECONDS:
        try:
            return await sync_to_async(record)(*arguments)
        except OperationalError:
            log.exception("outcome not stored yet", again_in=delay)
            await sync_to_async(close_old_connections)()
            await asyncio.sleep(delay)
    return await sync_to_async(record)(*arguments)


def _build_idempotency_key(generation: Generation) -> str:
    return f"studio-{generation.form_key.hex}"


async def _build_payload(
    generation: Generation, provider: Provider, clock: Clock
) -> Mapping[str, object]:
    try:
        spec = get_spec(generation.model_id)
        values, assets = await sync_to_async(load_params_for_dispatch)(generation)
    except UnknownModelError as error:
        raise UnsendableRequestError(ErrorCode.RULES_CHANGED) from error
    except AssetMissing as error:
        # Sent without it, EvoLink would make and charge something nobody asked for.
        raise UnsendableRequestError(ErrorCode.FILE_MISSING) from error
    request = spec.evaluate(values).request
    if request is None:
        raise UnsendableRequestError(ErrorCode.RULES_CHANGED)
    urls_by_ref = {asset.ref: await _get_asset_url(asset, provider, clock) for asset in assets}
    payload = spec.build_payload(request, urls_by_ref)
    if provider.callback_base_url:
        payload["callback_url"] = provider.callback_base_url + reverse(
            "callback", args=[generation.callback_token]
        )
    return payload


async def _get_asset_url(asset: Asset, provider: Provider, clock: Clock) -> str:
    try:
        return await ensure_remote_copy(
            provider.client, asset=asset, provider_key=provider.provider_key, now=clock()
        )
    except FileNotFoundError as error:
        raise UnsendableRequestError(ErrorCode.FILE_MISSING) from error
    except OSError as error:  # such as a disk that is not mounted
        raise ServiceUnavailableError("A file of the library cannot be read") from error
