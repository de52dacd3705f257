"""Plans the film of a request: size, length, sound, pictures, text."""

import re
from dataclasses import dataclass
from fractions import Fraction

from evolink_studio.sandbox.model_specs import SandboxModelSpec
from evolink_studio.sandbox.parameters import ParsedRequest

# In pixels: large enough to watch, small enough to render in seconds.
LONGEST_SIDE_BY_QUALITY = {"480p": 640, "720p": 854, "1080p": 960, "4k": 960}
DEFAULT_LONGEST_SIDE = 854
SMALL_LONGEST_SIDE = 320
FPS, SMALL_FPS = 24, 12
LANDSCAPE_RATIO, PORTRAIT_RATIO = Fraction(16, 9), Fraction(9, 16)
MAX_RATIO = Fraction(3)

_RATIO_PATTERN = re.compile(r"(\d+)[:x](\d+)")
_PORTRAIT_PATTERN = re.compile(r"\b(9:16|vertical|portrait|upright|hochformat)\b", re.IGNORECASE)
_TAG_PATTERN = re.compile(r"\[[a-z-]+\]\s*")

MIN_WORK_SECONDS, MAX_WORK_SECONDS = 5.0, 20.0
EXTRA_SECONDS_BY_QUALITY = {"480p": 0.0, "720p": 1.0, "1080p": 3.0, "4k": 6.0}


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """A storyboard without paths: pictures by the ids of their rows."""

    width: int
    height: int
    fps: int
    seconds: int
    prompt_text: str
    subtitle: str
    has_sound: bool
    image_ids: tuple[str, ...]


def plan_video(
    spec: SandboxModelSpec, request: ParsedRequest, *, is_small: bool = False
) -> VideoPlan:
    """The plan of the film; `is_small` renders quickly."""
    longest_side = LONGEST_SIDE_BY_QUALITY.get(request.get_text("quality"), DEFAULT_LONGEST_SIDE)
    width, height = _choose_size(request, SMALL_LONGEST_SIDE if is_small else longest_side)
    seconds = get_video_seconds(spec, request)
    return VideoPlan(
        width=width,
        height=height,
        fps=SMALL_FPS if is_small else FPS,
        seconds=seconds,
        prompt_text=_TAG_PATTERN.sub("", request.prompt_text).strip() or request.prompt_text,
        subtitle=_build_subtitle(spec, request, seconds),
        has_sound=spec.sound == "always" or request.get_text(spec.sound) == "on",
        image_ids=tuple(image.file_id for image in request.all_images if image.file_id is not None),
    )


def get_video_seconds(spec: SandboxModelSpec, request: ParsedRequest) -> int:
    return request.get_integer("duration") or spec.fixed_seconds


def estimate_work_seconds(spec: SandboxModelSpec, request: ParsedRequest) -> float:
    """Duration of a task at pace 1: 5 to 20 seconds, by length and quality."""
    seconds = MIN_WORK_SECONDS + 0.7 * get_video_seconds(spec, request)
    seconds += EXTRA_SECONDS_BY_QUALITY.get(request.get_text("quality"), 0.0)
    return min(MAX_WORK_SECONDS, seconds)


def _choose_size(request: ParsedRequest, longest_side: int) -> tuple[int, int]:
    ratio = _choose_ratio(request)
    if ratio >= 1:
        return longest_side, _round_to_even(longest_side / ratio)
    return _round_to_even(longest_side * ratio), longest_side


def _choose_ratio(request: ParsedRequest) -> Fraction:
    """Width over height: as requested, else of the first picture, else by words in the prompt."""
    match = _RATIO_PATTERN.fullmatch(request.get_text("aspect_ratio"))
    if match:
        return Fraction(int(match[1]), int(match[2]))
    for image in request.all_images:
        if image.file_id is not None:
            return min(MAX_RATIO, max(1 / MAX_RATIO, Fraction(image.width, image.height)))
    return (
        PORTRAIT_RATIO if _PORTRAIT_PATTERN.search(request.get_text("prompt")) else LANDSCAPE_RATIO
    )


def _build_subtitle(spec: SandboxModelSpec, request: ParsedRequest, seconds: int) -> str:
    parts = [
        spec.name,
        request.get_text("aspect_ratio"),
        f"{seconds} s",
        request.get_text("quality"),
    ]
    return "  ·  ".join(part for part in parts if part)


def _round_to_even(length: float | Fraction) -> int:
    """H.264 in yuv420p requires even sides."""
    return max(2, round(length / 2) * 2)
