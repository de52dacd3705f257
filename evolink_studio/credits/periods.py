"""The periods of allowances. All in UTC; a week begins on Monday."""

from datetime import date, datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from evolink_studio.core.calendar import (
    get_day,
    get_day_start,
    get_month_start,
    get_next_month_start,
)

UNLIMITED_PERIOD_START = date(2000, 1, 1)  # the start of a period that never ends


class Period(models.TextChoices):
    DAY = "day", _("a day")
    WEEK = "week", _("a week")
    MONTH = "month", _("a month")
    NONE = "none", _("once, without refill")


def get_period_start(period: str, now: datetime) -> date:
    """The first day of the period in which `now` lies."""
    today = get_day(now)
    return {
        Period.DAY: today,
        Period.WEEK: today - timedelta(days=today.weekday()),
        Period.MONTH: get_month_start(today),
        Period.NONE: UNLIMITED_PERIOD_START,
    }[Period(period)]


def build_current_period_filter(
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
                f"{balance_prefix}period_start": get_period_start(period, now),
            }
        )
    return condition


def get_period_end(period: str, start_date: date) -> datetime | None:
    """When a period that began on `start_date` is over; None when it never is."""
    end_date = {
        Period.DAY: start_date + timedelta(days=1),
        Period.WEEK: start_date + timedelta(days=7),
        Period.MONTH: get_next_month_start(start_date),
        Period.NONE: None,
    }[Period(period)]
    return get_day_start(end_date) if end_date else None
