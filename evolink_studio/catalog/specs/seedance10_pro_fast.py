"""doubao-seedance-1.0-pro-fast. EvoLink documentation, stated 2026-11-20."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import Interval, MaxLen

from evolink_studio.catalog.base import ASPECT_RATIO_TEXTS, IMAGE_CONSTRAINTS, PROMPT, VideoRequest
from evolink_studio.catalog.fields import Param
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.messages import Message, _
from evolink_studio.catalog.rules import IsSet, OptionsWhen
from evolink_studio.catalog.spec import Capability, ModelSpec

AspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive", "keep_ratio"]

FRAME = Param(
    label=_("Picture"),
    help=_("The video starts from this picture. Without one it is made from the prompt alone."),
    is_frame=True,
)
DURATION = Param(
    label=_("Duration"),
    help=_("How long the video runs. You pay for every second, so start short."),
    unit="s",
)
QUALITY = Param(
    label=_("Quality"),
    help=_("The resolution. It has a strong effect on the price: draft low, finish high."),
    option_texts={
        "480p": ("480p", _("The cheapest, for trying things out.")),
        "720p": ("720p", _("Standard resolution at the standard price.")),
        "1080p": ("1080p", _("Full HD; costs the most.")),
    },
)
ASPECT_RATIO = Param(
    label=_("Aspect ratio"),
    help=_("The shape of the video. With a picture it can follow the picture."),
    option_texts=ASPECT_RATIO_TEXTS
    | {
        "adaptive": (_("Adaptive"), _("Takes the shape that suits your picture best.")),
        "keep_ratio": (_("As the picture"), _("Keeps the exact ratio of your picture.")),
    },
)


class Seedance10ProFast(VideoRequest):
    prompt: Annotated[str, MaxLen(2000), PROMPT]
    image_urls: Annotated[list[MediaFile], MaxLen(1), IMAGE_CONSTRAINTS, FRAME] = []
    duration: Annotated[int, Interval(ge=2, le=12), DURATION] = 5
    quality: Annotated[Literal["480p", "720p", "1080p"], QUALITY] = "1080p"
    aspect_ratio: Annotated[AspectRatio, ASPECT_RATIO] = "16:9"


SPEC = ModelSpec(
    id="doubao-seedance-1.0-pro-fast",
    label="Seedance 1.0 Pro Fast",
    family="Seedance",
    summary=_("Affordable all-rounder: 2 to 12 seconds, from text or from one picture."),
    capabilities=(Capability.TEXT, Capability.IMAGE),
    typical_seconds=165,
    documentation="EvoLink documentation: doubao-seedance-1.0-pro-fast",
    checked_on=date(2026, 11, 20),
    request_class=Seedance10ProFast,
    rules=(
        OptionsWhen(
            field="aspect_ratio",
            options=("adaptive", "keep_ratio"),
            when=IsSet("image_urls"),
            preset="adaptive",
            message=Message(_("This follows a picture. Add one, or choose a fixed ratio.")),
        ),
    ),
)
