"""Points in time, in the several ways EvoLink writes them."""

from datetime import UTC, datetime, timedelta, timezone

# EvoLink says nowhere which clock a stamp without an offset follows. Read as China's, it lies
# earlier than read as UTC: a file is then uploaded again too early, never used too late.
_UNSTATED = timezone(timedelta(hours=8))
_MILLISECONDS_FROM = 100_000_000_000  # as seconds this would be the year 5138


def utc_now() -> datetime:
    """The time now, aware."""
    return datetime.now(UTC)


def moment(value: object) -> datetime | None:
    """An aware UTC time from unix seconds, unix milliseconds or ISO 8601; None if it is neither."""
    try:
        if isinstance(value, str) and not value.strip().isdecimal():
            return _aware(datetime.fromisoformat(value.strip()))
        if isinstance(value, str | int) and not isinstance(value, bool):
            return _from_unix(int(value))
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _aware(stamp: datetime) -> datetime:
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=_UNSTATED)).astimezone(UTC)


def _from_unix(number: int) -> datetime:
    seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
    return datetime.fromtimestamp(seconds, UTC)
