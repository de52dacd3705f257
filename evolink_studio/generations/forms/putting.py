"""Pictures that an address puts into a form: `?put=<slot>:<asset pk>`, several with commas.

The slot is a field of the model; `image_urls.2` is its second place.
"""

from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext as _

from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.media import MediaFile, list_media_files
from evolink_studio.catalog.slots import PictureSlot, SlotRole, list_picture_slots
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.generations.params import (
    ASSET_REF_PREFIX,
    FormData,
    build_media_file,
    get_assets_by_ref,
)
from evolink_studio.library.models import Asset

MAX_PUT_PICTURES = 12


def put_pictures(
    spec: ModelSpec, form_data: FormData, text: str, owner_id: int
) -> tuple[FormData, list[str]]:
    """The form with these pictures in their slots, and notes for the person. One query.

    What is no slot of this model, no picture or somebody else's is left out, and the notes say so.
    """
    slots = {slot.name: slot for slot in list_picture_slots(spec)}
    wanted = [part.strip().partition(":") for part in text.split(",")[:MAX_PUT_PICTURES]]
    assets = get_assets_by_ref(
        (f"{ASSET_REF_PREFIX}{pk}" for _slot, _colon, pk in wanted), owner_id
    )
    notes = []
    for slot_name, _colon, pk in wanted:
        slot, asset = slots.get(slot_name), assets.get(f"{ASSET_REF_PREFIX}{pk}")
        if slot is None or asset is None or asset.kind != Asset.Kind.IMAGE:
            notes.append(_("A picture that was to go into this form was not found."))
            continue
        form_data, note = _put_picture(spec, form_data, slot, asset)
        notes.extend([note] if note else [])
    return _drop_contradicted_choices(spec, form_data), list(dict.fromkeys(notes))


def _put_picture(
    spec: ModelSpec, form_data: FormData, slot: PictureSlot, asset: Asset
) -> tuple[FormData, str]:
    values, name = dict(form_data.values), slot.field.name
    picture, note = build_media_file(asset), ""
    if slot.role is SlotRole.FIRST:
        # Another beginning: what this form ended with was the end of another shot.
        for frame_name in _list_frame_names(spec):
            values.pop(frame_name, None)
        values[name] = [picture]
    elif slot.role is SlotRole.LAST:
        before = list_media_files(values.get(name))[: slot.number - 1]
        if len(before) < slot.number - 1:
            note = _("This model takes a last frame only after a first: it stands as the first.")
        values[name] = [*before, picture]
    else:
        values[name], note = _add_reference(slot, list_media_files(values.get(name)), picture)
    assets = {**form_data.assets, asset.ref: asset}
    return replace(form_data, values=values, assets=assets), note


def _add_reference(
    slot: PictureSlot, present: list[MediaFile], picture: MediaFile
) -> tuple[list[MediaFile], str]:
    others = [item for item in present if item.ref != picture.ref]
    limit = slot.field.max_items if slot.field.is_multiple else 1
    if limit is None or len(others) < limit:
        return [*others, picture], ""
    return [*others[: limit - 1], picture], _(
        "There was no more room: it replaced the last picture."
    )


def _list_frame_names(spec: ModelSpec) -> Iterator[str]:
    return (field.name for field in spec.fields if field.is_frame)


def _drop_contradicted_choices(spec: ModelSpec, form_data: FormData) -> FormData:
    """Without choices that the pictures rule out: as in an empty form, these follow them."""
    errors = {error.field for error in spec.evaluate(form_data.values).errors}
    contradicted = {
        name for name in errors if spec.get_field(name).control in (Control.CHOICE, Control.SWITCH)
    }
    values = {name: it for name, it in form_data.values.items() if name not in contradicted}
    return replace(form_data, values=values)
