"""What each model allows: one entry a model (EvoLink documentation, stated 2026-11-20).

Adding a model is one entry here and one in rates.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evolink_studio.sandbox import validation_rules
from evolink_studio.sandbox.parameters import (
    Choice,
    Digits,
    Flag,
    Group,
    Kind,
    PictureLimits,
    PictureUrl,
    PictureUrls,
    Rows,
    Text,
    Whole,
)
from evolink_studio.sandbox.validation_rules import Rule

QUALITIES = ("720p", "1080p")


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the far end.

    parameters    besides `model` and `callback_url`; picture parameters in the order of the film
    seconds       length of the film where there is no `duration`
    answers_as    the name its answers carry, where that differs
    tells_length  whether answers carry `task_info.video_duration`
    sound         "always", "never", or the parameter that switches it
    """

    name: str
    parameters: Mapping[str, Kind]
    rules: tuple[Rule, ...]
    defaults: Mapping[str, object] = field(default_factory=dict)
    seconds: int = 0
    answers_as: str = ""
    tells_length: bool = True
    sound: str = "never"

    @property
    def shown_name(self) -> str:
        return self.answers_as or self.name


KLING_FRAME = PictureLimits(formats=("jpeg", "png"), least_side=300, most_ratio=2.5)

KLING_EXTENSIONS = Group(
    {
        "multi_shot": Flag(),
        "shot_type": Choice(("customize",)),
        "multi_prompt": Rows(
            Group(
                {"index": Whole(1, 6), "prompt": Text(512), "duration": Digits()},
                required=frozenset({"index", "prompt", "duration"}),
            ),
            most=6,
        ),
        "element_list": Rows(
            Group({"element_id": Text(256)}, required=frozenset({"element_id"})), most=7
        ),
        "watermark_info": Group({"enabled": Flag()}),
    }
)

_ALL = (
    Model(
        "veo3.1-pro",
        answers_as="veo3.1-pro-beta",
        parameters={
            "prompt": Text(2000),
            "aspect_ratio": Choice(("auto", "16:9", "9:16")),
            "image_urls": PictureUrls(2),
            "quality": Choice(("720p", "1080p", "4k")),
            "generation_type": Choice(("TEXT", "FIRST&LAST")),
            "enhance_prompt": Flag(),
        },
        rules=(validation_rules.needs_a_prompt, validation_rules.veo_mode_fits_the_images),
        defaults={"aspect_ratio": "auto", "quality": "720p", "enhance_prompt": True},
        seconds=8,
        sound="always",
    ),
    Model(
        "kling-o3-image-to-video",
        parameters={
            "prompt": Text(2500),
            "image_start": PictureUrl(KLING_FRAME),
            "image_urls": PictureUrls(7),
            "image_end": PictureUrl(KLING_FRAME),
            "duration": Whole(3, 15),
            "aspect_ratio": Choice(("16:9", "9:16", "1:1")),
            "quality": Choice(QUALITIES),
            "sound": Choice(("on", "off")),
            "model_params": KLING_EXTENSIONS,
        },
        rules=(
            validation_rules.kling_shots,
            validation_rules.needs_a_prompt,
            validation_rules.kling_end_frame,
            validation_rules.kling_has_an_image_or_element,
            validation_rules.kling_images_and_elements,
        ),
        defaults={"duration": 5, "sound": "off"},
        sound="sound",
    ),
    Model(
        "sora-2-preview",
        parameters={
            "prompt": Text(5000),
            "aspect_ratio": Choice(tuple(validation_rules.SORA_SIZES)),
            "duration": Whole(only=(4, 8, 12)),
            "image_urls": PictureUrls(1),
        },
        rules=(validation_rules.needs_a_prompt, validation_rules.sora_image_of_the_exact_size),
        defaults={"duration": 4},
        sound="always",
    ),
    Model(
        "grok-imagine-text-to-video",
        parameters={
            "prompt": Text(),
            "duration": Whole(only=(6, 10)),
            "mode": Choice(("fun", "normal", "spicy")),
            "aspect_ratio": Choice(("16:9", "9:16", "1:1", "3:2", "2:3")),
        },
        rules=(validation_rules.needs_a_prompt,),
        defaults={"duration": 6, "mode": "normal", "aspect_ratio": "16:9"},
        tells_length=False,
        sound="always",
    ),
    Model(
        "doubao-seedance-1.0-pro-fast",
        parameters={
            "prompt": Text(2000),
            "duration": Whole(2, 12),
            "quality": Choice(("480p", *QUALITIES)),
            "image_urls": PictureUrls(1),
            "aspect_ratio": Choice(
                ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "keep_ratio", "adaptive")
            ),
        },
        rules=(validation_rules.needs_a_prompt, validation_rules.seedance_ratio_of_the_image),
        defaults={"duration": 5, "quality": "1080p"},
    ),
)

MODELS: Mapping[str, Model] = {model.name: model for model in _ALL}
