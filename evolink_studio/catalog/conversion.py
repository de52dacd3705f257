"""Takes what was entered for one AI model over to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evolink_studio.catalog.fields import Field
from evolink_studio.catalog.media import Media
from evolink_studio.catalog.parsing import UNREADABLE, read
from evolink_studio.catalog.rules import amount
from evolink_studio.catalog.validation import misfits

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
    """`kept` can be given to the new spec as it is. `dropped` is what a person should hear of.

    `moved` are the labels of the fields that now hold pictures which meant something else before.
    """

    kept: dict[str, Any]
    dropped: tuple[Dropped, ...]
    moved: tuple[str, ...] = ()


def carry(old: "Spec", raw: Mapping[str, object], new: "Spec") -> Carried:
    """Keep each value that the new spec accepts.

    A text or a list that is too long keeps its beginning. A default of the old spec that does
    not fit goes without a word: nobody chose it. Frames become frames, whatever the fields are
    called; everything else stays under its name.
    """
    untouched = old.defaults(raw)
    given = {field.name: read(field, raw.get(field.name)) for field in old.fields}
    placed = {**raw, **_placed(old, given, new)}
    kept: dict[str, Any] = {}
    for field in new.fields:
        if field.name in placed and (fit := _fitting(new, field, placed[field.name])) is not None:
            kept[field.name] = fit
    lost = {
        name: value
        for name, value in given.items()
        if value not in (None, UNREADABLE, untouched.get(name)) and not _stays(name, value, kept)
    }
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
        tuple(field.label for field in new.fields if _moved(old, given, field, kept)),
    )


def _placed(old: "Spec", given: Mapping[str, Any], new: "Spec") -> dict[str, Any]:
    """The frames, in their order, under the names they have in the new spec; None where none is."""
    frames = [m for field in old.fields if field.frames for m in _files(given[field.name])]
    places = [field for field in new.fields if field.frames]
    if not frames or not places:
        return {}
    placed: dict[str, Any] = {f.name: None for f in (*old.fields, *places) if f.frames}
    for field in places:
        room = field.max_items if field.multiple else 1
        mine = [m for m in frames if not misfits(new.request, field, _as(field, m))[1]][:room]
        for media in mine:
            frames.remove(media)
        placed[field.name] = mine if field.multiple else next(iter(mine), None)
    return placed


def _as(field: Field, media: Media) -> Any:
    """One file as the value of this field."""
    return [media] if field.multiple else media


def _moved(old: "Spec", given: Mapping[str, Any], field: Field, kept: Mapping[str, Any]) -> bool:
    """Whether it holds a picture that was none of its kind before."""
    same = any(was.name == field.name and was.frames == field.frames for was in old.fields)
    before = _files(given[field.name]) if same else []
    return any(media not in before for media in _files(kept.get(field.name)))


def _files(value: Any) -> list[Media]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, Media)]


def _stays(name: str, value: Any, kept: Mapping[str, Any]) -> bool:
    """Whether all of it is there: files anywhere, other values under their name."""
    files = _files(value)
    if not files:
        return bool(kept.get(name) == value)
    everywhere = [media for other in kept.values() for media in _files(other)]
    return all(media in everywhere for media in files)


def _fitting(new: "Spec", field: Field, given: Any) -> Any:
    """As much of the value as the new spec accepts; None for nothing."""
    value = read(field, given)
    if value is None:
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
