"""Days and months as the studio counts them: in UTC, from midnight to midnight."""

from datetime import UTC, date, datetime, time, timedelta


def day_of(moment: datetime) -> date:
    """The day in which a moment lies."""
    return moment.astimezone(UTC).date()


def start_of_day(day: date) -> datetime:
    """The first moment of a day."""
    return datetime.combine(day, time.min, UTC)


def start_of_month(day: date) -> date:
    """The first day of the month of a day."""
    return day.replace(day=1)


def start_of_next_month(day: date) -> date:
    """The first day of the month after that of a day."""
    return start_of_month(start_of_month(day) + timedelta(days=31))
