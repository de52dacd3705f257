"""Stored parameters to the values that the catalogue checks, and back.

Stored values are plain JSON; a file in them is the text `asset:<pk>`. The catalogue needs a
`MediaFile` in its place; only files of the same owner are looked up.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from evolink_studio.catalog import get_spec
from evolink_studio.catalog.base import VideoRequest
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.messages import FieldError, FieldNotice
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.database import parse_id
from evolink_studio.core.json_field import get_member
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset

ASSET_REF_PREFIX = "asset:"
MAX_ROWS = 20  # of a list such as the shots, as a form or a stored value may have them
MAX_FILES = 20  # of one field, likewise


@dataclass(frozen=True)
class RestingValues:
    """What the form of another model held and the present one does not take. It is never sent.

    `values` by field as stored; `stand_ins`: what the present form shows in their place.
    """

    model_id: str
    values: Mapping[str, object]
    stand_ins: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class ProjectEntry:
    """The project that a form names: one that the person may choose, or the name of a new one.

    `is_remembered`: nothing was chosen yet, and that of the last press stands there.
    `error` says what is wrong with it; "" if nothing is.
    """

    project_id: int | None = None
    is_remembered: bool = False
    is_new: bool = False
    new_name: str = ""
    error: str = ""


@dataclass
class FormData:
    """What a person entered: `values` by field, `assets` by reference, errors of refused files.

    `resting`: what waits for a model that takes it.
    `notices`: what was entered, but does not count. `project`: what the films are made for.
    `cast`: the picture of each member that a prompt names, by folded name in their order, and
    `cast_names` how the person spells it.
    """

    values: dict[str, object] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    field_errors: list[FieldError] = field(default_factory=list)
    resting: Sequence[RestingValues] = ()
    notices: list[FieldNotice] = field(default_factory=list)
    project: ProjectEntry = ProjectEntry()
    cast: Mapping[str, str] = field(default_factory=dict)
    cast_names: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The values as JSON, to store. What rests is not among them."""
        return {name: to_json(value) for name, value in self.values.items()}


def to_json(value: object) -> object:
    """A value as JSON: a file becomes its reference `asset:<pk>`."""
    if isinstance(value, MediaFile):
        return value.ref
    if isinstance(value, BaseModel):
        return to_json(dict(value))
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def serialize_params(spec: ModelSpec, request: VideoRequest) -> dict[str, object]:
    """A valid request as JSON for `Generation.params`; files as `asset:<pk>`."""
    return {field.name: to_json(getattr(request, field.name)) for field in spec.fields}


def load_params(spec: ModelSpec, stored_params: Mapping[str, object], owner_id: int) -> FormData:
    """Form values from stored ones. One query for the files of their owner."""
    return put_files_in(
        spec, stored_params, get_assets_by_ref(list_file_refs(spec, stored_params), owner_id)
    )


def put_files_in(
    spec: ModelSpec, stored_params: Mapping[str, object], assets: Mapping[str, Asset]
) -> FormData:
    """The same with files found before, by reference: for many forms at once. No query."""
    values = dict(stored_params)
    media_names = {param.name for param in spec.fields if param.control == Control.MEDIA}
    for name in media_names & stored_params.keys():
        refs = list_refs(stored_params[name])
        values[name] = [build_media_file(assets[ref]) for ref in refs if ref in assets]
    used_refs = (ref for ref in list_file_refs(spec, stored_params) if ref in assets)
    return FormData(values, {ref: assets[ref] for ref in used_refs})


def load_form_data(spec: ModelSpec, stored_values: object, owner_id: int) -> FormData:
    """What a form shows of stored values, whatever they are. One query."""
    return load_params(spec, read_form_values(spec, stored_values), owner_id)


def read_form_values(spec: ModelSpec, stored_values: object) -> dict[str, object]:
    """Stored values, whatever they are, as the fields of a form can show them; files as stored.

    The others are left out: a value of another type, a field of another model.
    """
    stored_values = stored_values if isinstance(stored_values, Mapping) else {}
    return {
        field.name: value
        for field in spec.fields
        if (value := _READERS.get(field.control, _read_plain)(field, stored_values.get(field.name)))
        not in (None, "", [])
    }


def _read_plain(_field: Field, value: object) -> object:
    """A text, a number or a switch; None for anything else."""
    is_finite = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    return value if is_finite else None


def _read_texts(field: Field, value: object) -> object:
    if isinstance(value, str):
        return value
    return [text for text in _as_items(value) if isinstance(text, str)]


def _read_refs(_field: Field, value: object) -> object:
    return list_refs(value)[:MAX_FILES]


def _read_rows(field: Field, value: object) -> object:
    rows = [row for row in _as_items(value) if isinstance(row, Mapping)]
    return [
        {column.name: _read_plain(column, row.get(column.name)) for column in field.columns}
        for row in rows[:MAX_ROWS]
    ]


def _as_items(value: object) -> list[object]:
    """A list as it is; nothing for anything else."""
    return value if isinstance(value, list) else []


_READERS: Mapping[Control, Callable[[Field, object], object]] = {
    Control.MEDIA: _read_refs,
    Control.ROWS: _read_rows,
    Control.TEXTS: _read_texts,
}


class AssetMissing(Exception):
    """A file of this request is no longer in the library."""


def load_params_for_dispatch(generation: Generation) -> tuple[dict[str, object], list[Asset]]:
    """The stored values and their files, to send them. Raises AssetMissing."""
    spec = get_spec(generation.model_id)
    form_data = load_params(spec, generation.params, generation.owner_id)
    if has_missing_files(spec, generation.params, form_data):
        raise AssetMissing
    return form_data.values, list(form_data.assets.values())


def has_missing_files(spec: ModelSpec, stored_values: object, form_data: FormData) -> bool:
    """Whether stored values name a file that `form_data`, loaded from them, has not."""
    return bool(set(list_file_refs(spec, stored_values)) - form_data.assets.keys())


def list_file_refs(spec: ModelSpec, stored_values: object) -> list[str]:
    """The references of all files that stored values name, in the order of the fields."""
    media_names = (field.name for field in spec.fields if field.control == Control.MEDIA)
    return [ref for name in media_names for ref in list_refs(get_member(stored_values, name))]


def get_assets_by_ref(refs: Iterable[str], owner_id: int) -> dict[str, Asset]:
    """Files of this owner by `asset:<pk>`; foreign and unknown ones are left out.

    One query, none without references.
    """
    parsed_ids = (
        parse_id(ref.removeprefix(ASSET_REF_PREFIX))
        for ref in refs
        if ref.startswith(ASSET_REF_PREFIX)
    )
    asset_ids = [asset_id for asset_id in parsed_ids if asset_id is not None]
    if not asset_ids:
        return {}
    return {asset.ref: asset for asset in Asset.objects.filter(owner_id=owner_id, pk__in=asset_ids)}


def build_media_file(asset: Asset) -> MediaFile:
    """A file as the catalogue checks it."""
    return MediaFile.model_validate(asset.facts())


def list_refs(value: object) -> list[str]:
    """The references of a stored value; none of what is no reference."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
