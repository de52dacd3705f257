"""Decides what the film of a request looks like: size, length, sound, pictures, words."""

import re
from dataclasses import dataclass
from fractions import Fraction

from evolink_studio.sandbox.model_specs import Model
from evolink_studio.sandbox.parameters import Asked

# Longest side in pixels: good enough to watch, small enough to make in seconds.
LONGEST = {"480p": 640, "720p": 854, "1080p": 960, "4k": 960}
LONGEST_WITHOUT_QUALITY = 854
LONGEST_SMALL = 320
FPS, FPS_SMALL = 24, 12
LANDSCAPE, PORTRAIT = Fraction(16, 9), Fraction(9, 16)
WIDEST = Fraction(3)

_NUMBERS = re.compile(r"(\d+)[:x](\d+)")
_UPRIGHT = re.compile(r"\b(9:16|vertical|portrait|upright|hochformat)\b", re.IGNORECASE)
_TAG = re.compile(r"\[[a-z-]+\]\s*")

USUAL_LEAST, USUAL_MOST = 5.0, 20.0
EXTRA_SECONDS = {"480p": 0.0, "720p": 1.0, "1080p": 3.0, "4k": 6.0}


@dataclass(frozen=True, slots=True)
class Sketch:
    """A storyboard before it is known where films and pictures are kept: `pictures` are ids."""

    width: int
    height: int
    fps: int
    seconds: int
    words: str
    facts: str
    sound: bool
    pictures: tuple[str, ...]


def sketch(model: Model, asked: Asked, *, small: bool = False) -> Sketch:
    """What the film will be; a small one is made in no time."""
    longest = LONGEST.get(asked.text("quality"), LONGEST_WITHOUT_QUALITY)
    width, height = _size(asked, LONGEST_SMALL if small else longest)
    seconds = film_seconds(model, asked)
    return Sketch(
        width=width,
        height=height,
        fps=FPS_SMALL if small else FPS,
        seconds=seconds,
        words=_TAG.sub("", asked.words).strip() or asked.words,
        facts=_facts(model, asked, seconds),
        sound=model.sound == "always" or asked.text(model.sound) == "on",
        pictures=tuple(p.file for p in asked.every_picture if p.file is not None),
    )


def film_seconds(model: Model, asked: Asked) -> int:
    return asked.whole("duration") or model.seconds


def work_seconds(model: Model, asked: Asked) -> float:
    """How long the work takes here at pace 1: 5 to 20 seconds, by length and quality."""
    wanted = USUAL_LEAST + 0.7 * film_seconds(model, asked)
    wanted += EXTRA_SECONDS.get(asked.text("quality"), 0.0)
    return min(USUAL_MOST, wanted)


def _size(asked: Asked, longest: int) -> tuple[int, int]:
    ratio = _ratio(asked)
    if ratio >= 1:
        return longest, _even(longest / ratio)
    return _even(longest * ratio), longest


def _ratio(asked: Asked) -> Fraction:
    """Width over height: as asked, else as the first picture, else as the words suggest."""
    named = _NUMBERS.fullmatch(asked.text("aspect_ratio"))
    if named:
        return Fraction(int(named[1]), int(named[2]))
    for picture in asked.every_picture:
        if picture.file is not None:
            return min(WIDEST, max(1 / WIDEST, Fraction(picture.width, picture.height)))
    return PORTRAIT if _UPRIGHT.search(asked.text("prompt")) else LANDSCAPE


def _facts(model: Model, asked: Asked, seconds: int) -> str:
    facts = [model.name, asked.text("aspect_ratio"), f"{seconds} s", asked.text("quality")]
    return "  ·  ".join(fact for fact in facts if fact)


def _even(length: float | Fraction) -> int:
    """H.264 in yuv420p wants even sides."""
    return max(2, round(length / 2) * 2)
