"""Days and months, from midnight to midnight.

Money is counted by days of UTC, the same for everybody. Films are listed by the days of whoever
looks: their time zone is the active one.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.utils import timezone


def get_day(moment: datetime) -> date:
    """The day in which a moment lies."""
    return moment.astimezone(UTC).date()


def get_day_start(day: date) -> datetime:
    """The first moment of a day."""
    return datetime.combine(day, time.min, UTC)


def get_local_day(moment: datetime) -> date:
    """The day in which a moment lies for whoever looks; that of UTC where time itself ends."""
    try:
        return timezone.localdate(moment)
    except OverflowError:
        return get_day(moment)


def get_local_day_start(day: date) -> datetime:
    """The first moment of a day of whoever looks."""
    return datetime.combine(day, time.min, timezone.get_current_timezone())


def get_zone(name: str) -> tzinfo:
    """The time zone of this name; UTC for one that is not known here (any more)."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return UTC


def get_month_start(day: date) -> date:
    """The first day of the month of a day."""
    return day.replace(day=1)


def get_next_month_start(day: date) -> date:
    """The first day of the month after that of a day."""
    return get_month_start(get_month_start(day) + timedelta(days=31))
