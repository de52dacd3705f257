"""Probing films: whether one plays, its length, size and posters. Extracting frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from evolink_studio.library.exceptions import InvalidVideo
from evolink_studio.library.media import images
from evolink_studio.library.media.containers import (
    MAX_DURATION_SECONDS,
    PacketScan,
    configure_decoder,
    detect_container,
    open_container,
    scan_packets,
)
from evolink_studio.library.media.images import EncodedImage, Posters

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# What browsers play, and what cameras and editing programs write.
_ALLOWED_CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores"}
_MAX_FIRST_PACKETS = 120
_DURATION_TOLERANCE_SECONDS = Decimal("0.5")  # that the header may state too much
# Limits of decoded pixels: 24 frames of 1080p for a probe, a thousand for a chosen frame.
_PROBE_BUDGET_PIXELS = 50_000_000
_FRAME_BUDGET_PIXELS = 2_000_000_000
_POSTER_SECOND = Decimal("0.5")  # of a long film; of a short one a tenth of its length
_TRANSPOSE_BY_ROTATION = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class VideoInfo:
    """`width` and `height` in pixels as the film is shown; `format` is mp4, webm, mov or mkv.

    `posters` show a frame near the beginning: the very first one is often black.
    """

    width: int
    height: int
    seconds: Decimal
    codec: str
    has_audio: bool
    format: str
    mime: str
    posters: Posters = field(repr=False)


def probe_video(path: Path) -> VideoInfo:
    """Read every packet, decode the first frames and those after the last keyframe.

    Raises InvalidVideo.

    The header alone is not enough: half a file with its index in front looks complete.
    """
    container_format = detect_container(path, "video", InvalidVideo)
    with open_container(path, container_format.demuxer, InvalidVideo) as file:
        stream = _get_video_stream(file)
        poster_frame = _decode_poster_frame(file, stream)
        file.seek(0)
        scan = scan_packets(file, stream, InvalidVideo)
        seconds = _validate_duration(scan)
        # A short film has one keyframe, from which the first frames were decoded just now.
        if poster_frame.pts is None or scan.last_keyframe_pts > poster_frame.pts:
            file.seek(scan.last_keyframe_pts, stream=stream)
            if not sum(1 for _ in _limit_frames(file.decode(stream), _PROBE_BUDGET_PIXELS)):
                raise InvalidVideo
        image = _to_upright_image(poster_frame)
        width, height = image.size
        return VideoInfo(
            width=width,
            height=height,
            seconds=seconds,
            codec=stream.codec_context.codec.canonical_name,
            has_audio=bool(file.streams.audio),
            format=container_format.format,
            mime=container_format.mime,
            posters=images.encode_posters(image),
        )


def extract_frame(path: Path, second: Decimal) -> EncodedImage:
    """The frame shown at `second` (the last one if the film is shorter) as a JPEG."""
    return images.encode_image(_to_upright_image(_decode_frame_at(path, second)), "jpeg")


def find_video_stream(file: InputContainer) -> VideoStream:
    """The stream with the film: a cover picture may stand before it. Raises InvalidVideo."""
    from av.stream import Disposition

    streams = [
        stream
        for stream in file.streams.video
        if stream.codec_context.codec.canonical_name in _ALLOWED_CODECS
        and not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise InvalidVideo
    return max(streams, key=lambda stream: stream.frames)  # the first where none says


def _get_video_stream(file: InputContainer) -> VideoStream:
    stream = find_video_stream(file)
    configure_decoder(stream)
    return stream


def _validate_duration(scan: PacketScan) -> Decimal:
    seconds = scan.header_seconds or scan.end_seconds
    if (
        not scan.is_complete
        or scan.end_seconds + _DURATION_TOLERANCE_SECONDS < seconds
        or not 0 < seconds <= MAX_DURATION_SECONDS
    ):
        raise InvalidVideo
    return seconds.quantize(Decimal("0.001"))


def _decode_poster_frame(file: InputContainer, stream: VideoStream) -> VideoFrame:
    second = min(_POSTER_SECOND, Decimal(file.duration or 0) / 10_000_000)
    frames = _limit_frames(_decode_first_packets(file, stream), _PROBE_BUDGET_PIXELS)
    return _choose_shown_frame(frames, _compute_pts(stream, second))


def _decode_first_packets(file: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for packet in islice(file.demux(stream), _MAX_FIRST_PACKETS):
        yield from packet.decode()


def _limit_frames(frames: Iterable[VideoFrame], pixel_budget: int) -> Iterator[VideoFrame]:
    """These frames, until `pixel_budget` pixels were decoded."""
    for video_frame in frames:
        yield video_frame
        pixel_budget -= video_frame.width * video_frame.height
        if pixel_budget <= 0:
            return


def _decode_frame_at(path: Path, second: Decimal) -> VideoFrame:
    container_format = detect_container(path, "video", InvalidVideo)
    with open_container(path, container_format.demuxer, InvalidVideo) as file:
        stream = _get_video_stream(file)
        target_pts = _compute_pts(stream, second)
        file.seek(target_pts, stream=stream)
        frames = _limit_frames(file.decode(stream), _FRAME_BUDGET_PIXELS)
        return _choose_shown_frame(frames, target_pts)


def _compute_pts(stream: VideoStream, second: Decimal) -> int:
    """The timestamp of a second of the film, in units of the stream."""
    return int(Fraction(second) / Fraction(stream.time_base or 1)) + (stream.start_time or 0)


def _choose_shown_frame(frames: Iterable[VideoFrame], target_pts: int) -> VideoFrame:
    """The frame that a player shows at this time, else the last one. Raises InvalidVideo."""
    shown_frame: VideoFrame | None = None
    for video_frame in frames:
        is_later = video_frame.pts is not None and video_frame.pts > target_pts
        if shown_frame is not None and is_later:
            break
        shown_frame = video_frame
    if shown_frame is None:
        raise InvalidVideo
    return shown_frame


def _to_upright_image(video_frame: VideoFrame) -> Image.Image:
    """The frame as a player shows it: phones store the rotation as metadata."""
    image: Image.Image = video_frame.to_image()  # type: ignore[no-untyped-call]  # PyAV has no type for it
    transpose = _TRANSPOSE_BY_ROTATION.get(video_frame.rotation % 360)
    return image if transpose is None else image.transpose(transpose)
