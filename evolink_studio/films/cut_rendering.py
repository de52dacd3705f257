"""Puts films one after the other into one MP4: `cut_process`, at low priority.

It reads a `CutOrder` as JSON from its input and writes lines: "progress 42", or "failed disk" and
"failed unreadable" before it ends with 1. There a decoder that a damaged film breaks takes nothing
else along, and what it took of the memory goes back. A few pictures and blocks of sound are held at
once, however long the cut is.

Where all films are of one kind and are cut where their pictures stand for themselves, nothing is
encoded again. Else everything is, in the size and at the pace of the first film: others are fitted
into it with black bars, and one without sound is silent.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolink_studio.library.exceptions import InvalidVideo
from evolink_studio.library.media.containers import (
    configure_decoder,
    detect_container,
    open_container,
)
from evolink_studio.library.media.video import find_video_stream

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer, OutputContainer
    from av.filter import Graph
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

NICENESS = 10
SAMPLE_RATE = 48_000
SAMPLE_BYTES = 8  # of both channels, as floating point numbers
SOUND_BLOCK_SAMPLES = 4096
MAX_SOUND_DRIFT_SAMPLES = 480  # 10 ms: what timestamps of sound jitter by
SOUND_LEAD_SECONDS = Fraction(1, 10)  # decoded before an in point, so that it begins cleanly
DEFAULT_FPS, MAX_FPS = Fraction(24), Fraction(60)
VIDEO_OPTIONS = {"preset": "veryfast", "crf": "18"}
SOUND_BIT_RATE = 192_000
ENCODER_THREADS = 2
REPORT_SECONDS = 5.0  # at most between two lines about the same percent

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class OrderedPart:
    """A film and what is taken of it, in seconds; without `end` all the rest."""

    path: str
    begin: Fraction
    end: Fraction | None


@dataclass(frozen=True, slots=True)
class CutOrder:
    """The films in order, and where their cut is written."""

    target_path: str
    parts: tuple[OrderedPart, ...]

    def to_json(self) -> bytes:
        parts = [
            {
                "path": part.path,
                "begin": str(part.begin),
                "end": None if part.end is None else str(part.end),
            }
            for part in self.parts
        ]
        return json.dumps({"target_path": self.target_path, "parts": parts}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> CutOrder:
        """Of what `to_json` wrote."""
        fields = json.loads(text)
        parts = tuple(
            OrderedPart(
                path=part["path"],
                begin=Fraction(part["begin"]),
                end=None if part["end"] is None else Fraction(part["end"]),
            )
            for part in fields["parts"]
        )
        return cls(fields["target_path"], parts)


@dataclass(frozen=True, slots=True)
class PictureTime:
    """A picture as it is stored, in units of its stream; in the order of decoding."""

    dts: int
    pts: int
    duration: int
    is_keyframe: bool


@dataclass(frozen=True)
class CutSource:
    """A part with what is known of its film. Times are in seconds from its first picture.

    `kind` is equal for films whose pictures and sounds may follow each other in one file.
    """

    path: Path
    demuxer: str
    begin: Fraction
    end: Fraction
    zero: Fraction
    time_base: Fraction
    pictures: Sequence[PictureTime]
    width: int
    height: int
    fps: Fraction
    has_sound: bool
    kind: tuple[Any, ...]

    @property
    def seconds(self) -> Fraction:
        return self.end - self.begin


# --- What is there ----------------------------------------------------------------------------


def probe_source(part: OrderedPart) -> CutSource:
    """Read all packets of a film, and decode its first picture. Raises InvalidVideo."""
    path = Path(part.path)
    demuxer = detect_container(path, "video", InvalidVideo).demuxer
    with open_container(path, demuxer, InvalidVideo) as file:
        stream = find_video_stream(file)
        pictures = _list_pictures(file, stream)
        time_base = Fraction(stream.time_base or 1)
        zero = min(picture.pts for picture in pictures)
        last_end = max(picture.pts + picture.duration for picture in pictures)
        seconds = (last_end - zero) * time_base
        end = seconds if part.end is None else min(part.end, seconds)
        if part.begin >= end:
            raise InvalidVideo
        file.seek(0)
        width, height, rotation = _measure_picture(file, stream)
        return CutSource(
            path=path,
            demuxer=demuxer,
            begin=part.begin,
            end=end,
            zero=zero * time_base,
            time_base=time_base,
            pictures=pictures,
            width=width,
            height=height,
            fps=_choose_fps(stream),
            has_sound=bool(file.streams.audio),
            kind=_describe_kind(file, stream, rotation),
        )


def _list_pictures(file: InputContainer, stream: VideoStream) -> list[PictureTime]:
    usual_duration = round(1 / _choose_fps(stream) / Fraction(stream.time_base or 1)) or 1
    pictures = [
        PictureTime(packet.dts, packet.pts, packet.duration or usual_duration, packet.is_keyframe)
        for packet in file.demux(stream)
        if packet.pts is not None and packet.dts is not None
    ]
    if not pictures:
        raise InvalidVideo
    return pictures


def _choose_fps(stream: VideoStream) -> Fraction:
    rate = Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_FPS)
    return min(rate, MAX_FPS) if rate > 0 else DEFAULT_FPS


def _measure_picture(file: InputContainer, stream: VideoStream) -> tuple[int, int, int]:
    """Width and height as it is shown, both even, and by how many degrees it is turned."""
    configure_decoder(stream)
    for frame in file.decode(stream):
        width, height, rotation = _measure_frame(frame, stream)
        return width & ~1, height & ~1, rotation
    raise InvalidVideo


def _measure_frame(frame: VideoFrame, stream: VideoStream) -> tuple[int, int, int]:
    stretch = stream.sample_aspect_ratio or Fraction(1)
    width, height = max(2, round(frame.width * Fraction(stretch))), frame.height
    rotation = frame.rotation % 360
    return (height, width, rotation) if rotation in (90, 270) else (width, height, rotation)


def _describe_kind(file: InputContainer, stream: VideoStream, rotation: int) -> tuple[Any, ...]:
    picture = stream.codec_context
    description: list[Any] = [
        picture.codec.canonical_name,
        bytes(picture.extradata or b""),
        (picture.width, picture.height, picture.pix_fmt, rotation),
        (stream.sample_aspect_ratio, stream.time_base),
    ]
    for sound_stream in file.streams.audio[:1]:
        sound = sound_stream.codec_context
        description += [
            sound.codec.canonical_name,
            bytes(sound.extradata or b""),
            (sound.sample_rate, sound.layout.name, sound_stream.time_base),
        ]
    return tuple(description)


# --- As it is ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class CopySpan:
    """Pictures of a source that are copied: `first` to `last` in its time, moved by `offset`."""

    source: CutSource
    first_pts: int
    last_dts: int
    end_pts: int
    offset: int


def plan_copy(sources: Sequence[CutSource]) -> list[CopySpan] | None:
    """What is copied of each film; None if something must be encoded again.

    A film is copied from a picture that stands for itself to one after which no picture is needed
    that comes later. Pictures that are shown in another order than they are decoded in make that
    impossible in most places.
    """
    if any(source.kind != sources[0].kind or source.demuxer != "mov" for source in sources):
        return None
    spans: list[CopySpan] = []
    position, last_dts = 0, None
    for source in sources:
        chosen = _choose_pictures(source)
        if chosen is None:
            return None
        first_pts = min(picture.pts for picture in chosen)
        offset = position - first_pts
        if last_dts is not None and chosen[0].dts + offset <= last_dts:
            return None
        end_pts = max(picture.pts + picture.duration for picture in chosen)
        spans.append(CopySpan(source, first_pts, chosen[-1].dts, end_pts, offset))
        position += end_pts - first_pts
        last_dts = chosen[-1].dts + offset
    return spans


def _choose_pictures(source: CutSource) -> Sequence[PictureTime] | None:
    """The pictures between in and out point, if they follow each other in the file."""
    half = 1 / source.fps / 2
    numbers = [
        number
        for number, picture in enumerate(source.pictures)
        if source.begin - half <= picture.pts * source.time_base - source.zero < source.end - half
    ]
    if not numbers or numbers[-1] - numbers[0] + 1 != len(numbers):
        return None
    chosen = source.pictures[numbers[0] : numbers[-1] + 1]
    is_at_keyframe = chosen[0].is_keyframe and chosen[0].pts == min(it.pts for it in chosen)
    return chosen if is_at_keyframe else None


def copy_parts(spans: Sequence[CopySpan], target: Path, report: Report) -> None:
    """Write the films as they are, one after the other."""
    import av

    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        copier = _Copier(output)
        for number, span in enumerate(spans):
            copier.copy_span(span, is_first=number == 0)
            report(100 * (number + 1) // len(spans))


class _Copier:
    """Writes packets of several files as those of one."""

    def __init__(self, output: OutputContainer) -> None:
        self._output = output
        self._streams: dict[str, Any] = {}
        self._sound_end: int | None = None

    def copy_span(self, span: CopySpan, *, is_first: bool) -> None:
        source = span.source
        with open_container(source.path, source.demuxer, InvalidVideo) as file:
            picture_stream = find_video_stream(file)
            streams = [picture_stream, *file.streams.audio[:1]]
            for stream in streams:
                if stream.type not in self._streams:
                    copied_stream = self._output.add_stream_from_template(stream)
                    self._streams[stream.type] = copied_stream
            for packet in file.demux(streams):
                if packet.dts is None or packet.pts is None:
                    continue
                if packet.stream_index == picture_stream.index:
                    self._copy_picture(packet, span)
                else:
                    self._copy_sound(packet, span, is_first=is_first)

    def _copy_picture(self, packet: Packet[Any], span: CopySpan) -> None:
        assert packet.pts is not None
        assert packet.dts is not None
        if packet.pts < span.first_pts or packet.dts > span.last_dts:
            return
        packet.pts += span.offset
        packet.dts += span.offset
        packet.stream = self._streams["video"]
        self._output.mux(packet)

    def _copy_sound(self, packet: Packet[Any], span: CopySpan, *, is_first: bool) -> None:
        assert packet.pts is not None
        time_base = Fraction(packet.time_base)
        ratio = span.source.time_base / time_base
        begins_early = packet.pts < span.first_pts * ratio
        # What a coder puts before the first sound belongs to the beginning of the first film.
        is_wanted = not begins_early or (is_first and not span.source.begin)
        if not is_wanted or packet.pts >= span.end_pts * ratio:
            return
        pts, duration = packet.pts + round(span.offset * ratio), packet.duration or 0
        if self._sound_end is not None:
            if pts + duration // 2 < self._sound_end:
                return
            pts = max(pts, self._sound_end)
        packet.pts = packet.dts = pts
        self._sound_end = pts + duration
        packet.stream = self._streams["audio"]
        self._output.mux(packet)


# --- Encoded again ----------------------------------------------------------------------------


def encode_parts(sources: Sequence[CutSource], target: Path, report: Report) -> None:
    """Write all films in the size and at the pace of the first one, as H.264 and AAC."""
    import av

    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        encoder = _Encoder(output, sources[0], any(source.has_sound for source in sources))
        bounds = _compute_bounds(sources, encoder.fps)
        for source, (first, last) in zip(sources, bounds, strict=True):
            encoder.encode_source(
                source, first, last, lambda done: report(100 * done // bounds[-1][1])
            )
        encoder.finish()


def _compute_bounds(sources: Sequence[CutSource], fps: Fraction) -> list[tuple[int, int]]:
    """The first picture of each film in the cut, and the one after its last."""
    bounds, seconds, first = [], Fraction(0), 0
    for source in sources:
        seconds += source.seconds
        last = max(first, round(seconds * fps))
        bounds.append((first, last))
        first = last
    if not first:
        raise InvalidVideo
    return bounds


class _Encoder:
    """The file that is written; sound and pictures go along with each other."""

    def __init__(self, output: OutputContainer, first: CutSource, has_sound: bool) -> None:
        self.fps = first.fps
        self._size = (first.width, first.height)
        self._output = output
        self._pictures: Any = output.add_stream("libx264", rate=first.fps, options=VIDEO_OPTIONS)
        self._pictures.width, self._pictures.height = self._size
        self._pictures.pix_fmt = "yuv420p"
        self._pictures.codec_context.thread_count = ENCODER_THREADS
        self._pictures.codec_context.gop_size = max(1, round(2 * first.fps))
        self._sound: Any = None
        if has_sound:
            self._sound = output.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
            self._sound.bit_rate = SOUND_BIT_RATE
        self._samples = 0

    def encode_source(self, source: CutSource, first: int, last: int, report: Report) -> None:
        """Pictures `first` to `last` of the cut, and the sound of that time."""
        end = self._count_samples(last)
        sound = _iterate_sound(source, end - self._samples) if self._sound else iter(())
        frames = _iterate_frames(source, last - first, self.fps, self._size)
        for number, frame in enumerate(frames, start=first):
            frame.pts, frame.time_base = number, 1 / self.fps
            self._output.mux(self._pictures.encode(frame))
            self._encode_sound(sound, self._count_samples(number + 1))
            report(number + 1)
        self._encode_sound(sound, end)

    def finish(self) -> None:
        """What the coders still hold."""
        for stream in (self._pictures, self._sound):
            if stream is not None:
                self._output.mux(stream.encode(None))

    def _count_samples(self, picture: int) -> int:
        return round(picture / self.fps * SAMPLE_RATE)

    def _encode_sound(self, sound: Iterator[bytes], until: int) -> None:
        while self._samples < until:
            block = next(sound, b"")
            if not block:
                return
            frame = _build_sound_frame(block)
            frame.pts = self._samples
            self._samples += frame.samples
            self._output.mux(self._sound.encode(frame))


def _build_sound_frame(block: bytes) -> AudioFrame:
    from av.audio.frame import AudioFrame

    frame = AudioFrame(format="flt", layout="stereo", samples=len(block) // SAMPLE_BYTES)
    plane = frame.planes[0]
    plane.update(block.ljust(plane.buffer_size, b"\0"))
    frame.sample_rate = SAMPLE_RATE
    frame.time_base = Fraction(1, SAMPLE_RATE)
    return frame


def _iterate_frames(
    source: CutSource, count: int, fps: Fraction, size: tuple[int, int]
) -> Iterator[VideoFrame]:
    """So many pictures from the in point on, each as a player shows it at its time."""
    tolerance = 1 / fps / 4
    with open_container(source.path, source.demuxer, InvalidVideo) as file:
        stream = find_video_stream(file)
        configure_decoder(stream)
        fitter = _Fitter(stream, size)
        file.seek(int((source.begin + source.zero) / source.time_base), stream=stream)
        frames = (frame for frame in file.decode(stream) if frame.pts is not None)
        shown, following = None, next(frames, None)
        for number in range(count):
            moment = source.begin + number / fps + tolerance
            while following is not None and (
                shown is None or _read_moment(following, source) <= moment
            ):
                shown, following = following, next(frames, None)
            if shown is None:
                raise InvalidVideo
            yield fitter.fit(shown)


def _read_moment(frame: VideoFrame, source: CutSource) -> Fraction:
    return (frame.pts or 0) * Fraction(frame.time_base or 1) - source.zero


class _Fitter:
    """Turns pictures upright and fits them into the size of the cut, with black bars."""

    def __init__(self, stream: VideoStream, size: tuple[int, int]) -> None:
        self._stream = stream
        self._size = size
        self._graph: Graph | None = None
        self._shape: tuple[Any, ...] = ()
        self._last: tuple[VideoFrame, VideoFrame] | None = None

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """The same object again gives the same one again."""
        if self._last is not None and self._last[0] is frame:
            return self._last[1]
        shape = (frame.width, frame.height, frame.format.name, frame.rotation)
        if self._graph is None or shape != self._shape:
            self._graph, self._shape = self._build_graph(frame), shape
        self._graph.push(frame)
        fitted: Any = self._graph.pull()
        fitted.pict_type = 0  # the coder decides, not the film it comes from
        self._last = (frame, fitted)
        return self._last[1]

    def _build_graph(self, frame: VideoFrame) -> Graph:
        from av.filter import Graph

        width, height, rotation = _measure_frame(frame, self._stream)
        filters = [*_TURNS.get(rotation, ()), *self._list_fit_filters(width, height)]
        graph = Graph()
        nodes = [
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=self._stream.time_base,
            )
        ]
        nodes += [graph.add(name, arguments) for name, arguments in filters]
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        return graph

    def _list_fit_filters(self, width: int, height: int) -> list[tuple[str, str]]:
        full_width, full_height = self._size
        scale = min(Fraction(full_width, width), Fraction(full_height, height))
        fitted_width = min(full_width, max(2, round(width * scale / 2) * 2))
        fitted_height = min(full_height, max(2, round(height * scale / 2) * 2))
        left, top = (full_width - fitted_width) // 4 * 2, (full_height - fitted_height) // 4 * 2
        return [
            ("scale", f"{fitted_width}:{fitted_height}:flags=bicubic"),
            ("format", "yuv420p"),
            ("pad", f"{full_width}:{full_height}:{left}:{top}:black"),
            ("setsar", "1"),
        ]


# By the degrees that a film is turned by to be upright, against the clock.
_TURNS = {
    90: [("transpose", "cclock")],
    180: [("hflip", ""), ("vflip", "")],
    270: [("transpose", "clock")],
}


def _iterate_sound(source: CutSource, count: int) -> Iterator[bytes]:
    """Exactly so many samples from the in point on, in blocks; silence where there is no sound."""
    position = 0
    if source.has_sound:
        for at, block in _decode_sound(source):
            samples = len(block) // SAMPLE_BYTES
            if abs(at - position) <= MAX_SOUND_DRIFT_SAMPLES:
                at = position
            if at > position:
                yield from _make_silence(min(at, count) - position)
                position = min(at, count)
            kept = block[(position - at) * SAMPLE_BYTES : (count - at) * SAMPLE_BYTES]
            if at + samples > position and kept:
                yield kept
                position += len(kept) // SAMPLE_BYTES
            if position >= count:
                return
    yield from _make_silence(count - position)


def _make_silence(count: int) -> Iterator[bytes]:
    for first in range(0, count, SOUND_BLOCK_SAMPLES):
        yield bytes(min(SOUND_BLOCK_SAMPLES, count - first) * SAMPLE_BYTES)


def _decode_sound(source: CutSource) -> Iterator[tuple[int, bytes]]:
    """(sample it begins with, counted from the in point; samples) of the first sound track."""
    from av.audio.resampler import AudioResampler

    with open_container(source.path, source.demuxer, InvalidVideo) as file:
        stream = file.streams.audio[0]
        stream.codec_context.thread_count = 1
        resampler = AudioResampler(format="flt", layout="stereo", rate=SAMPLE_RATE)
        begin = max(Fraction(0), source.begin - SOUND_LEAD_SECONDS) + source.zero
        file.seek(int(begin / Fraction(stream.time_base or 1)), stream=stream)
        next_at: int | None = None
        for frame in file.decode(stream):
            if frame.pts is not None:
                moment = frame.pts * Fraction(frame.time_base or 1) - source.zero - source.begin
                exact_at = round(moment * SAMPLE_RATE)
                if next_at is None or abs(exact_at - next_at) > MAX_SOUND_DRIFT_SAMPLES:
                    next_at = exact_at
            for resampled in resampler.resample(frame):
                content = bytes(resampled.planes[0])[: resampled.samples * SAMPLE_BYTES]
                yield next_at or 0, content
                next_at = (next_at or 0) + resampled.samples


def has_sound_track(path: Path) -> bool:
    """Whether the film has any sound, silence included. Raises InvalidVideo."""
    demuxer = detect_container(path, "video", InvalidVideo).demuxer
    with open_container(path, demuxer, InvalidVideo) as file:
        return bool(file.streams.audio)


# --- The process ------------------------------------------------------------------------------


def render_cut(order: CutOrder, report: Report) -> None:
    """Write the cut to its path. Raises InvalidVideo, or OSError when the disk is full."""
    sources = [probe_source(part) for part in order.parts]
    target = Path(order.target_path)
    spans = plan_copy(sources)
    if spans is not None:
        copy_parts(spans, target, report)
    else:
        encode_parts(sources, target, report)


def _is_disk_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run() -> int:
    """Make the cut that the input orders, and say how far it is. The exit status."""
    os.nice(NICENESS)
    reported, reported_at = -1, time.monotonic()

    def report(percent: int) -> None:
        nonlocal reported, reported_at
        # Now and then the same again: whoever waits hears that it goes on.
        if percent > reported or time.monotonic() - reported_at > REPORT_SECONDS:
            reported, reported_at = percent, time.monotonic()
            _say(f"progress {percent}")

    try:
        render_cut(CutOrder.from_json(sys.stdin.buffer.read()), report)
    except Exception as error:  # a decoder may fail in any way
        _say("failed disk" if _is_disk_full(error) else "failed unreadable")
        return 1
    return 0
