"""Takes what was entered for one AI model over to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evolink_studio.catalog.checking import misfits
from evolink_studio.catalog.conditions import amount
from evolink_studio.catalog.params import Field
from evolink_studio.catalog.reading import UNREADABLE, read

if TYPE_CHECKING:
    from evolink_studio.catalog.spec import Spec


@dataclass(frozen=True, slots=True)
class Dropped:
    """A value that could not stay: `new` is what stands there now, None for nothing."""

    field: str
    label: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Carried:
    """`kept` can be given to the new spec as it is. `dropped` is what a person should hear of."""

    kept: dict[str, Any]
    dropped: tuple[Dropped, ...]


def carry(old: "Spec", raw: Mapping[str, object], new: "Spec") -> Carried:
    """Keep each value that the new spec accepts.

    A text or a list that is too long keeps its beginning. A default of the old spec that does
    not fit goes without a word: nobody chose it.
    """
    untouched = old.defaults(raw)
    kept: dict[str, Any] = {}
    lost: dict[str, Any] = {}
    for field in old.fields:
        value = read(field, raw.get(field.name))
        fit = _fitting(new, field.name, raw.get(field.name))
        if fit is not None:
            kept[field.name] = fit
        if value not in (None, UNREADABLE, fit, untouched.get(field.name)):
            lost[field.name] = value
    for block in new.blocked(kept):
        if block.option is not None and block.hits(kept):
            lost.setdefault(block.field, kept.pop(block.field))
    shown = new.defaults(kept) | kept
    return Carried(
        kept,
        tuple(
            Dropped(name, old.field(name).label, value, shown.get(name))
            for name, value in lost.items()
        ),
    )


def _fitting(new: "Spec", name: str, raw: object) -> Any:
    """As much of the value as the new spec accepts; None for nothing."""
    field = next((field for field in new.fields if field.name == name), None)
    value = read(field, raw) if field else None
    if field is None or value is None:
        return None
    for candidate in (value, _shortened(new, field, value)):
        if amount(candidate) and not misfits(new.request, field, candidate)[1]:
            return candidate
    return None


def _shortened(new: "Spec", field: Field, value: Any) -> Any:
    if isinstance(value, str):
        return value[: field.max_length].rstrip()
    if isinstance(value, list):
        good = [item for item in value if not misfits(new.request, field, [item])[1]]
        return good[: field.max_items]
    return None
