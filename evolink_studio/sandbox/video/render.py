"""Renders one film. Runs as a process of its own, at low priority, with a storyboard on stdin."""

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

from evolink_studio.sandbox.video.audio import SAMPLE_RATE, Chord
from evolink_studio.sandbox.video.captions import Caption
from evolink_studio.sandbox.video.scenes import GradientScene, SlideshowScene
from evolink_studio.sandbox.video.storyboard import Storyboard

NICENESS = 10
# A film of pictures begins and ends without a caption: its first and last frame are the pictures.
CAPTION_DELAY_SECONDS = 0.4
CAPTION_FADE_SECONDS = 0.5


class Scene(Protocol):
    def draw_frame(self, t: float) -> Image.Image: ...


def render_video(storyboard: Storyboard) -> None:
    """Write the film to `storyboard.path`; the file appears complete or not at all."""
    partial_path = storyboard.path.with_suffix(f".{os.getpid()}.part")
    try:
        with av.open(
            partial_path, "w", format="mp4", options={"movflags": "+faststart"}
        ) as container:
            _write_video(container, storyboard)
        partial_path.replace(storyboard.path)
    finally:
        partial_path.unlink(missing_ok=True)


def _write_video(container: OutputContainer, storyboard: Storyboard) -> None:
    container.metadata["title"] = "EvoLink Studio sandbox"
    video_stream = container.add_stream(
        "libx264", rate=storyboard.fps, options={"preset": "superfast", "crf": "24"}
    )
    video_stream.width, video_stream.height, video_stream.pix_fmt = (
        storyboard.width,
        storyboard.height,
        "yuv420p",
    )
    video_stream.codec_context.thread_count = 1
    video_stream.codec_context.gop_size = 2 * storyboard.fps
    audio_stream = (
        container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        if storyboard.has_sound
        else None
    )
    chord = Chord(storyboard.prompt_text, storyboard.seconds) if audio_stream else None
    for index, image in enumerate(_draw_frames(storyboard)):
        second, remainder = divmod(index, storyboard.fps)
        if audio_stream and chord and remainder == 0:
            container.mux(audio_stream.encode(_build_audio_frame(chord, second)))
        video_frame = VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV gives no types
        video_frame.pts = index
        video_frame.time_base = Fraction(1, storyboard.fps)
        container.mux(video_stream.encode(video_frame))
    container.mux(video_stream.encode(None))
    if audio_stream:
        container.mux(audio_stream.encode(None))


def _draw_frames(storyboard: Storyboard) -> Iterator[Image.Image]:
    scene: Scene = (
        SlideshowScene(storyboard.image_paths, storyboard.width, storyboard.height)
        if storyboard.image_paths
        else GradientScene(storyboard.prompt_text, storyboard.width, storyboard.height)
    )
    caption = Caption(
        storyboard.prompt_text, storyboard.subtitle, storyboard.width, storyboard.height
    )
    for index in range(storyboard.frame_count):
        t = index / max(1, storyboard.frame_count - 1)
        image = scene.draw_frame(t)
        caption.draw(image, t, _calculate_opacity(storyboard, index / storyboard.fps))
        yield image


def _calculate_opacity(storyboard: Storyboard, seconds: float) -> float:
    if not storyboard.image_paths:
        return 1.0
    return min(
        1.0,
        max(
            0.0,
            min(
                seconds - CAPTION_DELAY_SECONDS,
                storyboard.seconds - CAPTION_DELAY_SECONDS - seconds,
            )
            / CAPTION_FADE_SECONDS,
        ),
    )


def _build_audio_frame(chord: Chord, second: int) -> AudioFrame:
    frame = AudioFrame(format="fltp", layout="mono", samples=SAMPLE_RATE)
    frame.planes[0].update(chord.synthesize_second(second).tobytes())
    frame.sample_rate = SAMPLE_RATE
    frame.time_base = Fraction(1, SAMPLE_RATE)
    frame.pts = second * SAMPLE_RATE
    return frame


def main() -> None:
    os.nice(NICENESS)
    render_video(Storyboard.from_json(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
