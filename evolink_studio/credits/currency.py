"""Credits in money people know. For orientation: EvoLink may change the rate at any time."""

from decimal import Decimal

from django.conf import settings
from django.utils.formats import number_format

# Seen in a public price feed of 2026-10-10.
DEFAULT = Decimal(68)
CENT = Decimal("0.01")


def usd(amount: Decimal) -> Decimal:
    """US dollars, to the cent, at the rate that the operator set."""
    rate = Decimal(getattr(settings, "CREDITS_PER_USD", DEFAULT))
    return (amount / rate).quantize(CENT)


def usd_text(amount: Decimal) -> str:
    """≈ 12.34 $"""
    return f"≈ {number_format(usd(amount), decimal_pos=2, force_grouping=True)} $"
