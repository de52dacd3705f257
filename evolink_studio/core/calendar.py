"""Days and months as the studio counts them: in UTC, from midnight to midnight."""

from datetime import UTC, date, datetime, time, timedelta


def get_day(moment: datetime) -> date:
    """The day in which a moment lies."""
    return moment.astimezone(UTC).date()


def get_day_start(day: date) -> datetime:
    """The first moment of a day."""
    return datetime.combine(day, time.min, UTC)


def get_month_start(day: date) -> date:
    """The first day of the month of a day."""
    return day.replace(day=1)


def get_next_month_start(day: date) -> date:
    """The first day of the month after that of a day."""
    return get_month_start(get_month_start(day) + timedelta(days=31))
