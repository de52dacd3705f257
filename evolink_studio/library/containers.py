"""Opening a film or sound file that nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from evolink_studio.library.errors import NotTaken
from evolink_studio.library.signatures import HEAD, Container, Kind, container

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

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
