"""Checks a rate card's factors, with messages that a person can act on."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from evolink_studio.catalog import SPECS, ModelSpec
from evolink_studio.catalog.fields import Control

MAX_MULTIPLIER = Decimal(1000)
# The values of a switch as text, as `pricing` compares them.
_SWITCH_VALUES = ("True", "False")


def find_factor_errors(factors: object, model_id: str) -> list[str]:
    """Every reason why these factors cannot be used; empty when they can.

    `factors` is parsed JSON: a list of {"when": {setting: value, …}, "times": "1.334"}.
    """
    if not isinstance(factors, list):
        return [_('Write a list: [{"when": {"quality": "1080p"}, "times": "2.2"}]')]
    spec = SPECS.get(model_id)
    errors = [
        _("Entry {n}: {problem}").format(n=position, problem=error)
        for position, factor in enumerate(factors, 1)
        for error in _find_entry_errors(factor, spec)
    ]
    return errors or list(_find_unreachable_entries(factors))


def _find_entry_errors(factor: object, spec: ModelSpec | None) -> Iterator[str]:
    if not isinstance(factor, Mapping) or set(factor) != {"when", "times"}:
        yield _("needs exactly “when” and “times”.")
        return
    if not _is_multiplier(factor["times"]):
        yield _("“times” must be a number above 0 in quotes, such as “1.334”.")
    when = factor["when"]
    if not isinstance(when, Mapping) or not when:
        yield _("“when” needs at least one setting and its value.")
    elif spec is not None:
        for name, value in when.items():
            yield from _find_setting_errors(spec, name, value)


def _is_multiplier(times: object) -> bool:
    try:
        number = Decimal(times) if isinstance(times, str) else Decimal("NaN")
    except InvalidOperation:
        return False
    return number.is_finite() and 0 < number <= MAX_MULTIPLIER


def _find_setting_errors(spec: ModelSpec, name: str, value: object) -> Iterator[str]:
    fields = {field.name: field for field in spec.fields}
    if name not in fields:
        known_names = ", ".join(fields)
        yield _("this model has no setting “{name}”. It has: {known}.").format(
            name=name, known=known_names
        )
        return
    if not isinstance(value, str | int):
        yield _("“{name}” needs one plain value.").format(name=name)
        return
    field = fields[name]
    allowed_values = [str(option.value) for option in field.options]
    allowed_values = list(_SWITCH_VALUES) if field.control is Control.SWITCH else allowed_values
    if allowed_values and field.minimum is None and str(value) not in allowed_values:
        yield _("“{name}” cannot be “{value}”. It can be: {offered}.").format(
            name=name, value=value, offered=", ".join(allowed_values)
        )


def _find_unreachable_entries(factors: list[Mapping[str, Mapping[str, object]]]) -> Iterator[str]:
    """The first matching entry applies, so a narrower one after a wider one never does."""
    for index, factor in enumerate(factors):
        for earlier_index, earlier_factor in enumerate(factors[:index]):
            if earlier_factor["when"].items() <= factor["when"].items():
                yield _("Entry {n} never counts, because entry {m} fits first.").format(
                    n=index + 1, m=earlier_index + 1
                )
                break
