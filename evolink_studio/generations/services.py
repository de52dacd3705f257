"""Every write that a person causes. Nothing here talks to EvoLink: the worker does."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.dispatch import Signal

from evolink_studio.accounts.models import User
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.database import durable_transaction
from evolink_studio.credits import ledger
from evolink_studio.generations.models import (
    CallbackDelivery,
    ChangeFeed,
    Draft,
    Generation,
    Heartbeat,
)
from evolink_studio.generations.states import (
    DISMISSIBLE_STATES,
    REFRESHABLE_STATES,
    State,
)
from evolink_studio.generations.transitions import (
    increment_feed_version,
    lock_available,
    transition,
    update_flags,
)
from evolink_studio.library.models import Asset

MAX_CALLBACK_BYTES = 64 * 1024  # bytes; a larger body is not even read
MAX_CALLBACKS_PER_GENERATION = 20  # callbacks of one address


def callback_rejection(
    generation: Generation, *, earlier_count: int, size_bytes: int, task_id: str
) -> str:
    """Why this callback is not listened to; "" when it is. `came`: how many came before it."""
    names_other_task = task_id and generation.task_id and task_id != generation.task_id
    reasons = (
        (earlier_count >= MAX_CALLBACKS_PER_GENERATION, CallbackDelivery.Rejection.TOO_MANY),
        (size_bytes > MAX_CALLBACK_BYTES, CallbackDelivery.Rejection.TOO_LARGE),
        (names_other_task, CallbackDelivery.Rejection.OTHER_TASK),
    )
    return next((reason.value for applies, reason in reasons if applies), "")


# A generation waits to be sent. Told inside the transaction that stores it, with its `generation`.
generation_queued = Signal()

MAX_RECORDED_BYTES = 2**31 - 1  # as its column can hold


class IdempotencyConflict(Exception):
    """This form was already sent with other content: nothing was sent now."""


@dataclass(frozen=True)
class CreateResult:
    """A generation, and whether this very call created it."""

    generation: Generation
    is_new: bool


def create_generation(
    *,
    owner: User,
    spec: ModelSpec,
    params: Mapping[str, object],
    assets: Sequence[Asset],
    form_key: uuid.UUID,
    credits_estimated: Decimal | None,
    max_credits: Decimal | None = None,
    now: datetime,
) -> CreateResult:
    """Store one wish, durably, before anything is sent. `params` has been checked by the spec.

    `max_credits` is the worst case where there is no estimate, because price or length is open.

    The form key is unique: pressing fifty times, going back or sending again gives the same
    generation. Raises FormKeyReused when the same form comes with other content, and NoRoom when
    an allowance has no room for it; nothing is stored then. Raises CommitUnclear when the database
    went away at the very end: the same form, sent again, tells what became of it.
    """
    fingerprint = compute_fingerprint(spec.id, params)
    existing = Generation.objects.filter(owner=owner, form_key=form_key).first()
    if existing is None:
        try:
            with durable_transaction():
                version = increment_feed_version(owner.pk)
                generation = Generation.objects.create(
                    owner=owner,
                    model_id=spec.id,
                    prompt=str(params.get("prompt") or ""),
                    params=dict(params),
                    form_key=form_key,
                    fingerprint=fingerprint,
                    credits_estimated=credits_estimated,
                    expected_seconds=spec.typical_seconds,
                    created_version=version,
                    changed_version=version,
                    created_at=now,
                    accounted_at=now,
                    progressed_at=now,
                    next_attempt_at=now,
                )
                generation.inputs.set(assets)
                ledger.reserve(
                    generation_id=generation.pk,
                    user=owner,
                    model_id=spec.id,
                    amount=credits_estimated,
                    max_credits=max_credits,
                    active_count=0,  # more than a person may have at once wait for their turn
                    now=now,
                )
                Draft.objects.filter(owner=owner, model_id=spec.id).delete()
                generation_queued.send(Generation, generation=generation)
            return CreateResult(generation, is_new=True)
        except IntegrityError:
            existing = Generation.objects.get(owner=owner, form_key=form_key)
    if existing.fingerprint != fingerprint:
        raise IdempotencyConflict
    return CreateResult(existing, is_new=False)


def compute_fingerprint(model_id: str, params: Mapping[str, object]) -> str:
    """One hash for one content, whatever the order of its keys."""
    text = json.dumps([model_id, params], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def cancel(*, generation: Generation, now: datetime) -> bool:
    """Drop a generation that was not sent yet: nothing is charged. False when it was too late."""
    return transition(generation, State.CANCELLED, now=now)


def dismiss(*, generation: Generation, now: datetime) -> bool:
    """Stop watching: the worker goes on, and what it costs stays as it is. False when too late."""
    condition = Q(state__in=DISMISSIBLE_STATES, dismissed_at=None)
    return update_flags(generation, condition=condition, dismissed_at=now)


def restore(*, generation: Generation) -> bool:
    """Take it back to the others. False when it was not put away."""
    return update_flags(generation, condition=Q(dismissed_at__isnull=False), dismissed_at=None)


def record_callback(
    *, token: str, size_bytes: int, status: str, task_id: str, now: datetime
) -> None:
    """A callback came: look at this task now. It changes nothing else, whatever it says.

    For a generation whose answer was lost, the task it names becomes a candidate: the worker reads
    it with our key before it counts. A callback that is refused is only written down, and after
    the first one too many not even that: a flood cannot fill the table.
    """
    if "\0" in token:  # PostgreSQL does not even look for such a text
        return
    generation = (
        Generation.objects.filter(callback_token=token)
        .annotate(came=Count("deliveries"))
        .only("pk", "state", "task_id")
        .first()
    )
    if generation is None or generation.came > MAX_CALLBACKS_PER_GENERATION:
        return
    rejection = callback_rejection(
        generation, earlier_count=generation.came, size_bytes=size_bytes, task_id=task_id
    )
    CallbackDelivery.objects.create(
        generation=generation,
        received_at=now,
        size_bytes=min(size_bytes, MAX_RECORDED_BYTES),
        reported_status=status[:40],
        reported_task_id=task_id[:128],
        rejection=rejection,
    )
    if rejection:
        return
    rows = Generation.objects.filter(pk=generation.pk, next_attempt_at__gt=now)
    # A read or search that is under way may have asked too early: it gives way to the next one.
    rows.filter(state=State.RUNNING).update(next_attempt_at=now, lease_id=None)
    if task_id:
        # What an admin named is looked up first.
        lost_rows = Generation.objects.filter(pk=generation.pk, state=State.UNKNOWN)
        named_by_admin = Q(candidate_confirmed=True, candidate_task_id__gt="")
        lost_rows.exclude(named_by_admin).update(
            next_attempt_at=now, candidate_task_id=task_id, candidate_confirmed=False, lease_id=None
        )


def refresh_now(*, queryset: QuerySet[Generation], now: datetime) -> int:
    """Read running tasks, search lost ones, copy finished films: at once instead of when due.

    Reading is free and nothing is ever sent by it. Returns how many will be looked at: rows that
    have ended, were not sent yet or are in a worker's hands at this moment are left alone.
    """
    rows = Generation.objects.filter(
        pk__in=queryset.order_by().values("pk"), state__in=REFRESHABLE_STATES, lease_id=None
    )
    with transaction.atomic():
        return Generation.objects.filter(pk__in=lock_available(rows)).update(next_attempt_at=now)


def save_draft(*, owner: User, model_id: str, values: Mapping[str, object], now: datetime) -> None:
    """Remember what a person typed for one AI model."""
    Draft.objects.update_or_create(
        owner=owner, model_id=model_id, defaults={"values": dict(values), "saved_at": now}
    )


def ensure_feed(*, owner: User) -> None:
    """Every person's page asks its feed; it exists from the first visit on."""
    ChangeFeed.objects.get_or_create(pk=owner.pk)


def record_heartbeat(*, worker: str, disk_free_bytes: int, now: datetime) -> None:
    """A worker says that it lives. Rows of workers silent for a day are dropped."""
    Heartbeat.objects.update_or_create(
        worker=worker, defaults={"seen_at": now, "disk_free_bytes": disk_free_bytes}
    )
    Heartbeat.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
