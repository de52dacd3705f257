"""Between what is stored and what the catalogue checks: files by their names, and as facts.

Stored values are plain JSON; a picture in them is the text `asset:<number>`. The catalogue wants a
`Media` in its place, and only a file of the same person ever becomes one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from evolink_studio.catalog import spec_for
from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.media import Media
from evolink_studio.catalog.messages import Problem
from evolink_studio.catalog.spec import Spec
from evolink_studio.core.http import number_in
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset, facts

PREFIX = "asset:"


@dataclass
class Entered:
    """What a person gave: `values` for the check, the files behind them, and files not taken."""

    values: dict[str, object] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def plain(self) -> dict[str, object]:
        """The values as JSON, to store."""
        return {name: plain(value) for name, value in self.values.items()}


def plain(value: object) -> object:
    """A value as JSON: a picture becomes its name."""
    if isinstance(value, Media):
        return value.ref
    if isinstance(value, BaseModel):
        return plain(dict(value))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def stored_params(spec: Spec, request: VideoRequest) -> dict[str, object]:
    """An accepted request as JSON for the row; pictures by their names."""
    return {field.name: plain(getattr(request, field.name)) for field in spec.fields}


def restore(spec: Spec, stored: Mapping[str, object], owner_id: int) -> Entered:
    """Stored values for this model again, with the files of their owner looked up in one query."""
    names = {f.name for f in spec.fields if f.control == Control.MEDIA}
    refs = {name: _refs(stored.get(name)) for name in names}
    assets = assets_by_ref((ref for some in refs.values() for ref in some), owner_id)
    values = dict(stored)
    for name in names & stored.keys():
        values[name] = [media_of(assets[ref]) for ref in refs[name] if ref in assets]
    return Entered(values, assets)


class FileGone(Exception):
    """A file that belongs to this request is no longer in the library."""


def stored_values(generation: Generation) -> tuple[dict[str, object], list[Asset]]:
    """What the worker sends: the stored values with their files. Raises FileGone."""
    spec = spec_for(generation.model_id)
    entered = restore(spec, generation.params, generation.owner_id)
    media = [field.name for field in spec.fields if field.control == Control.MEDIA]
    asked = {ref for name in media for ref in _refs(generation.params.get(name))}
    if asked - entered.assets.keys():
        raise FileGone
    return entered.values, list(entered.assets.values())


def assets_by_ref(refs: Iterable[str], owner_id: int) -> dict[str, Asset]:
    """Files of this person by name; others, and unknown ones, are simply not there."""
    found = (number_in(ref.removeprefix(PREFIX)) for ref in refs if ref.startswith(PREFIX))
    numbers = [number for number in found if number is not None]
    return {a.ref: a for a in Asset.objects.filter(owner_id=owner_id, pk__in=numbers)}


def media_of(asset: Asset) -> Media:
    """A file as facts for the catalogue."""
    return Media.model_validate(facts(asset))


def _refs(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
