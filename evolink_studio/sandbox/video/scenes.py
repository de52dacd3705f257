"""A slow, colourful light whose hues and paths come from a hash of the prompt."""

import colorsys
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

Colour = tuple[int, int, int]

# The light is calculated on this many cells along the longer side and then enlarged smoothly:
# a gradient needs no more, and pure Python stays fast enough.
CELLS = 30
LIGHTS = 4
DISCS = 6


@dataclass(frozen=True, slots=True)
class _Path:
    """A closed path: where something is at time t (0 to 1), in shares of the picture."""

    x: float
    y: float
    reach: float
    phase: float
    turns: int

    def at(self, t: float) -> tuple[float, float]:
        angle = 2 * math.pi * (self.phase + self.turns * t)
        return (
            self.x + self.reach * math.cos(angle),
            self.y + self.reach * math.sin(angle * 0.5 + self.phase * 6),
        )


class Aurora:
    """A scene: `frame(t)` is the picture at time t, 0 at the start and 1 at the end."""

    def __init__(self, words: str, width: int, height: int) -> None:
        self._dice = hashlib.sha256(words.encode("utf-8", "replace")).digest()
        self._size = (width, height)
        longest = max(width, height)
        self._cells = (
            max(6, round(CELLS * width / longest)),
            max(6, round(CELLS * height / longest)),
        )
        self._colours = self._palette()
        self._lights = [self._path(index, reach=0.34) for index in range(LIGHTS)]
        self._discs = [self._disc(index) for index in range(DISCS)]

    def frame(self, t: float) -> Image.Image:
        picture = self._light(t).resize(self._size, Image.Resampling.BICUBIC)
        for mask, colour, path in self._discs:
            x, y = path.at(t)
            corner = (
                round(x * self._size[0] - mask.width / 2),
                round(y * self._size[1] - mask.height / 2),
            )
            picture.paste(colour, (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)
        return picture

    def _die(self, index: int) -> float:
        return self._dice[index % len(self._dice)] / 255

    def _palette(self) -> list[Colour]:
        hue = self._die(0)
        steps = ((0.0, 0.85, 0.42), (0.07, 0.72, 0.92), (-0.14, 0.85, 0.34), (0.17, 0.58, 1.0))
        return [_rgb(hue + shift, saturation, value) for shift, saturation, value in steps]

    def _path(self, index: int, *, reach: float) -> _Path:
        return _Path(
            x=0.15 + 0.7 * self._die(3 * index + 1),
            y=0.15 + 0.7 * self._die(3 * index + 2),
            reach=reach * (0.5 + 0.5 * self._die(3 * index + 3)),
            phase=self._die(index + 17),
            turns=1 if self._die(index + 23) > 0.5 else -1,
        )

    def _disc(self, index: int) -> tuple[Image.Image, Colour, _Path]:
        side = round(max(self._size) * (0.06 + 0.2 * self._die(index + 11)))
        strength = 0.10 + 0.22 * self._die(index + 5)
        soft = ImageOps.invert(Image.radial_gradient("L")).resize((side, side))
        mask = soft.point([round(min(1, max(0, v - 74) / 40) * strength * 255) for v in range(256)])
        colour = _rgb(self._die(0) + 0.16 * self._die(index + 7), 0.25, 1.0)
        return mask, colour, self._path(index + 9, reach=0.22)

    def _light(self, t: float) -> Image.Image:
        wide, high = self._cells
        squeeze = high / wide
        spots = [(x, y * squeeze) for x, y in (path.at(t) for path in self._lights)]
        cells = Image.new("RGB", self._cells)
        cells.putdata(
            [
                _blend(spots, self._colours, (i + 0.5) / wide, (j + 0.5) / wide)
                for j in range(high)
                for i in range(wide)
            ]
        )
        return cells


def _blend(spots: list[tuple[float, float]], colours: list[Colour], x: float, y: float) -> Colour:
    """The colour at a point: every light counts by the inverse cube of its distance."""
    red = green = blue = total = 0.0
    for (spot_x, spot_y), colour in zip(spots, colours, strict=True):
        near = (0.02 + (x - spot_x) ** 2 + (y - spot_y) ** 2) ** -1.5
        red += colour[0] * near
        green += colour[1] * near
        blue += colour[2] * near
        total += near
    return int(red / total), int(green / total), int(blue / total)


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# How far the camera comes closer between two pictures, and over a film of a single picture.
ZOOM_BETWEEN = 0.10
ZOOM_ALONE = 0.16


class Passage:
    """A scene like Aurora: `frame(0)` is the first picture, `frame(1)` the last."""

    def __init__(self, pictures: tuple[str, ...], width: int, height: int) -> None:
        self._size = (width, height)
        self._pictures = [_fitted(Path(name), self._size) for name in pictures]

    def frame(self, t: float) -> Image.Image:
        last = len(self._pictures) - 1
        if last == 0:
            return self._closer(0, ZOOM_ALONE * t)
        place = t * last
        index = min(int(place), last - 1)
        share = place - index
        here = self._closer(index, ZOOM_BETWEEN * share)
        mixed = _smooth((share - 0.25) / 0.5)
        if mixed == 0:
            return here
        there = self._closer(index + 1, ZOOM_BETWEEN * (1 - share))
        return there if mixed == 1 else Image.blend(here, there, mixed)

    def _closer(self, index: int, amount: float) -> Image.Image:
        picture = self._pictures[index]
        margin = amount / (1 + amount) / 2
        box = (
            picture.width * margin,
            picture.height * margin,
            picture.width * (1 - margin),
            picture.height * (1 - margin),
        )
        return picture.resize(self._size, Image.Resampling.BILINEAR, box=box)


def _fitted(path: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(path, formats=FORMATS) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    return ImageOps.fit(upright, size, Image.Resampling.LANCZOS)


def _smooth(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)
