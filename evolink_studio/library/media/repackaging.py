"""Puts a film into a file that every browser plays. Its pictures and sounds stay as they are.

What browsers stumble over: a cover picture where they expect the film, data tracks of a camera, a
file that begins with another box than all others, MOV and Matroska.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolink_studio.library.exceptions import InvalidVideo
from evolink_studio.library.media.containers import (
    HEAD_BYTES,
    MKV,
    MOV,
    WEBM,
    ContainerFormat,
    detect_container,
    is_plain,
    open_container,
)
from evolink_studio.library.media.video import find_video_stream, probe_video

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

_WEBM_CODECS = {"vp8", "vp9", "av1", "opus", "vorbis"}


def repackage(path: Path, target: Path, *, is_mov_kept: bool) -> Path | None:
    """A copy of the film in a plain MP4 or WebM at `target`; None if `path` plays as it is.

    `is_mov_kept`: a MOV counts as playing, as for the models that take one. Also None where the
    codecs fit into neither: then the file stays what it is. Raises InvalidVideo.
    """
    container_format = detect_container(path, "video", InvalidVideo)
    with path.open("rb") as file:
        has_odd_start = container_format.demuxer == MOV.demuxer and not is_plain(
            file.read(HEAD_BYTES)
        )
    is_foreign = container_format == MKV or (container_format == MOV and not is_mov_kept)
    with open_container(path, container_format.demuxer, InvalidVideo) as source:
        if not (has_odd_start or is_foreign or _has_odd_tracks(source)):
            return None
        tracks = _choose_tracks(source)
        output_format = _choose_format(container_format, tracks)
        try:
            _copy_tracks(source, tracks, target, output_format)
            probe_video(target)
        except Exception:  # such as a codec that the new container has no name for
            target.unlink(missing_ok=True)
            return None
    return target


def _has_odd_tracks(source: InputContainer) -> bool:
    """Whether anything but one film and its sounds is in it, or the film is not the first."""
    film = find_video_stream(source)
    return len(source.streams.video) != 1 or any(
        stream.index < film.index and stream.type != "audio" for stream in source.streams
    )


def _choose_tracks(source: InputContainer) -> list[Stream]:
    film = find_video_stream(source)
    return [film, *source.streams.audio]


def _choose_format(container_format: ContainerFormat, tracks: list[Stream]) -> str:
    codecs = {track.codec_context.codec.canonical_name for track in tracks}
    is_webm = container_format.demuxer == WEBM.demuxer and codecs <= _WEBM_CODECS
    return "webm" if is_webm else "mp4"


def _copy_tracks(
    source: InputContainer, tracks: list[Stream], target: Path, output_format: str
) -> None:
    import av

    options = {"movflags": "+faststart"} if output_format == "mp4" else {}
    with av.open(str(target), "w", format=output_format, options=options) as output:
        copies = {track.index: output.add_stream_from_template(track) for track in tracks}
        for packet in _read_packets(source, tracks):
            packet.stream = copies[packet.stream_index]
            output.mux(packet)


def _read_packets(source: InputContainer, tracks: list[Stream]) -> Iterator[Packet[Any]]:
    """All packets with their decoding times. Matroska leaves out the first ones; MP4 needs them."""
    untimed: dict[int, list[Packet[Any]]] = {track.index: [] for track in tracks}
    for packet in source.demux(tracks):
        if not packet.size:  # the end of a track
            continue
        waiting = untimed[packet.stream_index]
        if packet.dts is None:
            waiting.append(packet)
            continue
        step = packet.duration or 1
        for count, early_packet in enumerate(reversed(waiting), start=1):
            early_packet.dts = packet.dts - count * step
        yield from waiting
        waiting.clear()
        yield packet
    for waiting in untimed.values():
        for packet in waiting:
            packet.dts = packet.pts
        yield from waiting
