"""Cutting a picture to a shape: turned, mirrored, cropped, or with a border around it.

All boxes are in pixels of the picture as it stands upright after it was turned and mirrored. A box
may reach beyond the picture: what is outside becomes the border.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from PIL import Image, ImageColor, ImageFilter, ImageOps

from evolink_studio.library.exceptions import EditFailed
from evolink_studio.library.media.colour_profiles import convert_to_srgb
from evolink_studio.library.media.decoding import MAX_IMAGE_PIXELS, MAX_SIDE_PIXELS, open_image
from evolink_studio.library.media.images import EncodedImage, encode_image

BLUR = "blur"
_BLUR_SIDE_PIXELS = 96  # the picture is blurred when it is this small, which costs nothing
_TURNS = {
    90: Image.Transpose.ROTATE_270,  # Pillow turns the other way round
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


class Box(NamedTuple):
    """A part of the plane that the picture lies in; its left upper corner is (0, 0)."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Crop:
    """What becomes of a picture.

    `turn`: degrees clockwise, then `is_mirrored` from left to right. Without `box` it is placed by
    `ratio` (width to height; None keeps that of the picture) as large as it fits into the picture,
    or with `is_padded` as small as it fits around it. `size` is that of the result; without, it has
    the pixels of the box. `border`: a colour as #rrggbb, or BLUR.
    """

    turn: Literal[0, 90, 180, 270] = 0
    is_mirrored: bool = False
    box: Box | None = None
    ratio: tuple[int, int] | None = None
    is_padded: bool = False
    size: tuple[int, int] | None = None
    border: str = "#000000"


def place_box(width: int, height: int, ratio: tuple[int, int], *, is_padded: bool) -> Box:
    """The box of this ratio around the centre of a picture: inside it, or around it."""
    ratio_width, ratio_height = ratio
    is_wider = width * ratio_height > height * ratio_width  # the picture than the box
    if is_wider == is_padded:
        box_width, box_height = width, max(1, round(width * ratio_height / ratio_width))
    else:
        box_width, box_height = max(1, round(height * ratio_width / ratio_height)), height
    return Box((width - box_width) // 2, (height - box_height) // 2, box_width, box_height)


def crop_image(content: bytes, format: str, crop: Crop) -> EncodedImage:
    """Raises EditFailed for a box beside the picture, or a result out of range."""
    with open_image(content) as decoded:
        image = convert_to_srgb(decoded.image, ())
        if crop.turn:
            image = image.transpose(_TURNS[crop.turn])
        if crop.is_mirrored:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        ratio = crop.size or crop.ratio or image.size
        box = crop.box or place_box(*image.size, ratio, is_padded=crop.is_padded)
        size = crop.size or (box.width, box.height)
        if not _is_possible(size):
            raise EditFailed
        return encode_image(_cut(image, box, size, crop.border), format)


def _is_possible(size: tuple[int, int]) -> bool:
    width, height = size
    return 0 < min(size) <= max(size) <= MAX_SIDE_PIXELS and width * height <= MAX_IMAGE_PIXELS


def _cut(image: Image.Image, box: Box, size: tuple[int, int], border: str) -> Image.Image:
    inside = (
        max(box.left, 0),
        max(box.top, 0),
        min(box.left + box.width, image.width),
        min(box.top + box.height, image.height),
    )
    left, top, right, bottom = inside
    if left >= right or top >= bottom:
        raise EditFailed
    if (right - left, bottom - top) == (box.width, box.height):
        if size == (box.width, box.height):
            return image.crop(inside)
        return image.resize(size, Image.Resampling.LANCZOS, box=inside)
    canvas = _fill(image, size, border)
    x_scale, y_scale = size[0] / box.width, size[1] / box.height
    x, y = round((left - box.left) * x_scale), round((top - box.top) * y_scale)
    piece_size = (
        max(1, min(round((right - left) * x_scale), size[0] - x)),
        max(1, min(round((bottom - top) * y_scale), size[1] - y)),
    )
    piece = image.resize(piece_size, Image.Resampling.LANCZOS, box=inside)
    canvas.paste(piece, (x, y), piece.getchannel("A") if piece.mode == "RGBA" else None)
    return canvas


def _fill(image: Image.Image, size: tuple[int, int], border: str) -> Image.Image:
    """The ground of the border: a colour, or the picture itself, blurred."""
    if border != BLUR:
        return Image.new("RGB", size, ImageColor.getrgb(border))
    scale = _BLUR_SIDE_PIXELS / max(size)
    small_size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    ground = ImageOps.fit(image.convert("RGB"), small_size)
    return ground.filter(ImageFilter.GaussianBlur(5)).resize(size, Image.Resampling.BICUBIC)
