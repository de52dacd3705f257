"""Films and sounds for tests, made on the spot."""

import struct
from fractions import Fraction

import av

from tests.sample_images import draw_test_image

ROTATION_MATRIX = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)


def make_video(
    path,
    *,
    seconds=2,
    width=64,
    height=48,
    codec="libx264",
    has_audio=False,
    pix_fmt="yuv420p",
    fps=12,
    is_loud=False,
    coder_options=None,
    **options,
):
    """A film at 12 pictures a second, a key picture every half second. Returns its path.

    Its sound is silence unless `is_loud`: then a tone.
    """
    with av.open(str(path), "w", options=options) as file:
        video_stream = file.add_stream(codec, rate=fps, options=coder_options or {})
        video_stream.width, video_stream.height, video_stream.pix_fmt = width, height, pix_fmt
        video_stream.gop_size = 6
        audio_stream = file.add_stream("aac", rate=48000) if has_audio or is_loud else None
        for number in range(int(seconds * fps)):
            frame = av.VideoFrame.from_image(_draw_frame(number, width, height))
            frame.pts, frame.time_base = number, Fraction(1, fps)
            file.mux(video_stream.encode(frame))
        file.mux(video_stream.encode(None))
        if audio_stream:
            _encode_audio(file, audio_stream, seconds, is_loud=is_loud)
    return path


def make_covered_video(path, *, cover="mjpeg", is_first=True, has_audio=False, **options):
    """A film with a cover picture as a video stream of its own. Returns its path."""
    plain = make_video(path.with_name("plain.mp4"), has_audio=has_audio)
    with av.open(str(plain)) as source, av.open(str(path), "w", options=options) as file:
        film = source.streams.video[0]
        order = [None, *source.streams] if is_first else [*source.streams, None]
        copies = {
            stream.index if stream else None: file.add_stream_from_template(stream)
            if stream
            else _add_cover(file, cover)
            for stream in order
        }
        picture = av.VideoFrame.from_image(draw_test_image(320, 200))
        picture = picture.reformat(format=copies[None].pix_fmt)
        picture.pts, picture.time_base = 0, film.time_base
        for packet in (*copies[None].encode(picture), *copies[None].encode(None)):
            file.mux(packet)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                file.mux(packet)
    plain.unlink()
    return path


def _add_cover(file, codec):
    stream = file.add_stream(codec, rate=12)
    stream.width, stream.height = 320, 200
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
    return stream


def move_index_first(path):
    """A film without "ftyp": its index begins the file. Returns its path."""
    content = path.read_bytes()
    path.write_bytes(content[int.from_bytes(content[:4], "big") :])
    return path


def make_audio(path, *, seconds=2, codec="libmp3lame", format="fltp"):
    """A silent sound file. Returns its path."""
    with av.open(str(path), "w") as file:
        _encode_audio(file, file.add_stream(codec, rate=48000), seconds, format)
    return path


def rotate_video(path):
    """Turn a film the way phones do: the pictures lie, and a note says so."""
    content = bytearray(path.read_bytes())
    matrix_offset = content.index(b"tkhd") + 4 + 4 + 20 + 16
    content[matrix_offset : matrix_offset + 36] = ROTATION_MATRIX
    path.write_bytes(content)
    return path


def _draw_frame(number, width, height):
    """Every picture is a little brighter than the one before."""
    level = min(255, number * 10)
    return draw_test_image(width, height).point(lambda _: level)


def _encode_audio(file, stream, seconds, format="fltp", *, is_loud=False):
    # A wave of 375 Hz: eight of them in a block.
    wave = struct.pack("<128f", *(0.5 if position < 64 else -0.5 for position in range(128)))
    for number in range(int(seconds * 48000) // 1024):
        frame = av.AudioFrame(format=format, layout="mono", samples=1024)
        for plane in frame.planes:
            plane.update(wave * 8 if is_loud else bytes(plane.buffer_size))
        frame.rate, frame.pts, frame.time_base = 48000, number * 1024, Fraction(1, 48000)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
