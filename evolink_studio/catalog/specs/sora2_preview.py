"""sora-2-preview. EvoLink documentation, stated 2026-11-20."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import MaxLen

from evolink_studio.catalog.base import PICTURE, PROMPT, RATIOS, VideoRequest
from evolink_studio.catalog.fields import Param
from evolink_studio.catalog.media import Media
from evolink_studio.catalog.messages import Sentence, _
from evolink_studio.catalog.rules import ExactSize
from evolink_studio.catalog.spec import Lifecycle, Mode, Spec

LANDSCAPE, PORTRAIT = (1280, 720), (720, 1280)

FRAME = Param(
    label=_("Picture"),
    help=_(
        "The video starts from this picture. It must have exactly 1280 × 720 or 720 × 1280 "
        "pixels and show no real people."
    ),
    frames=True,
)
SHAPE = Param(
    label=_("Aspect ratio"),
    help=_("Landscape or portrait. Left open, EvoLink decides."),
    words=RATIOS
    | {
        "1280x720": ("1280 × 720", _("Landscape, with the pixels named.")),
        "720x1280": ("720 × 1280", _("Portrait, with the pixels named.")),
    },
)
LENGTH = Param(
    label=_("Duration"),
    help=_("How long the video runs. Longer costs more."),
    unit="s",
    words={
        4: ("4 s", _("The cheapest; good for trying an idea.")),
        8: ("8 s", _("Room for one action.")),
        12: ("12 s", _("Room for a small scene; costs the most.")),
    },
)


class Sora2Preview(VideoRequest):
    prompt: Annotated[str, MaxLen(5000), PROMPT]
    image_urls: Annotated[list[Media], MaxLen(1), PICTURE, FRAME] = []
    duration: Annotated[Literal[4, 8, 12], LENGTH] = 4
    aspect_ratio: Annotated[Literal["16:9", "9:16", "1280x720", "720x1280"], SHAPE] | None = None


SPEC = Spec(
    id="sora-2-preview",
    label="Sora 2 Preview",
    family="Sora",
    summary=_("Videos of up to twelve seconds with long prompts, from text or from one picture."),
    modes=(Mode.TEXT, Mode.IMAGE),
    lifecycle=Lifecycle.PREVIEW,
    notice=Sentence(
        _(
            "The vendor ended the service of this AI model on 24 September 2026, so EvoLink may "
            "refuse your request. Choose another one for work that matters."
        ),
    ),
    typical_seconds=300,
    documentation="EvoLink documentation: sora-2-preview",
    checked=date(2026, 11, 20),
    request=Sora2Preview,
    rules=(
        ExactSize(
            field="image_urls",
            by="aspect_ratio",
            sizes={
                "16:9": LANDSCAPE,
                "9:16": PORTRAIT,
                "1280x720": LANDSCAPE,
                "720x1280": PORTRAIT,
            },
            sentence=Sentence(
                _(
                    "This picture has {width} × {height} pixels, but must have exactly: {sizes}. "
                    "Crop the picture, or change the aspect ratio."
                )
            ),
        ),
    ),
)
