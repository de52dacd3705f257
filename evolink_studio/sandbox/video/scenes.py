"""Scenes, which draw the frames of a film: a generated gradient, or a slideshow of pictures."""

import colorsys
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

Colour = tuple[int, int, int]

# The gradient is calculated on so many cells along the longer side and then enlarged, so that pure
# Python is fast enough.
GRID_CELLS = 30
LIGHT_COUNT = 4
DISC_COUNT = 6


@dataclass(frozen=True, slots=True)
class _Orbit:
    """A closed path; positions as shares of the frame size."""

    x: float
    y: float
    radius: float
    phase: float
    direction: int

    def get_position(self, t: float) -> tuple[float, float]:
        angle = 2 * math.pi * (self.phase + self.direction * t)
        return (
            self.x + self.radius * math.cos(angle),
            self.y + self.radius * math.sin(angle * 0.5 + self.phase * 6),
        )


class GradientScene:
    """A slow gradient with discs; a hash of the text sets colours and paths.

    `draw_frame(t)` draws the frame at time t, 0 at the start and 1 at the end.
    """

    def __init__(self, text: str, width: int, height: int) -> None:
        self._seed = hashlib.sha256(text.encode("utf-8", "replace")).digest()
        self._size = (width, height)
        longest_side = max(width, height)
        self._grid = (
            max(6, round(GRID_CELLS * width / longest_side)),
            max(6, round(GRID_CELLS * height / longest_side)),
        )
        self._colours = self._build_palette()
        self._lights = [self._build_orbit(index, radius=0.34) for index in range(LIGHT_COUNT)]
        self._discs = [self._build_disc(index) for index in range(DISC_COUNT)]

    def draw_frame(self, t: float) -> Image.Image:
        image = self._draw_gradient(t).resize(self._size, Image.Resampling.BICUBIC)
        for mask, colour, orbit in self._discs:
            x, y = orbit.get_position(t)
            corner = (
                round(x * self._size[0] - mask.width / 2),
                round(y * self._size[1] - mask.height / 2),
            )
            image.paste(colour, (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)
        return image

    def _pick_share(self, index: int) -> float:
        return self._seed[index % len(self._seed)] / 255

    def _build_palette(self) -> list[Colour]:
        hue = self._pick_share(0)
        steps = ((0.0, 0.85, 0.42), (0.07, 0.72, 0.92), (-0.14, 0.85, 0.34), (0.17, 0.58, 1.0))
        return [_to_rgb(hue + shift, saturation, value) for shift, saturation, value in steps]

    def _build_orbit(self, index: int, *, radius: float) -> _Orbit:
        return _Orbit(
            x=0.15 + 0.7 * self._pick_share(3 * index + 1),
            y=0.15 + 0.7 * self._pick_share(3 * index + 2),
            radius=radius * (0.5 + 0.5 * self._pick_share(3 * index + 3)),
            phase=self._pick_share(index + 17),
            direction=1 if self._pick_share(index + 23) > 0.5 else -1,
        )

    def _build_disc(self, index: int) -> tuple[Image.Image, Colour, _Orbit]:
        diameter = round(max(self._size) * (0.06 + 0.2 * self._pick_share(index + 11)))
        opacity = 0.10 + 0.22 * self._pick_share(index + 5)
        gradient = ImageOps.invert(Image.radial_gradient("L")).resize((diameter, diameter))
        mask = gradient.point(
            [round(min(1, max(0, v - 74) / 40) * opacity * 255) for v in range(256)]
        )
        colour = _to_rgb(self._pick_share(0) + 0.16 * self._pick_share(index + 7), 0.25, 1.0)
        return mask, colour, self._build_orbit(index + 9, radius=0.22)

    def _draw_gradient(self, t: float) -> Image.Image:
        columns, rows = self._grid
        aspect = rows / columns
        spots = [(x, y * aspect) for x, y in (orbit.get_position(t) for orbit in self._lights)]
        image = Image.new("RGB", self._grid)
        image.putdata(
            [
                _blend_colours(spots, self._colours, (i + 0.5) / columns, (j + 0.5) / columns)
                for j in range(rows)
                for i in range(columns)
            ]
        )
        return image


def _blend_colours(
    spots: list[tuple[float, float]], colours: list[Colour], x: float, y: float
) -> Colour:
    """The colour at a point: lights weighted by the inverse cube of their distance."""
    red = green = blue = total = 0.0
    for (spot_x, spot_y), colour in zip(spots, colours, strict=True):
        weight = (0.02 + (x - spot_x) ** 2 + (y - spot_y) ** 2) ** -1.5
        red += colour[0] * weight
        green += colour[1] * weight
        blue += colour[2] * weight
        total += weight
    return int(red / total), int(green / total), int(blue / total)


def _to_rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# How far it zooms in between two pictures, and over a film of a single picture.
ZOOM_BETWEEN_IMAGES = 0.10
ZOOM_SINGLE_IMAGE = 0.16


class SlideshowScene:
    """Given pictures, blended into one another; `draw_frame(0)` is the first, `draw_frame(1)` the
    last."""

    def __init__(self, image_paths: tuple[str, ...], width: int, height: int) -> None:
        self._size = (width, height)
        self._images = [_load_fitted_image(Path(name), self._size) for name in image_paths]

    def draw_frame(self, t: float) -> Image.Image:
        last_index = len(self._images) - 1
        if last_index == 0:
            return self._zoom_image(0, ZOOM_SINGLE_IMAGE * t)
        position = t * last_index
        index = min(int(position), last_index - 1)
        share = position - index
        current_image = self._zoom_image(index, ZOOM_BETWEEN_IMAGES * share)
        blend_share = _ease_share((share - 0.25) / 0.5)
        if blend_share == 0:
            return current_image
        next_image = self._zoom_image(index + 1, ZOOM_BETWEEN_IMAGES * (1 - share))
        return (
            next_image if blend_share == 1 else Image.blend(current_image, next_image, blend_share)
        )

    def _zoom_image(self, index: int, zoom: float) -> Image.Image:
        image = self._images[index]
        margin = zoom / (1 + zoom) / 2
        box = (
            image.width * margin,
            image.height * margin,
            image.width * (1 - margin),
            image.height * (1 - margin),
        )
        return image.resize(self._size, Image.Resampling.BILINEAR, box=box)


def _load_fitted_image(path: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(path, formats=IMAGE_FORMATS) as image:
        upright_image = ImageOps.exif_transpose(image).convert("RGB")
    return ImageOps.fit(upright_image, size, Image.Resampling.LANCZOS)


def _ease_share(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)
