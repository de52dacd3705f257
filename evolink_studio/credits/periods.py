"""For how long an allowance lasts before it starts afresh. All in UTC; a week begins on Monday."""

from datetime import UTC, date, datetime, time, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

UNLIMITED_PERIOD_START = date(2000, 1, 1)  # the start of a period that never ends


class Period(models.TextChoices):
    DAY = "day", _("a day")
    WEEK = "week", _("a week")
    MONTH = "month", _("a month")
    NONE = "none", _("once, without refill")


def start_of_period(period: str, now: datetime) -> date:
    """The first day of the period in which `now` lies."""
    today = now.astimezone(UTC).date()
    return {
        Period.DAY: today,
        Period.WEEK: today - timedelta(days=today.weekday()),
        Period.MONTH: today.replace(day=1),
        Period.NONE: UNLIMITED_PERIOD_START,
    }[Period(period)]


def end_of_period(period: str, start_date: date) -> datetime | None:
    """When a period that began on `start_date` is over; None when it never is."""
    end_date = {
        Period.DAY: start_date + timedelta(days=1),
        Period.WEEK: start_date + timedelta(days=7),
        Period.MONTH: (start_date.replace(day=1) + timedelta(days=32)).replace(day=1),
        Period.NONE: None,
    }[Period(period)]
    return datetime.combine(end_date, time.min, UTC) if end_date else None
