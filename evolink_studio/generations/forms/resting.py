"""What rests while a model is chosen that does not take it, and comes back with one that does.

The form carries it from answer to answer in one hidden field, a draft in one key of its values.
Nothing that rests is sent to EvoLink.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.conversion import Conversion, convert_values
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.parsing import parse_value
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.generations.forms.controls import as_list, to_form_value, translate_label
from evolink_studio.generations.params import FormData, RestingValues, load_params, to_json

RESTING_NAME = "_resting"
MAX_RESTING_CHARACTERS = 100_000
_EMPTY_VALUES: tuple[object, ...] = (None, "", [])


def parse_resting(text: str) -> list[RestingValues]:
    """What the hidden field or a draft holds; [] for anything else."""
    if len(text) > MAX_RESTING_CHARACTERS:
        return []
    try:
        entries = json.loads(text)
        # What no draft can store and no page can show: infinite numbers, lone surrogates, NUL.
        plain_text = json.dumps(entries, allow_nan=False, ensure_ascii=False)
        is_storable = "\\u0000" not in plain_text and bool(plain_text.encode())
    except (ValueError, RecursionError):
        return []
    if not is_storable:
        return []
    return [
        RestingValues(entry["model"], _only_fields(entry, "values"), _only_fields(entry, "now"))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("model") in list(SPECS)
    ]


def _only_fields(entry: Mapping[str, object], key: str) -> dict[str, object]:
    values = entry.get(key)
    names = {field.name for spec in SPECS.values() for field in spec.fields}
    return (
        {name: value for name, value in values.items() if name in names}
        if isinstance(values, dict)
        else {}
    )


def dump_resting(resting: Sequence[RestingValues]) -> str:
    """The text of the hidden field; "" when nothing rests."""
    if not resting:
        return ""
    return json.dumps(
        [
            {"model": entry.model_id, "values": dict(entry.values), "now": dict(entry.stand_ins)}
            for entry in resting
        ]
    )


def drop_stand_ins(form_data: FormData, spec: ModelSpec) -> FormData:
    """Form data without what only stands in for a resting value; what was replaced rests no more.

    A stand-in that the person changed has replaced the resting value.
    """
    defaults = spec.evaluate(form_data.values).defaults
    values, resting = dict(form_data.values), []
    for entry in form_data.resting:
        kept_values = dict(entry.values)
        for field in spec.fields:
            if field.name not in kept_values:
                continue
            stand_in = entry.stand_ins.get(field.name)
            # Files that came from another field are the person's own and stand in for nothing.
            if not set(_list_refs(stand_in)) <= set(_list_refs(kept_values[field.name])):
                continue
            shown_value = form_data.values.get(field.name, defaults.get(field.name))
            if _comparable(field, shown_value) == _comparable(field, stand_in):
                values.pop(field.name, None)
            else:
                del kept_values[field.name]
        resting.append(replace(entry, values=kept_values))
    return replace(form_data, values=values, resting=[entry for entry in resting if entry.values])


def wake_resting(
    form_data: FormData,
    old_spec: ModelSpec,
    new_spec: ModelSpec,
    conversion: Conversion,
    owner_id: int,
) -> FormData:
    """The converted form data with all that the new spec takes of what rested, newest first.

    The rest goes on resting, together with what this conversion dropped of `form_data`.
    """
    values, assets = dict(conversion.values), dict(form_data.assets)
    resting: list[RestingValues] = []
    for entry in reversed(form_data.resting):
        spec = SPECS[entry.model_id]
        loaded = load_params(spec, entry.values, owner_id)
        offered_values = (
            loaded.values
            if spec is new_spec
            else convert_values(spec, loaded.values, new_spec).values
        )
        for name, value in offered_values.items():
            if values.get(name) in _EMPTY_VALUES and value not in _EMPTY_VALUES:
                values[name] = value
        assets |= loaded.assets
        resting.insert(0, entry)
    dropped_values = {
        dropped.field: to_json(form_data.values.get(dropped.field))
        for dropped in conversion.dropped_values
    }
    resting.append(RestingValues(old_spec.id, dropped_values))
    return FormData(values, assets, resting=_list_still_resting(resting, new_spec, values))


def _list_still_resting(
    resting: Iterable[RestingValues], spec: ModelSpec, values: Mapping[str, object]
) -> list[RestingValues]:
    """What is not in `values`, with what these hold in its place."""
    shown_values = {**spec.evaluate(values).defaults, **values}
    entries = []
    for entry in resting:
        rested_values = {
            name: value
            for name, value in entry.values.items()
            if value not in _EMPTY_VALUES and not _is_in(name, value, values)
        }
        stand_ins = {
            name: to_json(shown_values[name])
            for name in rested_values
            if shown_values.get(name) not in _EMPTY_VALUES
        }
        if rested_values:
            entries.append(RestingValues(entry.model_id, rested_values, stand_ins))
    return entries


def _is_in(name: str, value: object, values: Mapping[str, object]) -> bool:
    """Whether form values hold a stored value: files in any field, others in the same field."""
    refs = _list_refs(value)
    if refs:
        held_refs = {ref for held in values.values() for ref in _list_refs(to_json(held))}
        return held_refs.issuperset(refs)
    return bool(to_json(values.get(name)) == value)


def _list_refs(value: object) -> list[str]:
    return [item for item in as_list(value) if isinstance(item, str) and item.startswith("asset:")]


def _comparable(field: Field, value: object) -> object:
    """A value as stored, whether it came from a form, a draft or a default."""
    stored_value = to_json(value)
    if field.control is Control.MEDIA:
        return _list_refs(stored_value)
    return to_json(parse_value(field, stored_value))


def describe_resting(resting: Sequence[RestingValues]) -> str:
    """One sentence for the person; "" when nothing rests."""
    parts = [
        _describe_value(SPECS[entry.model_id].get_field(name), value)
        for entry in resting
        for name, value in entry.values.items()
    ]
    if not parts:
        return ""
    return _("Waiting for a model that takes it, and not sent now: {list}.").format(
        list="; ".join(dict.fromkeys(parts))
    )


def _describe_value(field: Field, value: object) -> str:
    label = translate_label(field.label)
    if refs := _list_refs(value):
        count = ngettext("{n} file", "{n} files", len(refs)).format(n=len(refs))
        return f"{label} ({count})"
    is_short = isinstance(value, str | int | float) and not isinstance(value, bool)
    return f"{label} {to_form_value(value)[:40]}" if is_short else label
