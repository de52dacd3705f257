"""The files of a control: what each is, whether it fits, and what could be done so that it fits."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext

from evolink_studio.catalog.media import Media
from evolink_studio.catalog.params import Control as Kind
from evolink_studio.catalog.params import Field
from evolink_studio.generations.figures import weight_text
from evolink_studio.generations.scene import Scene, items, say


@dataclass(frozen=True)
class Verdict:
    """Whether a file fits: `good`, or what is wrong."""

    good: bool
    text: str


@dataclass(frozen=True)
class Slot:
    """A chosen file with its facts and its verdict."""

    ref: str
    asset_id: int
    name: str
    url: str
    thumbnail: str
    size: str
    weight: str
    kind: str
    verdicts: tuple[Verdict, ...]
    fits: tuple[tuple[str, str], ...] = ()


def slots_of(param: Field, value: object, scene: Scene) -> tuple[Slot, ...]:
    if param.control != Kind.MEDIA:
        return ()
    return tuple(
        _slot(param, number, media, scene)
        for number, media in enumerate(items(value))
        if isinstance(media, Media) and media.ref in scene.assets
    )


def _slot(param: Field, number: int, media: Media, scene: Scene) -> Slot:
    asset = scene.assets[media.ref]
    # A single file has no place in a list: its problems carry none.
    wrong = [
        say(p.sentence)
        for p in scene.problems
        if p.field == param.name and p.item in ((number,) if param.multiple else (number, None))
    ]
    size = f"{asset.width} × {asset.height}" if asset.width else ""
    return Slot(
        ref=media.ref,
        asset_id=asset.pk,
        name=asset.name,
        url=reverse("asset", args=[asset.pk]),
        thumbnail=reverse("asset_poster", args=[asset.pk]),
        size=size,
        weight=weight_text(asset.bytes),
        kind=asset.kind,
        verdicts=tuple(Verdict(False, line) for line in dict.fromkeys(wrong))
        or (Verdict(True, gettext("Fits this model")),),
        fits=_fits(param, media, scene),
    )


def _fits(param: Field, media: Media, scene: Scene) -> tuple[tuple[str, str], ...]:
    """What the studio can do so that a picture fits: (words, wish) as `edit_asset` takes it."""
    accepts = param.accepts
    if media.kind != "image" or accepts is None:
        return ()
    if media.format not in accepts.formats and "jpeg" in accepts.formats:
        return ((gettext("Convert to JPEG"), "jpeg"),)
    sizes = scene.sizes.get(param.name, ())
    if not sizes or (media.width, media.height) in sizes:
        return ()
    return tuple(
        (gettext("Fit to {width} × {height}").format(width=w, height=h), f"{w}x{h}")
        for w, h in sizes
    )
