"""Decoding untrusted pictures and encoding them again: only the pixels are kept.

The size in the header is checked first, because a small file may claim a picture that fills the
memory. Encoding again removes metadata, trailing data and anything hidden in the file.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from PIL import Image, ImageCms, ImageOps

from evolink_studio.library.exceptions import EditFailed, FileRejected, ImageTooLarge, InvalidImage

log = structlog.get_logger(__name__)

MAX_IMAGE_PIXELS = 40_000_000
MAX_SIDE_PIXELS = 16_383  # the maximum of WebP, the format of the posters
MAX_JPEG_SCANS = 100  # a progressive JPEG has about 10
POSTER_SIDE_PIXELS = 640

# Formats that Pillow may open, by stored format. MPO is a JPEG with further pictures in it.
_STORED_FORMAT_BY_SOURCE = {
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "HEIF": "jpeg",
    "AVIF": "jpeg",
}
_ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF")
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 92},
    "png": {"compress_level": 3},
    "webp": {"quality": 92, "method": 2},
    "gif": {},
}
# Models take 10 MB; a JPEG that is larger than this once encoded is encoded at a lower quality.
_TARGET_JPEG_BYTES = 8_000_000
_FALLBACK_JPEG_QUALITIES = (85, 75)

# 40 million pixels with alpha are 160 MB, and rotating or converting them takes as much again.
_DECODE_SLOTS = threading.BoundedSemaphore(2)

# Our own limit is lower and has its own message.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class EncodedImage:
    """A picture encoded by us. `format` is jpeg, png, webp or gif; sides are in pixels."""

    content: bytes
    format: str
    width: int
    height: int

    @property
    def mime(self) -> str:
        return f"image/{self.format}"


def normalize_image(content: bytes) -> EncodedImage:
    """Decode the first frame, rotate it upright, convert it to sRGB and encode it again.

    JPEG, PNG, WebP and GIF keep their format; HEIC and AVIF become JPEG.
    Raises InvalidImage or ImageTooLarge.
    """
    with _open_image(content) as image:
        stored_format = _STORED_FORMAT_BY_SOURCE[image.format or ""]
        output_image = (
            _copy_first_frame(image)
            if stored_format == "gif"
            else _convert_to_rgb(_convert_to_srgb(_rotate_upright(image)))
        )
        return encode_image(output_image, stored_format)


def render_poster(source: EncodedImage) -> bytes:
    """A WebP of the picture, its longest side at most 640 pixels."""
    with _open_image(source.content) as image:
        return encode_poster(_convert_to_rgb(image))


def fit_image(source: EncodedImage, width: int, height: int) -> EncodedImage:
    """Scale and crop around the centre to exactly this size. Raises EditFailed out of range."""
    if not (
        0 < width <= MAX_SIDE_PIXELS
        and 0 < height <= MAX_SIDE_PIXELS
        and width * height <= MAX_IMAGE_PIXELS
    ):
        raise EditFailed
    with _open_image(source.content) as image:
        fitted_image = ImageOps.fit(
            _convert_to_rgb(image), (width, height), Image.Resampling.LANCZOS
        )
        return encode_image(fitted_image, source.format)


def convert_image(source: EncodedImage, format: str) -> EncodedImage:
    """The same picture in another format; in a JPEG, transparent areas become white."""
    if format not in _SAVE_OPTIONS:
        raise EditFailed
    with _open_image(source.content) as image:
        return encode_image(_convert_to_rgb(image), format)


def encode_image(image: Image.Image, format: str) -> EncodedImage:
    """Encode a decoded picture, without its metadata."""
    image.info = {key: value for key, value in image.info.items() if key == "transparency"}
    image = _flatten_alpha(image) if format == "jpeg" else image
    content = _encode(image, format)
    if format == "jpeg":
        for quality in _FALLBACK_JPEG_QUALITIES:
            if len(content) <= _TARGET_JPEG_BYTES:
                break
            content = _encode(image, format, quality=quality)
    return EncodedImage(content, format, *image.size)


def encode_poster(image: Image.Image) -> bytes:
    """Scale the image down in place and encode it as WebP, for lists."""
    image.thumbnail((POSTER_SIDE_PIXELS, POSTER_SIDE_PIXELS))
    image.info = {}
    return _encode(image, "webp", quality=80)


@contextmanager
def _open_image(content: bytes) -> Iterator[Image.Image]:
    """The decoded picture, after a check of its header. Raises InvalidImage or ImageTooLarge."""
    try:
        with (
            _DECODE_SLOTS,
            Image.open(io.BytesIO(content), formats=_load_allowed_formats()) as image,
        ):
            _check_size(image)
            if image.format in {"JPEG", "MPO"} and _count_scans(content) > MAX_JPEG_SCANS:
                raise InvalidImage
            image.load()
            _check_size(image)  # the container may state another size than the picture in it
            yield image
    except FileRejected:
        raise
    except Image.DecompressionBombError as error:
        raise _build_size_error() from error
    except Exception as error:  # a decoder can fail in any way on a file made to break it
        log.info("image rejected", reason=type(error).__name__, bytes=len(content))
        raise InvalidImage from error


@cache
def _load_allowed_formats() -> tuple[str, ...]:
    import pillow_heif  # takes 0.1 s, so it is not imported at start

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    Image.init()  # with a list of formats, Pillow looks only among the plugins it has loaded
    return _ALLOWED_FORMATS


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_IMAGE_PIXELS or max(width, height) > MAX_SIDE_PIXELS:
        raise _build_size_error()


def _build_size_error() -> ImageTooLarge:
    return ImageTooLarge(limit=MAX_IMAGE_PIXELS // 1_000_000, side=MAX_SIDE_PIXELS)


def _count_scans(content: bytes) -> int:
    """The number of scans in a JPEG; each costs as much as decoding the picture once."""
    offset, scan_count = 2, 0
    while 0 <= (offset := content.find(b"\xff", offset)) < len(content) - 3:
        marker = content[offset + 1]
        if marker == 0xD9:  # end of image
            break
        if marker == 0xFF:  # fill byte
            offset += 1
        elif marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            offset += 2
        else:
            scan_count += marker == 0xDA
            offset += 2 + int.from_bytes(content[offset + 2 : offset + 4], "big")
    return scan_count


def _copy_first_frame(image: Image.Image) -> Image.Image:
    """A GIF's first frame with its palette, so that encoding it again loses nothing."""
    return image.copy()


def _rotate_upright(image: Image.Image) -> Image.Image:
    with suppress(Exception):  # damaged metadata is no reason to reject a picture
        return ImageOps.exif_transpose(image)
    return image


def _convert_to_srgb(image: Image.Image) -> Image.Image:
    """Apply the colour profile, because it is not kept."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in {"L", "RGB", "RGBA", "CMYK"}:
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source_profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb_profile = ImageCms.createProfile("sRGB")
            converted_image = ImageCms.profileToProfile(
                image, source_profile, srgb_profile, outputMode=mode
            )
            return converted_image or image
    return image


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where something is transparent."""
    if image.mode.startswith("I;16"):  # Pillow cuts 16-bit grey off at 255 instead of scaling it
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _flatten_alpha(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    background = Image.new("RGB", image.size, "white")
    background.paste(image, mask=image.getchannel("A"))
    return background


def _encode(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format.upper(), **{**_SAVE_OPTIONS[format], **options})
    return buffer.getvalue()
