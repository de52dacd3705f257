"""Rules across the parameters of a request (EvoLink documentation, stated 2026-11-20).

A rule checks a request whose parameters are each valid, and returns the first problem or None.
"""

from collections.abc import Callable
from typing import TypeAlias

from evolink_studio.sandbox.parameters import ParameterProblem, ParsedRequest

Rule: TypeAlias = Callable[[ParsedRequest], ParameterProblem | None]

SORA_SIZES = {
    "1280x720": (1280, 720),
    "16:9": (1280, 720),
    "720x1280": (720, 1280),
    "9:16": (720, 1280),
}
MAX_IMAGES_AND_ELEMENTS = 7
MAX_ELEMENTS_WITH_FIRST_FRAME = 3
MAX_IMAGES_WITH_END_FRAME = 2


def require_prompt(request: ParsedRequest) -> ParameterProblem | None:
    if request.prompt_text:
        return None
    return ParameterProblem("prompt", "prompt is required.", is_missing=True)


def check_veo_mode(request: ParsedRequest) -> ParameterProblem | None:
    mode, images = request.get_text("generation_type"), request.get_images("image_urls")
    if mode == "FIRST&LAST" and not images:
        return ParameterProblem(
            "generation_type", "generation_type FIRST&LAST requires 1 to 2 images."
        )
    if mode == "TEXT" and images:
        return ParameterProblem("generation_type", "generation_type TEXT does not support images.")
    return None


def require_kling_image(request: ParsedRequest) -> ParameterProblem | None:
    if request.all_images or request.get_model_param_rows("element_list"):
        return None
    return ParameterProblem(
        "image_start", "At least one image or element is required.", is_missing=True
    )


def check_kling_end_frame(request: ParsedRequest) -> ParameterProblem | None:
    if not request.get_images("image_end"):
        return None
    if not request.get_images("image_start"):
        return ParameterProblem("image_end", "image_end requires image_start.")
    if len(request.all_images) > MAX_IMAGES_WITH_END_FRAME:
        return ParameterProblem("image_end", "image_end is not supported with more than 2 images.")
    return None


def check_kling_image_count(request: ParsedRequest) -> ParameterProblem | None:
    element_count = len(request.get_model_param_rows("element_list"))
    if request.get_images("image_start") and element_count > MAX_ELEMENTS_WITH_FIRST_FRAME:
        message = f"At most {MAX_ELEMENTS_WITH_FIRST_FRAME} elements with a first frame."
        return ParameterProblem("model_params.element_list", message)
    if len(request.all_images) + element_count > MAX_IMAGES_AND_ELEMENTS:
        message = f"Images and elements must not exceed {MAX_IMAGES_AND_ELEMENTS} in total."
        return ParameterProblem("image_urls", message)
    return None


def check_kling_shots(request: ParsedRequest) -> ParameterProblem | None:
    if not request.get_model_param("multi_shot"):
        return None
    shots = request.get_model_param_rows("multi_prompt")
    if request.get_model_param("shot_type") is None:
        return ParameterProblem(
            "model_params.shot_type", "shot_type is required with multi_shot.", is_missing=True
        )
    if not shots:
        return ParameterProblem(
            "model_params.multi_prompt",
            "multi_prompt is required with multi_shot.",
            is_missing=True,
        )
    if [shot["index"] for shot in shots] != list(range(1, len(shots) + 1)):
        return ParameterProblem(
            "model_params.multi_prompt", "Shot indexes must run from 1 without a gap."
        )
    if sum(int(str(shot["duration"])) for shot in shots) != request.get_integer("duration"):
        return ParameterProblem(
            "model_params.multi_prompt", "The shots' durations must sum up to duration."
        )
    return None


def check_sora_image_size(request: ParsedRequest) -> ParameterProblem | None:
    ratio = request.get_text("aspect_ratio")
    sizes = [SORA_SIZES[ratio]] if ratio else list(SORA_SIZES.values())
    for image in request.get_images("image_urls"):
        if image.file_id is not None and (image.width, image.height) not in sizes:
            expected_size = "{}x{}".format(*sizes[0])
            return ParameterProblem(
                "image_urls",
                f"The image must be exactly {expected_size} pixels; "
                f"it is {image.width}x{image.height}.",
            )
    return None


def check_seedance_ratio(request: ParsedRequest) -> ParameterProblem | None:
    ratio = request.get_text("aspect_ratio")
    if ratio in ("adaptive", "keep_ratio") and not request.get_images("image_urls"):
        return ParameterProblem("aspect_ratio", f"aspect_ratio {ratio} requires an image.")
    return None
