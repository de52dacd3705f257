"""veo3.1-pro. EvoLink documentation, stated 2026-11-20."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import MaxLen

from evolink_studio.catalog.base import ASPECT_RATIO_TEXTS, IMAGE_CONSTRAINTS, PROMPT, VideoRequest
from evolink_studio.catalog.fields import Param
from evolink_studio.catalog.media import MediaFile
from evolink_studio.catalog.messages import Message, _
from evolink_studio.catalog.rules import IsEmpty, IsSet, OptionsWhen
from evolink_studio.catalog.spec import Capability, ModelSpec

FRAMES = Param(
    label=_("First and last frame"),
    help=_(
        "One picture is where the video starts; a second is where it ends. "
        "Without a picture the video is made from the prompt alone."
    ),
    is_frame=True,
)
ASPECT_RATIO = Param(
    label=_("Aspect ratio"),
    help=_("The shape of the video. Automatic suits most: it follows your picture or prompt."),
    option_texts=ASPECT_RATIO_TEXTS
    | {"auto": (_("Automatic"), _("Follows your picture, or else your prompt."))},
)
QUALITY = Param(
    label=_("Quality"),
    help=_("The resolution. 720p is enough to judge an idea; go higher for the final version."),
    option_texts={
        "720p": ("720p", _("For drafts and phones.")),
        "1080p": ("1080p", _("Full HD, for most uses.")),
        "4k": ("4K", _("For large screens and for cutting.")),
    },
)
GENERATION_TYPE = Param(
    label=_("Made from"),
    help=_(
        "Automatic: it follows from your pictures. "
        "Choosing it yourself makes sure that they are used as you mean."
    ),
    option_texts={
        "TEXT": (_("Prompt only"), _("The prompt alone; no pictures.")),
        "FIRST&LAST": (_("Frames"), _("Starts at your first picture and ends at the second.")),
    },
)
ENHANCE_PROMPT = Param(
    label=_("Translate the prompt"),
    help=_("Puts your prompt into English first, which usually gives better results."),
    is_advanced=True,
)


class Veo31Pro(VideoRequest):
    prompt: Annotated[str, MaxLen(2000), PROMPT]
    image_urls: Annotated[list[MediaFile], MaxLen(2), IMAGE_CONSTRAINTS, FRAMES] = []
    generation_type: Annotated[Literal["TEXT", "FIRST&LAST"], GENERATION_TYPE] | None = None
    aspect_ratio: Annotated[Literal["auto", "16:9", "9:16"], ASPECT_RATIO] = "auto"
    quality: Annotated[Literal["720p", "1080p", "4k"], QUALITY] = "720p"
    enhance_prompt: Annotated[bool, ENHANCE_PROMPT] = True


SPEC = ModelSpec(
    id="veo3.1-pro",
    label="Veo 3.1 Pro",
    family="Veo",
    summary=_("Cinematic eight-second videos, up to 4K, from a prompt or from two frames."),
    capabilities=(Capability.TEXT, Capability.IMAGE),
    typical_seconds=180,
    fixed_seconds=8,
    documentation="EvoLink documentation: veo3.1-pro",
    checked_on=date(2026, 11, 20),
    request_class=Veo31Pro,
    rules=(
        OptionsWhen(
            field="generation_type",
            options=("FIRST&LAST",),
            when=IsSet("image_urls"),
            message=Message(_("Frames need one or two pictures. Add a picture first.")),
        ),
        OptionsWhen(
            field="generation_type",
            options=("TEXT",),
            when=IsEmpty("image_urls"),
            message=Message(_("Your pictures would be ignored. Remove them, or choose Frames.")),
        ),
    ),
)
