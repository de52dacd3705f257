"""What a cheaper setting would save."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_noop as _

from evolink_studio.catalog import Spec
from evolink_studio.catalog.params import Control, Field
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import length_is_known, price

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
