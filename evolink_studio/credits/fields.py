"""Credits as a column."""

from decimal import Decimal
from typing import Any, TypeVar

from django import forms
from django.db import models
from django.db.models import Value
from django.db.models.expressions import Combinable

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


STEP = PLACES
DIGITS = 4  # as many as EvoLink's balance has


def exact(amount: Decimal | int) -> Decimal:
    """An amount with exactly four places; a change of one may be below 0.

    ValueError when it is no sensible figure.
    """
    figure = Decimal(amount)
    if not figure.is_finite() or abs(figure) >= MOST:
        raise ValueError(f"not an amount of credits: {amount}")
    return figure.quantize(STEP)


class AmountInput(forms.DecimalField):
    """Typed by people, and shown to them without places that are 0."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


SetType = TypeVar("SetType", contravariant=True)
GetType = TypeVar("GetType", covariant=True)


class CreditsField(models.BigIntegerField[SetType, GetType]):
    """A Decimal in Python, whole ten-thousandths of a credit in the database.

    SQLite keeps decimals as floating point: there 0.1 + 0.2 <= 0.3 is false, and a sum over many
    rows is not exact. Whole numbers are exact on every database.
    """

    # What the type checker takes and gives for such a column.
    _pyi_private_set_type: Decimal | Combinable  # type: ignore[assignment]  # decimals, not integers
    _pyi_private_get_type: Decimal  # type: ignore[assignment]  # as above
    _pyi_lookup_exact_type: Decimal  # type: ignore[assignment]  # as above

    def from_db_value(self, value: Any, expression: object, connection: object) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-DIGITS).quantize(STEP)

    def to_python(self, value: Any) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        return forms.DecimalField().to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return int(exact(value).scaleb(DIGITS))

    def formfield(self, **kwargs: Any) -> Any:
        number = {"form_class": AmountInput, "max_digits": 16, "decimal_places": DIGITS}
        return models.Field.formfield(self, **{**number, **kwargs})


def amount_of(credits: Decimal) -> Value:
    """An amount inside a database expression."""
    return Value(credits, output_field=CreditsField())
