"""Three AI models that the studio does not ship, written as one would ship them.

They prove that the catalogue can say what the shipped five do not need: films and sounds as
inputs, fractions of seconds, a number or a word, rows that become an object, no prompt at all.
"""

from datetime import date
from typing import Annotated, Literal

from annotated_types import Interval, Len, MaxLen

from evolink_studio.catalog import Capability, MediaFile, Message, ModelSpec, VideoRequest
from evolink_studio.catalog.base import ASPECT_RATIO_TEXTS, IMAGE_CONSTRAINTS, PROMPT, RequestRow
from evolink_studio.catalog.fields import Control, JsonEncoding, Param
from evolink_studio.catalog.media import MEGABYTE, MediaConstraints
from evolink_studio.catalog.rules import AtLeastOne, AtMostTogether

VIDEO_CONSTRAINTS = MediaConstraints(
    kind="video", formats=("mp4", "mov"), max_bytes=100 * MEGABYTE, max_seconds=30
)
AUDIO_CONSTRAINTS = MediaConstraints(
    kind="audio", formats=("mp3", "wav"), max_bytes=15 * MEGABYTE, min_seconds=1, max_seconds=10
)


class Voice(RequestRow):
    who: Annotated[str, MaxLen(40), Param("Who", "Who speaks with this voice.")]
    voice: Annotated[MediaFile, AUDIO_CONSTRAINTS, Param("Voice", "A recording of the voice.")]


class Wan27Reference(VideoRequest):
    prompt: Annotated[str, MaxLen(5000), PROMPT]
    negative_prompt: Annotated[str, MaxLen(500), Param("Not shown", "What to leave out.")] = ""
    image_start: (
        Annotated[MediaFile, IMAGE_CONSTRAINTS, Param("First frame", "Where it starts.")] | None
    ) = None
    image_urls: Annotated[
        list[MediaFile],
        MaxLen(5),
        IMAGE_CONSTRAINTS,
        Param("Pictures", "People and things by picture."),
    ] = []
    video_urls: Annotated[
        list[MediaFile], MaxLen(5), VIDEO_CONSTRAINTS, Param("Films", "People and things by film.")
    ] = []
    audio_urls: Annotated[
        list[MediaFile],
        MaxLen(5),
        AUDIO_CONSTRAINTS,
        Param("Sounds", "Voices, in the order of the files."),
    ] = []
    voices: Annotated[
        list[Voice],
        MaxLen(5),
        Param(
            "Voices",
            "Gives each one a voice.",
            encoding=JsonEncoding(
                "model_params.voice_bindings", key_value_columns=("who", "voice")
            ),
        ),
    ] = []
    quality: Annotated[Literal["720p", "1080p"], Param("Quality", "The resolution.")] = "720p"
    aspect_ratio: Annotated[
        Literal["16:9", "9:16", "1:1", "4:3", "3:4"],
        Param("Aspect ratio", "The shape of the video.", option_texts=ASPECT_RATIO_TEXTS),
    ] = "16:9"
    duration: Annotated[
        float, Interval(ge=2, le=15), Param("Duration", "How long it runs.", unit="s")
    ] = 5
    seed: (
        Annotated[
            int,
            Interval(ge=1, le=2147483647),
            Param("Seed", "The same seed gives a similar video again.", is_advanced=True),
        ]
        | None
    ) = None
    prompt_extend: Annotated[bool, Param("Extend the prompt", "Adds detail to it.")] = False


class GeminiOmniImage(VideoRequest):
    prompt: Annotated[str, PROMPT]
    image_urls: Annotated[
        list[MediaFile], MaxLen(1), IMAGE_CONSTRAINTS, Param("Picture", "The start.")
    ] = []
    duration: Annotated[
        Annotated[int, Interval(ge=3, le=10)] | Literal["auto"],
        Param(
            "Duration",
            "How long it runs.",
            unit="s",
            option_texts={"auto": ("Automatic", "Fitting.")},
        ),
    ] = 10
    aspect_ratio: Annotated[
        Literal["16:9", "9:16", "auto"],
        Param("Aspect ratio", "The shape.", option_texts=ASPECT_RATIO_TEXTS),
    ] = "16:9"


class TopazUpscale(VideoRequest):
    video_urls: Annotated[
        list[MediaFile], Len(1, 1), VIDEO_CONSTRAINTS, Param("Film", "What is enlarged.")
    ]
    upscale_factor: Annotated[
        Literal["1", "2", "4"],
        Param(
            "Enlarge",
            "How many times larger.",
            control=Control.CHOICE,
            encoding=JsonEncoding("model_params.upscale_factor"),
        ),
    ] = "2"


def _build_spec(**fields):
    return ModelSpec(
        summary="For tests.",
        typical_seconds=60,
        documentation="EvoLink documentation",
        checked_on=date(2026, 8, 31),
        **fields,
    )


WAN = _build_spec(
    id="wan2.7-reference-video",
    label="Wan 2.7 Reference",
    family="Wan",
    capabilities=(Capability.TEXT, Capability.IMAGE, Capability.VIDEO, Capability.AUDIO),
    request_class=Wan27Reference,
    rules=(
        AtLeastOne(
            counted_fields=("image_urls", "video_urls"),
            error_field="image_urls",
            message=Message("Add a picture or a film of who or what is to be seen."),
        ),
        AtMostTogether(
            counted_fields=("image_urls", "video_urls"),
            limit=5,
            error_field="video_urls",
            message=Message("At most {limit} pictures and films fit; these are {count}."),
        ),
    ),
)
GEMINI = _build_spec(
    id="gemini-omni-flash-image-to-video",
    label="Gemini Omni Flash",
    family="Gemini",
    capabilities=(Capability.TEXT, Capability.IMAGE),
    request_class=GeminiOmniImage,
)
TOPAZ = _build_spec(
    id="topaz-video-upscale",
    label="Topaz Upscale",
    family="Topaz",
    capabilities=(Capability.VIDEO,),
    request_class=TopazUpscale,
)

SAMPLE_SPECS = {spec.id: spec for spec in (WAN, GEMINI, TOPAZ)}
