"""The periods of allowances. All in UTC; a week begins on Monday."""

from datetime import date, datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.calendar import day_of, start_of_day, start_of_month, start_of_next_month

UNLIMITED_PERIOD_START = date(2000, 1, 1)  # the start of a period that never ends


class Period(models.TextChoices):
    DAY = "day", _("a day")
    WEEK = "week", _("a week")
    MONTH = "month", _("a month")
    NONE = "none", _("once, without refill")


def start_of_period(period: str, now: datetime) -> date:
    """The first day of the period in which `now` lies."""
    today = day_of(now)
    return {
        Period.DAY: today,
        Period.WEEK: today - timedelta(days=today.weekday()),
        Period.MONTH: start_of_month(today),
        Period.NONE: UNLIMITED_PERIOD_START,
    }[Period(period)]


def current_period_filter(
    now: datetime, *, balance_prefix: str = "", allowance_prefix: str = "allowance__"
) -> models.Q:
    """The condition for balances of the current period of their allowance.

    `balance_prefix` is the lookup prefix from the queried model to the balance,
    `allowance_prefix` the one to the allowance.
    """
    condition = models.Q()
    for period in Period.values:
        condition |= models.Q(
            **{
                f"{allowance_prefix}period": period,
                f"{balance_prefix}period": period,
                f"{balance_prefix}period_start": start_of_period(period, now),
            }
        )
    return condition


def end_of_period(period: str, start_date: date) -> datetime | None:
    """When a period that began on `start_date` is over; None when it never is."""
    end_date = {
        Period.DAY: start_date + timedelta(days=1),
        Period.WEEK: start_date + timedelta(days=7),
        Period.MONTH: start_of_next_month(start_date),
        Period.NONE: None,
    }[Period(period)]
    return start_of_day(end_date) if end_date else None
