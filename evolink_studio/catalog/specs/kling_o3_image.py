"""kling-o3-image-to-video. EvoLink documentation, stated 2026-11-20."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import Interval, Len, MaxLen

from evolink_studio.catalog.base import ASPECT_RATIO_TEXTS, RequestRow, VideoRequest
from evolink_studio.catalog.fields import Control, JsonEncoding, Param
from evolink_studio.catalog.media import MEGABYTE, MediaConstraints, MediaFile
from evolink_studio.catalog.messages import Message, _
from evolink_studio.catalog.rules import (
    AtLeastOne,
    AtMostTogether,
    AtMostWhen,
    DisabledAboveLimit,
    Equals,
    IgnoredWhen,
    IsSet,
    RequiredUnless,
    RequiresField,
    SumEquals,
)
from evolink_studio.catalog.spec import Capability, ModelSpec

FRAME_CONSTRAINTS = MediaConstraints(
    kind="image",
    formats=("jpeg", "png"),
    max_bytes=10 * MEGABYTE,
    min_side=300,
    min_ratio=1 / 2.5,
    max_ratio=2.5,
)
# Formats and pixels are documented for the first frame alone, and nothing for reference pictures.
# Their size in bytes is assumed to be that of frames.
REFERENCE_CONSTRAINTS = MediaConstraints(
    kind="image",
    formats=("jpeg", "png", "webp"),
    max_bytes=10 * MEGABYTE,
    recommended_formats=("jpeg", "png"),
    recommended_min_side=300,
    recommended_max_ratio=2.5,
)
# Nothing is documented about the text of an id; this limit is the studio's.
MAX_ELEMENT_ID_CHARACTERS = 128

PROMPT = Param(
    label=_("Prompt"),
    help=_(
        "Describe what happens. Name what you put in: <<<image_1>>> is your first picture, "
        "<<<element_1>>> your first element."
    ),
    control=Control.PROMPT,
    example=_("The person in the image slowly turns their head and smiles"),
)
FIRST_FRAME = Param(
    label=_("First frame"),
    help=_("The video starts from exactly this picture. Each side needs at least 300 pixels."),
    is_frame=True,
)
LAST_FRAME = Param(
    label=_("Last frame"),
    help=_("The video ends at this picture. It needs a first frame."),
    is_frame=True,
)
REFERENCE_IMAGES = Param(
    label=_("Reference pictures"),
    help=_("Pictures that show style, scene or things. They are not shown as frames."),
)
DURATION = Param(
    label=_("Duration"),
    help=_("How long the video runs. You pay for every second, so start short."),
    unit="s",
)
ASPECT_RATIO = Param(
    label=_("Aspect ratio"),
    help=_("The shape of the video. Automatic: EvoLink decides."),
    option_texts=ASPECT_RATIO_TEXTS,
)
QUALITY = Param(
    label=_("Quality"),
    help=_("The resolution. Higher costs more. Automatic: EvoLink decides."),
    option_texts={
        "720p": ("720p", _("Cheaper; good for drafts and phones.")),
        "1080p": ("1080p", _("Full HD; costs more.")),
    },
)
SOUND = Param(
    label=_("Sound effects"),
    help=_("Adds matching sounds. Costs more than a silent video."),
    option_texts={
        "off": (_("Off"), _("A silent video; cheaper.")),
        "on": (_("On"), _("With sound effects; costs more.")),
    },
)
MULTI_SHOT = Param(
    label=_("Several shots"),
    help=_("Tells the video in up to six shots, each with a prompt of its own."),
    encoding=JsonEncoding(
        "model_params.multi_shot",
        omitted_value=False,
        extra_values={"model_params.shot_type": "customize"},
    ),
)
SHOTS = Param(
    label=_("Shots"),
    help=_("One to six shots in their order. Their seconds add up to the duration."),
    add_label=_("Add a shot"),
    encoding=JsonEncoding("model_params.multi_prompt", index_key="index"),
)
SHOT_PROMPT = Param(
    label=_("Prompt of the shot"),
    help=_("What this shot shows."),
    control=Control.PROMPT,
)
SHOT_DURATION = Param(
    label=_("Seconds"),
    help=_("How long this shot runs."),
    unit="s",
    encoding=JsonEncoding("duration", as_text=True),
)
ELEMENTS = Param(
    label=_("Elements"),
    help=_(
        "IDs of elements made earlier, like a person or a product; at most 3 with a frame. "
        "The studio takes at most 128 characters each."
    ),
    is_advanced=True,
    encoding=JsonEncoding("model_params.element_list[].element_id"),
)
WATERMARK = Param(
    label=_("Watermark"),
    help=_("Puts a watermark on the video."),
    is_advanced=True,
    encoding=JsonEncoding("model_params.watermark_info.enabled", omitted_value=False),
)


class Shot(RequestRow):
    prompt: Annotated[str, Len(1, 512), SHOT_PROMPT]
    duration: Annotated[int, Interval(ge=1, le=15), SHOT_DURATION]


class KlingO3Image(VideoRequest):
    """The length of an element's id is limited by the studio; all else is documented."""

    prompt: Annotated[str, MaxLen(2500), PROMPT] = ""
    image_start: Annotated[MediaFile, FRAME_CONSTRAINTS, FIRST_FRAME] | None = None
    image_end: Annotated[MediaFile, FRAME_CONSTRAINTS, LAST_FRAME] | None = None
    image_urls: Annotated[list[MediaFile], MaxLen(7), REFERENCE_CONSTRAINTS, REFERENCE_IMAGES] = []
    duration: Annotated[int, Interval(ge=3, le=15), DURATION] = 5
    aspect_ratio: Annotated[Literal["16:9", "9:16", "1:1"], ASPECT_RATIO] | None = None
    quality: Annotated[Literal["720p", "1080p"], QUALITY] | None = None
    sound: Annotated[Literal["off", "on"], SOUND] = "off"
    multi_shot: Annotated[bool, MULTI_SHOT] = False
    shots: Annotated[list[Shot], MaxLen(6), SHOTS] = []
    element_ids: Annotated[
        list[Annotated[str, MaxLen(MAX_ELEMENT_ID_CHARACTERS)]], MaxLen(7), ELEMENTS
    ] = []
    watermark: Annotated[bool, WATERMARK] = False


RULES = (
    RequiredUnless(
        field="prompt",
        unless=Equals("multi_shot", True),
        message=Message(_("Write what the video should show, or switch to several shots.")),
    ),
    IgnoredWhen(
        field="prompt",
        when=Equals("multi_shot", True),
        message=Message(_("With several shots, each shot has its own prompt; this one rests.")),
    ),
    IgnoredWhen(
        field="shots",
        when=Equals("multi_shot", False),
        message=Message(_("Switch on “Several shots” to use these.")),
    ),
    RequiredUnless(
        field="shots",
        unless=Equals("multi_shot", False),
        message=Message(_("Add at least one shot, or switch off “Several shots”.")),
    ),
    SumEquals(
        field="shots",
        column="duration",
        total_field="duration",
        message=Message(
            _("The shots add up to {sum} s, but the video runs {total} s. Make them equal.")
        ),
    ),
    AtLeastOne(
        counted_fields=("image_start", "image_end", "image_urls", "element_ids"),
        error_field="image_start",
        message=Message(_("Add at least one picture or one element to start from.")),
    ),
    RequiresField(
        field="image_end",
        other_field="image_start",
        message=Message(_("A last frame needs a first frame.")),
    ),
    DisabledAboveLimit(
        field="image_end",
        counted_fields=("image_start", "image_urls"),
        limit=2,
        message=Message(_("A last frame works with at most two pictures in all.")),
    ),
    AtMostWhen(
        field="element_ids",
        limit=3,
        when=IsSet("image_start"),
        message=Message(_("With a first frame at most {limit} elements fit; these are {count}.")),
    ),
    AtMostTogether(
        counted_fields=("image_start", "image_end", "image_urls", "element_ids"),
        limit=7,
        error_field="image_urls",
        message=Message(
            _("At most {limit} pictures and elements fit together; these are {count}.")
        ),
    ),
)

SPEC = ModelSpec(
    id="kling-o3-image-to-video",
    label="Kling O3",
    family="Kling",
    summary=_("Brings pictures to life: frames, references, several shots, sound, 3 to 15 s."),
    capabilities=(Capability.IMAGE, Capability.SOUND),
    typical_seconds=300,
    documentation="EvoLink documentation: kling-o3-image-to-video",
    checked_on=date(2026, 11, 20),
    request_class=KlingO3Image,
    rules=RULES,
    references={
        "image": ("image_start", "image_end", "image_urls"),
        "element": ("element_ids",),
    },
)
