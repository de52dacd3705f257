"""Parses timestamps in the formats that EvoLink uses."""

from datetime import UTC, datetime, timedelta, timezone

# EvoLink does not document the zone of a timestamp without an offset. Read as China's it is earlier
# than read as UTC: a file is then uploaded again too early, never used too late.
_ASSUMED_TIMEZONE = timezone(timedelta(hours=8))
_MIN_MILLISECOND_TIMESTAMP = 100_000_000_000  # as seconds this would be the year 5138


def utc_now() -> datetime:
    """The time now, aware."""
    return datetime.now(UTC)


def parse_timestamp(value: object) -> datetime | None:
    """An aware UTC time from unix seconds, unix milliseconds or ISO 8601; else None."""
    try:
        if isinstance(value, str) and not value.strip().isdecimal():
            return _to_utc(datetime.fromisoformat(value.strip()))
        if isinstance(value, str | int) and not isinstance(value, bool):
            return _parse_unix_time(int(value))
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _to_utc(timestamp: datetime) -> datetime:
    return (
        timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=_ASSUMED_TIMEZONE)
    ).astimezone(UTC)


def _parse_unix_time(number: int) -> datetime:
    seconds = number / 1000 if number >= _MIN_MILLISECOND_TIMESTAMP else number
    return datetime.fromtimestamp(seconds, UTC)
