"""Prices in credits, from a rate card and parameters. Decimals only."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext_noop as _

from evolink_studio.catalog import SPECS, ModelSpec
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.credits.fields import CREDITS_QUANTUM, to_credits
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.validators import find_factor_errors

PRICED_SETTINGS = ("duration", "quality", "sound")  # shown beside a price
DURATION_FIELD = "duration"
SECONDS_PATTERN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def calculate_price(rate_card: RateCard, params: Mapping[str, object]) -> Decimal:
    """Credits for one generation with these parameters (`duration` in seconds).

    A price per second needs a `duration`; where it is missing or automatic, the guess is the
    minimum charge. `params` may be anything that was stored: what is no number is no duration.
    """
    amount = rate_card.credits_per_unit * _find_multiplier(rate_card, params)
    if rate_card.unit == RateCard.Unit.SECOND:
        amount *= _duration_seconds(params)
    return max(amount, rate_card.minimum_credits).quantize(CREDITS_QUANTUM, ROUND_HALF_UP)


@dataclass(frozen=True)
class Estimate:
    """What one generation will cost, before EvoLink names the amount.

    `credits` is None when price or length is unknown; `max_credits` is then the worst case, None
    if that is unknown, too.
    """

    credits: Decimal | None
    max_credits: Decimal | None = None


def estimate_price(rate_card: RateCard | None, params: Mapping[str, object]) -> Estimate:
    """The estimate; `credits` is None, never a guess, without a rate card or a known length.

    A price beyond what can be booked is none.
    """
    if rate_card is None:
        return Estimate(None)
    if is_length_known(rate_card, params):
        return Estimate(to_credits(calculate_price(rate_card, params)))
    return Estimate(None, max_credits=to_credits(find_highest_price(rate_card)))


def find_lowest_unit_price(rate_card: RateCard) -> Decimal:
    """The lowest price of one unit, for "from … credits"."""
    multipliers = [Decimal(1), *(times for _when, times in _list_factors(rate_card))]
    return (rate_card.credits_per_unit * min(multipliers)).quantize(CREDITS_QUANTUM, ROUND_HALF_UP)


def find_highest_price(rate_card: RateCard) -> Decimal | None:
    """The highest price of this model: highest factor, longest film.

    None when it is priced per second and the longest film is unknown.
    """
    multipliers = [Decimal(1), *(times for _when, times in _list_factors(rate_card))]
    amount = rate_card.credits_per_unit * max(multipliers)
    if rate_card.unit == RateCard.Unit.SECOND:
        spec = SPECS.get(rate_card.model_id)
        if spec is None or spec.duration_range is None:
            return None
        amount *= Decimal(str(spec.duration_range[1]))
    return max(amount, rate_card.minimum_credits).quantize(CREDITS_QUANTUM, ROUND_HALF_UP)


def is_length_known(rate_card: RateCard, params: Mapping[str, object]) -> bool:
    """Whether `calculate_price` knows the length it needs; otherwise it returns a guess."""
    return rate_card.unit == RateCard.Unit.CALL or bool(_duration_seconds(params))


def _duration_seconds(params: Mapping[str, object]) -> Decimal:
    """The duration, of a form or a stored row; 0 for anything that is no number of seconds."""
    text = _to_text(params.get(DURATION_FIELD))
    return Decimal(text) if SECONDS_PATTERN.fullmatch(text) else Decimal(0)


def _find_multiplier(rate_card: RateCard, params: Mapping[str, object]) -> Decimal:
    for when, times in _list_factors(rate_card):
        if all(_to_text(params.get(name)) == str(value) for name, value in when.items()):
            return times
    return Decimal(1)


def _to_text(value: object) -> str:
    """A plain value as a rate card writes it; "" for a list or an object, which is no setting."""
    return str(value) if isinstance(value, str | int | float | Decimal) else ""


def _list_factors(rate_card: RateCard) -> Iterator[tuple[Mapping[str, object], Decimal]]:
    """The factors as (settings, multiplier). One that `find_factor_errors` refuses is left out."""
    factors: object = rate_card.factors
    for factor in factors if isinstance(factors, list) else []:
        if not find_factor_errors([factor], ""):
            yield factor["when"], Decimal(factor["times"])


@dataclass(frozen=True)
class CheaperOption:
    """One changed setting. `field_label` and `option_label` are msgids, `value` is what to set."""

    field_name: str
    field_label: str
    option_label: str
    value: object
    price: Decimal
    saved_credits: Decimal


# Whether the model's rules allow this value in this field, with all other values unchanged.
IsAllowed = Callable[[str, object], bool]


def list_cheaper_options(
    rate_card: RateCard, spec: ModelSpec, params: Mapping[str, object], is_allowed: IsAllowed
) -> tuple[CheaperOption, ...]:
    """Every single change that is cheaper and that the rules allow, smallest saving first."""
    options = _priced_options(rate_card, spec, params)
    return tuple(option for option in options if is_allowed(option.field_name, option.value))


def find_best_cheaper_option(
    rate_card: RateCard,
    spec: ModelSpec,
    params: Mapping[str, object],
    is_allowed: IsAllowed,
    *,
    max_credits: Decimal,
) -> CheaperOption | None:
    """The change with the smallest saving that costs at most `max_credits`; None without one."""
    affordable_options = (
        option
        for option in _priced_options(rate_card, spec, params)
        if option.price <= max_credits and is_allowed(option.field_name, option.value)
    )
    return next(affordable_options, None)


def _priced_options(
    rate_card: RateCard, spec: ModelSpec, params: Mapping[str, object]
) -> list[CheaperOption]:
    current_price = calculate_price(rate_card, params)
    options = [
        CheaperOption(field.name, field.label, label, value, new_price, current_price - new_price)
        for field, value, label in _priced_alternatives(rate_card, spec, params)
        if (new_price := calculate_price(rate_card, {**params, field.name: value})) < current_price
    ]
    return sorted(options, key=lambda option: option.saved_credits)


def _priced_alternatives(
    rate_card: RateCard, spec: ModelSpec, params: Mapping[str, object]
) -> Iterator[tuple[Field, object, str]]:
    priced_names = {name for when, _times in _list_factors(rate_card) for name in when}
    if rate_card.unit == RateCard.Unit.SECOND and is_length_known(rate_card, params):
        priced_names.add(DURATION_FIELD)
    for field in spec.fields:
        if field.name in priced_names:
            for value, label in _field_options(field):
                yield field, value, label


def _field_options(field: Field) -> Iterator[tuple[object, str]]:
    if field.control is Control.SWITCH:
        yield from ((True, _("on")), (False, _("off")))
    elif field.is_integer and field.minimum is not None and field.maximum is not None:
        for number in range(int(field.minimum), int(field.maximum) + 1):
            yield number, f"{number} {field.unit}".strip()
    else:
        yield from ((option.value, option.label) for option in field.options)
