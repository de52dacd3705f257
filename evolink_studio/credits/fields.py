"""Credits as a model field and a form field."""

from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from django import forms
from django.db import models
from django.db.models import ExpressionWrapper, F, Value
from django.db.models.expressions import Combinable

# Exclusive upper limit of an amount: at most twelve digits before the point.
MAX_CREDITS = Decimal(10) ** 12
CREDITS_DECIMALS = 4  # as many as EvoLink's balance has
CREDITS_QUANTUM = Decimal("0.0001")
ZERO_CREDITS = Decimal(0)


def to_credits(amount: Decimal | None) -> Decimal | None:
    """The amount with four decimals; None for None and for a negative or too large amount."""
    if amount is None or not 0 <= amount < MAX_CREDITS:
        return None
    rounded = amount.quantize(CREDITS_QUANTUM)
    return rounded if rounded < MAX_CREDITS else None


def quantize_credits(amount: Decimal | int) -> Decimal:
    """An amount, or a change of one (which may be below 0), with exactly four decimals.

    Raises ValueError when it is not finite or too large.
    """
    figure = Decimal(amount)
    if not figure.is_finite() or abs(figure) >= MAX_CREDITS:
        raise ValueError(f"not an amount of credits: {amount}")
    return figure.quantize(CREDITS_QUANTUM)


def credits_from_units(units: int) -> Decimal:
    """An amount as it is stored, in whole ten-thousandths, as credits with four decimals."""
    return Decimal(units).scaleb(-CREDITS_DECIMALS)


@lru_cache(maxsize=4096)  # the same amounts come again and again
def format_units(units: int | None) -> str:
    """An amount as it is stored, as exact decimals: “-2.0250”; "" for None."""
    if units is None:
        return ""
    digits = f"{abs(units):0{CREDITS_DECIMALS + 1}d}"
    sign = "-" if units < 0 else ""
    return f"{sign}{digits[:-CREDITS_DECIMALS]}.{digits[-CREDITS_DECIMALS:]}"


def units_from_credits(credits: Decimal | int) -> int:
    """An amount of credits as it is stored. Raises ValueError as `quantize_credits` does."""
    return int(quantize_credits(credits).scaleb(CREDITS_DECIMALS))


class CreditsFormField(forms.DecimalField):
    """A decimal input that shows its value without trailing zeros."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


SetType = TypeVar("SetType", contravariant=True)
GetType = TypeVar("GetType", covariant=True)


class CreditsField(models.BigIntegerField[SetType, GetType]):
    """A Decimal in Python, whole ten-thousandths of a credit in the database.

    SQLite keeps decimals as floating point: there 0.1 + 0.2 <= 0.3 is false, and a sum over many
    rows is not exact. Whole numbers are exact on every database.
    """

    # The types of this column for the type checker.
    _pyi_private_set_type: Decimal | Combinable  # type: ignore[assignment]  # decimals, not integers
    _pyi_private_get_type: Decimal  # type: ignore[assignment]  # as above
    _pyi_lookup_exact_type: Decimal  # type: ignore[assignment]  # as above

    def from_db_value(self, value: Any, expression: object, connection: object) -> Decimal | None:
        return (
            None
            if value is None
            else Decimal(value).scaleb(-CREDITS_DECIMALS).quantize(CREDITS_QUANTUM)
        )

    def to_python(self, value: Any) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        return forms.DecimalField().to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return units_from_credits(value)

    def formfield(self, **kwargs: Any) -> Any:
        defaults = {
            "form_class": CreditsFormField,
            "max_digits": 16,
            "decimal_places": CREDITS_DECIMALS,
        }
        return models.Field.formfield(self, **{**defaults, **kwargs})


class UnitsField(models.Field[int, int]):
    """What a CreditsField stores, as it is: for reading millions of rows."""

    def get_internal_type(self) -> str:
        return "UnitsField"  # so that nothing converts it

    def db_type(self, connection: object) -> str:
        return "bigint"


def as_units(column: str) -> "ExpressionWrapper[F]":
    """A column of credits, read in whole ten-thousandths."""
    return ExpressionWrapper(F(column), output_field=UnitsField())


def build_credits_value(credits: Decimal) -> Value:
    """An amount inside a database expression."""
    return Value(credits, output_field=CreditsField())
