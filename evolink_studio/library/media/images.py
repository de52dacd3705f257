"""Reading a picture that somebody gave: nothing of it is kept but its pixels.

Facts are taken from the header first, because a small file may claim a picture that fills the
memory. What is kept was written by us: metadata, trailers and second meanings of a file are gone.
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

from evolink_studio.library.exceptions import NotAPicture, NotChanged, NotTaken, TooManyPixels

log = structlog.get_logger(__name__)

MAX_PIXELS = 40_000_000
MAX_SIDE = 16_383  # the longest that WebP, the format of the posters, can say
MAX_SCANS = 100  # a progressive JPEG has about 10
POSTER_SIDE = 640

# What Pillow may open, and what becomes of it. MPO is a JPEG with more pictures behind the first.
_KEPT_AS = {
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "HEIF": "jpeg",
    "AVIF": "jpeg",
}
_OPENED = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF")
_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 92},
    "png": {"compress_level": 3},
    "webp": {"quality": 92, "method": 2},
    "gif": {},
}
# Models take 10 MB; a JPEG that grew past this by being written again is written a little coarser.
_COMFORTABLE = 8_000_000
_COARSER = (85, 75)

# 40 million pixels with alpha are 160 MB, and turning or converting them takes as much again.
_AT_ONCE = threading.BoundedSemaphore(2)

# Our own limit is lower, and says so to the person.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Picture:
    """A picture written by us. `format` is jpeg, png, webp or gif; sides are in pixels."""

    content: bytes
    format: str
    width: int
    height: int

    @property
    def mime(self) -> str:
        return f"image/{self.format}"


def read(content: bytes) -> Picture:
    """Decode one frame, turn it upright, bring it to sRGB and write it anew.

    JPEG, PNG, WebP and GIF stay what they are; HEIC and AVIF become JPEG.
    Raises NotAPicture or TooManyPixels.
    """
    with _opened(content) as image:
        kept_as = _KEPT_AS[image.format or ""]
        still = _first_frame(image) if kept_as == "gif" else _plain(_srgb(_upright(image)))
        return written(still, kept_as)


def poster(picture: Picture) -> bytes:
    """A WebP of the picture, its longest side at most 640 pixels."""
    with _opened(picture.content) as image:
        return small_webp(_plain(image))


def fit(picture: Picture, width: int, height: int) -> Picture:
    """Scale and crop around the centre to exactly this size. Raises NotChanged for odd sizes."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise NotChanged
    with _opened(picture.content) as image:
        fitted = ImageOps.fit(_plain(image), (width, height), Image.Resampling.LANCZOS)
        return written(fitted, picture.format)


def convert(picture: Picture, format: str) -> Picture:
    """The same picture in another format; as JPEG, what was transparent becomes white."""
    if format not in _OPTIONS:
        raise NotChanged
    with _opened(picture.content) as image:
        return written(_plain(image), format)


def written(image: Image.Image, format: str) -> Picture:
    """A decoded picture as a file. The image's own notes are not written."""
    image.info = {key: value for key, value in image.info.items() if key == "transparency"}
    image = _opaque(image) if format == "jpeg" else image
    content = _encoded(image, format)
    if format == "jpeg":
        for quality in _COARSER:
            if len(content) <= _COMFORTABLE:
                break
            content = _encoded(image, format, quality=quality)
    return Picture(content, format, *image.size)


def small_webp(image: Image.Image) -> bytes:
    """The image, made smaller in place, as a WebP for lists."""
    image.thumbnail((POSTER_SIDE, POSTER_SIDE))
    image.info = {}
    return _encoded(image, "webp", quality=80)


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """The picture after a look at its header, with its pixels decoded."""
    try:
        with _AT_ONCE, Image.open(io.BytesIO(content), formats=_open_formats()) as image:
            _check_size(image)
            if image.format in {"JPEG", "MPO"} and _scans(content) > MAX_SCANS:
                raise NotAPicture
            image.load()
            _check_size(image)  # a container may have said something else than the picture inside
            yield image
    except NotTaken:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except Exception as error:  # a decoder can fail in any way on a file made to break it
        log.info("picture refused", reason=type(error).__name__, bytes=len(content))
        raise NotAPicture from error


@cache
def _open_formats() -> tuple[str, ...]:
    import pillow_heif  # takes a tenth of a second, and a start does not wait for it

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    Image.init()  # with a list of formats, Pillow looks only among the plugins it has loaded
    return _OPENED


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _too_many_pixels()


def _too_many_pixels() -> TooManyPixels:
    return TooManyPixels(limit=MAX_PIXELS // 1_000_000, side=MAX_SIDE)


def _scans(content: bytes) -> int:
    """How often a JPEG goes over its picture; each time costs as much as decoding it."""
    at, scans = 2, 0
    while 0 <= (at := content.find(b"\xff", at)) < len(content) - 3:
        marker = content[at + 1]
        if marker == 0xD9:  # end of the picture
            break
        if marker == 0xFF:  # filling
            at += 1
        elif marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            at += 2
        else:
            scans += marker == 0xDA
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return scans


def _first_frame(image: Image.Image) -> Image.Image:
    """A GIF's first frame with its own palette: nothing is lost by writing it again."""
    return image.copy()


def _upright(image: Image.Image) -> Image.Image:
    with suppress(Exception):  # damaged notes about a picture are no reason to refuse it
        return ImageOps.exif_transpose(image)
    return image


def _srgb(image: Image.Image) -> Image.Image:
    """The colours as the person saw them: the profile is applied, because it will not be kept."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in {"L", "RGB", "RGBA", "CMYK"}:
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            changed = ImageCms.profileToProfile(image, source, target, outputMode=mode)
            return changed or image
    return image


def _plain(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where something is transparent."""
    if image.mode.startswith("I;16"):  # Pillow cuts 16-bit grey off at 255 instead of scaling it
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format.upper(), **{**_OPTIONS[format], **options})
    return file.getvalue()
