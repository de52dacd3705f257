"""Detecting, opening and scanning untrusted film and sound files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import structlog

from evolink_studio.library.exceptions import FileRejected

log = structlog.get_logger(__name__)


if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream


MediaKind = Literal["image", "video", "audio"]

HEAD_BYTES = 64  # enough to detect the format
MAX_PACKETS = 2_000_000
MAX_DURATION_SECONDS = 24 * 3600
MAX_VIDEO_PIXELS = 16_000_000  # 5120 × 2880; a decoder may hold 16 such frames


@dataclass(frozen=True)
class ContainerFormat:
    """A film or sound format, and the one demuxer that may open it.

    FFmpeg would try every demuxer, and some of its formats are lists of other files and URLs.
    """

    kind: MediaKind
    format: str
    mime: str
    demuxer: str


MP4 = ContainerFormat("video", "mp4", "video/mp4", "mov")
MOV = ContainerFormat("video", "mov", "video/quicktime", "mov")
WEBM = ContainerFormat("video", "webm", "video/webm", "matroska")
MKV = ContainerFormat("video", "mkv", "video/x-matroska", "matroska")
M4A = ContainerFormat("audio", "m4a", "audio/mp4", "mov")
MP3 = ContainerFormat("audio", "mp3", "audio/mpeg", "mp3")
WAV = ContainerFormat("audio", "wav", "audio/wav", "wav")
OGG = ContainerFormat("audio", "ogg", "audio/ogg", "ogg")

# The brand after "ftyp" tells the formats of this container family apart.
_IMAGE_BRANDS = {
    b"avif",
    b"avis",
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"mif1",
    b"msf1",
}
_FORMAT_BY_BRAND = {b"qt  ": MOV, b"M4A ": M4A, b"M4B ": M4A}
_FILM_BOXES = {b"ftyp", b"moov", b"moof"}
_QUICKTIME_ATOMS = {b"moov", b"mdat", b"wide", b"skip", b"pnot"}
# Boxes that may stand before "ftyp", or where there is none.
_LEADING_BOXES = {b"free", b"styp", b"uuid", b"sidx", b"moof", b"junk", b"udta", b"emsg", b"prft"}
_MAX_LEADING_BOX_BYTES = 1 << 28  # else it is a text with such a word in it
_MAX_LEADING_BOXES = 64
_BOX_NAME_PATTERN = re.compile(rb"[\x20-\x7e\xa9]{4}")
_FORMAT_BY_PREFIX = {b"ID3": MP3, b"OggS": OGG}


def match_signature(head: bytes) -> ContainerFormat | None:
    """The film or sound format with these first bytes; None for a picture or anything else."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return None if brand in _IMAGE_BRANDS else _FORMAT_BY_BRAND.get(brand, MP4)
    if head[4:8] in _QUICKTIME_ATOMS:
        return MOV
    if head[4:8] in _LEADING_BOXES and _read_box_size(head) < _MAX_LEADING_BOX_BYTES:
        return MP4
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _match_doctype(head[:HEAD_BYTES])
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return WAV
    if _is_mp3_frame(head):
        return MP3
    return next(
        (
            container_format
            for prefix, container_format in _FORMAT_BY_PREFIX.items()
            if head.startswith(prefix)
        ),
        None,
    )


def _match_doctype(head: bytes) -> ContainerFormat | None:
    formats = ((b"webm", WEBM), (b"matroska", MKV))
    return next((container_format for name, container_format in formats if name in head), None)


def _read_box_size(head: bytes) -> int:
    return int.from_bytes(head[:4], "big")


def detect_kind(file: BinaryIO) -> MediaKind:
    """The kind by the first bytes. Unknown content counts as an image, whose decoder rejects it."""
    container_format = _match_file(file)
    return container_format.kind if container_format else "image"


def _match_file(file: BinaryIO) -> ContainerFormat | None:
    """`match_signature`; also where a box that nobody knows stands before those of a film."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    container_format = match_signature(head)
    if container_format is not None or head[4:8] == b"ftyp":
        return container_format
    names = {box[4:8] for box in _iterate_boxes(file)}
    return None if names.isdisjoint(_FILM_BOXES) else MP4


def _is_mp3_frame(head: bytes) -> bool:
    # Eleven bits of synchronisation, then layer III.
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


_MICROSECONDS_PER_SECOND = Decimal(1_000_000)
_READ_TIMEOUT_SECONDS = 10.0  # for one read
_DEMUXER_OPTIONS = {
    "protocol_whitelist": "file",
    "max_streams": "16",
    "max_pixels": str(MAX_VIDEO_PIXELS),
    "threads": "1",
}


@dataclass(frozen=True)
class PacketScan:
    """The result of reading every packet.

    `header_seconds` is the length that the header states, None if it states none; `end_seconds`
    is the time from the first packet to the end of the last. `is_complete` is False when a packet
    was cut. `last_keyframe_pts` is the timestamp of the last keyframe, in units of the stream.
    """

    header_seconds: Decimal | None
    end_seconds: Decimal
    is_complete: bool
    last_keyframe_pts: int


def detect_container(
    path: Path, kind: MediaKind, error_class: type[FileRejected]
) -> ContainerFormat:
    """The format by the first bytes. Raises `error_class` if it is not of this kind."""
    with path.open("rb") as file:
        container_format = _match_file(file)
        file.seek(0)
        if container_format in (MP4, MOV) and not is_plain(file.read(HEAD_BYTES)):
            container_format = match_signature(_find_file_type_box(file)) or container_format
    if container_format is None or container_format.kind != kind:
        raise error_class
    return container_format


def is_plain(head: bytes) -> bool:
    """Whether a file of the MP4 family begins as all players expect it."""
    return head[4:8] == b"ftyp"


def _find_file_type_box(file: BinaryIO) -> bytes:
    """The "ftyp" box behind other boxes; b"" without one."""
    return next((box for box in _iterate_boxes(file) if box[4:8] == b"ftyp"), b"")


def _iterate_boxes(file: BinaryIO) -> Iterator[bytes]:
    """The beginnings of the first boxes of the MP4 family, as far as they are such."""
    offset = 0
    for _ in range(_MAX_LEADING_BOXES):
        file.seek(offset)
        head = file.read(HEAD_BYTES)
        size = _read_box_size(head)
        if size == 1:  # the real size follows, in 64 bits
            size = int.from_bytes(head[8:16], "big")
        if size < 8 or not _BOX_NAME_PATTERN.fullmatch(head[4:8]) or size >= 1 << 62:
            return
        yield head
        offset += size


@contextmanager
def open_container(
    path: Path, demuxer: str, error_class: type[FileRejected]
) -> Iterator[InputContainer]:
    """The file, opened with this demuxer only. Any failure inside raises `error_class`."""
    import av  # takes 0.1 s, and most processes never open a film

    try:
        with av.open(
            str(path),
            mode="r",
            format=demuxer,
            options=_DEMUXER_OPTIONS,
            metadata_errors="replace",
            timeout=_READ_TIMEOUT_SECONDS,
        ) as file:
            yield file
    except FileRejected:
        raise
    except Exception as error:  # a decoder can fail in any way on a file made to break it
        log.info("media rejected", reason=type(error).__name__)
        raise error_class from error


def configure_decoder(stream: Stream) -> None:
    """Limit the threads and the frame size before anything is decoded."""
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_VIDEO_PIXELS)}


def scan_packets(
    file: InputContainer, stream: Stream, error_class: type[FileRejected]
) -> PacketScan:
    """Read every packet without decoding: the end of the last one shows whether the file is cut.

    Raises `error_class` for more than `MAX_PACKETS`.
    """
    start: Fraction | None = None
    end, is_complete, last_keyframe_pts = Fraction(0), True, 0
    for count, packet in enumerate(file.demux()):
        if count > MAX_PACKETS:
            raise error_class
        is_complete = is_complete and not packet.is_corrupt
        if packet.pts is None or packet.stream.type not in {"video", "audio"}:
            continue
        timestamp = packet.pts * packet.time_base
        start = timestamp if start is None else min(start, timestamp)
        end = max(end, timestamp + (packet.duration or 0) * packet.time_base)
        if packet.is_keyframe and packet.stream_index == stream.index:
            last_keyframe_pts = packet.pts
    duration = end - (start or 0)
    header_seconds = Decimal(file.duration) / _MICROSECONDS_PER_SECOND if file.duration else None
    return PacketScan(header_seconds, to_decimal_seconds(duration), is_complete, last_keyframe_pts)


def to_decimal_seconds(seconds: Fraction) -> Decimal:
    """Exact seconds as a decimal with milliseconds."""
    return (Decimal(seconds.numerator) / seconds.denominator).quantize(Decimal("0.001"))
