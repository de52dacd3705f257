"""What an admin decides about a lost answer, its task and its cost. Nothing here sends anything.

Every decision is made on a page as it was seen: with the `seen_version` of its row, so that what
has changed since is not decided. It can be taken back: a link by `unlink_task`, "never taken" and
"charged without a film" by `reopen`, a corrected charge (`transitions.correct_charge`) by another.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.credits import ledger
from evolink_studio.credits.fields import ZERO_CREDITS, to_credits
from evolink_studio.credits.queries import get_ledger_amounts
from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import (
    Alert,
    ChangeFeed,
    Charge,
    Decision,
    GeneratedVideo,
    Generation,
    TaskLookup,
)
from evolink_studio.generations.pipeline.polling import apply_task
from evolink_studio.generations.pipeline.reconciliation import record_link
from evolink_studio.generations.services import compute_fingerprint
from evolink_studio.generations.signals import work_due
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import (
    ChargeDecision,
    increment_feed_version,
    lock_feeds,
    transition,
)
from evolink_studio.library.models import Asset

# Both clocks may be some seconds off; a POST takes a minute at most.
MAX_CREATED_BEFORE_PRESS = timedelta(seconds=5)
MAX_CREATED_AFTER_SENT = timedelta(minutes=10)
# Codes that an admin's decision gave, which can be taken back.
DECIDED_CODES = frozenset({ErrorCode.NEVER_TAKEN, ErrorCode.CHARGED_WITHOUT_FILM})
# A film being copied would be taken for that of the next task: it is unlinked once it is saved.
UNLINKABLE_STATES = frozenset({State.RUNNING, State.COMPLETED, State.FAILED})


class TaskAlreadyLinkedError(Exception):
    """Another generation already has this task id."""


class GenerationChangedError(Exception):
    """It is no longer as the page showed it: nothing was changed."""


class TaskMisfitError(Exception):
    """The task does not fit the generation: nothing was changed. `misfits`: why."""

    def __init__(self, misfits: "tuple[Misfit, ...]") -> None:
        super().__init__(misfits)
        self.misfits = misfits


class Misfit(Enum):
    """Why a task may not be the one of a generation."""

    OTHER_MODEL = auto()
    CREATED_BEFORE = auto()
    CREATED_LONG_AFTER = auto()
    OTHER_PROMPT = auto()
    PROMPT_NOT_SAID = auto()
    TIME_NOT_SAID = auto()


# What a person may know better, having seen the film: it is linked once they say so.
CONFIRMABLE_MISFITS = frozenset({Misfit.OTHER_PROMPT, Misfit.PROMPT_NOT_SAID, Misfit.TIME_NOT_SAID})


def request_lookup(
    *, task_id: str, generation: Generation | None = None, actor: User, now: datetime
) -> TaskLookup:
    """An admin names a task: the worker reads it with our key. Raises TaskAlreadyLinkedError."""
    _check_task_unlinked(task_id)
    with transaction.atomic():
        work_due.send(TaskLookup, state=None)
        return TaskLookup.objects.create(
            task_id=task_id, generation=generation, requested_by=actor, requested_at=now
        )


def find_misfits(generation: Generation, task: Task) -> tuple[Misfit, ...]:
    """Everything that speaks against this being the task of a lost answer."""
    found = {
        # EvoLink may answer with an alias: veo3.1-pro as veo3.1-pro-beta.
        Misfit.OTHER_MODEL: not task.model.startswith(generation.model_id),
        Misfit.TIME_NOT_SAID: task.created is None,
        Misfit.PROMPT_NOT_SAID: not task.prompt.strip(),
        Misfit.OTHER_PROMPT: bool(task.prompt.strip())
        and task.prompt.split() != generation.prompt.split(),
    }
    if task.created is not None:
        sent_at = generation.sent_at or generation.progressed_at or generation.created_at
        earliest = generation.created_at - MAX_CREATED_BEFORE_PRESS
        found |= {
            Misfit.CREATED_BEFORE: task.created < earliest,
            Misfit.CREATED_LONG_AFTER: task.created > sent_at + MAX_CREATED_AFTER_SENT,
        }
    return tuple(misfit for misfit, is_found in found.items() if is_found)


@transaction.atomic
def link_task(
    *,
    generation: Generation,
    task: Task,
    is_confirmed: bool = False,
    actor: User | None = None,
    reason: str = "",
    now: datetime,
) -> None:
    """Link what EvoLink, asked with our key, showed: `unknown` becomes `running`.

    The worker goes on from there; films that were kept when the task was unlinked elsewhere are
    handed over at once. `is_confirmed`: the person vouches for what EvoLink does not say. Raises
    TaskAlreadyLinkedError, TaskMisfitError and GenerationChangedError.
    """
    misfits = tuple(
        misfit
        for misfit in find_misfits(generation, task)
        if not (is_confirmed and misfit in CONFIRMABLE_MISFITS)
    )
    if misfits:
        raise TaskMisfitError(misfits)
    _link(generation, task, actor, reason, now)


def _link(
    generation: Generation, task: Task, actor: User | None, reason: str, now: datetime
) -> None:
    _check_task_unlinked(task.id)
    try:
        with transaction.atomic():
            is_linked = transition(
                generation,
                State.RUNNING,
                now=now,
                expected_state=State.UNKNOWN,
                task_id=task.id,
                model_used=task.model[:100],
                progress=min(task.progress or 0, 99),
                credits_reserved=to_credits(task.usage.credits_reserved),
                charge=Charge.RESERVED,
                accepted_at=now,
                attempts=0,
                error_code="",
                error_text="",
                last_status=task.status[:20],
                last_reply=task.to_json(),
                next_attempt_at=now,
            )
            work_due.send(Generation, state=State.RUNNING)
    except IntegrityError:
        raise TaskAlreadyLinkedError from None
    if not is_linked:
        raise GenerationChangedError
    films = record_link(generation, task.id, actor=actor, reason=reason, now=now)
    if films and task.status == "completed":
        _hand_over(generation, task, films, now)


def _hand_over(generation: Generation, task: Task, films: Iterable[Asset], now: datetime) -> None:
    """Complete it with films that lie in the library already: their links may be dead."""
    generation.refresh_from_db()
    lease_id = uuid.uuid4()
    Generation.objects.filter(pk=generation.pk).update(lease_id=lease_id)
    apply_task(generation, task, lease_id=lease_id, now=now, is_sandbox=False)
    if not transition(generation, State.COMPLETED, now=now, expected_state=State.SAVING):
        return  # without a link EvoLink's answer is no end yet: the worker goes on
    for position, film in enumerate(films):
        film.owner_id = generation.owner_id
        film.save(update_fields=["owner"])
        GeneratedVideo.objects.create(generation=generation, asset=film, position=position)


@transaction.atomic
def unlink_task(
    *, generation: Generation, seen_version: int, actor: User, reason: str, now: datetime
) -> Decision:
    """The task was another's: what became of the generation is open again.

    Its credits are reserved as at the press, by entries that correct what stands in the ledger.
    Films of the task leave the person's library and are kept in that of `actor`, until the task is
    linked where it belongs; until then it is an incident. Raises GenerationChangedError.
    """
    row = _lock_as_seen(generation.pk, seen_version)
    if row.task_id is None or row.state not in UNLINKABLE_STATES:
        raise GenerationChangedError
    films = list(Asset.objects.filter(result__generation=row).order_by("result__position"))
    GeneratedVideo.objects.filter(generation=row).delete()
    Asset.objects.filter(pk__in=[film.pk for film in films]).update(owner=actor)
    decision = Decision.objects.create(
        generation=row,
        kind=Decision.Kind.UNLINK,
        actor=actor,
        reason=reason,
        decided_at=now,
        task_id=row.task_id,
        credits_charged=row.credits_charged if row.charge == Charge.CHARGED else None,
        needs_look=True,
    )
    decision.films.set(films)
    _open_again(row, actor=actor, reason=reason, now=now)
    return decision


@transaction.atomic
def reopen(
    *, generation: Generation, seen_version: int, actor: User, reason: str, now: datetime
) -> None:
    """Take back "never taken" or "charged without a film": `failed` becomes `unknown` again.

    Its credits are reserved as at the press. Raises GenerationChangedError.
    """
    row = _lock_as_seen(generation.pk, seen_version)
    if row.state != State.FAILED or row.error_code not in DECIDED_CODES:
        raise GenerationChangedError
    contradiction = _standing_decisions(row).exclude(contradicting_task_id="").last()
    _open_again(row, actor=actor, reason=reason, now=now)
    if contradiction is not None:
        Generation.objects.filter(pk=row.pk).update(
            candidate_task_id=contradiction.contradicting_task_id
        )


@transaction.atomic
def keep_decision(*, generation: Generation, seen_version: int, now: datetime) -> None:
    """The decision stands although something spoke against it, or its task stays without a place.

    Raises GenerationChangedError, also when there is nothing to look at.
    """
    row = _lock_as_seen(generation.pk, seen_version)
    if not Decision.objects.filter(generation=row, needs_look=True).update(needs_look=False):
        raise GenerationChangedError
    version = increment_feed_version(row.owner_id, affects_credits=False)
    Generation.objects.filter(pk=row.pk).update(changed_version=version)


def _lock_as_seen(pk: int, seen_version: int) -> Generation:
    """The row, locked, if nothing visible has changed since. Raises GenerationChangedError."""
    owner_ids = Generation.objects.filter(pk=pk).values("owner_id")
    lock_feeds(owner_ids)
    rows = Generation.objects.select_for_update().filter(pk=pk, changed_version=seen_version)
    row = rows.first()
    if row is None:
        raise GenerationChangedError
    return row


def _standing_decisions(generation: Generation) -> QuerySet[Decision]:
    return Decision.objects.filter(generation=generation, closed_at=None).exclude(
        kind=Decision.Kind.UNLINK
    )


def _open_again(row: Generation, *, actor: User, reason: str, now: datetime) -> None:
    """Back to `unknown`, as it was before anything was decided. Needs the locks."""
    version = increment_feed_version(row.owner_id)
    Generation.objects.filter(pk=row.pk).update(
        state=State.UNKNOWN,
        changed_version=version,
        charge=Charge.UNCLEAR,
        credits_reserved=None,
        credits_charged=None,
        accounted_at=row.created_at,
        task_id=None,
        candidate_task_id="",
        candidate_confirmed=False,
        model_used="",
        result_urls=[],
        results_expire_at=None,
        local_copy_seen_at=None,
        last_reply=None,
        last_status="",
        progress=0,
        stalled_since=None,
        accepted_at=None,
        progressed_at=now,
        finished_at=None,
        trashed_at=None,  # what is being made again lies in no trash
        emptied_at=None,
        error_code=ErrorCode.ANSWER_LOST,
        error_text="",
        lease_id=None,
        attempts=0,
        next_attempt_at=now,
    )
    work_due.send(Generation, state=State.UNKNOWN)
    _standing_decisions(row).update(closed_at=now, needs_look=False)
    # What is lost again is announced again.
    Alert.objects.filter(generation=row).delete()
    if not ledger.reopen(generation_id=row.pk, actor=actor, note=reason, now=now):
        ledger.restore_reserved(generation_id=row.pk, actor=actor, note=reason, now=now)
    amounts = get_ledger_amounts(row.pk)
    Generation.objects.filter(pk=row.pk).update(credits_held=amounts and amounts.reserved)


def mark_not_charged(
    *, generation: Generation, actor: User | None = None, note: str = "", now: datetime
) -> bool:
    """EvoLink never took it: `unknown` becomes `failed`, and its reservation is released.

    What EvoLink says later is held against it: `pipeline.contradictions`.
    """
    return _settle_lost(
        generation,
        Decision.Kind.NEVER_TAKEN,
        ChargeDecision(actor, note),
        now,
        charge=Charge.NONE,
        error_code=ErrorCode.NEVER_TAKEN,
    )


def mark_charged(
    *,
    generation: Generation,
    amount: Decimal,
    actor: User | None = None,
    note: str = "",
    now: datetime,
) -> bool:
    """EvoLink charged `amount` credits without a film: `unknown` becomes `failed`."""
    return _settle_lost(
        generation,
        Decision.Kind.CHARGED,
        ChargeDecision(actor, note),
        now,
        charge=Charge.CHARGED,
        credits_charged=amount,
        error_code=ErrorCode.CHARGED_WITHOUT_FILM,
    )


@transaction.atomic
def _settle_lost(
    generation: Generation,
    kind: Decision.Kind,
    decision: ChargeDecision,
    now: datetime,
    **changes: Any,
) -> bool:
    is_settled = transition(
        generation,
        State.FAILED,
        now=now,
        expected_state=State.UNKNOWN,
        decision=decision,
        error_text="",
        **changes,
    )
    if is_settled:
        Decision.objects.create(
            generation=generation,
            kind=kind,
            actor=decision.actor,
            reason=decision.note,
            decided_at=now,
        )
    return is_settled


@transaction.atomic
def import_task(
    *,
    owner: User,
    model_id: str,
    task: Task,
    actor: User | None = None,
    note: str = "",
    now: datetime,
) -> Generation:
    """Bring the film of a task of our account, as EvoLink showed it, into a person's library.

    The worker polls and downloads it like any other. Raises TaskAlreadyLinkedError, and NoAllowance
    when no allowance of this person can be charged.
    """
    _check_task_unlinked(task.id)
    ChangeFeed.objects.get_or_create(pk=owner.pk)
    lock_feeds([owner.pk])
    generation = Generation.objects.create(
        owner=owner,
        model_id=model_id,
        prompt=task.prompt,
        params={},
        fingerprint=compute_fingerprint(model_id, {"rescued": task.id}),
        form_key=uuid.uuid4(),
        state=State.UNKNOWN,
        charge=Charge.UNCLEAR,
        credits_held=ZERO_CREDITS,
        created_at=now,
        accounted_at=now,
        sent_at=now,
        progressed_at=now,
        next_attempt_at=now,
    )
    ledger.record_external(
        generation_id=generation.pk,
        user=owner,
        reserved=Decimal(0),
        now=now,
        actor=actor,
        note=note,
    )
    _link(generation, task, actor, note, now)
    return generation


def _check_task_unlinked(task_id: str) -> None:
    if Generation.objects.filter(task_id=task_id).exists():
        raise TaskAlreadyLinkedError
