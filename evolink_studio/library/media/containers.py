"""Opening a film or sound file that nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog

from evolink_studio.library.exceptions import NotTaken

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream


Kind = Literal["image", "video", "audio"]

HEAD = 64  # bytes that are enough to tell


@dataclass(frozen=True)
class Container:
    """A film or sound format, and the one demuxer that may open it.

    FFmpeg would try them all, and some of its formats are lists of other files and addresses.
    """

    kind: Kind
    format: str
    mime: str
    demuxer: str


MP4 = Container("video", "mp4", "video/mp4", "mov")
MOV = Container("video", "mov", "video/quicktime", "mov")
WEBM = Container("video", "webm", "video/webm", "matroska")
M4A = Container("audio", "m4a", "audio/mp4", "mov")
MP3 = Container("audio", "mp3", "audio/mpeg", "mp3")
WAV = Container("audio", "wav", "audio/wav", "wav")
OGG = Container("audio", "ogg", "audio/ogg", "ogg")

# The brand after "ftyp" tells which of the many things of this family a file is.
_STILLS = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BRANDS = {b"qt  ": MOV, b"M4A ": M4A, b"M4B ": M4A}
_OLD_QUICKTIME = {b"moov", b"mdat", b"wide", b"skip", b"pnot"}
_STARTS = {b"ID3": MP3, b"OggS": OGG}


def container(head: bytes) -> Container | None:
    """The film or sound format that begins so; None for a picture or anything else."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return None if brand in _STILLS else _BRANDS.get(brand, MP4)
    if head[4:8] in _OLD_QUICKTIME:
        return MOV
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if b"webm" in head[:HEAD] else None
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return WAV
    if _is_mp3_frame(head):
        return MP3
    return next((found for start, found in _STARTS.items() if head.startswith(start)), None)


def kind_of(head: bytes) -> Kind:
    """Who should judge this file. What nobody knows goes to the pictures, which refuse it."""
    found = container(head)
    return found.kind if found else "image"


def _is_mp3_frame(head: bytes) -> bool:
    # Eleven bits of synchronisation, then layer III.
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


log = structlog.get_logger(__name__)

MAX_PACKETS = 2_000_000
MAX_SECONDS = 24 * 3600
MAX_FILM_PIXELS = 16_000_000  # 5120 × 2880; a decoder may hold 16 such frames
_MICROSECONDS = Decimal(1_000_000)
_PATIENCE = 10.0  # seconds for one read
_OPTIONS = {
    "protocol_whitelist": "file",
    "max_streams": "16",
    "max_pixels": str(MAX_FILM_PIXELS),
    "threads": "1",
}


@dataclass(frozen=True)
class Walk:
    """What reading every packet showed. Times are seconds from the beginning of the file.

    `claimed` is the length that the header gives, None if it gives none; `end` is where the last
    packet ends. `whole` is False when a packet was cut. `last_key` is the time stamp of the last
    point at which decoding can begin, in units of the stream asked for.
    """

    claimed: Decimal | None
    end: Decimal
    whole: bool
    last_key: int


def container_of(path: Path, kind: Kind, refusal: type[NotTaken]) -> Container:
    """The container by its first bytes, if it is one of this kind."""
    with path.open("rb") as file:
        found = container(file.read(HEAD))
    if found is None or found.kind != kind:
        raise refusal
    return found


@contextmanager
def opened(path: Path, demuxer: str, refusal: type[NotTaken]) -> Iterator[InputContainer]:
    """The container, opened by this demuxer alone. Whatever fails on the way is a `refusal`."""
    import av  # takes a tenth of a second, and most processes never look into a film

    try:
        with av.open(
            str(path),
            mode="r",
            format=demuxer,
            options=_OPTIONS,
            metadata_errors="replace",
            timeout=_PATIENCE,
        ) as file:
            yield file
    except NotTaken:
        raise
    except Exception as error:  # a decoder can fail in any way on a file made to break it
        log.info("film or sound refused", reason=type(error).__name__)
        raise refusal from error


def prepare(stream: Stream) -> None:
    """One thread and a limit for frames, before anything is decoded."""
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_FILM_PIXELS)}


def walk(file: InputContainer, stream: Stream, refusal: type[NotTaken]) -> Walk:
    """Read every packet without decoding it: a cut file shows itself by where it ends."""
    begin: Fraction | None = None
    end, whole, last_key = Fraction(0), True, 0
    for count, packet in enumerate(file.demux()):
        if count > MAX_PACKETS:
            raise refusal
        whole = whole and not packet.is_corrupt
        if packet.pts is None or packet.stream.type not in {"video", "audio"}:
            continue
        at = packet.pts * packet.time_base
        begin = at if begin is None else min(begin, at)
        end = max(end, at + (packet.duration or 0) * packet.time_base)
        if packet.is_keyframe and packet.stream_index == stream.index:
            last_key = packet.pts
    length = end - (begin or 0)
    claimed = Decimal(file.duration) / _MICROSECONDS if file.duration else None
    return Walk(claimed, decimal(length), whole, last_key)


def decimal(seconds: Fraction) -> Decimal:
    """Exact seconds as a decimal with milliseconds."""
    return (Decimal(seconds.numerator) / seconds.denominator).quantize(Decimal("0.001"))
