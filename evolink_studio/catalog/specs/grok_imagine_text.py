"""grok-imagine-text-to-video. EvoLink documentation, stated 2026-11-20."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import MaxLen

from evolink_studio.catalog.base import ASPECT_RATIO_TEXTS, VideoRequest
from evolink_studio.catalog.fields import Control, Param
from evolink_studio.catalog.messages import _
from evolink_studio.catalog.spec import Capability, ModelSpec

# No limit is documented. This one is the studio's: twice the longest of another model here.
MAX_PROMPT_CHARACTERS = 10_000

PROMPT = Param(
    label=_("Prompt"),
    help=_(
        "Describe the video: who or what is seen, what happens, and how the camera moves. "
        "EvoLink states no limit for this model; the studio takes at most 10000 characters."
    ),
    control=Control.PROMPT,
    example=_("A cat playing piano"),
)
DURATION = Param(
    label=_("Duration"),
    help=_("How long the video runs. Longer costs more."),
    unit="s",
    option_texts={
        6: ("6 s", _("Cheaper; enough for one moment.")),
        10: ("10 s", _("More room, and more expensive.")),
    },
)
MOOD = Param(
    label=_("Mood"),
    help=_("How freely the AI model plays with your prompt. Normal stays closest to it."),
    option_texts={
        "normal": (_("Normal"), _("Stays close to your prompt.")),
        "fun": (_("Fun"), _("Playful and funny.")),
        "spicy": (_("Spicy"), _("Bold and daring.")),
    },
)
ASPECT_RATIO = Param(
    label=_("Aspect ratio"),
    help=_("The shape of the video. Choose it for the place where it will be shown."),
    option_texts=ASPECT_RATIO_TEXTS,
)


class GrokImagineText(VideoRequest):
    """The limit of the prompt is the studio's own; the others are documented."""

    prompt: Annotated[str, MaxLen(MAX_PROMPT_CHARACTERS), PROMPT]
    duration: Annotated[Literal[6, 10], DURATION] = 6
    mode: Annotated[Literal["normal", "fun", "spicy"], MOOD] = "normal"
    aspect_ratio: Annotated[Literal["16:9", "9:16", "1:1", "3:2", "2:3"], ASPECT_RATIO] = "16:9"


SPEC = ModelSpec(
    id="grok-imagine-text-to-video",
    label="Grok Imagine",
    family="Grok",
    summary=_("Quick videos from text alone, in three moods."),
    capabilities=(Capability.TEXT,),
    typical_seconds=120,
    documentation="EvoLink documentation: grok-imagine-text-to-video",
    checked_on=date(2026, 11, 20),
    request_class=GrokImagineText,
)
