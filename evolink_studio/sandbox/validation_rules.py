"""What depends on what: rules across the parameters of a request.

EvoLink documentation, stated 2026-11-20. A rule looks at a request whose parameters are each fine
by themselves and gives the first problem, or None.
"""

from collections.abc import Callable
from typing import TypeAlias

from evolink_studio.sandbox.parameters import Asked, Problem

Rule: TypeAlias = Callable[[Asked], Problem | None]

SORA_SIZES = {
    "1280x720": (1280, 720),
    "16:9": (1280, 720),
    "720x1280": (720, 1280),
    "9:16": (720, 1280),
}
MOST_PICTURES_AND_ELEMENTS = 7
MOST_ELEMENTS_WITH_A_FRAME = 3
MOST_PICTURES_WITH_AN_END = 2


def needs_a_prompt(asked: Asked) -> Problem | None:
    if asked.words:
        return None
    return Problem("prompt", "prompt is required.", missing=True)


def veo_mode_fits_the_images(asked: Asked) -> Problem | None:
    mode, images = asked.text("generation_type"), asked.pictures_of("image_urls")
    if mode == "FIRST&LAST" and not images:
        return Problem("generation_type", "generation_type FIRST&LAST requires 1 to 2 images.")
    if mode == "TEXT" and images:
        return Problem("generation_type", "generation_type TEXT does not support images.")
    return None


def kling_has_an_image_or_element(asked: Asked) -> Problem | None:
    if asked.every_picture or asked.extension_rows("element_list"):
        return None
    return Problem("image_start", "At least one image or element is required.", missing=True)


def kling_end_frame(asked: Asked) -> Problem | None:
    if not asked.pictures_of("image_end"):
        return None
    if not asked.pictures_of("image_start"):
        return Problem("image_end", "image_end requires image_start.")
    if len(asked.every_picture) > MOST_PICTURES_WITH_AN_END:
        return Problem("image_end", "image_end is not supported with more than 2 images.")
    return None


def kling_images_and_elements(asked: Asked) -> Problem | None:
    elements = len(asked.extension_rows("element_list"))
    if asked.pictures_of("image_start") and elements > MOST_ELEMENTS_WITH_A_FRAME:
        message = f"At most {MOST_ELEMENTS_WITH_A_FRAME} elements with a first frame."
        return Problem("model_params.element_list", message)
    if len(asked.every_picture) + elements > MOST_PICTURES_AND_ELEMENTS:
        message = f"Images and elements must not exceed {MOST_PICTURES_AND_ELEMENTS} in total."
        return Problem("image_urls", message)
    return None


def kling_shots(asked: Asked) -> Problem | None:
    if not asked.extension("multi_shot"):
        return None
    shots = asked.extension_rows("multi_prompt")
    if asked.extension("shot_type") is None:
        return Problem(
            "model_params.shot_type", "shot_type is required with multi_shot.", missing=True
        )
    if not shots:
        return Problem(
            "model_params.multi_prompt", "multi_prompt is required with multi_shot.", missing=True
        )
    if [shot["index"] for shot in shots] != list(range(1, len(shots) + 1)):
        return Problem("model_params.multi_prompt", "Shot indexes must run from 1 without a gap.")
    if sum(int(str(shot["duration"])) for shot in shots) != asked.whole("duration"):
        return Problem("model_params.multi_prompt", "The shots' durations must sum up to duration.")
    return None


def sora_image_of_the_exact_size(asked: Asked) -> Problem | None:
    ratio = asked.text("aspect_ratio")
    sizes = [SORA_SIZES[ratio]] if ratio else list(SORA_SIZES.values())
    for image in asked.pictures_of("image_urls"):
        if image.file is not None and (image.width, image.height) not in sizes:
            wanted = "{}x{}".format(*sizes[0])
            return Problem(
                "image_urls",
                f"The image must be exactly {wanted} pixels; it is {image.width}x{image.height}.",
            )
    return None


def seedance_ratio_of_the_image(asked: Asked) -> Problem | None:
    ratio = asked.text("aspect_ratio")
    if ratio in ("adaptive", "keep_ratio") and not asked.pictures_of("image_urls"):
        return Problem("aspect_ratio", f"aspect_ratio {ratio} requires an image.")
    return None
