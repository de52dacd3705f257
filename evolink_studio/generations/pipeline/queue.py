"""The order of dispatch: fair between people, within the limits of concurrency.

Everybody's first queued generation goes before anybody's second one, counting those already at
EvoLink. So one person with a thousand generations delays nobody else by more than one. Among one
person's own the order is theirs (`QUEUE_ORDER`): as they were pressed, unless they moved some.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber

from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.credits.allowances import get_concurrency_limits_by_user
from evolink_studio.generations.models import (
    ChangeFeed,
    Generation,
    Heartbeat,
    build_scheduled_filter,
)
from evolink_studio.generations.pipeline.leases import LEASE_DURATION
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import (
    build_feed_lock,
    increment_feed_version,
    lock_available,
)

MAX_COUNTED_PER_USER = 1000
# Placeholders of the prepared queries: the worker asks several times a second, and so does a page.
_MOMENT, _PER_USER = datetime(2000, 1, 1, tzinfo=UTC), 987_654_321
QUEUED_FILTER = build_scheduled_filter(State.QUEUED)
# The turn of a person's queued generations among each other.
QUEUE_ORDER = ("queue_rank", "created_at", "pk")
# A worker has leased it and uploads its files to EvoLink.
PREPARING_FILTER = Q(state=State.QUEUED, lease_id__isnull=False)


def mark_waiting_for_disk(*, now: datetime) -> None:
    """Mark queued generations as waiting for disk space, unless another worker has space."""
    if Heartbeat.objects.alive(now).with_space().exists():
        clear_waiting_for_disk()
        return
    queued_rows = Generation.objects.filter(QUEUED_FILTER, lease_id=None)
    _set_waiting_reason(queued_rows.exclude(error_code=ErrorCode.DISK_FULL), ErrorCode.DISK_FULL)


def clear_waiting_for_disk() -> None:
    """Clear that mark: there is disk space again."""
    _set_waiting_reason(
        Generation.objects.filter(QUEUED_FILTER, error_code=ErrorCode.DISK_FULL), ""
    )


def _set_waiting_reason(rows: "QuerySet[Generation]", error_code: str) -> None:
    for owner_id in list(rows.order_by().values_list("owner_id", flat=True).distinct()):
        with transaction.atomic():
            version = increment_feed_version(owner_id, affects_credits=False)
            rows.filter(owner_id=owner_id).update(error_code=error_code, changed_version=version)


@dataclass(frozen=True)
class ConcurrencyLimits:
    """How many may be at EvoLink at once: in all, per person, per model. 0 is no limit.

    `user_limits`: limits from the allowances of single people, by user id.
    """

    total: int = 0
    per_user: int = 0
    per_model: int = 0
    user_limits: Mapping[int, int] = field(default_factory=dict)

    def get_user_limit(self, owner_id: int) -> int:
        """The lower of `per_user` and this person's own limit; 0 is no limit."""
        limits = (self.per_user, self.user_limits.get(owner_id, 0))
        return min((limit for limit in limits if limit), default=0)


def get_concurrency_limits() -> ConcurrencyLimits:
    """The limits of the environment, without those of allowances."""
    env = settings.ENV
    return ConcurrencyLimits(env.running_at_once, env.running_per_person, env.running_per_model)


@dataclass
class ActiveCounts:
    """How many generations are at EvoLink: in all, by user id, by model id."""

    total: int
    by_user: Counter[int]
    by_model: Counter[str]

    def has_room(self, owner_id: int, model_id: str, limits: ConcurrencyLimits) -> bool:
        counts_and_limits = (
            (self.total, limits.total),
            (self.by_user[owner_id], limits.get_user_limit(owner_id)),
            (self.by_model[model_id], limits.per_model),
        )
        return all(not limit or count < limit for count, limit in counts_and_limits)

    def add(self, owner_id: int, model_id: str) -> None:
        self.total += 1
        self.by_user[owner_id] += 1
        self.by_model[model_id] += 1


# pk, owner id, model id, position among the owner's own (from 1), created at
QueuedRow = tuple[int, int, str, int, datetime]


def lease_next(
    *, limit: int, now: datetime, limits: ConcurrencyLimits
) -> tuple[uuid.UUID, list[Generation]]:
    """Lease up to `limit` queued rows in fair order."""
    lease_id = uuid.uuid4()
    queued_rows = _list_first_queued(limit, due_at=now)
    if not queued_rows:
        return lease_id, []
    limits = replace(
        limits, user_limits=get_concurrency_limits_by_user({row[1] for row in queued_rows})
    )
    selected_ids = select_fair(queued_rows, count_active(leased_after=now), limits, limit)
    if not selected_ids:
        return lease_id, []
    with transaction.atomic():
        locked_feeds = _feed_lock_query().fetch({})
        rows = Generation.objects.filter(
            pk__in=selected_ids, state=State.QUEUED, next_attempt_at__lte=now
        )
        leased_ids = lock_available(rows)
        Generation.objects.filter(pk__in=leased_ids).update(
            lease_id=lease_id, next_attempt_at=now + LEASE_DURATION
        )
        if leased_ids:
            _announce_positions([owner_id for owner_id, _version in locked_feeds])
    return lease_id, list(Generation.objects.filter(pk__in=leased_ids, lease_id=lease_id))


@cache
def _feed_lock_query() -> PreparedQuery:
    owner_ids = Generation.objects.filter(QUEUED_FILTER).order_by().values("owner_id")
    return PreparedQuery(build_feed_lock(owner_ids))


def select_fair(
    queued_rows: Iterable[QueuedRow],
    active_counts: ActiveCounts,
    limits: ConcurrencyLimits,
    limit: int,
) -> list[int]:
    """The pks to send now, in fair order. Adds what it selects to `active_counts`."""
    selected_ids: list[int] = []
    for pk, owner_id, model_id, _position, _created_at in sort_fairly(
        queued_rows, active_counts.by_user
    ):
        if len(selected_ids) == limit:
            break
        if active_counts.has_room(owner_id, model_id, limits):
            active_counts.add(owner_id, model_id)
            selected_ids.append(pk)
    return selected_ids


def sort_fairly(
    queued_rows: Iterable[QueuedRow], active_by_user: Mapping[int, int]
) -> list[QueuedRow]:
    """Queued rows in the order of their dispatch."""
    return sorted(
        queued_rows, key=lambda row: (row[3] + active_by_user.get(row[1], 0), row[4], row[0])
    )


def count_ahead(owner_id: int) -> dict[int, int]:
    """How many go before each queued generation of this person, by pk. Two queries."""
    ordered_rows = sort_fairly(
        _list_first_queued(MAX_COUNTED_PER_USER),
        count_active().by_user,
    )
    return {
        row[0]: ahead_count for ahead_count, row in enumerate(ordered_rows) if row[1] == owner_id
    }


def count_active(*, leased_after: datetime | None = None) -> ActiveCounts:
    """Count generations at EvoLink, and those being prepared. One query.

    `leased_after`: of the latter only those whose lease has not ended by then.
    """
    times = {_MOMENT: leased_after} if leased_after else {}
    counts = _active_query(has_time=bool(times)).fetch(times)
    by_user: Counter[int] = Counter()
    by_model: Counter[str] = Counter()
    for owner_id, model_id, count in counts:
        by_user[owner_id] += count
        by_model[model_id] += count
    return ActiveCounts(by_user.total(), by_user, by_model)


@cache
def _active_query(*, has_time: bool) -> PreparedQuery:
    preparing_filter = PREPARING_FILTER & Q(next_attempt_at__gt=_MOMENT) if has_time else None
    rows = Generation.objects.filter(
        build_scheduled_filter(State.QUEUED, State.SENDING, State.RUNNING),
        ~Q(state=State.QUEUED) | (preparing_filter or PREPARING_FILTER),
    )
    return PreparedQuery(
        rows.values_list("owner_id", "model_id").annotate(n=Count("pk")).order_by()
    )


def _list_first_queued(per_user: int, *, due_at: datetime | None = None) -> list[QueuedRow]:
    """The first `per_user` queued rows of every person: no queue hides another. One query.

    `due_at`: of those due by then; else of those that no worker prepares.
    """
    times = {_MOMENT: due_at} if due_at else {}
    query = _first_queued_query(has_time=bool(times))
    return [
        (pk, owner_id, model_id, position, created_at)
        for pk, owner_id, model_id, position, created_at in query.fetch(
            {_PER_USER: per_user, **times}
        )
    ]


@cache
def _first_queued_query(*, has_time: bool) -> PreparedQuery:
    condition = Q(next_attempt_at__lte=_MOMENT) if has_time else Q(lease_id=None)
    position = Window(RowNumber(), partition_by="owner", order_by=QUEUE_ORDER)
    rows = Generation.objects.filter(QUEUED_FILTER, condition).annotate(position=position)
    return PreparedQuery(
        rows.filter(position__lte=_PER_USER).values_list(
            "pk", "owner_id", "model_id", "position", "created_at"
        )
    )


def _announce_positions(owner_ids: Collection[int]) -> None:
    """Mark these people's queued generations as changed: they moved up. Needs their feeds' locks.

    Two queries.
    """
    ChangeFeed.objects.filter(pk__in=owner_ids).update(version=F("version") + 1)
    new_version = ChangeFeed.objects.filter(pk=OuterRef("owner_id")).values("version")
    Generation.objects.filter(QUEUED_FILTER, owner_id__in=owner_ids).update(
        changed_version=Subquery(new_version)
    )


@dataclass(frozen=True)
class QueuePosition:
    """Where a queued generation stands. At most `max_concurrent` run at once (0: no limit).

    `is_user_limit`: that limit is the person's; else it is that of the whole studio.
    """

    ahead_count: int
    max_concurrent: int = 0
    is_user_limit: bool = True


def get_queue_positions(owner_id: int) -> dict[int, QueuePosition]:
    """The position of every queued generation of this person, by pk. Four queries."""
    limits = replace(
        get_concurrency_limits(), user_limits=get_concurrency_limits_by_user({owner_id})
    )
    user_limit = limits.get_user_limit(owner_id)
    return {
        pk: QueuePosition(ahead_count, user_limit or limits.total, is_user_limit=bool(user_limit))
        for pk, ahead_count in count_ahead(owner_id).items()
    }
