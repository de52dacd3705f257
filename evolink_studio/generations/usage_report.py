"""Usage: counts and credits of selected generations, by person, by model and by day.

A generation counts on the day (UTC) of `Generation.accounted_at`: the day of its charge, or of its
creation while nothing is charged. So "charged today" is the same figure on every page.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

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
from evolink_studio.generations.models import Generation, UsageRollup
from evolink_studio.generations.states import State
from evolink_studio.projects.models import Project

Period = UsageRollup.Period
AnyRow = TypeVar("AnyRow", Generation, UsageRollup)

FAILURE_RATE_DAYS = 7  # today is one of them
NO_PROJECT = 0  # as the roll-up says it
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
    """Which generations: counted on these days (both included); an empty value means any.

    A `project_id` of NO_PROJECT means those without a project.
    """

    first_day: date | None = None
    last_day: date | None = None
    owner_id: int | None = None
    model_ids: Collection[str] = ()
    states: Collection[str] = ()
    project_id: int | None = None


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
    project_rows: list[UsageRow]
    periods: list[UsagePeriod]
    is_monthly: bool


def filter_generations(usage_filter: UsageFilter) -> QuerySet[Generation]:
    """The generations that fit a filter."""
    rows = Generation.objects.filter(
        build_day_range_filter("accounted_at", usage_filter.first_day, usage_filter.last_day)
    )
    rows = _filter_dimensions(rows, usage_filter)
    if usage_filter.project_id is None:
        return rows
    if usage_filter.project_id == NO_PROJECT:
        return rows.filter(project=None)
    return rows.filter(project_id=usage_filter.project_id)


def filter_rollup(usage_filter: UsageFilter, *, by_day: bool = False) -> QuerySet[UsageRollup]:
    """The rows of the roll-up that add up to what fits a filter.

    Whole months come as one row each, unless `by_day`; the days before and after them as days.
    """
    build_span = _build_days_filter if by_day else _build_months_filter
    rows = UsageRollup.objects.filter(build_span(usage_filter.first_day, usage_filter.last_day))
    rows = _filter_dimensions(rows, usage_filter)
    if usage_filter.project_id is None:
        return rows
    return rows.filter(project_id=usage_filter.project_id)


def _filter_dimensions(rows: QuerySet[AnyRow], usage_filter: UsageFilter) -> QuerySet[AnyRow]:
    """Generations and roll-up have these columns by the same names."""
    conditions = {
        "owner_id": usage_filter.owner_id,
        "model_id__in": usage_filter.model_ids,
        "state__in": usage_filter.states,
    }
    return rows.filter(**{name: value for name, value in conditions.items() if value})


def _build_days_filter(first_day: date | None, last_day: date | None) -> Q:
    condition = Q(period=Period.DAY)
    if first_day:
        condition &= Q(starts_on__gte=first_day)
    if last_day:
        condition &= Q(starts_on__lte=last_day)
    return condition


def _build_months_filter(first_day: date | None, last_day: date | None) -> Q:
    """The months that lie wholly in this span, and the days that are left on both sides."""
    day = timedelta(days=1)
    # The first days of the first whole month, and of the month after the last whole one.
    begin = first_day and get_next_month_start(first_day - day)
    end = last_day and get_month_start(last_day + day)
    if begin and end and begin >= end:
        return _build_days_filter(first_day, last_day)
    condition = Q(period=Period.MONTH)
    if begin:
        condition &= Q(starts_on__gte=begin)
    if end:
        condition &= Q(starts_on__lt=end)
    if first_day and begin and first_day < begin:
        condition |= _build_days_filter(first_day, begin - day)
    if last_day and end and end <= last_day:
        condition |= _build_days_filter(end, last_day)
    return condition


def build_day_range_filter(column: str, first_day: date | None, last_day: date | None) -> Q:
    """`column` is on these days (UTC), both included; None leaves that side open."""
    condition = Q()
    if first_day:
        condition &= Q(**{f"{column}__gte": get_day_start(first_day)})
    if last_day:
        condition &= Q(**{f"{column}__lt": get_day_start(last_day + timedelta(days=1))})
    return condition


def sum_usage(usage_filter: UsageFilter) -> UsageTotals:
    """Count and sums of what fits a filter, from the roll-up. One query."""
    return _totals_from_row(filter_rollup(usage_filter).aggregate(**_SUMS))


def build_usage_report(usage_filter: UsageFilter) -> UsageReport:
    """Seven queries, five of them on the roll-up, however many generations there are.

    Raises ValueError when a side of the period is open: it has no bars.
    """
    first_day, last_day = usage_filter.first_day, usage_filter.last_day
    if first_day is None or last_day is None:
        raise ValueError("a report needs a first and a last day")
    is_monthly = (last_day - first_day).days >= MAX_DAILY_BARS
    newest_day = UsageRollup.objects.filter(period=Period.DAY).aggregate(day=Max("starts_on"))[
        "day"
    ]
    if newest_day is None or newest_day <= last_day:
        # Nothing is later, so the present month is read as one that is whole.
        usage_filter = replace(usage_filter, last_day=None)
    rows = filter_rollup(usage_filter)
    totals_by_user = _sum_by(rows, "owner_id")
    totals_by_model = _sum_by(rows, "model_id")
    totals_by_project = _sum_by(rows, "project_id")
    totals_by_start = _sum_by(filter_rollup(usage_filter, by_day=not is_monthly), "starts_on")
    day_ranges = (_month_ranges if is_monthly else _day_ranges)(first_day, last_day)
    return UsageReport(
        totals=sum(totals_by_model.values(), UsageTotals()),
        user_rows=_build_rows(totals_by_user, _get_usernames(totals_by_user)),
        model_rows=_build_rows(
            totals_by_model, {model_id: _(get_label(model_id)) for model_id in totals_by_model}
        ),
        project_rows=_build_rows(totals_by_project, label_projects(totals_by_project)),
        periods=[
            UsagePeriod(first, last, _sum_within(totals_by_start, first, last))
            for first, last in day_ranges
        ],
        is_monthly=is_monthly,
    )


_SUMS: dict[str, Any] = {
    "count_": Sum("generation_count"),
    "failed_": Sum("generation_count", filter=Q(state=State.FAILED)),
    "estimated_": Sum("credits_estimated"),
    "reserved_": Sum("credits_held"),
    "charged_": Sum("credits_charged"),
}


def _sum_by(rows: QuerySet[UsageRollup], column: str) -> dict[Any, UsageTotals]:
    """Totals by the values of a column. One query."""
    groups = rows.order_by().values(column).annotate(**_SUMS)
    return {group[column]: _totals_from_row(group) for group in groups}


def _totals_from_row(row: Mapping[str, Any]) -> UsageTotals:
    return UsageTotals(
        count=row["count_"] or 0,
        failed_count=row["failed_"] or 0,
        credits_estimated=row["estimated_"] or Decimal(0),
        credits_reserved=row["reserved_"] or Decimal(0),
        credits_charged=row["charged_"] or Decimal(0),
    )


def _get_usernames(user_ids: Iterable[int]) -> dict[int, str]:
    rows = User.objects.filter(pk__in=list(user_ids)).values_list("pk", "username")
    return dict(rows)


def sum_usage_by_project(usage_filter: UsageFilter) -> list[UsageRow]:
    """What fits a filter, whatever it says of the project, by project. Two queries."""
    totals = _sum_by(filter_rollup(replace(usage_filter, project_id=None)), "project_id")
    return _build_rows(totals, label_projects(totals))


def label_projects(project_ids: Iterable[int]) -> dict[int, str]:
    """Client, name and person of these projects, as one name alone may be that of several.

    One query.
    """
    rows = Project.objects.filter(pk__in=list(project_ids)).select_related("owner").order_by()
    labels = {row.pk: _label_project(row) for row in rows}
    return {NO_PROJECT: _("No project"), **labels}


def _label_project(project: Project) -> str:
    name = f"{project.client} · {project.name}" if project.client else project.name
    return f"{name} ({project.owner.username})"


def _build_rows(
    totals_by_key: Mapping[Any, UsageTotals], labels: Mapping[Any, str]
) -> list[UsageRow]:
    rows = [
        UsageRow(str(key), labels.get(key, str(key)), totals)
        for key, totals in totals_by_key.items()
    ]
    return sorted(rows, key=lambda row: (-row.totals.credits_charged, -row.totals.count, row.label))


def _sum_within(
    totals_by_start: Mapping[date, UsageTotals], first_day: date, last_day: date
) -> UsageTotals:
    totals = (totals for start, totals in totals_by_start.items() if first_day <= start <= last_day)
    return sum(totals, UsageTotals())


def _day_ranges(first_day: date, last_day: date) -> list[tuple[date, date]]:
    count = (last_day - first_day).days + 1
    days = [first_day + timedelta(days=offset) for offset in range(count)]
    return [(day, day) for day in days]


def _month_ranges(first_day: date, last_day: date) -> list[tuple[date, date]]:
    ranges = []
    while first_day <= last_day:
        next_month = get_next_month_start(first_day)
        ranges.append((first_day, min(next_month - timedelta(days=1), last_day)))
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
    """What everybody was charged, and how many failed. One query on the roll-up."""
    today, week_start = get_day(now), get_failure_rate_start(now)
    is_day = Q(period=Period.DAY)
    is_month = Q(period=Period.MONTH, starts_on=get_month_start(today))
    is_ended = Q(state__in=[State.FAILED, State.COMPLETED])
    rows = UsageRollup.objects.filter(is_month | is_day & Q(starts_on__gte=week_start))
    totals = rows.aggregate(
        today=Sum("credits_charged", filter=is_day & Q(starts_on__gte=today)),
        month=Sum("credits_charged", filter=is_month),
        failed=Sum("generation_count", filter=is_day & Q(state=State.FAILED)),
        ended=Sum("generation_count", filter=is_day & is_ended),
    )
    return ChargedTotals(
        today=totals["today"] or Decimal(0),
        month=totals["month"] or Decimal(0),
        failed_count=totals["failed"] or 0,
        ended_count=totals["ended"] or 0,
    )


@dataclass(frozen=True)
class ProjectUsage:
    """What was made for a project: completed films, credits charged this month (UTC) and ever."""

    film_count: int = 0
    charged_this_month: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)


def sum_by_project(
    project_ids: Collection[int], *, now: datetime, owner_id: int | None = None
) -> dict[int, ProjectUsage]:
    """What was made for each of these projects, by everybody or by one person. One query.

    Projects that nothing was made for are left out.
    """
    rows = UsageRollup.objects.filter(
        project_id__gt=0, project_id__in=project_ids, period=Period.MONTH
    )
    if owner_id is not None:
        rows = rows.filter(owner_id=owner_id)
    this_month = Q(starts_on=get_month_start(get_day(now)))
    groups = (
        rows.order_by()
        .values("project_id")
        .annotate(
            films=Sum("generation_count", filter=Q(state=State.COMPLETED)),
            month=Sum("credits_charged", filter=this_month),
            ever=Sum("credits_charged"),
        )
    )
    return {
        group["project_id"]: ProjectUsage(
            film_count=group["films"] or 0,
            charged_this_month=group["month"] or Decimal(0),
            charged=group["ever"] or Decimal(0),
        )
        for group in groups
    }


@dataclass(frozen=True)
class Spending:
    """Credits of one person: reserved now, charged today and this month (UTC)."""

    reserved: Decimal
    charged_today: Decimal
    charged_this_month: Decimal


def get_spending(user: User, now: datetime) -> Spending:
    """Reserved and charged credits of a person. One query."""
    today = get_day(now)
    parameters = {_OWNER: user.pk, _DAY: today, _MONTH: get_month_start(today)}
    return Spending(*_spending_query().fetch(parameters)[0])


# Placeholders in the prepared query.
_OWNER = -1
_DAY, _MONTH = date(1, 1, 2), date(1, 1, 1)


@cache
def _spending_query() -> PreparedQuery:
    held_rows = Generation.objects.filter(owner_id=_OWNER, credits_held__isnull=False)
    rollup = UsageRollup.objects.filter(owner_id=_OWNER)
    return PreparedQuery(
        User.objects.filter(pk=_OWNER).values_list(
            _sum_column(held_rows, "credits_held"),
            _sum_column(rollup.filter(period=Period.DAY, starts_on=_DAY), "credits_charged"),
            _sum_column(rollup.filter(period=Period.MONTH, starts_on=_MONTH), "credits_charged"),
        )
    )


def _sum_column(rows: "QuerySet[AnyRow]", column: str) -> Coalesce:
    total = rows.filter(owner=OuterRef("pk")).order_by().values("owner").annotate(n=Sum(column))
    return Coalesce(Subquery(total.values("n")), Value(Decimal(0), CreditsField()))
