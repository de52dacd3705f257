"""Figures of EvoLink as our columns can keep them."""

from decimal import Decimal

# Twelve places before the point, as the columns have. A larger figure makes no sense, and a row
# that held one could never be read again.
MOST = Decimal(10) ** 12
PLACES = Decimal("0.0001")


def kept(amount: Decimal | None) -> Decimal | None:
    """The amount in four places; None for one that nobody can mean, such as less than nothing."""
    if amount is None or not 0 <= amount < MOST:
        return None
    rounded = amount.quantize(PLACES)
    return rounded if rounded < MOST else None
