"""What each model allows: one entry per model (EvoLink documentation, stated 2026-11-20).

A new model needs one entry here and one in pricing.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from evolink_studio.sandbox import validation_rules
from evolink_studio.sandbox.parameters import (
    BooleanParameter,
    ChoiceParameter,
    DigitsParameter,
    ImageLimits,
    ImageUrlParameter,
    ImageUrlsParameter,
    IntegerParameter,
    ListParameter,
    ObjectParameter,
    Parameter,
    StringParameter,
)
from evolink_studio.sandbox.validation_rules import Rule

QUALITIES = ("720p", "1080p")


@dataclass(frozen=True, slots=True)
class SandboxModelSpec:
    """One model of the provider.

    parameters          without `model` and `callback_url`; images in the order of the film
    fixed_seconds       length of the film if there is no `duration`
    alias               the model name in answers, if it differs
    has_video_duration  whether answers have `task_info.video_duration`
    sound               "always", "never", or the parameter that switches it
    """

    name: str
    parameters: Mapping[str, Parameter]
    rules: tuple[Rule, ...]
    defaults: Mapping[str, object] = field(default_factory=dict)
    fixed_seconds: int = 0
    alias: str = ""
    has_video_duration: bool = True
    sound: str = "never"

    @property
    def public_name(self) -> str:
        return self.alias or self.name


KLING_FRAME_LIMITS = ImageLimits(formats=("jpeg", "png"), min_side=300, max_ratio=2.5)

KLING_MODEL_PARAMS = ObjectParameter(
    {
        "multi_shot": BooleanParameter(),
        "shot_type": ChoiceParameter(("customize",)),
        "multi_prompt": ListParameter(
            ObjectParameter(
                {
                    "index": IntegerParameter(1, 6),
                    "prompt": StringParameter(512),
                    "duration": DigitsParameter(),
                },
                required=frozenset({"index", "prompt", "duration"}),
            ),
            max_items=6,
        ),
        "element_list": ListParameter(
            ObjectParameter(
                {"element_id": StringParameter(256)}, required=frozenset({"element_id"})
            ),
            max_items=7,
        ),
        "watermark_info": ObjectParameter({"enabled": BooleanParameter()}),
    }
)

_MODEL_SPECS = (
    SandboxModelSpec(
        "veo3.1-pro",
        alias="veo3.1-pro-beta",
        parameters={
            "prompt": StringParameter(2000),
            "aspect_ratio": ChoiceParameter(("auto", "16:9", "9:16")),
            "image_urls": ImageUrlsParameter(2),
            "quality": ChoiceParameter(("720p", "1080p", "4k")),
            "generation_type": ChoiceParameter(("TEXT", "FIRST&LAST")),
            "enhance_prompt": BooleanParameter(),
        },
        rules=(validation_rules.require_prompt, validation_rules.check_veo_mode),
        defaults={"aspect_ratio": "auto", "quality": "720p", "enhance_prompt": True},
        fixed_seconds=8,
        sound="always",
    ),
    SandboxModelSpec(
        "kling-o3-image-to-video",
        parameters={
            "prompt": StringParameter(2500),
            "image_start": ImageUrlParameter(KLING_FRAME_LIMITS),
            "image_urls": ImageUrlsParameter(7),
            "image_end": ImageUrlParameter(KLING_FRAME_LIMITS),
            "duration": IntegerParameter(3, 15),
            "aspect_ratio": ChoiceParameter(("16:9", "9:16", "1:1")),
            "quality": ChoiceParameter(QUALITIES),
            "sound": ChoiceParameter(("on", "off")),
            "model_params": KLING_MODEL_PARAMS,
        },
        rules=(
            validation_rules.check_kling_shots,
            validation_rules.require_prompt,
            validation_rules.check_kling_end_frame,
            validation_rules.require_kling_image,
            validation_rules.check_kling_image_count,
        ),
        defaults={"duration": 5, "sound": "off"},
        sound="sound",
    ),
    SandboxModelSpec(
        "sora-2-preview",
        parameters={
            "prompt": StringParameter(5000),
            "aspect_ratio": ChoiceParameter(tuple(validation_rules.SORA_SIZES)),
            "duration": IntegerParameter(allowed_values=(4, 8, 12)),
            "image_urls": ImageUrlsParameter(1),
        },
        rules=(validation_rules.require_prompt, validation_rules.check_sora_image_size),
        defaults={"duration": 4},
        sound="always",
    ),
    SandboxModelSpec(
        "grok-imagine-text-to-video",
        parameters={
            "prompt": StringParameter(),
            "duration": IntegerParameter(allowed_values=(6, 10)),
            "mode": ChoiceParameter(("fun", "normal", "spicy")),
            "aspect_ratio": ChoiceParameter(("16:9", "9:16", "1:1", "3:2", "2:3")),
        },
        rules=(validation_rules.require_prompt,),
        defaults={"duration": 6, "mode": "normal", "aspect_ratio": "16:9"},
        has_video_duration=False,
        sound="always",
    ),
    SandboxModelSpec(
        "doubao-seedance-1.0-pro-fast",
        parameters={
            "prompt": StringParameter(2000),
            "duration": IntegerParameter(2, 12),
            "quality": ChoiceParameter(("480p", *QUALITIES)),
            "image_urls": ImageUrlsParameter(1),
            "aspect_ratio": ChoiceParameter(
                ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "keep_ratio", "adaptive")
            ),
        },
        rules=(validation_rules.require_prompt, validation_rules.check_seedance_ratio),
        defaults={"duration": 5, "quality": "1080p"},
    ),
)

MODEL_SPECS: Mapping[str, SandboxModelSpec] = {model.name: model for model in _MODEL_SPECS}
