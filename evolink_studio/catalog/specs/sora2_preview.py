"""sora-2-preview. EvoLink documentation, stated 2026-11-20."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import MaxLen

from evolink_studio.catalog.base import ASPECT_RATIO_TEXTS, IMAGE_CONSTRAINTS, PROMPT, VideoRequest
from evolink_studio.catalog.fields import Param
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.messages import Message, _
from evolink_studio.catalog.rules import ExactSize
from evolink_studio.catalog.spec import Capability, Lifecycle, ModelSpec

LANDSCAPE_SIZE, PORTRAIT_SIZE = (1280, 720), (720, 1280)

FRAME = Param(
    label=_("Picture"),
    help=_(
        "The video starts from this picture. It must have exactly 1280 × 720 or 720 × 1280 "
        "pixels and show no real people."
    ),
    is_frame=True,
)
ASPECT_RATIO = Param(
    label=_("Aspect ratio"),
    help=_("Landscape or portrait. Automatic: EvoLink decides."),
    option_texts=ASPECT_RATIO_TEXTS
    | {
        "1280x720": ("1280 × 720", _("Landscape, with the pixels named.")),
        "720x1280": ("720 × 1280", _("Portrait, with the pixels named.")),
    },
)
DURATION = Param(
    label=_("Duration"),
    help=_("How long the video runs. Longer costs more."),
    unit="s",
    option_texts={
        4: ("4 s", _("The cheapest; good for trying an idea.")),
        8: ("8 s", _("Room for one action.")),
        12: ("12 s", _("Room for a small scene; costs the most.")),
    },
)


class Sora2Preview(VideoRequest):
    prompt: Annotated[str, MaxLen(5000), PROMPT]
    image_urls: Annotated[list[MediaFile], MaxLen(1), IMAGE_CONSTRAINTS, FRAME] = []
    duration: Annotated[Literal[4, 8, 12], DURATION] = 4
    aspect_ratio: (
        Annotated[Literal["16:9", "9:16", "1280x720", "720x1280"], ASPECT_RATIO] | None
    ) = None


SPEC = ModelSpec(
    id="sora-2-preview",
    label="Sora 2 Preview",
    family="Sora",
    summary=_("Videos of up to twelve seconds with long prompts, from text or from one picture."),
    capabilities=(Capability.TEXT, Capability.IMAGE),
    lifecycle=Lifecycle.PREVIEW,
    ends_on=date(2026, 9, 24),
    notice=Message(
        _(
            "The vendor ended the service of this AI model on 24 September 2026, so EvoLink may "
            "refuse your request. Choose another one for work that matters."
        ),
    ),
    typical_seconds=300,
    documentation="EvoLink documentation: sora-2-preview",
    checked_on=date(2026, 11, 20),
    request_class=Sora2Preview,
    rules=(
        ExactSize(
            field="image_urls",
            option_field="aspect_ratio",
            sizes={
                "16:9": LANDSCAPE_SIZE,
                "9:16": PORTRAIT_SIZE,
                "1280x720": LANDSCAPE_SIZE,
                "720x1280": PORTRAIT_SIZE,
            },
            message=Message(
                _(
                    "This picture has {width} × {height} pixels, but must have exactly: {sizes}. "
                    "Crop the picture, or change the aspect ratio."
                )
            ),
        ),
    ),
)
