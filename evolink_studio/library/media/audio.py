"""Probing sounds: whether one plays, and how long it is."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from evolink_studio.library.exceptions import InvalidAudio
from evolink_studio.library.media.containers import (
    MAX_DURATION_SECONDS,
    configure_decoder,
    detect_container,
    open_container,
    scan_packets,
)

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_ALLOWED_CODECS = {"mp3", "aac", "vorbis", "opus", "flac", "alac"}
_PCM_PREFIX = "pcm_"  # all uncompressed codecs
_DURATION_TOLERANCE_SECONDS = Decimal("0.5")
_FORMATS_WITHOUT_DURATION = {"mp3"}  # its header gives no length, so FFmpeg guesses one


@dataclass(frozen=True)
class AudioInfo:
    """`seconds` as read from the packets; `format` is mp3, wav, m4a or ogg."""

    seconds: Decimal
    codec: str
    format: str
    mime: str


def probe_audio(path: Path) -> AudioInfo:
    """Decode the beginning and read every packet. Raises InvalidAudio."""
    container_format = detect_container(path, "audio", InvalidAudio)
    with open_container(path, container_format.demuxer, InvalidAudio) as file:
        stream = _get_audio_stream(file)
        if not any(True for _ in islice(file.decode(stream), 1)):
            raise InvalidAudio
        file.seek(0)
        scan = scan_packets(file, stream, InvalidAudio)
        header_seconds = (
            scan.header_seconds
            if container_format.format not in _FORMATS_WITHOUT_DURATION
            else None
        )
        is_cut = (
            header_seconds is not None
            and scan.end_seconds + _DURATION_TOLERANCE_SECONDS < header_seconds
        )
        if is_cut or not scan.is_complete or not 0 < scan.end_seconds <= MAX_DURATION_SECONDS:
            raise InvalidAudio
        codec = stream.codec_context.codec.canonical_name
        return AudioInfo(scan.end_seconds, codec, container_format.format, container_format.mime)


def _get_audio_stream(file: InputContainer) -> AudioStream:
    stream = next(iter(file.streams.audio), None)
    if stream is None:
        raise InvalidAudio
    codec = stream.codec_context.codec.canonical_name
    if codec not in _ALLOWED_CODECS and not codec.startswith(_PCM_PREFIX):
        raise InvalidAudio
    configure_decoder(stream)
    return stream
