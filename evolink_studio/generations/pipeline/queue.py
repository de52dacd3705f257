"""Whose turn it is to be sent: fair between people, within our own limits.

Everybody's first waiting generation goes before anybody's second one; work already under way counts
as a turn taken. So one person with a thousand wishes delays nobody else by more than one.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from evolink_studio.credits.allowances import at_once_of
from evolink_studio.generations.models import LOW_DISK, WORKER_SILENT, Feed, Generation, Heartbeat
from evolink_studio.generations.pipeline.leases import LEASE
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import bump, free, locked_feeds

NO_ROOM = "disk_full"


def hold(*, now: datetime) -> None:
    """Wishes that wait say that the disk is full, unless another worker has room and sends them."""
    lively = Heartbeat.objects.filter(seen__gte=now - WORKER_SILENT)
    if lively.filter(disk_free__gte=LOW_DISK).exists():
        release()
        return
    waiting = Generation.objects.filter(state=State.QUEUED, claim=None)
    _tell(waiting.exclude(error_code=NO_ROOM), NO_ROOM)


def release() -> None:
    """There is room again: they wait for nothing but their turn."""
    _tell(Generation.objects.filter(state=State.QUEUED, error_code=NO_ROOM), "")


def _tell(rows: "QuerySet[Generation]", why: str) -> None:
    for owner_id in list(rows.order_by().values_list("owner_id", flat=True).distinct()):
        with transaction.atomic():
            version = bump(owner_id, money=False)
            rows.filter(owner_id=owner_id).update(error_code=why, version=version)


AT_EVOLINK = (State.SENDING, State.RUNNING)
# A worker took it and brings its pictures to EvoLink.
IN_HAND = Q(state=State.QUEUED, claim__isnull=False)


@dataclass(frozen=True)
class Limits:
    """How many may be at EvoLink at once: in all, of one person, of one model. 0 is no limit.

    `people` holds what the allowances of single people say.
    """

    everyone: int = 0
    person: int = 0
    model: int = 0
    people: Mapping[int, int] = field(default_factory=dict)

    def of(self, owner_id: int) -> int:
        """The tighter of what everybody and what this person may."""
        limits = (self.person, self.people.get(owner_id, 0))
        return min((limit for limit in limits if limit), default=0)


def limits_from_settings() -> Limits:
    """What the operator set."""
    env = settings.ENV
    return Limits(env.running_at_once, env.running_per_person, env.running_per_model)


@dataclass
class Busy:
    """What is at EvoLink now."""

    everyone: int
    people: Counter[int]
    models: Counter[str]

    def has_room(self, owner_id: int, model_id: str, limits: Limits) -> bool:
        taken = (
            (self.everyone, limits.everyone),
            (self.people[owner_id], limits.of(owner_id)),
            (self.models[model_id], limits.model),
        )
        return all(not limit or count < limit for count, limit in taken)

    def take(self, owner_id: int, model_id: str) -> None:
        self.everyone += 1
        self.people[owner_id] += 1
        self.models[model_id] += 1


# pk, owner, model, place among the owner's own, moment of the press
Waiting = tuple[int, int, str, int, datetime]


def claim_turns(*, limit: int, now: datetime, limits: Limits) -> tuple[uuid.UUID, list[Generation]]:
    """Take up to `limit` queued rows whose turn it is."""
    claim = uuid.uuid4()
    waiting = list(_waiting(Generation.objects.filter(due__lte=now), limit))
    if not waiting:
        return claim, []
    limits = replace(limits, people=at_once_of({row[1] for row in waiting}))
    chosen = choose(waiting, busy(IN_HAND & Q(due__gt=now)), limits, limit)
    if not chosen:
        return claim, []
    with transaction.atomic():
        owners = Generation.objects.filter(state=State.QUEUED).order_by().values("owner_id")
        versions = locked_feeds(owners)
        rows = Generation.objects.filter(pk__in=chosen, state=State.QUEUED, due__lte=now)
        taken = free(rows)
        Generation.objects.filter(pk__in=taken).update(claim=claim, due=now + LEASE)
        if taken:
            _announce(versions)
    return claim, list(Generation.objects.filter(pk__in=taken, claim=claim))


def choose(waiting: Iterable[Waiting], at_work: Busy, limits: Limits, limit: int) -> list[int]:
    """The rows to send now, in fair order. `at_work` counts what is chosen."""
    chosen: list[int] = []
    for pk, owner_id, model_id, _place, _created in in_turn(waiting, at_work.people):
        if len(chosen) == limit:
            break
        if at_work.has_room(owner_id, model_id, limits):
            at_work.take(owner_id, model_id)
            chosen.append(pk)
    return chosen


def in_turn(waiting: Iterable[Waiting], people: Mapping[int, int]) -> list[Waiting]:
    """Waiting rows in the order of their turns."""
    return sorted(waiting, key=lambda row: (row[3] + people.get(row[1], 0), row[4], row[0]))


def ahead_of(owner_id: int) -> dict[int, int]:
    """How many go before each waiting generation of this person. Two queries."""
    order = in_turn(_waiting(Generation.objects.exclude(IN_HAND), 1000), busy(IN_HAND).people)
    return {row[0]: place for place, row in enumerate(order) if row[1] == owner_id}


def busy(in_hand: Q) -> Busy:
    """Count what is at EvoLink, or on its way there: `in_hand`. One query."""
    counts = (
        Generation.objects.filter(Q(state__in=AT_EVOLINK) | in_hand)
        .values_list("owner_id", "model_id")
        .annotate(n=Count("pk"))
        .order_by()
    )
    people: Counter[int] = Counter()
    models: Counter[str] = Counter()
    for owner_id, model_id, count in counts:
        people[owner_id] += count
        models[model_id] += count
    return Busy(people.total(), people, models)


def _waiting(rows: "QuerySet[Generation]", of_each: int) -> Iterable[Waiting]:
    """The first waiting rows of every person: nobody's queue hides another's."""
    place = Window(RowNumber(), partition_by="owner", order_by=["created", "pk"])
    return (
        rows.filter(state=State.QUEUED)
        .annotate(place=place)
        .filter(place__lte=of_each)
        .values_list("pk", "owner_id", "model_id", "place", "created")
    )


def _announce(versions: Mapping[int, int]) -> None:
    """Everybody who still waits has moved up."""
    waiting = Generation.objects.filter(state=State.QUEUED)
    for owner_id, version in versions.items():
        Feed.objects.filter(pk=owner_id).update(version=F("version") + 1)
        waiting.filter(owner_id=owner_id).update(version=version + 1)


@dataclass(frozen=True)
class Place:
    """`ahead` go before it; at most `at_once` may be at EvoLink (0: no limit).

    `own` says whose limit that is: the person's, or that of the whole studio.
    """

    ahead: int
    at_once: int = 0
    own: bool = True


def places(owner_id: int) -> dict[int, Place]:
    """The place of every waiting generation of this person, by its number. Four queries."""
    limits = replace(limits_from_settings(), people=at_once_of({owner_id}))
    own = limits.of(owner_id)
    return {
        pk: Place(ahead, own or limits.everyone, own=bool(own))
        for pk, ahead in ahead_of(owner_id).items()
    }
