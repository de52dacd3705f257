"""Makes one film. Run as a process of its own, at low priority, with the storyboard on stdin."""

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

import av
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame
from PIL import Image

from evolink_studio.sandbox.video.audio import RATE, Chord
from evolink_studio.sandbox.video.captions import Caption
from evolink_studio.sandbox.video.scenes import Aurora, Passage
from evolink_studio.sandbox.video.storyboard import Storyboard

NICENESS = 10
# With pictures the words come a little later and go a little earlier, in seconds: the first and
# the last frame are the given pictures.
WORDS_AFTER = 0.4
FADE = 0.5


class Scene(Protocol):
    def frame(self, t: float) -> Image.Image: ...


def render(board: Storyboard) -> None:
    """Write the film to `board.target`; the file appears whole or not at all."""
    unfinished = board.path.with_suffix(f".{os.getpid()}.part")
    try:
        with av.open(unfinished, "w", format="mp4", options={"movflags": "+faststart"}) as film:
            _write(film, board)
        unfinished.replace(board.path)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(film: OutputContainer, board: Storyboard) -> None:
    film.metadata["title"] = "EvoLink Studio sandbox"
    video = film.add_stream("libx264", rate=board.fps, options={"preset": "superfast", "crf": "24"})
    video.width, video.height, video.pix_fmt = board.width, board.height, "yuv420p"
    video.codec_context.thread_count = 1
    video.codec_context.gop_size = 2 * board.fps
    audio = film.add_stream("aac", rate=RATE, layout="mono") if board.sound else None
    chord = Chord(board.words, board.seconds) if audio else None
    for index, frame in enumerate(_frames(board)):
        second, rest = divmod(index, board.fps)
        if audio and chord and rest == 0:
            film.mux(audio.encode(_sound(chord, second)))
        picture = VideoFrame.from_image(frame)  # type: ignore[no-untyped-call]  # PyAV gives no types
        picture.pts = index
        picture.time_base = Fraction(1, board.fps)
        film.mux(video.encode(picture))
    film.mux(video.encode(None))
    if audio:
        film.mux(audio.encode(None))


def _frames(board: Storyboard) -> Iterator[Image.Image]:
    scene: Scene = (
        Passage(board.pictures, board.width, board.height)
        if board.pictures
        else Aurora(board.words, board.width, board.height)
    )
    caption = Caption(board.words, board.facts, board.width, board.height)
    for index in range(board.frames):
        t = index / max(1, board.frames - 1)
        frame = scene.frame(t)
        caption.draw(frame, t, _strength(board, index / board.fps))
        yield frame


def _strength(board: Storyboard, at: float) -> float:
    if not board.pictures:
        return 1.0
    return min(1.0, max(0.0, min(at - WORDS_AFTER, board.seconds - WORDS_AFTER - at) / FADE))


def _sound(chord: Chord, second: int) -> AudioFrame:
    frame = AudioFrame(format="fltp", layout="mono", samples=RATE)
    frame.planes[0].update(chord.second(second).tobytes())
    frame.sample_rate = RATE
    frame.time_base = Fraction(1, RATE)
    frame.pts = second * RATE
    return frame


def main() -> None:
    os.nice(NICENESS)
    render(Storyboard.loads(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
