"""Files of the library as the pictures page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext

from evolink_studio.core.formatting import format_seconds, format_size
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
    seconds = "" if asset.seconds is None else format_seconds(asset.seconds)
    return " · ".join(filter(None, [size, seconds, format_size(asset.size_bytes)]))


def describe_use(count: int) -> str:
    """In how many films a file is; "" for none."""
    if not count:
        return ""
    return ngettext("used in {n} film", "used in {n} films", count).format(n=count)
