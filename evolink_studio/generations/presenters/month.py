"""A month of one person: what was charged, for which models and on which days."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils.formats import date_format, number_format
from django.utils.translation import ngettext

from evolink_studio.accounts.models import User
from evolink_studio.core.calendar import get_day, get_month_start, get_next_month_start
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.availability import get_allowance_statuses
from evolink_studio.credits.presenters import AllowanceLine, build_allowance_lines
from evolink_studio.generations.usage_report import (
    UsageFilter,
    UsageReport,
    UsageTotals,
    build_usage_report,
)

FIRST_MONTH = date(2025, 1, 1)  # before the studio there was nothing to count


@dataclass(frozen=True)
class MonthLine:
    """One model or day: how many generations, what they cost, and its part of the largest line."""

    label: str
    count_text: str
    credits_text: str
    percent: int


@dataclass(frozen=True)
class MonthPage:
    """What the page “Your month” shows. A neighbouring month is "" where there is none."""

    title: str
    value: str
    previous: str
    next: str
    charged_text: str
    reserved_text: str
    count_text: str
    failed_text: str
    model_lines: list[MonthLine]
    day_lines: list[MonthLine]
    allowance_lines: list[AllowanceLine]


def parse_month(text: str, *, today: date) -> date:
    """The first day of the month “2026-11”; of the present month for anything else."""
    try:
        month = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  # a month has no time zone
    except ValueError:
        return get_month_start(today)
    return min(max(month, FIRST_MONTH), get_month_start(today))


def present_month(user: User, month: date, *, now: datetime) -> MonthPage:
    """One month (UTC) of a person. Eight queries on the roll-up and the allowances."""
    this_month = get_month_start(get_day(now))
    next_month = get_next_month_start(month)
    report = build_usage_report(
        UsageFilter(first_day=month, last_day=next_month - timedelta(days=1), owner_id=user.pk)
    )
    is_present = month == this_month
    statuses = get_allowance_statuses(user, now) if is_present else ()
    return MonthPage(
        title=date_format(month, "YEAR_MONTH_FORMAT"),
        value=f"{month:%Y-%m}",
        previous=f"{month - timedelta(days=1):%Y-%m}" if month > FIRST_MONTH else "",
        next="" if is_present else f"{next_month:%Y-%m}",
        charged_text=format_credits(report.totals.credits_charged),
        reserved_text=format_credits(report.totals.credits_reserved),
        count_text=_count_text(report.totals.count),
        failed_text=_failed_text(report.totals),
        model_lines=_build_lines([(row.label, row.totals) for row in report.model_rows]),
        day_lines=_build_lines(_list_days(report)),
        allowance_lines=build_allowance_lines(statuses),
    )


def _list_days(report: UsageReport) -> list[tuple[str, UsageTotals]]:
    """The days on which something was made, newest first."""
    return [
        (date_format(period.first_day, "MONTH_DAY_FORMAT"), period.totals)
        for period in reversed(report.periods)
        if period.totals.count
    ]


def _build_lines(rows: list[tuple[str, UsageTotals]]) -> list[MonthLine]:
    largest = max((totals.credits_charged for _label, totals in rows), default=Decimal(0))
    return [
        MonthLine(
            label,
            _count_text(totals.count),
            format_credits(totals.credits_charged),
            int(100 * totals.credits_charged / largest) if largest else 0,
        )
        for label, totals in rows
    ]


def _count_text(count: int) -> str:
    return ngettext("{n} film", "{n} films", count).format(n=number_format(count))


def _failed_text(totals: UsageTotals) -> str:
    if not totals.failed_count:
        return ""
    text = ngettext("{n} of them failed", "{n} of them failed", totals.failed_count)
    return text.format(n=number_format(totals.failed_count))
