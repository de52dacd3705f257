"""Reads for the pages. Each says how many queries it makes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery, Sum, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import Prepared
from evolink_studio.credits.models import FarAccount
from evolink_studio.credits.queries import far_account
from evolink_studio.generations.models import Charge, Draft, Generation, Heartbeat, Result
from evolink_studio.generations.pipeline.provider import far_name
from evolink_studio.generations.pipeline.queue import Place, places
from evolink_studio.generations.states import LIVE, State

RAIL = 12


def own(user: User, pk: int) -> Generation:
    """A generation of this person; Http404 for strangers. Two queries."""
    found = with_films(Generation.objects.filter(owner_id=user.pk, pk=pk).defer("last_reply"))
    if not found:
        raise Http404
    return found[0]


def is_own(user: User, pk: int) -> bool:
    """Whether there is such a generation of this person. One query."""
    return Generation.objects.filter(owner_id=user.pk, pk=pk).exists()


def films() -> Prefetch[str]:
    """How the kept films of generations are fetched along, in one query for all."""
    return Prefetch("results", Result.objects.select_related("asset"))


def with_films(rows: Iterable[Generation]) -> list[Generation]:
    """These generations, and one more query for the films of those that are done."""
    found = list(rows)
    prefetch_related_objects([row for row in found if row.state == State.COMPLETED], films())
    return found


def recent(user: User, limit: int = RAIL) -> list[Generation]:
    """The newest generations of a person, without those put away. Two queries."""
    rows = Generation.objects.filter(owner_id=user.pk, put_away=None).order_by("-created", "-id")
    return with_films(rows.defer("last_reply")[:limit])


def ahead(user: User, rows: Sequence[Generation]) -> dict[int, Place]:
    """Where those of these rows stand that wait. No query when none does, else four."""
    return places(user.pk) if any(row.state == State.QUEUED for row in rows) else {}


@dataclass(frozen=True)
class Spending:
    """Credits of one person: reserved now, spent since midnight and since the first (UTC)."""

    reserved: Decimal
    today: Decimal
    month: Decimal


def spending(user: User, now: datetime) -> Spending:
    """One query."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    given = {_OWNER: user.pk, _DAY: midnight, _MONTH: midnight.replace(day=1)}
    return Spending(*_spending().fetch(given)[0])


# Marks in the prepared query.
_OWNER = -1
_DAY, _MONTH = datetime(1, 1, 2, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)


@cache
def _spending() -> Prepared:
    mine = Generation.objects.filter(owner_id=_OWNER)
    held, charged = mine.filter(charge=Charge.RESERVED), mine.filter(charge=Charge.CHARGED)
    return Prepared(
        User.objects.filter(pk=_OWNER).values_list(
            _sum(held, "reserved"),
            _sum(charged.filter(finished__gte=_DAY), "used"),
            _sum(charged.filter(finished__gte=_MONTH), "used"),
        )
    )


def _sum(rows: "QuerySet[Generation]", column: str) -> Coalesce:
    total = rows.filter(owner=OuterRef("pk")).order_by().values("owner").annotate(n=Sum(column))
    return Coalesce(Subquery(total.values("n")), Decimal(0))


def taken_since(moment: datetime) -> Decimal:
    """Credits that EvoLink reserved or took for everybody's work after this moment. One query."""
    rows = Generation.objects.filter(
        accepted__gt=moment, charge__in=[Charge.RESERVED, Charge.CHARGED]
    )
    taken = rows.aggregate(n=Sum(Coalesce("used", "reserved")))["n"]
    return taken or Decimal(0)


def draft(user: User, model_id: str) -> dict[str, object] | None:
    """What the person had typed for this model, if anything. One query."""
    return (
        Draft.objects.filter(owner_id=user.pk, model_id=model_id)
        .values_list("values", flat=True)
        .first()
    )


def last_model(user: User) -> str | None:
    """The model the person used last. One query."""
    rows = Generation.objects.filter(owner_id=user.pk).order_by("-created", "-id")
    return rows.values_list("model_id", flat=True).first()


def typical_seconds(model_ids: Sequence[str]) -> dict[str, int]:
    """Median seconds from acceptance to film, of our own last 200 finished tasks."""
    rows = (
        Generation.objects.filter(state=State.COMPLETED, model_id__in=model_ids)
        .exclude(accepted=None)
        .order_by("-created")
        .values_list("model_id", "accepted", "finished")[:200]
    )
    spans: dict[str, list[float]] = {}
    for model_id, accepted, finished in rows:
        if accepted and finished:
            spans.setdefault(model_id, []).append((finished - accepted).total_seconds())
    return {model: int(sorted(s)[len(s) // 2]) for model, s in spans.items()}


def newest_heartbeat() -> Heartbeat | None:
    """The worker heard of last. One query."""
    return Heartbeat.objects.order_by("-seen").first()


def films_page(
    user: User,
    *,
    before: tuple[datetime, int] | None,
    limit: int,
    states: Collection[State] = (State.COMPLETED,),
) -> list[Generation]:
    """Kept films of a person, newest first, after a cursor. Two queries, at any depth.

    `created <=` beside the pair lets the index start at the cursor. `states` asks for others.
    """
    rows = Generation.objects.filter(owner_id=user.pk, state__in=states)
    if LIVE.issuperset(states):
        # Few of very many: found by their state first, or the whole library would be walked.
        rows = Generation.objects.filter(pk__in=rows.values("pk"))
    if before:
        moment, pk = before
        rows = rows.filter(created__lte=moment).exclude(created=moment, id__gte=pk)
    return with_films(rows.defer("last_reply").order_by("-created", "-id")[:limit])


def account_now() -> FarAccount:
    """The account as last read, less what EvoLink took since then. Two queries, no write."""
    account = far_account(far_end=far_name())
    if account.spendable is not None and account.read is not None:
        account.spendable -= taken_since(account.read)
    return account
