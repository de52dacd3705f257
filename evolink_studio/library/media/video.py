"""Films: is this one that plays, how long and large is it, and what does it look like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from evolink_studio.library.exceptions import NotAFilm as NotAFilm
from evolink_studio.library.media import images
from evolink_studio.library.media.containers import (
    MAX_SECONDS,
    Walk,
    container_of,
    opened,
    prepare,
    walk,
)
from evolink_studio.library.media.images import Picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# What browsers play, and what cameras and editing programs write.
_CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores"}
_FIRST_WITHIN = 120  # packets
_SLACK = Decimal("0.5")  # seconds that a header may promise too much
# Decoded pixels one question may cost: 100 frames of 1080p, and ten times that for a chosen frame.
_BUDGET = 200_000_000
_BUDGET_FOR_FRAME = 2_000_000_000
_TURNS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class FilmFacts:
    """`width` and `height` in pixels as the film is shown; `format` is mp4, webm or mov."""

    width: int
    height: int
    seconds: Decimal
    codec: str
    has_sound: bool
    format: str
    mime: str


def probe(path: Path) -> FilmFacts:
    """Read every packet, decode the first frame and the last ones. Raises NotAFilm.

    Probing the header alone is not enough: half a file with its index in front still looks whole.
    """
    kind = container_of(path, "video", NotAFilm)
    with opened(path, kind.demuxer, NotAFilm) as file:
        stream = _picture_track(file)
        first = next(_from_start(file, stream), None)
        if first is None:
            raise NotAFilm
        file.seek(0)
        walked = walk(file, stream, NotAFilm)
        seconds = _checked_length(walked)
        file.seek(walked.last_key, stream=stream)
        if not sum(1 for _ in _decoded(file, stream, _BUDGET)):
            raise NotAFilm
        width, height = _shown(first).size
        sound = bool(file.streams.audio)
        codec = stream.codec_context.codec.canonical_name
        return FilmFacts(width, height, seconds, codec, sound, kind.format, kind.mime)


def poster(path: Path) -> bytes:
    """A WebP of a frame near the beginning, its longest side at most 640 pixels."""
    return images.small_webp(_shown(_frame_at(path, None, _BUDGET)))


def frame(path: Path, second: Decimal) -> Picture:
    """The frame shown at `second` (the last one if the film is shorter) as a JPEG."""
    return images.written(_shown(_frame_at(path, second, _BUDGET_FOR_FRAME)), "jpeg")


def _picture_track(file: InputContainer) -> VideoStream:
    stream = next(iter(file.streams.video), None)
    if stream is None or stream.codec_context.codec.canonical_name not in _CODECS:
        raise NotAFilm
    prepare(stream)
    return stream


def _checked_length(walked: Walk) -> Decimal:
    seconds = walked.claimed or walked.end
    if not walked.whole or walked.end + _SLACK < seconds or not 0 < seconds <= MAX_SECONDS:
        raise NotAFilm
    return seconds.quantize(Decimal("0.001"))


def _from_start(file: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for count, packet in enumerate(file.demux(stream)):
        if count > _FIRST_WITHIN:
            return
        yield from packet.decode()


def _decoded(file: InputContainer, stream: VideoStream, budget: int) -> Iterator[VideoFrame]:
    """Frames from here on, until the end or until `budget` pixels were decoded."""
    for picture in file.decode(stream):
        yield picture
        budget -= picture.width * picture.height
        if budget <= 0:
            return


def _frame_at(path: Path, second: Decimal | None, budget: int) -> VideoFrame:
    kind = container_of(path, "video", NotAFilm)
    with opened(path, kind.demuxer, NotAFilm) as file:
        stream = _picture_track(file)
        if second is None:  # the very first frame is often black
            second = min(Decimal(1), Decimal(file.duration or 0) / 10_000_000)
        wanted = int(Fraction(second) / Fraction(stream.time_base or 1)) + (stream.start_time or 0)
        file.seek(wanted, stream=stream)
        found: VideoFrame | None = None
        for picture in _decoded(file, stream, budget):
            if found is not None and picture.pts is not None and picture.pts > wanted:
                break
            found = picture
        if found is None:
            raise NotAFilm
        return found


def _shown(picture: VideoFrame) -> Image.Image:
    """The frame as a player shows it: phones film lying down and note the turn beside."""
    image: Image.Image = picture.to_image()  # type: ignore[no-untyped-call]  # PyAV types it not
    turn = _TURNS.get(picture.rotation % 360)
    return image if turn is None else image.transpose(turn)
