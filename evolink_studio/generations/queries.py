"""Reads for the pages. Each says how many queries it makes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from django.db.models import (
    OuterRef,
    Prefetch,
    QuerySet,
    Subquery,
    Sum,
    Value,
    prefetch_related_objects,
)
from django.db.models.functions import Coalesce
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.core.calendar import day_of, start_of_day, start_of_month
from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.credits.fields import CreditsField
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.credits.queries import provider_account
from evolink_studio.generations.models import Charge, Draft, GeneratedVideo, Generation, Heartbeat
from evolink_studio.generations.pipeline.provider import provider_key
from evolink_studio.generations.pipeline.queue import QueuePosition, queue_positions
from evolink_studio.generations.states import LIVE_STATES, State

RECENT_LIMIT = 12


def get_generation_or_404(user: User, pk: int) -> Generation:
    """A generation of this person; Http404 for strangers. Two queries."""
    generations = with_results(
        Generation.objects.filter(owner_id=user.pk, pk=pk).defer("last_reply")
    )
    if not generations:
        raise Http404
    return generations[0]


def is_owner_of(user: User, pk: int) -> bool:
    """Whether there is such a generation of this person. One query."""
    return Generation.objects.filter(owner_id=user.pk, pk=pk).exists()


def results_prefetch() -> Prefetch[str]:
    """How the kept films of generations are fetched along, in one query for all."""
    return Prefetch("results", GeneratedVideo.objects.select_related("asset"))


def with_results(rows: Iterable[Generation]) -> list[Generation]:
    """These generations, and one more query for the films of those that are done."""
    generations = list(rows)
    prefetch_related_objects(
        [row for row in generations if row.state == State.COMPLETED], results_prefetch()
    )
    return generations


def recent_generations(user: User, limit: int = RECENT_LIMIT) -> list[Generation]:
    """The newest generations of a person, without those put away. Two queries."""
    rows = Generation.objects.filter(owner_id=user.pk, dismissed_at=None).order_by(
        "-created_at", "-id"
    )
    return with_results(rows.defer("last_reply")[:limit])


def queue_positions_for(user: User, rows: Sequence[Generation]) -> dict[int, QueuePosition]:
    """Where those of these rows stand that wait. No query when none does, else four."""
    return queue_positions(user.pk) if any(row.state == State.QUEUED for row in rows) else {}


@dataclass(frozen=True)
class Spending:
    """Credits of one person: reserved now, charged since midnight and since the first (UTC)."""

    reserved: Decimal
    charged_today: Decimal
    charged_this_month: Decimal


def get_spending(user: User, now: datetime) -> Spending:
    """One query."""
    today = day_of(now)
    parameters = {
        _OWNER: user.pk,
        _DAY: start_of_day(today),
        _MONTH: start_of_day(start_of_month(today)),
    }
    return Spending(*_spending_query().fetch(parameters)[0])


# Marks in the prepared query.
_OWNER = -1
_DAY, _MONTH = datetime(1, 1, 2, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)


@cache
def _spending_query() -> PreparedQuery:
    generations = Generation.objects.filter(owner_id=_OWNER)
    reserved, charged = (
        generations.filter(charge=Charge.RESERVED),
        generations.filter(charge=Charge.CHARGED),
    )
    return PreparedQuery(
        User.objects.filter(pk=_OWNER).values_list(
            _sum_column(reserved, "credits_reserved"),
            _sum_column(charged.filter(accounted_at__gte=_DAY), "credits_charged"),
            _sum_column(charged.filter(accounted_at__gte=_MONTH), "credits_charged"),
        )
    )


def _sum_column(rows: "QuerySet[Generation]", column: str) -> Coalesce:
    total = rows.filter(owner=OuterRef("pk")).order_by().values("owner").annotate(n=Sum(column))
    return Coalesce(Subquery(total.values("n")), Value(Decimal(0), CreditsField()))


def credits_taken_since(moment: datetime) -> Decimal:
    """Credits that EvoLink reserved or took for everybody's work after this moment. One query."""
    rows = Generation.objects.filter(
        accepted_at__gt=moment, charge__in=[Charge.RESERVED, Charge.CHARGED]
    )
    taken = rows.aggregate(n=Sum(Coalesce("credits_charged", "credits_reserved")))["n"]
    return taken or Decimal(0)


def get_draft(user: User, model_id: str) -> dict[str, object] | None:
    """What the person had typed for this model, if anything. One query."""
    return (
        Draft.objects.filter(owner_id=user.pk, model_id=model_id)
        .values_list("values", flat=True)
        .first()
    )


def get_last_model_id(user: User) -> str | None:
    """The model the person used last. One query."""
    rows = Generation.objects.filter(owner_id=user.pk).order_by("-created_at", "-id")
    return rows.values_list("model_id", flat=True).first()


def get_typical_seconds(model_ids: Sequence[str]) -> dict[str, int]:
    """Median seconds from acceptance to film, of our own last 200 finished tasks."""
    rows = (
        Generation.objects.filter(state=State.COMPLETED, model_id__in=model_ids)
        .exclude(accepted_at=None)
        .order_by("-created_at")
        .values_list("model_id", "accepted_at", "finished_at")[:200]
    )
    durations: dict[str, list[float]] = {}
    for model_id, accepted_at, finished_at in rows:
        if accepted_at and finished_at:
            durations.setdefault(model_id, []).append((finished_at - accepted_at).total_seconds())
    return {model: int(sorted(s)[len(s) // 2]) for model, s in durations.items()}


def get_newest_heartbeat() -> Heartbeat | None:
    """The worker heard of last. One query."""
    return Heartbeat.objects.order_by("-seen_at").first()


def get_free_disk_bytes() -> int | None:
    """What the worker's disk has left, as it said last; None before its first word. One query."""
    return Heartbeat.objects.order_by("-seen_at").values_list("disk_free_bytes", flat=True).first()


def get_gallery_page(
    user: User,
    *,
    cursor: tuple[datetime, int] | None,
    limit: int,
    states: Collection[State] = (State.COMPLETED,),
) -> list[Generation]:
    """Kept films of a person, newest first, after a cursor. Two queries, at any depth.

    `created <=` beside the pair lets the index start at the cursor. `states` asks for others.
    """
    rows = Generation.objects.filter(owner_id=user.pk, state__in=states)
    if LIVE_STATES.issuperset(states):
        # Few of very many: found by their state first, or the whole library would be walked.
        rows = Generation.objects.filter(pk__in=rows.values("pk"))
    if cursor:
        moment, pk = cursor
        rows = rows.filter(created_at__lte=moment).exclude(created_at=moment, id__gte=pk)
    return with_results(rows.defer("last_reply").order_by("-created_at", "-id")[:limit])


def current_provider_account() -> ProviderAccount:
    """The account as last read, less what EvoLink took since then. Two queries, no write."""
    account = provider_account(provider_key=provider_key())
    if account.credits_available is not None and account.read_at is not None:
        account.credits_available -= credits_taken_since(account.read_at)
    return account
