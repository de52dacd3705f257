"""Usage: counts and credits of selected generations, by person, by model and by day.

A generation counts on the day (UTC) of `Generation.accounted_at`: the day of its charge, or of its
creation while nothing is charged. So "charged today" is the same figure on every page.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django.db.models import Count, DateField, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Concat

from evolink_studio.accounts.models import User
from evolink_studio.catalog import get_label
from evolink_studio.core.calendar import (
    get_day,
    get_day_start,
    get_month_start,
    get_next_month_start,
)
from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.credits.fields import CreditsField
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State

FAILURE_RATE_DAYS = 7  # today is one of them
MAX_DAILY_BARS = 92  # a longer period is shown by months


@dataclass(frozen=True)
class UsageTotals:
    """Number of generations, how many of them failed, and their credits.

    Everywhere in the studio *reserved* is what the ledger reserves for them now, and *charged* what
    EvoLink charged for them in the end: `Generation.credits_held` and `Generation.credits_charged`.
    """

    count: int = 0
    failed_count: int = 0
    credits_estimated: Decimal = Decimal(0)
    credits_reserved: Decimal = Decimal(0)
    credits_charged: Decimal = Decimal(0)

    def __add__(self, other: "UsageTotals") -> "UsageTotals":
        return UsageTotals(
            self.count + other.count,
            self.failed_count + other.failed_count,
            self.credits_estimated + other.credits_estimated,
            self.credits_reserved + other.credits_reserved,
            self.credits_charged + other.credits_charged,
        )


@dataclass(frozen=True)
class UsageFilter:
    """Which generations: counted on these days (both included); an empty value means any."""

    first_day: date
    last_day: date
    owner_id: int | None = None
    model_id: str = ""
    state: str = ""


@dataclass(frozen=True)
class UsageRow:
    """One row of a table; `key` is the value to filter by."""

    key: str
    label: str
    totals: UsageTotals


@dataclass(frozen=True)
class UsagePeriod:
    """One bar of the chart: a day, or a month of a long period. Both days are included."""

    first_day: date
    last_day: date
    totals: UsageTotals


@dataclass(frozen=True)
class UsageReport:
    """Everything the usage page shows."""

    totals: UsageTotals
    user_rows: list[UsageRow]
    model_rows: list[UsageRow]
    periods: list[UsagePeriod]
    is_monthly: bool


def filter_generations(usage_filter: UsageFilter) -> QuerySet[Generation]:
    """The generations that fit a filter."""
    rows = Generation.objects.filter(
        build_day_range_filter("accounted_at", usage_filter.first_day, usage_filter.last_day)
    )
    conditions = {
        "owner_id": usage_filter.owner_id,
        "model_id": usage_filter.model_id,
        "state": usage_filter.state,
    }
    return rows.filter(**{name: value for name, value in conditions.items() if value})


def build_day_range_filter(column: str, first_day: date | None, last_day: date | None) -> Q:
    """`column` is on these days (UTC), both included; None leaves that side open."""
    condition = Q()
    if first_day:
        condition &= Q(**{f"{column}__gte": get_day_start(first_day)})
    if last_day:
        condition &= Q(**{f"{column}__lt": get_day_start(last_day + timedelta(days=1))})
    return condition


def sum_usage(rows: QuerySet[Generation]) -> UsageTotals:
    """Count and sums of these rows. One query."""
    return _totals_from_row(rows.order_by().aggregate(**_SUMS))


def build_usage_report(usage_filter: UsageFilter) -> UsageReport:
    """Three queries, however many generations there are."""
    rows = filter_generations(usage_filter).order_by()
    # Grouping by an expression makes SQLite use the index of the period instead of reading the
    # whole index of that column (measured: 23 ms instead of 190 ms at 1 000 000 rows).
    pairs = [
        (row["user_key"], row["model_key"], _totals_from_row(row))
        for row in rows.annotate(
            user_key=F("owner_id") + 0, model_key=Concat("model_id", Value(""))
        )
        .values("user_key", "model_key")
        .annotate(**_SUMS)
    ]
    totals_by_user = _sum_by_key((user_id, totals) for user_id, _model_id, totals in pairs)
    totals_by_model = _sum_by_key((model_id, totals) for _user_id, model_id, totals in pairs)
    is_monthly = (usage_filter.last_day - usage_filter.first_day).days >= MAX_DAILY_BARS
    return UsageReport(
        totals=sum(totals_by_user.values(), UsageTotals()),
        user_rows=_build_rows(totals_by_user, _get_usernames(totals_by_user)),
        model_rows=_build_rows(
            totals_by_model, {model_id: get_label(model_id) for model_id in totals_by_model}
        ),
        periods=_build_periods(usage_filter, sum_usage_by_day(rows), is_monthly),
        is_monthly=is_monthly,
    )


def sum_usage_by_day(rows: QuerySet[Generation]) -> dict[date, UsageTotals]:
    """Totals of every day that has a generation. One query."""
    days = rows.annotate(day=Cast("accounted_at", DateField())).values("day").annotate(**_SUMS)
    return {row["day"]: _totals_from_row(row) for row in days}


_SUMS: dict[str, Any] = {
    "count_": Count("pk"),
    "failed_": Count("pk", filter=Q(state=State.FAILED)),
    "estimated_": Sum("credits_estimated"),
    "reserved_": Sum("credits_held"),
    "charged_": Sum("credits_charged"),
}


def _totals_from_row(row: Mapping[str, Any]) -> UsageTotals:
    return UsageTotals(
        count=row["count_"],
        failed_count=row["failed_"],
        credits_estimated=row["estimated_"] or Decimal(0),
        credits_reserved=row["reserved_"] or Decimal(0),
        credits_charged=row["charged_"] or Decimal(0),
    )


def _sum_by_key(pairs: Iterable[tuple[Any, UsageTotals]]) -> dict[Any, UsageTotals]:
    totals_by_key: dict[Any, UsageTotals] = defaultdict(UsageTotals)
    for key, totals in pairs:
        totals_by_key[key] += totals
    return totals_by_key


def _get_usernames(user_ids: Iterable[int]) -> dict[int, str]:
    rows = User.objects.filter(pk__in=list(user_ids)).values_list("pk", "username")
    return dict(rows)


def _build_rows(
    totals_by_key: Mapping[Any, UsageTotals], labels: Mapping[Any, str]
) -> list[UsageRow]:
    rows = [
        UsageRow(str(key), labels.get(key, str(key)), totals)
        for key, totals in totals_by_key.items()
    ]
    return sorted(rows, key=lambda row: (-row.totals.credits_charged, -row.totals.count, row.label))


def _build_periods(
    usage_filter: UsageFilter, totals_per_day: Mapping[date, UsageTotals], is_monthly: bool
) -> list[UsagePeriod]:
    """Every day or month of the period, also without generations."""
    day_ranges = _month_ranges(usage_filter) if is_monthly else _day_ranges(usage_filter)
    return [
        UsagePeriod(
            first,
            last,
            sum(
                (totals for day, totals in totals_per_day.items() if first <= day <= last),
                UsageTotals(),
            ),
        )
        for first, last in day_ranges
    ]


def _day_ranges(usage_filter: UsageFilter) -> list[tuple[date, date]]:
    count = (usage_filter.last_day - usage_filter.first_day).days + 1
    days = [usage_filter.first_day + timedelta(days=offset) for offset in range(count)]
    return [(day, day) for day in days]


def _month_ranges(usage_filter: UsageFilter) -> list[tuple[date, date]]:
    ranges = []
    first_day = usage_filter.first_day
    while first_day <= usage_filter.last_day:
        next_month = get_next_month_start(first_day)
        ranges.append((first_day, min(next_month - timedelta(days=1), usage_filter.last_day)))
        first_day = next_month
    return ranges


@dataclass(frozen=True)
class ChargedTotals:
    """Credits charged today and this month (UTC), and failures in FAILURE_RATE_DAYS."""

    today: Decimal
    month: Decimal
    failed_count: int
    ended_count: int


def get_failure_rate_start(now: datetime) -> date:
    """The first of FAILURE_RATE_DAYS (UTC), so that a list by days has the same rows."""
    return get_day(now) - timedelta(days=FAILURE_RATE_DAYS - 1)


def sum_recent_charges(*, now: datetime) -> ChargedTotals:
    """What everybody was charged, and how many failed. One query."""
    today, week_start = get_day(now), get_day_start(get_failure_rate_start(now))
    month_start = get_day_start(get_month_start(today))
    is_recent = Q(created_at__gte=week_start)
    # No charge is older than its generation, so one range covers both conditions.
    totals = Generation.objects.filter(accounted_at__gte=min(month_start, week_start)).aggregate(
        today=Sum("credits_charged", filter=Q(accounted_at__gte=get_day_start(today))),
        month=Sum("credits_charged", filter=Q(accounted_at__gte=month_start)),
        failed=Count("pk", filter=is_recent & Q(state=State.FAILED)),
        ended=Count("pk", filter=is_recent & Q(state__in=[State.FAILED, State.COMPLETED])),
    )
    return ChargedTotals(
        today=totals["today"] or Decimal(0),
        month=totals["month"] or Decimal(0),
        failed_count=totals["failed"],
        ended_count=totals["ended"],
    )


@dataclass(frozen=True)
class Spending:
    """Credits of one person: reserved now, charged today and this month (UTC)."""

    reserved: Decimal
    charged_today: Decimal
    charged_this_month: Decimal


def get_spending(user: User, now: datetime) -> Spending:
    """Reserved and charged credits of a person. One query."""
    today = get_day(now)
    parameters = {
        _OWNER: user.pk,
        _DAY: get_day_start(today),
        _MONTH: get_day_start(get_month_start(today)),
    }
    return Spending(*_spending_query().fetch(parameters)[0])


# Placeholders in the prepared query.
_OWNER = -1
_DAY, _MONTH = datetime(1, 1, 2, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)


@cache
def _spending_query() -> PreparedQuery:
    generations = Generation.objects.filter(owner_id=_OWNER)
    reserved_rows, charged_rows = (
        generations.filter(credits_held__isnull=False),
        generations.filter(charge=Charge.CHARGED),
    )
    return PreparedQuery(
        User.objects.filter(pk=_OWNER).values_list(
            _sum_column(reserved_rows, "credits_held"),
            _sum_column(charged_rows.filter(accounted_at__gte=_DAY), "credits_charged"),
            _sum_column(charged_rows.filter(accounted_at__gte=_MONTH), "credits_charged"),
        )
    )


def _sum_column(rows: "QuerySet[Generation]", column: str) -> Coalesce:
    total = rows.filter(owner=OuterRef("pk")).order_by().values("owner").annotate(n=Sum(column))
    return Coalesce(Subquery(total.values("n")), Value(Decimal(0), CreditsField()))
