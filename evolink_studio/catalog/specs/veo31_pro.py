"""veo3.1-pro. EvoLink documentation, stated 2026-11-20."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import MaxLen

from evolink_studio.catalog.base import PICTURE, PROMPT, RATIOS, VideoRequest
from evolink_studio.catalog.fields import Param
from evolink_studio.catalog.media import Media
from evolink_studio.catalog.messages import Sentence, _
from evolink_studio.catalog.rules import Empty, Given, OptionsWhen
from evolink_studio.catalog.spec import Mode, Spec

FRAMES = Param(
    label=_("First and last frame"),
    help=_(
        "One picture is where the video starts; a second is where it ends. "
        "Without a picture the video is made from the prompt alone."
    ),
    frames=True,
)
SHAPE = Param(
    label=_("Aspect ratio"),
    help=_("The shape of the video. Automatic suits most: it follows your picture or prompt."),
    words=RATIOS | {"auto": (_("Automatic"), _("Follows your picture, or else your prompt."))},
)
QUALITY = Param(
    label=_("Quality"),
    help=_("The resolution. 720p is enough to judge an idea; go higher for the final version."),
    words={
        "720p": ("720p", _("For drafts and phones.")),
        "1080p": ("1080p", _("Full HD, for most uses.")),
        "4k": ("4K", _("For large screens and for cutting.")),
    },
)
MADE_FROM = Param(
    label=_("Made from"),
    help=_(
        "Left open, it follows from your pictures. "
        "Choosing it yourself makes sure that they are used as you mean."
    ),
    words={
        "TEXT": (_("Prompt only"), _("The prompt alone; no pictures.")),
        "FIRST&LAST": (_("Frames"), _("Starts at your first picture and ends at the second.")),
    },
)
ENHANCE = Param(
    label=_("Translate the prompt"),
    help=_("Puts your prompt into English first, which usually gives better results."),
    advanced=True,
)


class Veo31Pro(VideoRequest):
    prompt: Annotated[str, MaxLen(2000), PROMPT]
    image_urls: Annotated[list[Media], MaxLen(2), PICTURE, FRAMES] = []
    generation_type: Annotated[Literal["TEXT", "FIRST&LAST"], MADE_FROM] | None = None
    aspect_ratio: Annotated[Literal["auto", "16:9", "9:16"], SHAPE] = "auto"
    quality: Annotated[Literal["720p", "1080p", "4k"], QUALITY] = "720p"
    enhance_prompt: Annotated[bool, ENHANCE] = True


SPEC = Spec(
    id="veo3.1-pro",
    label="Veo 3.1 Pro",
    family="Veo",
    summary=_("Cinematic eight-second videos, up to 4K, from a prompt or from two frames."),
    modes=(Mode.TEXT, Mode.IMAGE),
    typical_seconds=180,
    fixed_seconds=8,
    documentation="EvoLink documentation: veo3.1-pro",
    checked=date(2026, 11, 20),
    request=Veo31Pro,
    rules=(
        OptionsWhen(
            field="generation_type",
            options=("FIRST&LAST",),
            when=Given("image_urls"),
            sentence=Sentence(_("Frames need one or two pictures. Add a picture first.")),
        ),
        OptionsWhen(
            field="generation_type",
            options=("TEXT",),
            when=Empty("image_urls"),
            sentence=Sentence(_("Your pictures would be ignored. Remove them, or choose Frames.")),
        ),
    ),
)
