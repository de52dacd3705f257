"""The cast in a form: `@name` puts a picture into a slot, and its tag into what is sent."""

from collections.abc import Iterator, Mapping
from typing import Any

from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.media import list_media_files
from evolink_studio.catalog.messages import FieldNotice, Message, _
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.generations.params import FormData, build_media_file
from evolink_studio.prompts.cast.queries import find_cast_members
from evolink_studio.prompts.cast.tags import find_names, replace_names
from evolink_studio.prompts.models import CastMember

CAST_PICTURE = Message(_("@{name} is picture {number}: sent as {tag}"))
CAST_WITHOUT_PICTURE = Message(
    _("@{name} is sent as the word “{name}”: this model is not told of pictures by name.")
)


def put_cast_in(spec: ModelSpec, form_data: FormData, owner_id: int) -> None:
    """Put the pictures of those whom the prompts name into the slot for references.

    A picture that is there already stays where it is. Whether it fits is checked with the rest.
    One query; none where nobody is named.
    """
    put_members_in(spec, form_data, find_cast_members(owner_id, _list_all_names(spec, form_data)))


def put_members_in(spec: ModelSpec, form_data: FormData, members: Mapping[str, CastMember]) -> None:
    """The same with members found before, by folded name: for many forms at once. No query."""
    names = _list_all_names(spec, form_data)
    form_data.cast = {name: members[name].asset.ref for name in names if name in members}
    form_data.cast_names = {name: members[name].name for name in form_data.cast}
    slot = _find_reference_slot(spec)
    if slot is None:
        return
    for name, ref in form_data.cast.items():
        if ref in _list_refs(spec, form_data):
            continue
        asset = members[name].asset
        files = list_media_files(form_data.values.get(slot.name))
        form_data.values[slot.name] = [*files, build_media_file(asset)]
        form_data.assets[asset.ref] = asset


def build_sent_values(spec: ModelSpec, form_data: FormData) -> Mapping[str, object]:
    """The values with tags in place of names; the typed ones where nobody is named."""
    if not form_data.cast:
        return form_data.values
    tags = _build_tags(spec, form_data)
    return {
        **form_data.values,
        **{
            field.name: _replace_in(field, form_data.values[field.name], tags)
            for field in spec.fields
            if field.name in form_data.values
        },
    }


def find_cast_lines(spec: ModelSpec, form_data: FormData) -> list[FieldNotice]:
    """Which picture each name stands for and what is sent for it, at the first field that has it.

    It is as the person wants it: shown, but nothing to look at before paying.
    """
    refs = _list_refs(spec, form_data)
    lines = []
    for field_name, name in _list_uses(spec, form_data):
        if (ref := form_data.cast[name]) in refs:
            number = refs.index(ref) + 1
            values = {"name": form_data.cast_names[name], "number": number, "tag": _tag(number)}
            lines.append(FieldNotice(field_name, CAST_PICTURE.with_values(**values)))
    return lines


def find_cast_notices(spec: ModelSpec, form_data: FormData) -> list[FieldNotice]:
    """Names that are sent as words, because the model knows no pictures by name."""
    refs = _list_refs(spec, form_data)
    return [
        FieldNotice(field_name, CAST_WITHOUT_PICTURE.with_values(name=form_data.cast_names[name]))
        for field_name, name in _list_uses(spec, form_data)
        if form_data.cast[name] not in refs
    ]


def _list_uses(spec: ModelSpec, form_data: FormData) -> Iterator[tuple[str, str]]:
    """Each member that is named, with the first field that does."""
    seen: set[str] = set()
    for field in spec.fields if form_data.cast else ():
        for name in (name for names in _list_names(field, form_data) for name in names):
            if name in form_data.cast and name not in seen:
                seen.add(name)
                yield field.name, name


def _tag(number: int) -> str:
    return f"<<<image_{number}>>>"


def _build_tags(spec: ModelSpec, form_data: FormData) -> dict[str, str]:
    """What is sent for each folded name: the tag of its picture, or the name alone."""
    refs = _list_refs(spec, form_data)
    return {
        name: _tag(refs.index(ref) + 1) if ref in refs else form_data.cast_names[name]
        for name, ref in form_data.cast.items()
    }


def _find_reference_slot(spec: ModelSpec) -> Field | None:
    """The field for pictures that a prompt names; None for a model that knows no names."""
    names = spec.references.get("image", ())
    slots = (spec.get_field(name) for name in names)
    return next((field for field in slots if field.is_multiple and not field.is_frame), None)


def _list_refs(spec: ModelSpec, form_data: FormData) -> list[str]:
    """The pictures that a prompt can name, as the model counts them: the first is number 1."""
    names = spec.references.get("image", ())
    files = (file for name in names for file in list_media_files(form_data.values.get(name)))
    return [file.ref for file in files]


def _list_all_names(spec: ModelSpec, form_data: FormData) -> list[str]:
    """The folded names in all prompts, each once."""
    texts = (names for field in spec.fields for names in _list_names(field, form_data))
    return list(dict.fromkeys(name for names in texts for name in names))


def _list_names(field: Field, form_data: FormData) -> Iterator[list[str]]:
    """The folded names in each prompt of a field."""
    value = form_data.values.get(field.name)
    if field.control is Control.PROMPT and isinstance(value, str):
        yield find_names(value)
    if field.control is Control.ROWS and isinstance(value, list):
        prompts = [column.name for column in field.columns if column.control is Control.PROMPT]
        for row in value:
            texts = [row.get(name) for name in prompts] if isinstance(row, Mapping) else []
            yield from (find_names(text) for text in texts if isinstance(text, str))


def _replace_in(field: Field, value: Any, tags: Mapping[str, str]) -> Any:
    if field.control is Control.PROMPT and isinstance(value, str):
        return replace_names(value, tags)
    if field.control is not Control.ROWS or not isinstance(value, list):
        return value
    prompts = {column.name for column in field.columns if column.control is Control.PROMPT}
    return [
        {
            name: replace_names(cell, tags) if name in prompts and isinstance(cell, str) else cell
            for name, cell in row.items()
        }
        if isinstance(row, Mapping)
        else row
        for row in value
    ]
