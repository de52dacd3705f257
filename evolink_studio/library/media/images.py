"""Pictures as they are kept: decoded and encoded again, so that only the pixels are.

That removes metadata, trailing data and anything hidden in the file.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, ImageOps

from evolink_studio.library.exceptions import EditFailed
from evolink_studio.library.media.colour_profiles import convert_to_srgb
from evolink_studio.library.media.decoding import (
    MAX_IMAGE_PIXELS,
    MAX_SIDE_PIXELS,
    DecodedImage,
    open_image,
)
from evolink_studio.library.media.png import encode_png

# The longest side in pixels, largest first. Small: lists of small pictures, tiles of the gallery on
# a plain screen. Medium: tiles on a sharp one or a telephone. Large: the film on the create page.
POSTER_SIDES = {"large": 1280, "medium": 640, "small": 320}
Posters = Mapping[str, bytes]  # a WebP for each of these sizes

_STORED_FORMAT_BY_SOURCE = {
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "HEIF": "jpeg",
    "AVIF": "jpeg",
}
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 92},
    "webp": {"quality": 92, "method": 2},
    "gif": {},
}
_POSTER_OPTIONS = {"quality": 80, "method": 2}
# Models take 10 MB; a JPEG that is larger than this once encoded is encoded at a lower quality.
_TARGET_JPEG_BYTES = 8_000_000
_FALLBACK_JPEG_QUALITIES = (85, 75)
# By the value of EXIF's Orientation; 1 is upright.
_TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class EncodedImage:
    """A picture encoded by us. `format` is jpeg, png, webp or gif; sides are in pixels.

    `posters` are made with it, while its pixels are at hand. `source_size` is what it had, upright,
    before it was scaled down on arrival; None if it was not.
    """

    content: bytes
    format: str
    width: int
    height: int
    posters: Posters = field(repr=False)
    source_size: tuple[int, int] | None = None

    @property
    def mime(self) -> str:
        return f"image/{self.format}"


def normalize_image(content: bytes) -> EncodedImage:
    """Decode the first frame, convert it to sRGB, rotate it upright and encode it again.

    JPEG, PNG, WebP and GIF keep their format; HEIC and AVIF become JPEG, or PNG where something
    is transparent. What is too large to keep is scaled down. Raises InvalidImage or ImageTooLarge.
    """
    with open_image(content) as decoded:
        if decoded.format == "GIF":
            return encode_image(_copy_first_frame(decoded.image), "gif")
        image = _rotate_upright(convert_to_srgb(decoded.image, decoded.profiles), decoded)
        stored_format = _STORED_FORMAT_BY_SOURCE[decoded.format]
        if decoded.format in {"AVIF", "HEIF"} and image.mode == "RGBA":
            stored_format = "png"
        encoded_image = encode_image(image, stored_format)
        return replace(encoded_image, source_size=_get_source_size(encoded_image, decoded))


def fit_image(content: bytes, format: str, width: int, height: int) -> EncodedImage:
    """Scale and crop around the centre to exactly this size. Raises EditFailed out of range."""
    if not (
        0 < width <= MAX_SIDE_PIXELS
        and 0 < height <= MAX_SIDE_PIXELS
        and width * height <= MAX_IMAGE_PIXELS
    ):
        raise EditFailed
    with open_image(content) as decoded:
        fitted_image = ImageOps.fit(
            convert_to_srgb(decoded.image, ()), (width, height), Image.Resampling.LANCZOS
        )
        return encode_image(fitted_image, format)


def convert_to_jpeg(content: bytes) -> EncodedImage:
    """The same picture as a JPEG; transparent areas become white."""
    with open_image(content) as decoded:
        return encode_image(convert_to_srgb(decoded.image, ()), "jpeg")


def encode_image(image: Image.Image, format: str) -> EncodedImage:
    """Encode a decoded picture, without its metadata. It is used up: it becomes a poster."""
    image.info = {key: value for key, value in image.info.items() if key == "transparency"}
    image = _flatten_alpha(image) if format == "jpeg" else image
    content = _encode(image, format)
    if format == "jpeg":
        for quality in _FALLBACK_JPEG_QUALITIES:
            if len(content) <= _TARGET_JPEG_BYTES:
                break
            content = _encode(image, format, quality=quality)
    width, height = image.size
    return EncodedImage(content, format, width, height, encode_posters(image))


def encode_posters(image: Image.Image) -> Posters:
    """The picture in the sizes of `POSTER_SIDES`, as far as it is larger. It is scaled in place."""
    image = convert_to_srgb(image, ())
    image.info = {}
    return {size: _encode_poster(image, side) for size, side in POSTER_SIDES.items()}


def render_small_poster(poster: bytes) -> bytes:
    """A small poster from a larger one."""
    with open_image(poster) as decoded:
        return _encode_poster(convert_to_srgb(decoded.image, ()), POSTER_SIDES["small"])


def _encode_poster(image: Image.Image, side: int) -> bytes:
    image.thumbnail((side, side))
    return _encode(image, "webp", **_POSTER_OPTIONS)


def _copy_first_frame(image: Image.Image) -> Image.Image:
    """A GIF's first frame with its palette, so that encoding it again loses nothing.

    Where the frame leaves a part of the picture out, that part is transparent.
    """
    frame = image.copy()
    left, top, right, bottom = getattr(image, "dispose_extent", None) or (0, 0, *image.size)
    if (left, top, right, bottom) == (0, 0, *image.size) or image.has_transparency_data:
        return frame
    mask = Image.new("L", image.size, 0)
    mask.paste(255, (left, top, right, bottom))
    frame = frame.convert("RGB")
    frame.putalpha(mask)
    return frame


def _rotate_upright(image: Image.Image, decoded: DecodedImage) -> Image.Image:
    transpose = _TRANSPOSE_BY_ORIENTATION.get(decoded.orientation)
    return image if transpose is None else image.transpose(transpose)


def _get_source_size(kept: EncodedImage, decoded: DecodedImage) -> tuple[int, int] | None:
    """What the picture had, upright, before it was scaled down; None if it was not."""
    width, height = decoded.source_size
    is_turned = decoded.orientation >= 5
    source_size = (height, width) if is_turned else (width, height)
    return source_size if source_size[0] > kept.width else None


def _flatten_alpha(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    background = Image.new("RGB", image.size, "white")
    background.paste(image, mask=image.getchannel("A"))
    return background


def _encode(image: Image.Image, format: str, **options: Any) -> bytes:
    if format == "png":
        return encode_png(image)
    buffer = io.BytesIO()
    image.save(buffer, format.upper(), **{**_SAVE_OPTIONS[format], **options})
    return buffer.getvalue()
