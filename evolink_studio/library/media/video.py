"""Probing films (whether one plays, its length and size), and extracting frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
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
from evolink_studio.library.media.images import EncodedImage

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# What browsers play, and what cameras and editing programs write.
_ALLOWED_CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores"}
_MAX_PACKETS_BEFORE_FRAME = 120
_DURATION_TOLERANCE_SECONDS = Decimal("0.5")  # that the header may state too much
# Limits of decoded pixels: 100 frames of 1080p for a probe, ten times that for a chosen frame.
_PROBE_BUDGET_PIXELS = 200_000_000
_FRAME_BUDGET_PIXELS = 2_000_000_000
_TRANSPOSE_BY_ROTATION = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class VideoInfo:
    """`width` and `height` in pixels as the film is shown; `format` is mp4, webm, mov or mkv."""

    width: int
    height: int
    seconds: Decimal
    codec: str
    has_audio: bool
    format: str
    mime: str


def probe_video(path: Path) -> VideoInfo:
    """Read every packet, decode the first frame and the last ones. Raises InvalidVideo.

    The header alone is not enough: half a file with its index in front looks complete.
    """
    container_format = detect_container(path, "video", InvalidVideo)
    with open_container(path, container_format.demuxer, InvalidVideo) as file:
        stream = _get_video_stream(file)
        first_frame = next(_decode_first_frames(file, stream), None)
        if first_frame is None:
            raise InvalidVideo
        file.seek(0)
        scan = scan_packets(file, stream, InvalidVideo)
        seconds = _validate_duration(scan)
        file.seek(scan.last_keyframe_pts, stream=stream)
        if not sum(1 for _ in _decode_frames(file, stream, _PROBE_BUDGET_PIXELS)):
            raise InvalidVideo
        width, height = _to_upright_image(first_frame).size
        has_audio = bool(file.streams.audio)
        codec = stream.codec_context.codec.canonical_name
        return VideoInfo(
            width, height, seconds, codec, has_audio, container_format.format, container_format.mime
        )


def render_poster(path: Path) -> bytes:
    """A WebP of a frame near the beginning, its longest side at most 640 pixels."""
    return images.encode_poster(
        _to_upright_image(_decode_frame_at(path, None, _PROBE_BUDGET_PIXELS))
    )


def extract_frame(path: Path, second: Decimal) -> EncodedImage:
    """The frame shown at `second` (the last one if the film is shorter) as a JPEG."""
    return images.encode_image(
        _to_upright_image(_decode_frame_at(path, second, _FRAME_BUDGET_PIXELS)), "jpeg"
    )


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


def _decode_first_frames(file: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for count, packet in enumerate(file.demux(stream)):
        if count > _MAX_PACKETS_BEFORE_FRAME:
            return
        yield from packet.decode()


def _decode_frames(
    file: InputContainer, stream: VideoStream, pixel_budget: int
) -> Iterator[VideoFrame]:
    """Frames from here on, until the end or until `pixel_budget` pixels were decoded."""
    for video_frame in file.decode(stream):
        yield video_frame
        pixel_budget -= video_frame.width * video_frame.height
        if pixel_budget <= 0:
            return


def _decode_frame_at(path: Path, second: Decimal | None, pixel_budget: int) -> VideoFrame:
    container_format = detect_container(path, "video", InvalidVideo)
    with open_container(path, container_format.demuxer, InvalidVideo) as file:
        stream = _get_video_stream(file)
        if second is None:  # the very first frame is often black
            second = min(Decimal(1), Decimal(file.duration or 0) / 10_000_000)
        target_pts = int(Fraction(second) / Fraction(stream.time_base or 1)) + (
            stream.start_time or 0
        )
        file.seek(target_pts, stream=stream)
        shown_frame: VideoFrame | None = None
        for video_frame in _decode_frames(file, stream, pixel_budget):
            if (
                shown_frame is not None
                and video_frame.pts is not None
                and video_frame.pts > target_pts
            ):
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
