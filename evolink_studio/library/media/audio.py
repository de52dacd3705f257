"""Sounds: is this one that plays, and how long is it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from evolink_studio.library.exceptions import NotASound as NotASound
from evolink_studio.library.media.containers import MAX_SECONDS, container_of, opened, prepare, walk

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_CODECS = {"mp3", "aac", "vorbis", "opus", "flac", "alac"}
_PLAIN = "pcm_"  # every flavour of uncompressed sound
_SLACK = Decimal("0.5")
_GUESSES = {"mp3"}  # its header gives no length, so FFmpeg guesses one


@dataclass(frozen=True)
class SoundFacts:
    """`seconds` as read from the packets; `format` is mp3, wav, m4a or ogg."""

    seconds: Decimal
    codec: str
    format: str
    mime: str


def probe(path: Path) -> SoundFacts:
    """Decode the beginning and read every packet. Raises NotASound."""
    kind = container_of(path, "audio", NotASound)
    with opened(path, kind.demuxer, NotASound) as file:
        stream = _sound_track(file)
        if not any(True for _ in islice(file.decode(stream), 1)):
            raise NotASound
        file.seek(0)
        walked = walk(file, stream, NotASound)
        promised = walked.claimed if kind.format not in _GUESSES else None
        cut = promised is not None and walked.end + _SLACK < promised
        if cut or not walked.whole or not 0 < walked.end <= MAX_SECONDS:
            raise NotASound
        codec = stream.codec_context.codec.canonical_name
        return SoundFacts(walked.end, codec, kind.format, kind.mime)


def _sound_track(file: InputContainer) -> AudioStream:
    stream = next(iter(file.streams.audio), None)
    if stream is None:
        raise NotASound
    name = stream.codec_context.codec.canonical_name
    if name not in _CODECS and not name.startswith(_PLAIN):
        raise NotASound
    prepare(stream)
    return stream
