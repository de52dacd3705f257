"""The writes that change the state, facts or charge of an existing generation.

Each is one conditional UPDATE that looks at its row count, in one transaction with the ledger of
credits and the owner's feed version. The feed row is locked first, so versions become visible in
the order of their numbers.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from evolink_studio.accounts.models import User
from evolink_studio.credits import ledger
from evolink_studio.generations.models import ChangeFeed, Charge, Generation
from evolink_studio.generations.signals import generation_ended
from evolink_studio.generations.states import ENDED_STATES, ErrorCode, State, source_states

# Ends that a person did not bring about themselves, and may want to be told.
TOLD_STATES = frozenset({State.COMPLETED, State.FAILED})
# States whose charge an admin may correct. What was never sent cannot have cost anything.
CORRECTABLE_STATES = frozenset({State.COMPLETED, State.FAILED})


@dataclass(frozen=True)
class ChargeDecision:
    """Who decided what a generation cost, and why; without `actor` it was EvoLink."""

    actor: User | None = None
    note: str = ""


PROVIDER_DECISION = ChargeDecision()


def apply_to_ledger(
    generation_id: int,
    target: State,
    changes: Mapping[str, Any],
    now: datetime,
    decision: ChargeDecision = PROVIDER_DECISION,
) -> None:
    """Book in the ledger what a transition says about credits. Repeating it changes nothing."""
    charge = changes.get("charge")
    if charge == Charge.CHARGED:
        if changes.get("credits_charged") is not None:
            ledger.settle(
                generation_id=generation_id,
                charged=changes["credits_charged"],
                now=now,
                actor=decision.actor,
                note=decision.note,
            )
    elif charge == Charge.RESERVED:
        if changes.get("credits_reserved") is not None:
            ledger.adjust(
                generation_id=generation_id, reserved=changes["credits_reserved"], now=now
            )
    elif target in ENDED_STATES and target != State.COMPLETED and charge != Charge.UNCLEAR:
        ledger.release(
            generation_id=generation_id, now=now, actor=decision.actor, note=decision.note
        )


def _held_changes(target: State, changes: Mapping[str, Any]) -> dict[str, Decimal | None]:
    """What becomes of the reserved credits of the row by what `apply_to_ledger` will book."""
    charge = changes.get("charge")
    if charge == Charge.CHARGED:
        return {"credits_held": None} if changes.get("credits_charged") is not None else {}
    if charge == Charge.RESERVED:
        reserved = changes.get("credits_reserved")
        return {} if reserved is None else {"credits_held": reserved}
    is_released = target in ENDED_STATES and target != State.COMPLETED and charge != Charge.UNCLEAR
    return {"credits_held": None} if is_released else {}


# One statement for what every change begins with; Django has no update that returns what it wrote.
_INCREMENT_VERSION = (
    'UPDATE "generations_changefeed" SET "version" = "version" + 1'
    ' WHERE "owner_id" = %s RETURNING "version"'
)
_INCREMENT_BOTH = _INCREMENT_VERSION.replace(
    " WHERE", ', "credits_version" = "credits_version" + 1 WHERE'
)


def increment_feed_version(owner_id: int, *, affects_credits: bool = True) -> int:
    """Count one more change of this person's generations and return its number.

    `affects_credits=False`: the page need not render the credits again.
    """
    version = _increment_version(owner_id, affects_credits=affects_credits)
    if version is None:
        ChangeFeed.objects.get_or_create(pk=owner_id)
        version = _increment_version(owner_id, affects_credits=affects_credits)
    assert version is not None
    return version


def _increment_version(owner_id: int, *, affects_credits: bool) -> int | None:
    """None when this person has no feed yet."""
    with connection.cursor() as cursor:
        cursor.execute(_INCREMENT_BOTH if affects_credits else _INCREMENT_VERSION, [owner_id])
        rows = cursor.fetchall()
    return int(rows[0][0]) if rows else None


def lock_available(rows: "QuerySet[Generation]") -> list[int]:
    """Lock those of these rows that nobody else has locked, and return their pks.

    Code that changes several rows never waits for one, as the holder of one may be waiting for
    another: that would be a deadlock. Needs a transaction.
    """
    return list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))


def transition(
    generation: Generation,
    target: State,
    *,
    now: datetime,
    lease_id: uuid.UUID | None = None,
    expected_state: State | None = None,
    decision: ChargeDecision = PROVIDER_DECISION,
    **changes: object,
) -> bool:
    """Move to state `target`, if the current state allows it.

    `lease_id` is the lease of a worker: a worker whose lease ran out changes nothing.
    `expected_state` narrows the current state to one, for a decision that was made about it.
    `decision` says for the ledger who decided.
    Returns False when the row is no longer so; nothing is changed then.
    """
    rows = Generation.objects.filter(pk=generation.pk, state__in=source_states(target))
    if lease_id is not None:
        rows = rows.filter(lease_id=lease_id)
    if expected_state is not None:
        rows = rows.filter(state=expected_state)
    if target in ENDED_STATES:
        changes = {"finished_at": now, "next_attempt_at": None, "stalled_since": None, **changes}
    if changes.get("charge") == Charge.CHARGED:
        changes["accounted_at"] = now
    with transaction.atomic():
        version = increment_feed_version(generation.owner_id)
        updated_count = rows.update(
            state=target,
            changed_version=version,
            progressed_at=now,
            lease_id=lease_id if target == State.SENDING else None,
            **_held_changes(target, changes),
            **changes,
        )
        if updated_count:
            apply_to_ledger(generation.pk, target, changes, now, decision)
            if target in TOLD_STATES:
                generation_ended.send(
                    Generation,
                    generation_id=generation.pk,
                    owner_id=generation.owner_id,
                    state=target,
                    now=now,
                )
    return updated_count == 1


def update_in_state(
    generation: Generation, *, lease_id: uuid.UUID, is_visible: bool, **changes: object
) -> bool:
    """Store facts without changing the state, and release the lease. False when the lease is lost.

    `is_visible`: the owner's page shows them, so the feed version is incremented.
    """
    rows = Generation.objects.filter(pk=generation.pk, state=generation.state, lease_id=lease_id)
    with transaction.atomic():
        if is_visible:
            changes["changed_version"] = increment_feed_version(
                generation.owner_id, affects_credits=False
            )
        return rows.update(lease_id=None, **changes) == 1


@dataclass(frozen=True)
class StateUpdate:
    """Facts to store about a generation that stays in its state.

    `is_visible`: the page shows them. If not, the values must be hashable: equal ones of many rows
    are written by one statement.
    """

    generation: Generation
    is_visible: bool
    changes: Mapping[str, Any]


def bulk_update_in_state(
    updates: Sequence[StateUpdate], state: State, *, lease_id: uuid.UUID
) -> list[StateUpdate]:
    """Store updates of generations in one state in one transaction, and release their leases.

    It waits for no row: feeds are locked first, in one order, then the rows that nobody else has
    locked. Returns the updates not stored, to be tried one by one: their lease is lost, their row
    is locked, or their owner has no feed yet.
    """
    with transaction.atomic():
        versions = lock_feeds(
            {update.generation.owner_id for update in updates if update.is_visible}
        )
        writable = [
            update
            for update in updates
            if not update.is_visible or update.generation.owner_id in versions
        ]
        leased_rows = Generation.objects.filter(state=state, lease_id=lease_id)
        locked_ids = set(
            lock_available(leased_rows.filter(pk__in=[update.generation.pk for update in writable]))
        )
        locked_updates = [update for update in writable if update.generation.pk in locked_ids]
        visible_owner_ids = {
            update.generation.owner_id for update in locked_updates if update.is_visible
        }
        ChangeFeed.objects.filter(pk__in=visible_owner_ids).update(version=F("version") + 1)
        for changes, generation_ids in _group_by_changes(locked_updates, versions):
            leased_rows.filter(pk__in=generation_ids).update(lease_id=None, **changes)
    return [update for update in updates if update.generation.pk not in locked_ids]


def lock_feeds(owner_ids: "Iterable[int] | QuerySet[Any, Any]") -> dict[int, int]:
    """Lock these people's feeds, and return their versions by owner id. Needs a transaction.

    Call it before locking any generation: with one order everywhere there is no deadlock, and
    versions become visible in the order of their numbers.
    """
    return dict(build_feed_lock(owner_ids))


def build_feed_lock(
    owner_ids: "Iterable[int] | QuerySet[Any, Any]",
) -> "QuerySet[ChangeFeed, tuple[int, int]]":
    """What `lock_feeds` asks, for one that asks it often: (owner id, version)."""
    feeds = ChangeFeed.objects.filter(pk__in=owner_ids).order_by("pk").select_for_update()
    return feeds.values_list("pk", "version")


def _group_by_changes(
    updates: Iterable[StateUpdate], versions: Mapping[int, int]
) -> Iterable[tuple[dict[str, Any], list[int]]]:
    """(changes, pks of rows) for one UPDATE each."""
    ids_by_changes: dict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)
    for update in updates:
        if update.is_visible:
            version = versions[update.generation.owner_id] + 1
            yield {**update.changes, "changed_version": version}, [update.generation.pk]
        else:
            ids_by_changes[tuple(update.changes.items())].append(update.generation.pk)
    for changes, generation_ids in ids_by_changes.items():
        yield dict(changes), generation_ids


def update_flags(generation: Generation, *, condition: Q, **changes: object) -> bool:
    """Store a flag that the person set, whoever holds the lease: state, charge and lease stay.

    False when the row does not fit `condition`; nothing is changed then.
    """
    rows = Generation.objects.filter(condition, pk=generation.pk)
    with transaction.atomic():
        version = increment_feed_version(generation.owner_id, affects_credits=False)
        return rows.update(changed_version=version, **changes) == 1


def correct_charge(
    generation: Generation, *, credits_charged: Decimal, actor: User, note: str, now: datetime
) -> bool:
    """Correct what an ended generation cost, on its row and in the ledger; its state stays.

    It applies only to the version the person saw (`generation.changed_version`), so the same
    decision sent twice is carried out once. A charge that existed keeps its day. What was decided
    as never taken was taken, once it cost something.
    Returns False when the row has changed since.
    """
    unchanged_rows = Generation.objects.filter(
        pk=generation.pk, changed_version=generation.changed_version
    )
    with transaction.atomic():
        version = increment_feed_version(generation.owner_id)
        updated_count = unchanged_rows.filter(state__in=CORRECTABLE_STATES).update(
            changed_version=version,
            credits_charged=credits_charged,
            credits_held=None,
            charge=Charge.CHARGED if credits_charged else Charge.RETURNED,
            accounted_at=Case(
                When(charge=Charge.CHARGED, then=F("accounted_at")), default=Value(now)
            ),
        )
        if updated_count and credits_charged:
            Generation.objects.filter(pk=generation.pk, error_code=ErrorCode.NEVER_TAKEN).update(
                error_code=ErrorCode.CHARGED_WITHOUT_FILM
            )
        if updated_count:
            ledger.correct(
                generation_id=generation.pk,
                charged=credits_charged,
                actor=actor,
                note=note,
                now=now,
            )
    return updated_count == 1
