"""The stage: the selected generation large, its inputs, and the takes of the same press."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog import CUT_MODEL_ID, SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.core.json_field import get_member
from evolink_studio.generations import queries
from evolink_studio.generations.models import Generation
from evolink_studio.generations.params import MAX_FILES, get_assets_by_ref, list_refs
from evolink_studio.generations.pipeline.queue import QueuePosition
from evolink_studio.generations.presenters.cards import (
    NO_POSITIONS,
    Card,
    ResultVideo,
    present_card,
)
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls

# A screen has the shape of its film before that is there, by an invisible drawing of this many
# pixels on its longer side: more than any screen has, so that it only ever shrinks.
LONG_SIDE = 4096
DEFAULT_RATIO = (16, 9)
# Longer and narrower shapes would leave no film to see.
MAX_RATIO = 4
_RATIO = re.compile(r"(\d{1,5})[:x×](\d{1,5})")


@dataclass(frozen=True)
class ScreenSize:
    """The pixels of the drawing that gives a screen its shape."""

    width: int
    height: int


@dataclass(frozen=True)
class InputThumbnail:
    """A file that a generation was made from: `label` is that of its field."""

    label: str
    name: str
    url: str
    poster_url: str
    kind: str


@dataclass(frozen=True)
class Take:
    """One of the generations of a press of several, as a small picture with its number."""

    card: Card
    number: int
    is_selected: bool

    @property
    def label(self) -> str:
        return _("Take {n}").format(n=self.number)


@dataclass(frozen=True)
class StageCard(Card):
    """The selected card: also the shape of its screens, its inputs, and all takes of its press.

    `screens` are those of its results, in their order, or one for what is not there yet.
    `change_cut_url` leads to the editor of a cut; "" for all else.
    """

    screens: tuple[ScreenSize, ...]
    inputs: tuple[InputThumbnail, ...]
    takes: tuple[Take, ...]
    change_cut_url: str

    @property
    def is_cut(self) -> bool:
        """The studio put it together itself: no AI model can make it again."""
        return self.model_id == CUT_MODEL_ID

    @property
    def shape(self) -> str:
        """ "tall" if its first screen stands upright, else "wide"."""
        return "tall" if self.screens[0].height > self.screens[0].width else "wide"

    @property
    def shown_videos(self) -> list[tuple[ResultVideo, ScreenSize]]:
        """Each result with its screen."""
        return list(zip(self.videos, self.screens, strict=False))


def present_stage_card(
    user: User,
    generation: Generation,
    *,
    now: datetime,
    positions: Mapping[int, QueuePosition] = NO_POSITIONS,
) -> StageCard:
    """Prepare the selected card. One query where it has inputs or is a cut, two where it is of a
    batch."""
    card = present_card(generation, now=now, positions=positions)
    assets = _list_inputs(generation)
    sizes = [(video.width, video.height) for video in card.videos]
    screens = [_build_screen(*size) for size in sizes] or [
        _build_screen(*_find_expected_shape(generation, [asset for _label, asset in assets]))
    ]
    return StageCard(
        **vars(card),
        screens=tuple(screens),
        inputs=tuple(_present_input(label, asset) for label, asset in assets),
        takes=present_takes(user, generation, now=now),
        change_cut_url=_build_change_cut_url(generation),
    )


def _build_change_cut_url(generation: Generation) -> str:
    cut_id = queries.find_cut_id(generation)
    return reverse("change_cut", args=[cut_id]) if cut_id else ""


def present_takes(user: User, generation: Generation, *, now: datetime) -> tuple[Take, ...]:
    """All takes of the press of this generation; () if it was no press of several.

    Two queries where it is of a batch, else none.
    """
    if generation.batch_id is None:
        return ()
    rows = queries.list_takes(user, generation.batch_id)
    if len(rows) < 2:
        return ()
    return tuple(
        Take(present_card(row, now=now), number, is_selected=row.pk == generation.pk)
        for number, row in enumerate(rows, start=1)
    )


def _list_inputs(generation: Generation) -> list[tuple[str, Asset]]:
    """(label of its field, file) in the order of the form. One query, none without files."""
    spec = SPECS.get(generation.model_id)
    media_fields = [
        field for field in (spec.fields if spec else ()) if field.control == Control.MEDIA
    ]
    refs = [
        (str(_(field.label)), ref)
        for field in media_fields
        for ref in list_refs(get_member(generation.params, field.name))[:MAX_FILES]
    ]
    assets = get_assets_by_ref((ref for _label, ref in refs), generation.owner_id)
    return [(label, assets[ref]) for label, ref in refs if ref in assets]


def _present_input(label: str, asset: Asset) -> InputThumbnail:
    return InputThumbnail(
        label=label,
        name=asset.name,
        url=reverse("asset", args=[asset.pk]),
        poster_url=build_poster_urls(asset).small,
        kind=asset.kind,
    )


def _find_expected_shape(
    generation: Generation, inputs: Sequence[Asset]
) -> tuple[int | None, int | None]:
    """The shape of the film that was asked for; without a ratio that of its first picture."""
    stored_ratio = get_member(generation.params, "aspect_ratio")
    for text in (generation.ratio, stored_ratio):
        if isinstance(text, str) and (match := _RATIO.fullmatch(text)):
            return int(match[1]), int(match[2])
    return next(((asset.width, asset.height) for asset in inputs if asset.width), DEFAULT_RATIO)


def _build_screen(width: int | None, height: int | None) -> ScreenSize:
    if not width or not height:
        width, height = DEFAULT_RATIO
    ratio = min(MAX_RATIO, max(1 / MAX_RATIO, width / height))
    if ratio >= 1:
        return ScreenSize(LONG_SIDE, round(LONG_SIDE / ratio))
    return ScreenSize(round(LONG_SIDE * ratio), LONG_SIDE)
