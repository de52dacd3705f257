"""What an admin may decide about the money of a generation. Nothing here sends it."""

import uuid
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from evolink_studio.accounts.models import User
from evolink_studio.credits import ledger
from evolink_studio.generations.models import Charge, Feed, Generation
from evolink_studio.generations.services import fingerprint_of
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import Decision, move


class AlreadyLinked(Exception):
    """Another generation has this task."""


def propose_task(*, generation: Generation, task_id: str, now: datetime) -> bool:
    """A person says which task it became. The worker reads it with our key, then links it.

    Raises AlreadyLinked. False when the answer is no longer missing.
    """
    _must_be_free(task_id)
    lost = Generation.objects.filter(pk=generation.pk, state=State.UNKNOWN)
    return lost.update(candidate=task_id, vouched=True, due=now, claim=None) == 1


def mark_not_charged(
    *, generation: Generation, by: User | None = None, note: str = "", now: datetime
) -> bool:
    """A person looked: EvoLink never took it. It ends; what was held is free again."""
    return move(
        generation,
        State.FAILED,
        now=now,
        standing=State.UNKNOWN,
        decision=Decision(by, note),
        charge=Charge.NONE,
        error_code="never_taken",
        error_text="",
    )


def mark_charged(
    *,
    generation: Generation,
    amount: Decimal,
    by: User | None = None,
    note: str = "",
    now: datetime,
) -> bool:
    """A person looked: EvoLink charged `amount` credits, and there is no film to be had."""
    return move(
        generation,
        State.FAILED,
        now=now,
        standing=State.UNKNOWN,
        decision=Decision(by, note),
        charge=Charge.CHARGED,
        used=amount,
        error_code="charged_without_film",
        error_text="",
    )


@transaction.atomic
def rescue(
    *,
    owner: User,
    model_id: str,
    task_id: str,
    by: User | None = None,
    note: str = "",
    now: datetime,
) -> Generation:
    """Bring the film of a task of our account into a person's library.

    It begins as a lost generation that already names its task: the worker reads it with our key,
    then follows and saves it like any other. Raises AlreadyLinked, and NoAllowance for a person out
    of whose credits nothing can be paid.
    """
    _must_be_free(task_id)
    Feed.objects.get_or_create(pk=owner.pk)
    rescued = Generation.objects.create(
        owner=owner,
        model_id=model_id,
        params={},
        fingerprint=fingerprint_of(model_id, {"rescued": task_id}),
        form_key=uuid.uuid4(),
        state=State.UNKNOWN,
        charge=Charge.UNCLEAR,
        candidate=task_id,
        vouched=True,
        created=now,
        sent=now,
        moved=now,
        due=now,
    )
    ledger.enter(generation_id=rescued.pk, person=owner, held=Decimal(0), now=now, by=by, note=note)
    return rescued


def _must_be_free(task_id: str) -> None:
    if Generation.objects.filter(task_id=task_id).exists():
        raise AlreadyLinked
