"""Whether a file of the library fits a slot of an AI model, before it is put in."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.rules import PixelSizes
from evolink_studio.catalog.spec import Lifecycle, ModelSpec
from evolink_studio.generations.forms.controls import MediaCheck, translate, translate_label
from evolink_studio.generations.params import build_media_file
from evolink_studio.library.models import Asset


def find_slot(model_id: str, name: str) -> tuple[ModelSpec, Field] | None:
    """The model and its media field of this name; None when there is no such slot."""
    spec = SPECS.get(model_id)
    if spec is None:
        return None
    slots = (field for field in list_slots(spec) if field.name == name)
    return next(((spec, field) for field in slots), None)


def list_slots(spec: ModelSpec) -> list[Field]:
    """The media fields of a model, in the order of its form."""
    return [field for field in spec.fields if field.control is Control.MEDIA]


def judge_fit(spec: ModelSpec, slot: Field, asset: Asset) -> MediaCheck:
    """Whether the file by itself fits this slot; what else the form holds is not looked at."""
    media = build_media_file(asset)
    constraints = slot.media_constraints
    if constraints is not None and (violations := constraints.find_violations(media)):
        return MediaCheck("bad", _join(translate(message) for message in violations))
    sizes = list_required_sizes(spec).get(slot.name, ())
    if sizes and (media.width, media.height) not in sizes:
        names = ", ".join(f"{width} × {height}" for width, height in sizes)
        text = gettext("It must have exactly this many pixels: {sizes}. Crop it to them.")
        return MediaCheck("bad", text.format(sizes=names))
    if constraints is not None and (warnings := constraints.find_warnings(media)):
        return MediaCheck("warn", _join(translate(message) for message in warnings))
    return MediaCheck("good", gettext("Fits"))


@cache
def list_required_sizes(spec: ModelSpec) -> dict[str, PixelSizes]:
    """The sizes in pixels that pictures may have while nothing else is chosen, by slot."""
    return dict(spec.evaluate({}).required_sizes)


def _join(texts: Iterable[str]) -> str:
    return " ".join(texts)


@dataclass(frozen=True)
class SlotLink:
    """A slot of a model that a file can be put in, and whether it fits there."""

    model_label: str
    slot_label: str
    url: str
    check: MediaCheck


def list_slot_links(asset: Asset) -> list[SlotLink]:
    """Every slot for files of this kind, of the models that can still be used."""
    return [
        SlotLink(
            model_label=spec.label,
            slot_label=translate_label(slot.label),
            url=_build_put_url(spec.id, slot.name, asset),
            check=judge_fit(spec, slot, asset),
        )
        for spec in SPECS.values()
        if spec.lifecycle is not Lifecycle.RETIRED
        for slot in list_slots(spec)
        if slot.media_kind == asset.kind
    ]


def _build_put_url(model_id: str, slot: str, asset: Asset) -> str:
    query = urlencode({"put": f"{slot}:{asset.pk}"})
    return f"{reverse('create', args=[model_id])}?{query}"
