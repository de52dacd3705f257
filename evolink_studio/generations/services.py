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
from evolink_studio.catalog.spec import Spec
from evolink_studio.core.database import stored
from evolink_studio.credits import ledger
from evolink_studio.generations.models import Delivery, Draft, Feed, Generation, Heartbeat
from evolink_studio.generations.states import LIVE, State
from evolink_studio.generations.transitions import bump, free, mark, move
from evolink_studio.library.models import Asset

LARGEST = 64 * 1024  # bytes; a larger body is not even read
MOST_HEARD = 20  # callbacks of one address


def why_refused(generation: Generation, *, came: int, size: int, task_id: str) -> str:
    """Why this callback is not listened to; "" when it is. `came`: how many came before it."""
    other = task_id and generation.task_id and task_id != generation.task_id
    reasons = (
        (came >= MOST_HEARD, Delivery.Refused.TOO_MANY),
        (size > LARGEST, Delivery.Refused.TOO_LARGE),
        (other, Delivery.Refused.OTHER_TASK),
    )
    return next((reason.value for fits, reason in reasons if fits), "")


# A generation waits to be sent. Told inside the transaction that stores it, with its `generation`.
queued = Signal()

LARGEST_SIZE = 2**31 - 1  # as its column can hold
# What a look can bring forward: searching, reading and copying are free.
LOOKED_AT = frozenset({State.UNKNOWN, State.RUNNING, State.SAVING})
# What a person may stop watching: it goes on without them. What was not sent yet is cancelled.
LEAVABLE = LIVE - {State.QUEUED}


class FormKeyReused(Exception):
    """This form was already sent with other content: nothing was sent now."""


@dataclass(frozen=True)
class Submitted:
    """A generation, and whether this very call created it."""

    generation: Generation
    created: bool


def submit(
    *,
    owner: User,
    spec: Spec,
    params: Mapping[str, object],
    assets: Sequence[Asset],
    form_key: uuid.UUID,
    estimated: Decimal | None,
    at_most: Decimal | None = None,
    now: datetime,
) -> Submitted:
    """Store one wish, durably, before anything is sent. `params` has been checked by the spec.

    `at_most` is the worst case where there is no estimate, because price or length is open.

    The form key is unique: pressing fifty times, going back or sending again gives the same
    generation. Raises FormKeyReused when the same form comes with other content, and NoRoom when
    an allowance has no room for it; nothing is stored then. Raises CommitUnclear when the database
    went away at the very end: the same form, sent again, tells what became of it.
    """
    fingerprint = fingerprint_of(spec.id, params)
    known = Generation.objects.filter(owner=owner, form_key=form_key).first()
    if known is None:
        try:
            with stored():
                version = bump(owner.pk)
                generation = Generation.objects.create(
                    owner=owner,
                    model_id=spec.id,
                    prompt=str(params.get("prompt") or ""),
                    params=dict(params),
                    form_key=form_key,
                    fingerprint=fingerprint,
                    estimated=estimated,
                    expected_seconds=spec.typical_seconds,
                    born=version,
                    version=version,
                    created=now,
                    moved=now,
                    due=now,
                )
                generation.inputs.set(assets)
                ledger.reserve(
                    generation_id=generation.pk,
                    person=owner,
                    model_id=spec.id,
                    amount=estimated,
                    at_most=at_most,
                    running=0,  # more than a person may have at once wait for their turn
                    now=now,
                )
                Draft.objects.filter(owner=owner, model_id=spec.id).delete()
                queued.send(Generation, generation=generation)
            return Submitted(generation, created=True)
        except IntegrityError:
            known = Generation.objects.get(owner=owner, form_key=form_key)
    if known.fingerprint != fingerprint:
        raise FormKeyReused
    return Submitted(known, created=False)


def fingerprint_of(model_id: str, params: Mapping[str, object]) -> str:
    """One hash for one content, whatever the order of its keys."""
    text = json.dumps([model_id, params], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def cancel(*, generation: Generation, now: datetime) -> bool:
    """Drop a generation that was not sent yet: nothing is charged. False when it was too late."""
    return move(generation, State.CANCELLED, now=now)


def put_away(*, generation: Generation, now: datetime) -> bool:
    """Stop watching: the worker goes on, and what it costs stays as it is. False when too late."""
    where = Q(state__in=LEAVABLE, put_away=None)
    return mark(generation, where=where, put_away=now)


def watch_again(*, generation: Generation) -> bool:
    """Take it back to the others. False when it was not put away."""
    return mark(generation, where=Q(put_away__isnull=False), put_away=None)


def wake(*, token: str, size: int, says: str, task_id: str, now: datetime) -> None:
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
    if generation is None or generation.came > MOST_HEARD:
        return
    refused = why_refused(generation, came=generation.came, size=size, task_id=task_id)
    Delivery.objects.create(
        generation=generation,
        at=now,
        size=min(size, LARGEST_SIZE),
        says=says[:40],
        task_named=task_id[:128],
        refused=refused,
    )
    if refused:
        return
    rows = Generation.objects.filter(pk=generation.pk, due__gt=now)
    # A read or search that is under way may have asked too early: it gives way to the next one.
    rows.filter(state=State.RUNNING).update(due=now, claim=None)
    if task_id:
        # What an admin named is looked up first.
        lost = Generation.objects.filter(pk=generation.pk, state=State.UNKNOWN)
        named = Q(vouched=True, candidate__gt="")
        lost.exclude(named).update(due=now, candidate=task_id, vouched=False, claim=None)


def look_now(*, chosen: QuerySet[Generation], now: datetime) -> int:
    """Read running tasks, search lost ones, copy finished films: at once instead of when due.

    Reading is free and nothing is ever sent by it. Returns how many will be looked at: rows that
    have ended, were not sent yet or are in a worker's hands at this moment are left alone.
    """
    rows = Generation.objects.filter(
        pk__in=chosen.order_by().values("pk"), state__in=LOOKED_AT, claim=None
    )
    with transaction.atomic():
        return Generation.objects.filter(pk__in=free(rows)).update(due=now)


def save_draft(*, owner: User, model_id: str, values: Mapping[str, object], now: datetime) -> None:
    """Remember what a person typed for one AI model."""
    Draft.objects.update_or_create(
        owner=owner, model_id=model_id, defaults={"values": dict(values), "saved": now}
    )


def open_feed(*, owner: User) -> None:
    """Every person's page asks its feed; it exists from the first visit on."""
    Feed.objects.get_or_create(pk=owner.pk)


def beat(*, worker: str, disk_free: int, now: datetime) -> None:
    """A worker says that it lives. Rows of workers silent for a day are dropped."""
    Heartbeat.objects.update_or_create(
        worker=worker, defaults={"seen": now, "disk_free": disk_free}
    )
    Heartbeat.objects.filter(seen__lt=now - timedelta(days=1)).delete()
