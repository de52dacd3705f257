"""Reading running tasks in batches, and storing what EvoLink answers."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, OperationalError

from evolink_studio.credits.fields import to_credits
from evolink_studio.credits.services import record_key_rejected
from evolink_studio.evolink.errors import (
    AuthenticationError,
    EvoLinkError,
    RateLimitError,
    ServiceUnavailableError,
)
from evolink_studio.evolink.outcomes import FAILED_OUTCOMES, Outcome
from evolink_studio.evolink.types import Task, TaskBilling
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.pipeline import schedule, unexpected_errors
from evolink_studio.generations.pipeline.provider import Clock, Provider
from evolink_studio.generations.states import RUNNING_PROBLEMS, ErrorCode, State
from evolink_studio.generations.transitions import (
    StateUpdate,
    bulk_update_in_state,
    transition,
    update_in_state,
)

log = structlog.get_logger(__name__)

RESULT_LINK_LIFETIME = timedelta(hours=24)
MAX_STATUS_LENGTH = 20
# Statuses in the undocumented `billing` that leave no doubt about the charge of a failed task. A
# refund that is "completed" counts only beside a charge that is "released".
SETTLED_BILLING_STATUSES = frozenset(
    {"", "none", "refunded", "returned", "released", "not_charged", "not_required"}
)
BATCH_WAIT_SECONDS = 1.0  # how long fast answers of a batch wait for slow ones


def apply_task(
    generation: Generation, task: Task, *, lease_id: uuid.UUID, now: datetime, is_sandbox: bool
) -> StateUpdate | None:
    """Apply EvoLink's answer to a running generation.

    An end is stored at once; while the task runs, the update to store is returned. Ended states are
    final: a late or repeated answer changes nothing.
    """
    outcome = task.outcome
    if outcome == Outcome.COMPLETED and task.results:
        transition(
            generation,
            State.SAVING,
            now=now,
            lease_id=lease_id,
            **_completed_changes(generation, task, now),
        )
        return None
    if outcome == Outcome.COMPLETED and _is_result_overdue(generation, now):
        transition(
            generation,
            State.FAILED,
            now=now,
            lease_id=lease_id,
            **_no_result_changes(generation, task),
        )
        return None
    if outcome in FAILED_OUTCOMES:
        transition(generation, State.FAILED, now=now, lease_id=lease_id, **_failed_changes(task))
        return None
    return _build_running_update(
        generation, task, _find_problem(task, outcome), now=now, is_sandbox=is_sandbox
    )


def _find_problem(task: Task, outcome: Outcome) -> ErrorCode | None:
    """Why the answer cannot be the end that it seems to be; None while the task is working."""
    if outcome == Outcome.COMPLETED:
        return ErrorCode.NO_RESULT
    if outcome == Outcome.UNRECOGNIZED and task.has_error:
        return ErrorCode.END_UNCLEAR
    return None


def _is_result_overdue(generation: Generation, now: datetime) -> bool:
    """Whether it has been completed without a usable link for RESULT_WAIT_PERIOD."""
    return (
        generation.error_code == ErrorCode.NO_RESULT
        and generation.progressed_at is not None
        and now - generation.progressed_at > schedule.RESULT_WAIT_PERIOD
    )


def find_charged_credits(task: Task) -> Decimal | None:
    """Credits finally charged; None while EvoLink gives no valid figure.

    `usage.credits_used` is the authority (evolink-api, section 9, 2026-11-20). Where it is missing,
    the undocumented `billing` may name the charge before or after a refund. It is after the refund
    when charge and refund add up to the reservation.
    """
    credits_used = to_credits(task.usage.credits_used)
    charged_amount, refunded_amount = (
        task.billing.charged_credits,
        task.billing.refunded_credits or Decimal(0),
    )
    if credits_used is not None or charged_amount is None:
        return credits_used
    reserved_amount = task.billing.reserved_credits or task.usage.credits_reserved
    return to_credits(
        charged_amount
        if charged_amount + refunded_amount == reserved_amount
        else charged_amount - refunded_amount
    )


def _completed_charge(generation: Generation, task: Task) -> Decimal:
    """What a completed task costs. The documented answer names only the reservation; then it is
    that."""
    credits_charged = find_charged_credits(task)
    for fallback in (generation.credits_reserved, generation.credits_estimated, Decimal(0)):
        credits_charged = fallback if credits_charged is None else credits_charged
    return credits_charged or Decimal(0)


def _no_result_changes(generation: Generation, task: Task) -> dict[str, Any]:
    credits_charged = _completed_charge(generation, task)
    return {
        "error_code": ErrorCode.NO_RESULT,
        "error_text": task.error.message if task.error else "",
        "credits_charged": credits_charged,
        "charge": Charge.CHARGED if credits_charged else Charge.RETURNED,
        "last_status": _shorten_status(task),
        "last_reply": task.to_json(),
    }


def _shorten_status(task: Task) -> str:
    return task.status[:MAX_STATUS_LENGTH]


def _completed_changes(generation: Generation, task: Task, now: datetime) -> dict[str, Any]:
    return {
        "credits_charged": _completed_charge(generation, task),
        "charge": Charge.CHARGED,
        "result_urls": list(task.results),
        "results_expire_at": now + RESULT_LINK_LIFETIME,
        "progress": 100,
        "stalled_since": None,
        "attempts": 0,
        "error_code": "",
        "error_text": "",
        "next_attempt_at": now,
        "last_status": _shorten_status(task),
        "last_reply": task.to_json(),
    }


def _failed_changes(task: Task) -> dict[str, Any]:
    """A failed task costs nothing (evolink-api, section 8) unless EvoLink names credits. With an
    unsettled billing status, such as a pending refund, the charge is UNCLEAR."""
    error = task.error
    credits_charged = find_charged_credits(task)
    if is_unclear := credits_charged is None and not _is_billing_settled(task.billing):
        charge = Charge.UNCLEAR
    else:
        charge = Charge.CHARGED if credits_charged else Charge.RETURNED
    return {
        "error_code": error.code[:100] if error and error.is_real else f"task_{task.outcome}",
        "error_text": error.message if error else "",
        "credits_charged": None if is_unclear else credits_charged or Decimal(0),
        "charge": charge,
        "last_status": _shorten_status(task),
        "last_reply": task.to_json(),
    }


def _is_billing_settled(billing: TaskBilling) -> bool:
    charge_status, refund_status = billing.charge_status.lower(), billing.refund_status.lower()
    if (charge_status, refund_status) == ("released", "completed"):
        return billing.refunded_credits in (None, billing.reserved_credits)
    return {charge_status, refund_status} <= SETTLED_BILLING_STATUSES


def _build_running_update(
    generation: Generation,
    task: Task,
    problem: ErrorCode | None,
    *,
    now: datetime,
    is_sandbox: bool,
) -> StateUpdate:
    # EvoLink's progress may go backwards; the stored one does not.
    progress = min(max(generation.progress, task.progress or 0), 99)
    last_status = _shorten_status(task)
    is_moving = progress > generation.progress or generation.last_status != last_status
    stored_problem = generation.error_code if generation.error_code in RUNNING_PROBLEMS else None
    # A problem is as old as its first sight, whatever else is said meanwhile.
    if problem != stored_problem or (is_moving and problem is None):
        generation.progressed_at, generation.stalled_since = now, None
        visible_changes = {
            "progress": progress,
            "progressed_at": now,
            "stalled_since": None,
            "error_text": task.error.message if problem and task.error else "",
            "last_reply": task.to_json(),
        }
    else:
        visible_changes = {}
        if not generation.stalled_since and schedule.is_stalled(generation, now):
            generation.stalled_since = generation.progressed_at
            visible_changes = {"stalled_since": generation.stalled_since}
    common_changes = {
        "next_attempt_at": now
        + schedule.compute_next_poll_delay(generation, now=now, is_sandbox=is_sandbox),
        "attempts": 0,
        "error_code": problem or "",
        "last_status": last_status,
    }
    return StateUpdate(
        generation, is_visible=bool(visible_changes), changes=common_changes | visible_changes
    )


PollAnswer = Task | Exception
PollAnswers = list[tuple[Generation, PollAnswer]]


async def poll_batch(
    batch: Sequence[Generation], *, lease_id: uuid.UUID, provider: Provider, clock: Clock
) -> int:
    """Read all tasks of a leased batch concurrently, and store the answers as they come.

    Returns how many reads found EvoLink unavailable or rate limited, so that the caller can pause.
    """
    reads = {
        asyncio.create_task(_read_task(generation, provider)): generation for generation in batch
    }
    pending, unanswered_count = set(reads), 0
    try:
        while pending:
            done, pending = await asyncio.wait(pending, timeout=BATCH_WAIT_SECONDS)
            answers = [(reads[read], read.result()) for read in reads if read in done]
            if answers:
                await sync_to_async(_store_answers)(answers, lease_id, provider, clock())
            unanswered_count += sum(
                isinstance(answer, ServiceUnavailableError | RateLimitError)
                for _, answer in answers
            )
    finally:
        for read in pending:
            read.cancel()
    return unanswered_count


async def _read_task(generation: Generation, provider: Provider) -> PollAnswer:
    try:
        assert generation.task_id is not None
        return await provider.client.get_task(generation.task_id)
    except Exception as error:  # one failed read must not end the others
        return error


def _store_answers(
    answers: PollAnswers, lease_id: uuid.UUID, provider: Provider, now: datetime
) -> None:
    """Store ends one by one, each in its own transaction, and all other updates together.

    An end locks balances. With two ends in one transaction, a submitted form could wait for a
    balance of the first while it holds the feed that the second needs: a deadlock.
    """
    possible_updates = (
        _interpret_answer(generation, answer, lease_id, provider, now)
        for generation, answer in answers
    )
    updates = [update for update in possible_updates if update is not None]
    try:
        if any(isinstance(answer, AuthenticationError) for _, answer in answers):
            record_key_rejected(provider_key=provider.provider_key, now=now)
        unstored_updates = bulk_update_in_state(updates, State.RUNNING, lease_id=lease_id)
    except OperationalError:
        raise  # the database is away: the leases run out, and the tasks are read again
    except Exception:
        unstored_updates = updates
    for update in unstored_updates:
        _store_update(update, lease_id, now)


def _interpret_answer(
    generation: Generation,
    answer: PollAnswer,
    lease_id: uuid.UUID,
    provider: Provider,
    now: datetime,
) -> StateUpdate | None:
    """The update to store; None for a generation whose state was changed."""
    try:
        if isinstance(answer, Task):
            return apply_task(
                generation, answer, lease_id=lease_id, now=now, is_sandbox=provider.is_sandbox
            )
        if not isinstance(answer, EvoLinkError):
            raise answer
        # A failed read never fails a generation: the task may still be running.
        outcome = type(answer).__name__
        log.info("poll failed", generation=generation.pk, outcome=outcome)
        return _build_retry_update(generation, now)
    except Exception as error:
        return _build_postponed_update(generation, error, now)


def _store_update(update: StateUpdate, lease_id: uuid.UUID, now: datetime) -> None:
    """Store it, or else only the next attempt; if that fails too, the lease runs out."""
    try:
        _write_update(update, lease_id)
    except Exception as error:
        try:
            _write_update(_build_postponed_update(update.generation, error, now), lease_id)
        except DatabaseError as database_error:
            reason = type(database_error).__name__
            log.warning("poll not postponed", generation=update.generation.pk, reason=reason)


def _write_update(update: StateUpdate, lease_id: uuid.UUID) -> None:
    update_in_state(
        update.generation, lease_id=lease_id, is_visible=update.is_visible, **update.changes
    )


def _build_postponed_update(generation: Generation, error: Exception, now: datetime) -> StateUpdate:
    """An update that retries later with a growing delay; logs the error."""
    unexpected_errors.log_unexpected_error(generation, error, step="follow")
    return _build_retry_update(generation, now, error_code=ErrorCode.INTERNAL)


def _build_retry_update(generation: Generation, now: datetime, **changes: Any) -> StateUpdate:
    is_newly_stalled = not generation.stalled_since and schedule.is_stalled(generation, now)
    changes |= {
        "next_attempt_at": now + schedule.compute_error_backoff(generation.attempts),
        "attempts": generation.attempts + 1,
        "stalled_since": generation.progressed_at if is_newly_stalled else generation.stalled_since,
    }
    return StateUpdate(generation, is_newly_stalled, changes)
