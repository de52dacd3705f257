"""Files of the library as the pictures page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy, ngettext

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.spec import Lifecycle
from evolink_studio.core.formatting import format_size
from evolink_studio.generations.forms.controls import MediaCheck, translate_label
from evolink_studio.generations.presenters.media_fit import judge_fit, list_slots
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import PosterUrls, build_poster_urls

KIND_LABELS: Mapping[str, str | Promise] = {
    Asset.Kind.IMAGE: gettext_lazy("Pictures"),
    Asset.Kind.VIDEO: gettext_lazy("Films"),
    Asset.Kind.AUDIO: gettext_lazy("Sounds"),
}
ORIGIN_LABELS: Mapping[str, str | Promise] = {
    Asset.Origin.UPLOAD: gettext_lazy("Uploaded"),
    Asset.Origin.LINK: gettext_lazy("From an address"),
    Asset.Origin.FRAME: gettext_lazy("Frames of films"),
    Asset.Origin.EDIT: gettext_lazy("Cropped or adjusted"),
}


@dataclass(frozen=True)
class PictureTile:
    """A file in a list. `use_text` says in how many films it is; "" for none."""

    id: int
    ref: str
    name: str
    kind: str
    url: str
    posters: PosterUrls
    facts: str
    use_text: str = ""


def present_tile(asset: Asset, use_count: int = 0) -> PictureTile:
    """A file as a tile, which `use_count` films were made with."""
    return PictureTile(
        id=asset.pk,
        ref=asset.ref,
        name=asset.name,
        kind=asset.kind,
        url=reverse("picture", args=[asset.pk]),
        posters=build_poster_urls(asset),
        facts=describe_facts(asset),
        use_text=describe_use(use_count),
    )


def present_tiles(assets: Iterable[Asset], use_counts: Mapping[int, int]) -> list[PictureTile]:
    """A tile for each file, in their order."""
    return [present_tile(asset, use_counts.get(asset.pk, 0)) for asset in assets]


def describe_facts(asset: Asset) -> str:
    """Pixels, length and size, as far as the file has them."""
    size = f"{asset.width} × {asset.height}" if asset.width else ""
    seconds = "" if asset.seconds is None else f"{asset.seconds:.1f} s"
    return " · ".join(filter(None, [size, seconds, format_size(asset.size_bytes)]))


def describe_use(count: int) -> str:
    """In how many films a file is; "" for none."""
    if not count:
        return ""
    return ngettext("used in {n} film", "used in {n} films", count).format(n=count)


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
