"""Amounts, sizes and durations as text in the active language."""

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.utils.formats import get_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# From a public price feed of 2026-10-10.
DEFAULT_CREDITS_PER_USD = Decimal(68)
USD_CENT = Decimal("0.01")


def credits_to_usd(amount: Decimal) -> Decimal:
    """US dollars, to the cent, at the rate that the operator set."""
    rate = Decimal(getattr(settings, "CREDITS_PER_USD", DEFAULT_CREDITS_PER_USD))
    return (amount / rate).quantize(USD_CENT)


def format_usd(amount: Decimal) -> str:
    """≈ 12.34 $"""
    return f"≈ {number_format(credits_to_usd(amount), decimal_pos=2, force_grouping=True)} $"


def format_credits(amount: Decimal | None) -> str:
    """25.7, 162, 2.025, 1 095.3996: in the active language, as exact as it is booked, without
    trailing zeros; "–" for None."""
    return "–" if amount is None else number_format(f"{amount.normalize():f}", force_grouping=True)


def format_signed_credits(amount: Decimal | None) -> str:
    """A change of an amount: +25.7, -12, 0; "–" when not known."""
    sign = "+" if amount is not None and amount > 0 else ""
    return sign + format_credits(amount)


def format_size(byte_count: int) -> str:
    """Bytes as KB or MB."""
    if byte_count < 1_000_000:
        return _("{n} KB").format(n=number_format(max(1, round(byte_count / 1000))))
    return _("{n} MB").format(n=number_format(Decimal(byte_count) / 1_000_000, decimal_pos=1))


def format_clock(duration: timedelta) -> str:
    """1:05 or 1:02:05."""
    seconds = max(0, int(duration.total_seconds()))
    hours, remainder = divmod(seconds, 3600)
    minutes, seconds = divmod(remainder, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def format_clock_tenths(tenths: int) -> str:
    """0:14.5 as a player counts; 0:14,5 where that is how decimals are written."""
    point = get_format("DECIMAL_SEPARATOR")
    return f"{format_clock(timedelta(seconds=tenths // 10))}{point}{tenths % 10}"


def format_seconds(seconds: Decimal | float) -> str:
    """2.0 s, in the active language."""
    return f"{number_format(Decimal(seconds), decimal_pos=1)} s"


def format_approx_duration(seconds: int) -> str:
    """Seconds, whole minutes or whole hours, for "usually 3 minutes". studio.js rounds alike."""
    if seconds < 90:
        return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
    minutes = (seconds + 30) // 60
    if minutes < 120:
        return ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)
    hours = (minutes + 30) // 60
    return ngettext("{n} hour", "{n} hours", hours).format(n=hours)
