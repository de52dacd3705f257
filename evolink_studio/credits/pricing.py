"""From a rate card and parameters to credits. Decimals only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext_noop as _

from evolink_studio.catalog import SPECS, Spec
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.credits.models import RateCard

PLACES = Decimal("0.0001")


def price(card: RateCard, params: Mapping[str, object]) -> Decimal:
    """Credits for one generation with these parameters (`duration` in seconds).

    A card counted by the second needs a `duration`; where it is missing or automatic, one minimum
    charge is the honest guess.
    """
    amount = card.price * _factor(card.factors, params)
    if card.unit == RateCard.Unit.SECOND:
        amount *= _seconds(params)
    return max(amount, card.minimum).quantize(PLACES, ROUND_HALF_UP)


@dataclass(frozen=True)
class Bill:
    """What one generation will take, before EvoLink names the figure.

    `estimate` is None where the price or the length is open; `at_most` is the worst case then,
    None where nobody knows that either.
    """

    estimate: Decimal | None
    at_most: Decimal | None = None


def bill(card: RateCard | None, params: Mapping[str, object]) -> Bill:
    """An estimate where one can be made; a guess is never passed off as one."""
    if card is None:
        return Bill(None)
    if length_is_known(card, params):
        return Bill(price(card, params))
    return Bill(None, at_most=worst(card))


def cheapest(card: RateCard) -> Decimal:
    """The lowest price of one unit: what "from … credits" says."""
    times = [Decimal(1), *(Decimal(str(factor["times"])) for factor in card.factors)]
    return (card.price * min(times)).quantize(PLACES, ROUND_HALF_UP)


def worst(card: RateCard) -> Decimal | None:
    """The dearest generation of this model: highest factor, longest film.

    None when it is counted by the second and nobody knows how long it may get.
    """
    times = [Decimal(1), *(Decimal(str(factor["times"])) for factor in card.factors)]
    amount = card.price * max(times)
    if card.unit == RateCard.Unit.SECOND:
        spec = SPECS.get(card.model_id)
        if spec is None or spec.seconds is None:
            return None
        amount *= Decimal(str(spec.seconds[1]))
    return max(amount, card.minimum).quantize(PLACES, ROUND_HALF_UP)


def length_is_known(card: RateCard, params: Mapping[str, object]) -> bool:
    """Whether `price` is more than the guess for a film of unknown length."""
    return card.unit == RateCard.Unit.CALL or bool(_seconds(params))


def _seconds(params: Mapping[str, object]) -> Decimal:
    value = str(params.get("duration") or "")
    return Decimal(value) if value.isdecimal() else Decimal(0)


def _factor(factors: Iterable[Mapping[str, object]], params: Mapping[str, object]) -> Decimal:
    for factor in factors:
        when = factor["when"]
        assert isinstance(when, Mapping)
        if all(str(params.get(name)) == str(value) for name, value in when.items()):
            return Decimal(str(factor["times"]))
    return Decimal(1)


LENGTH = "duration"


@dataclass(frozen=True)
class Saving:
    """One changed setting. `field` and `option` are labels to translate, `value` is what to set."""

    name: str
    field: str
    option: str
    value: object
    price: Decimal
    saves: Decimal


def savings(card: RateCard, spec: Spec, params: Mapping[str, object]) -> tuple[Saving, ...]:
    """Every single change that makes it cheaper and that the model's rules allow, least first."""
    now = price(card, params)
    found = [
        Saving(field.name, field.label, label, value, cost, now - cost)
        for field, value, label in _alternatives(card, spec, params)
        if (cost := price(card, {**params, field.name: value})) < now
    ]
    return tuple(sorted(found, key=lambda saving: saving.saves))


def cheaper(
    card: RateCard, spec: Spec, params: Mapping[str, object], *, at_most: Decimal
) -> Saving | None:
    """The smallest single change that costs no more than this; None when there is none."""
    fitting = (saving for saving in savings(card, spec, params) if saving.price <= at_most)
    return next(fitting, None)


def _alternatives(
    card: RateCard, spec: Spec, params: Mapping[str, object]
) -> Iterator[tuple[Field, object, str]]:
    priced = {name for factor in card.factors for name in factor["when"]}
    if card.unit == RateCard.Unit.SECOND and length_is_known(card, params):
        priced.add(LENGTH)
    before = spec.check(params).problems
    for field in spec.fields:
        if field.name in priced:
            for value, label in _options(field):
                # The files of stored parameters are only named, so some problems are always there.
                after = spec.check({**params, field.name: value}).problems
                if all(problem in before for problem in after):
                    yield field, value, label


def _options(field: Field) -> Iterator[tuple[object, str]]:
    if field.control is Control.SWITCH:
        yield from ((True, _("on")), (False, _("off")))
    elif field.whole and field.minimum is not None and field.maximum is not None:
        for number in range(int(field.minimum), int(field.maximum) + 1):
            yield number, f"{number} {field.unit}".strip()
    else:
        yield from ((option.value, option.label) for option in field.options)
