"""A movement through pictures: it starts on the first, glides, and ends on the last."""

from pathlib import Path

from PIL import Image, ImageOps

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
