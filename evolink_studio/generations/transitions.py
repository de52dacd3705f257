"""The only writes that change a generation once it exists.

Each is one conditional UPDATE that looks at its row count, in one transaction with the book of
credits and the owner's feed version. The feed row is locked first, so versions become visible in
the order they were given.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.credits import ledger
from evolink_studio.generations.models import Charge, Feed, Generation
from evolink_studio.generations.states import ENDED, State, sources


@dataclass(frozen=True)
class Decision:
    """Who said what a generation cost, and why; without a person it was EvoLink who said so."""

    by: User | None = None
    note: str = ""


EVOLINK = Decision()


def follow_move(
    generation_id: int,
    to: State,
    facts: Mapping[str, Any],
    now: datetime,
    decision: Decision = EVOLINK,
) -> None:
    """Keep in the book what a move says about the money. What arrives twice changes nothing."""
    charge = facts.get("charge")
    if charge == Charge.CHARGED:
        if facts.get("used") is not None:
            ledger.settle(
                generation_id=generation_id,
                charged=facts["used"],
                now=now,
                by=decision.by,
                note=decision.note,
            )
    elif charge == Charge.RESERVED:
        if facts.get("reserved") is not None:
            ledger.adjust(generation_id=generation_id, to=facts["reserved"], now=now)
    elif to in ENDED and to != State.COMPLETED and charge != Charge.UNCLEAR:
        ledger.release(generation_id=generation_id, now=now, by=decision.by, note=decision.note)


# What was never sent cannot have cost anything.
CORRECTABLE = frozenset({State.COMPLETED, State.FAILED})


def bump(owner_id: int, *, money: bool = True) -> int:
    """Count one more change of this person's generations and return its number.

    Without `money` their credits stay as they are, and the page need not draw them anew.
    """
    feed = Feed.objects.filter(pk=owner_id)
    more = {"version": F("version") + 1} | ({"money": F("money") + 1} if money else {})
    if not feed.update(**more):
        Feed.objects.get_or_create(pk=owner_id)
        feed.update(**more)
    return feed.values_list("version", flat=True).get()


def free(rows: "QuerySet[Generation]") -> list[int]:
    """Lock those of these rows that nobody is writing at this moment, and return their numbers.

    Whoever changes several rows at once waits for none of them: who holds one of them may be
    waiting for another. Needs a transaction.
    """
    return list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))


def move(
    generation: Generation,
    to: State,
    *,
    now: datetime,
    held: uuid.UUID | None = None,
    standing: State | None = None,
    decision: Decision = EVOLINK,
    **facts: object,
) -> bool:
    """Move to another state, if the generation still stands where that move is allowed.

    `held` is the claim of a worker: with it, a worker whose claim ran out changes nothing.
    `standing` is the one state it may come from, for a decision that was made about that state.
    `decision` says for the book who decided it.
    Returns False when somebody else was first; nothing is changed then.
    """
    rows = Generation.objects.filter(pk=generation.pk, state__in=sources(to))
    if held is not None:
        rows = rows.filter(claim=held)
    if standing is not None:
        rows = rows.filter(state=standing)
    if to in ENDED:
        facts = {"finished": now, "due": None, "stalled": None, **facts}
    with transaction.atomic():
        version = bump(generation.owner_id)
        changed = rows.update(
            state=to,
            version=version,
            moved=now,
            claim=held if to == State.SENDING else None,
            **facts,
        )
        if changed:
            follow_move(generation.pk, to, facts, now, decision)
    return changed == 1


def note(generation: Generation, *, held: uuid.UUID, visible: bool, **facts: object) -> bool:
    """Keep facts without leaving the state, and give the claim back.

    `visible` facts are announced to the owner's page.
    """
    rows = Generation.objects.filter(pk=generation.pk, state=generation.state, claim=held)
    with transaction.atomic():
        if visible:
            facts["version"] = bump(generation.owner_id, money=False)
        return rows.update(claim=None, **facts) == 1


@dataclass(frozen=True)
class Note:
    """Facts to be kept about a generation that stays in its state. `visible`: the page shows them.

    What is not visible is small and hashable, and often the same for many.
    """

    generation: Generation
    visible: bool
    facts: Mapping[str, Any]


def note_all(notes: Sequence[Note], state: State, *, held: uuid.UUID) -> list[Note]:
    """Keep notes of generations in one state, all in one transaction, and give the claims back.

    It waits for no row: feeds are locked first, in one order, then those rows that nobody else is
    writing. Returns the notes of all others, to be kept one by one: their claim is gone, somebody
    has them in hand for a moment, or their owner has no feed yet.
    """
    with transaction.atomic():
        versions = locked_feeds({one.generation.owner_id for one in notes if one.visible})
        ready = [one for one in notes if not one.visible or one.generation.owner_id in versions]
        claimed = Generation.objects.filter(state=state, claim=held)
        mine = set(free(claimed.filter(pk__in=[one.generation.pk for one in ready])))
        kept = [one for one in ready if one.generation.pk in mine]
        told = {one.generation.owner_id for one in kept if one.visible}
        Feed.objects.filter(pk__in=told).update(version=F("version") + 1)
        for facts, numbers in _alike(kept, versions):
            claimed.filter(pk__in=numbers).update(claim=None, **facts)
    return [one for one in notes if one.generation.pk not in mine]


def locked_feeds(owners: "Iterable[int] | QuerySet[Any, Any]") -> dict[int, int]:
    """Lock these people's feeds, and return their versions. Needs a transaction.

    Before any row and in one order, as everywhere: nobody waits for somebody who waits for them,
    and versions become visible in the order they were given.
    """
    return dict(
        Feed.objects.filter(pk__in=owners)
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "version")
    )


def _alike(
    notes: Iterable[Note], versions: Mapping[int, int]
) -> Iterable[tuple[dict[str, Any], list[int]]]:
    """What one statement each can write: the same facts, and the rows they are for."""
    same: dict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)
    for one in notes:
        if one.visible:
            version = versions[one.generation.owner_id] + 1
            yield {**one.facts, "version": version}, [one.generation.pk]
        else:
            same[tuple(one.facts.items())].append(one.generation.pk)
    for facts, numbers in same.items():
        yield dict(facts), numbers


def mark(generation: Generation, *, where: Q, **facts: object) -> bool:
    """Keep what the person says about it, whoever holds it: state, money and claim stay.

    False when it is not `where` this may be said any more; nothing is changed then.
    """
    rows = Generation.objects.filter(where, pk=generation.pk)
    with transaction.atomic():
        version = bump(generation.owner_id, money=False)
        return rows.update(version=version, **facts) == 1


def correct(
    generation: Generation, *, charged: Decimal, by: User, note: str, now: datetime
) -> bool:
    """Put right what an ended generation cost, on its row and in the book; its state stays.

    It counts only for the row as it was when the person decided (`generation.version`), so the
    same decision sent twice is carried out once. Returns False when the row has changed since.
    """
    seen = Generation.objects.filter(pk=generation.pk, version=generation.version)
    with transaction.atomic():
        version = bump(generation.owner_id)
        changed = seen.filter(state__in=CORRECTABLE).update(
            version=version,
            used=charged,
            charge=Charge.CHARGED if charged else Charge.RETURNED,
        )
        if changed:
            ledger.correct(generation_id=generation.pk, charged=charged, by=by, note=note, now=now)
    return changed == 1
