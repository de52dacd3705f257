"""Decoding untrusted pictures: which files open, and how much memory that may take.

A file opens here when a browser shows all of it. The size in the header is checked first, because a
small file may claim a picture that fills the memory; a large photograph is scaled down on the way.
"""

import hashlib
import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

import structlog
from PIL import ExifTags, Image

from evolink_studio.library.exceptions import FileRejected, ImageTooLarge, InvalidImage
from evolink_studio.library.media.colour_profiles import build_coded_profile, decode_srgb
from evolink_studio.library.media.png import SIGNATURE, mend_pixel_checksum, read_png

log = structlog.get_logger(__name__)

MAX_IMAGE_PIXELS = 40_000_000  # of a picture that is kept; a larger one is scaled down
MAX_SIDE_PIXELS = 16_383  # the maximum of WebP, the format of the posters
MAX_SOURCE_PIXELS = 100_000_000
MAX_JPEG_SOURCE_PIXELS = 200_000_000  # is scaled while it is decoded, and telephones make them
MAX_JPEG_SCANS = 100  # a progressive JPEG has about 10
_SCALES = (1, 2, 4, 8)  # what libjpeg can do
DECODE_MEMORY_BYTES = 640_000_000  # of one process, for all pictures it decodes at the same time
_ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF")
_JPEG_FORMATS = {"JPEG", "MPO"}  # MPO is a JPEG with further pictures in it
# Bytes per pixel of the file while it is decoded and scaled, as measured.
_DECODE_BYTES_PER_PIXEL = {"WEBP": 16, "AVIF": 9, "HEIF": 9, "GIF": 6}
_DECODE_BYTES_PER_PIXEL_BY_MODE = {"1": 3, "L": 2, "P": 6, "I;16": 6, "RGB": 5, "LA": 9, "RGBA": 9}
_EDIT_BYTES_PER_PIXEL = 12  # of the picture that is kept: converted and turned upright

# A browser's picture without its end marker is whole if these, in its place, change nothing.
_JPEG_FILLERS = (bytes(range(1, 255)) * 4, bytes(range(254, 0, -1)) * 4)
_JPEG_END = b"\xff\xd9"
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _DEFINE_RESTARTS = 0xDA, 0xDD
_FRESH_PIXELS = (0.31, 0.69)  # what an undecoded pixel shows, as part of the maximum

# Our own limits are lower and have their own message.
Image.MAX_IMAGE_PIXELS = MAX_JPEG_SOURCE_PIXELS  # beyond twice this, Pillow raises
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class DecodedImage:
    """The first frame of a file, scaled down if the whole was too large to keep.

    `format` is Pillow's name. `profiles` are the ICC profiles of its colours, best first.
    `orientation` is the value of EXIF, 1 for upright. `source_size` is in pixels, as in the file.
    """

    image: Image.Image
    format: str
    profiles: tuple[bytes, ...]
    orientation: int
    source_size: tuple[int, int]


class MemoryBudget:
    """Memory that threads share: who needs more than is left waits until others are done."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._free_bytes = total_bytes
        self._condition = threading.Condition()

    @contextmanager
    def reserve(self, needed_bytes: int) -> Iterator[None]:
        """Hold that much, at most all of it, for the body."""
        reserved_bytes = min(needed_bytes, self.total_bytes)
        with self._condition:
            self._condition.wait_for(lambda: self._free_bytes >= reserved_bytes)
            self._free_bytes -= reserved_bytes
        try:
            yield
        finally:
            with self._condition:
                self._free_bytes += reserved_bytes
                self._condition.notify_all()


DECODE_MEMORY = MemoryBudget(DECODE_MEMORY_BYTES)


@contextmanager
def open_image(content: bytes) -> Iterator[DecodedImage]:
    """Decode a picture; its memory is accounted for until the body is done.

    Raises InvalidImage for a file that is no picture or not whole, ImageTooLarge.
    """
    try:
        png = read_png(content) if content.startswith(SIGNATURE) else None
        readable_content = png.content if png else content
        with _open_file(readable_content) as header:
            format, source_size = header.format or "", header.size
            factor = compute_scale(source_size, can_scale=format != "GIF")
            needed_bytes = _estimate_memory(header, factor)
        if format in _JPEG_FORMATS and _count_scans(content) > MAX_JPEG_SCANS:
            raise InvalidImage
        with DECODE_MEMORY.reserve(needed_bytes):
            image = _load(readable_content, factor)
            # The container may state another size than the picture in it.
            if image.size != source_size and (factor == 1 or format not in _JPEG_FORMATS):
                compute_scale(image.size, can_scale=False)  # raises if it is too large
            exif = png.exif if png else image.info.get("exif") or b""
            profiles = png.profiles if png else tuple(_find_profiles(image, content))
            del png, readable_content  # nothing needs what was packed any more
            yield DecodedImage(
                _scale_down(image, factor),
                format,
                profiles,
                _read_orientation(format, exif),
                source_size,
            )
    except FileRejected:
        raise
    except Image.DecompressionBombError as error:
        raise _build_size_error(MAX_JPEG_SOURCE_PIXELS) from error
    except Exception as error:  # a decoder can fail in any way on a file made to break it
        log.info("image rejected", reason=type(error).__name__, bytes=len(content))
        raise InvalidImage from error


def compute_scale(size: tuple[int, int], *, can_scale: bool = True) -> int:
    """By which of 1, 2, 4 and 8 both sides must be divided to be kept. Raises ImageTooLarge."""
    width, height = size
    for factor in _SCALES if can_scale else _SCALES[:1]:
        fits_area = width * height <= MAX_IMAGE_PIXELS * factor**2
        if fits_area and max(width, height) <= MAX_SIDE_PIXELS * factor:
            return factor
    raise _build_size_error(MAX_IMAGE_PIXELS * factor**2, MAX_SIDE_PIXELS * factor)


def _build_size_error(
    max_pixels: int, max_side: int = MAX_SIDE_PIXELS * _SCALES[-1]
) -> ImageTooLarge:
    """With the size that files of this kind may have."""
    return ImageTooLarge(limit=max_pixels // 1_000_000, side=max_side)


def _estimate_memory(header: Image.Image, factor: int) -> int:
    """Bytes that decoding and editing take at most. Raises ImageTooLarge beyond the budget."""
    pixels = header.width * header.height
    is_jpeg = header.format in _JPEG_FORMATS
    if is_jpeg:
        decode_bytes = pixels * 4 // factor**2 + _count_coefficient_bytes(header)
    else:
        bytes_per_pixel = _DECODE_BYTES_PER_PIXEL.get(
            header.format or "", _DECODE_BYTES_PER_PIXEL_BY_MODE.get(header.mode, 9)
        )
        decode_bytes = pixels * bytes_per_pixel
    needed_bytes = max(decode_bytes, pixels * _EDIT_BYTES_PER_PIXEL // factor**2)
    max_pixels = min(
        MAX_JPEG_SOURCE_PIXELS if is_jpeg else MAX_SOURCE_PIXELS,
        pixels * DECODE_MEMORY_BYTES // max(needed_bytes, 1),
    )
    if pixels > max_pixels:
        raise _build_size_error(max_pixels)
    return needed_bytes


def _count_coefficient_bytes(header: Image.Image) -> int:
    """What libjpeg keeps of a progressive JPEG until its last scan: two bytes a coefficient."""
    layers = getattr(header, "layer", [])
    if not header.info.get("progressive") or not layers:
        return 0
    samplings: list[int] = [horizontal * vertical for _, horizontal, vertical, _ in layers]
    return 2 * header.width * header.height * sum(samplings) // max(samplings)


@contextmanager
def _open_file(content: bytes) -> Iterator[Image.Image]:
    with Image.open(io.BytesIO(content), formats=_load_allowed_formats()) as image:
        yield image


@cache
def _load_allowed_formats() -> tuple[str, ...]:
    import pillow_heif  # takes 0.1 s, so it is not imported at start

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    Image.init()  # with a list of formats, Pillow looks only among the plugins it has loaded
    return _ALLOWED_FORMATS


def _load(content: bytes, factor: int) -> Image.Image:
    """The whole first frame. If a part is missing, raises InvalidImage or what a decoder raises."""
    with _open_file(content) as image:
        if image.format in _JPEG_FORMATS:
            return _load_jpeg(content, image, factor)
        if image.format == "PNG":
            loaded_image = _load_png(content, image)
            is_deep_grey_alpha = content[24:26] == b"\x10\x04"  # bits and colour type
            # Pillow opens those as colours, to which no profile of greys would apply.
            return loaded_image.convert("LA") if is_deep_grey_alpha else loaded_image
        image.load()
        return image


def _load_jpeg(content: bytes, image: Image.Image, factor: int) -> Image.Image:
    _draft(image, factor)
    try:
        image.load()
    except OSError:  # it stops before its end marker; is there still everything else?
        image.im = None  # type: ignore[assignment]  # gives its memory back
        if not _has_all_scans(content):
            raise InvalidImage from None
        digests = set()
        for filler in _build_fillers(content):
            mended_content = content.rstrip(b"\xff") + filler + _JPEG_END
            with _open_file(mended_content) as mended_image:
                _draft(mended_image, factor)
                mended_image.load()
                digests.add(hashlib.sha256(mended_image.tobytes()).digest())
        if len(digests) > 1:
            raise InvalidImage from None
        return mended_image
    return image


def _draft(image: Image.Image, factor: int) -> None:
    """Let libjpeg scale: the sides are rounded up."""
    if factor > 1:
        image.draft(None, (max(image.width // factor, 1), max(image.height // factor, 1)))


def _load_png(content: bytes, image: Image.Image) -> Image.Image:
    """Pillow takes pixels that end early for whole: the last rows then stay as they were."""
    try:
        _load_over(image, _FRESH_PIXELS[0])
    except OSError:
        mended_content = mend_pixel_checksum(content)
        if mended_content is None:
            raise
        with _open_file(mended_content) as mended_image:
            _load_over(mended_image, _FRESH_PIXELS[0])
        content, image = mended_content, mended_image
    if _is_end_fresh(image, _FRESH_PIXELS[0]):
        with _open_file(content) as second_image:
            _load_over(second_image, _FRESH_PIXELS[1])
            if _is_end_fresh(second_image, _FRESH_PIXELS[1]):
                raise InvalidImage
    return image


def _load_over(image: Image.Image, part: float) -> None:
    colour = _get_fresh_colour(image.mode, part)
    fresh_image = Image.new(image.mode, image.size, colour)
    image.im = fresh_image.im
    image.load()


def _is_end_fresh(image: Image.Image, part: float) -> bool:
    """Whether one of the last two rows was not decoded; with interlacing either comes last."""
    colour = _get_fresh_colour(image.mode, part)
    bounds = colour if isinstance(colour, tuple) else (colour,)
    for top in range(max(image.height - 2, 0), image.height):
        row = Image.Image.crop(image, (0, top, image.width, top + 1))
        extrema = row.getextrema()
        row_bounds = extrema if isinstance(extrema[0], tuple) else (extrema,)
        if row_bounds == tuple((value, value) for value in bounds):
            return True
    return False


def _get_fresh_colour(mode: str, part: float) -> int | tuple[int, ...]:
    if mode == "1":
        return 255 if part > 0.5 else 0
    if mode.startswith("I;16"):
        return round(65535 * part)
    band_count = len(Image.new(mode, (1, 1)).getbands())
    values = tuple(round(255 * part) + band for band in range(band_count))
    return values if band_count > 1 else values[0]


def _scale_down(image: Image.Image, factor: int) -> Image.Image:
    if factor == 1 or image.format in _JPEG_FORMATS:
        return _scale_to_eight_bits(image)
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = _scale_to_eight_bits(image)
    return (image.convert("L") if image.mode == "1" else image).reduce(factor)


def _scale_to_eight_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I;16"):
        return image
    # Pillow cuts 16-bit grey off at 255 instead of scaling it.
    grey_image = image.point(lambda value: value * (1 / 256)).convert("L")
    if "transparency" in grey_image.info:
        grey_image.info["transparency"] //= 256
    return grey_image


def _find_profiles(image: Image.Image, content: bytes) -> Iterator[bytes]:
    if profile := image.info.get("icc_profile"):
        yield profile
        return
    nclx = image.info.get("nclx_profile") or {}
    codes = nclx.get("color_primaries", 0), nclx.get("transfer_characteristics", 0)
    if image.format == "AVIF" and (start := content.find(b"colrnclx")) > 0:
        numbers = content[start + 8 : start + 12]
        codes = int.from_bytes(numbers[:2], "big"), int.from_bytes(numbers[2:], "big")
    if coded_profile := build_coded_profile(*codes, video_transfer=decode_srgb):
        yield coded_profile


def _read_orientation(format: str, exif_content: bytes) -> int:
    """As browsers do: from EXIF, and never from XMP; WebP has none, HEIC is decoded upright."""
    if format not in {"JPEG", "MPO", "PNG", "AVIF"}:
        return 1
    if format == "PNG" and exif_content[:2] not in {b"II", b"MM"}:
        return 1
    exif = Image.Exif()
    with suppress(Exception):  # damaged notes are no reason to reject a picture
        exif.load(exif_content)
        return int(exif.get(ExifTags.Base.Orientation, 1))
    return 1


def _build_fillers(content: bytes) -> Iterator[bytes]:
    """In a picture with restart markers, what is missing may begin with the next one."""
    yield from _JPEG_FILLERS
    if any(marker == _DEFINE_RESTARTS for marker, _ in _iterate_segments(content)):
        found_markers = re.findall(rb"\xff([\xd0-\xd7])", content)
        next_number = (found_markers[-1][0] + 1) % 8 if found_markers else 0
        for filler in _JPEG_FILLERS:
            yield bytes((0xFF, 0xD0 + next_number)) + filler


def _has_all_scans(content: bytes) -> bool:
    """Whether every coefficient of every component was announced to its last bit.

    A progressive JPEG that ends between two scans is a blurred picture, not a whole one.
    """
    missing: set[tuple[int, int]] = set()
    for marker, body in _iterate_segments(content):
        if marker in _START_OF_FRAME:
            component_ids = body[6 : 6 + 3 * body[5] : 3]
            missing = {(component, index) for component in component_ids for index in range(64)}
        elif marker == _START_OF_SCAN:
            first, last, bits = body[1 + 2 * body[0] :][:3]
            if bits & 0x0F == 0:
                component_ids = body[1 : 1 + 2 * body[0] : 2]
                missing -= {(i, index) for i in component_ids for index in range(first, last + 1)}
    return not missing


def _count_scans(content: bytes) -> int:
    """The number of scans in a JPEG; each costs as much as decoding the picture once."""
    return sum(marker == _START_OF_SCAN for marker, _ in _iterate_segments(content))


def _iterate_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The markers of a JPEG with what follows their length, up to its end."""
    offset = 2
    while 0 <= (offset := content.find(b"\xff", offset)) < len(content) - 3:
        marker = content[offset + 1]
        if marker == 0xD9:  # end of image
            break
        if marker == 0xFF:  # fill byte
            offset += 1
        elif marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            offset += 2
        else:
            end = offset + 2 + int.from_bytes(content[offset + 2 : offset + 4], "big")
            yield marker, content[offset + 4 : end]
            offset = end
