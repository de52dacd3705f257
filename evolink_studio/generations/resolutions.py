"""What an admin decides about a lost answer, and importing a task. Nothing here sends anything.

Putting right what an ended generation cost is `transitions.correct_charge`.
"""

import uuid
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from evolink_studio.accounts.models import User
from evolink_studio.credits import ledger
from evolink_studio.generations.models import ChangeFeed, Charge, Generation
from evolink_studio.generations.services import compute_fingerprint
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import ChargeDecision, transition


class TaskAlreadyLinkedError(Exception):
    """Another generation already has this task id."""


def propose_task(*, generation: Generation, task_id: str, now: datetime) -> bool:
    """An admin names its task. The worker reads it with our key, then links it if it fits.

    Raises TaskAlreadyLinkedError. False when the generation is no longer `unknown`.
    """
    _check_task_unlinked(task_id)
    lost_rows = Generation.objects.filter(pk=generation.pk, state=State.UNKNOWN)
    return (
        lost_rows.update(
            candidate_task_id=task_id, candidate_confirmed=True, next_attempt_at=now, lease_id=None
        )
        == 1
    )


def mark_not_charged(
    *, generation: Generation, actor: User | None = None, note: str = "", now: datetime
) -> bool:
    """EvoLink never took it: `unknown` becomes `failed`, and its reservation is released."""
    return transition(
        generation,
        State.FAILED,
        now=now,
        expected_state=State.UNKNOWN,
        decision=ChargeDecision(actor, note),
        charge=Charge.NONE,
        error_code=ErrorCode.NEVER_TAKEN,
        error_text="",
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
    return transition(
        generation,
        State.FAILED,
        now=now,
        expected_state=State.UNKNOWN,
        decision=ChargeDecision(actor, note),
        charge=Charge.CHARGED,
        credits_charged=amount,
        error_code=ErrorCode.CHARGED_WITHOUT_FILM,
        error_text="",
    )


@transaction.atomic
def import_task(
    *,
    owner: User,
    model_id: str,
    task_id: str,
    actor: User | None = None,
    note: str = "",
    now: datetime,
) -> Generation:
    """Bring the film of a task of our account into a person's library.

    It starts as `unknown` with a candidate task: the worker reads it with our key, then polls and
    downloads it like any other. Raises TaskAlreadyLinkedError, and NoAllowance when no allowance
    of this person can be charged.
    """
    _check_task_unlinked(task_id)
    ChangeFeed.objects.get_or_create(pk=owner.pk)
    generation = Generation.objects.create(
        owner=owner,
        model_id=model_id,
        params={},
        fingerprint=compute_fingerprint(model_id, {"rescued": task_id}),
        form_key=uuid.uuid4(),
        state=State.UNKNOWN,
        charge=Charge.UNCLEAR,
        candidate_task_id=task_id,
        candidate_confirmed=True,
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
    return generation


def _check_task_unlinked(task_id: str) -> None:
    if Generation.objects.filter(task_id=task_id).exists():
        raise TaskAlreadyLinkedError
