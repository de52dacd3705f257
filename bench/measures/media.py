"""Pictures and films taken in: checked, kept and postered, each in a fresh process.

Seconds are the processor's, the least of some runs; memory is the most that the whole process ever
had, with Python and the libraries in it. Pictures have 12 megapixels and the noise of a camera, the
film is one of 1080p at 8 Mbit/s. "Before" is what the one step that was replaced takes, in the same
run on the same machine: a PNG packed by Pillow.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pillow_heif
from PIL import Image, ImageChops

from bench.figures import Figure
from bench.instances import InstanceFactory
from bench.sizes import BenchSize
from evolink_studio.environment import ROOT

PICTURE_SIZE = (4000, 3000)
FILM_SIZE = (1920, 1080)
FRAMES_PER_SECOND, FILM_SECONDS = 24, 5
ROUNDS = 3
AT_ONCE = 8  # as many as a web process has threads
# What each script measures, after this: `path` is the file, `content` are its bytes.
SCRIPT_HEAD = """
import io, json, sys, threading, time
from pathlib import Path
from django.conf import settings
settings.configure(USE_I18N=False)
from evolink_studio.library.media import decoding, images, repackaging, video
from PIL import Image
decoding._load_allowed_formats()
path = Path(sys.argv[1])
content = path.read_bytes() if path.suffix != ".mp4" else b""
"""
SCRIPT_END = """
seconds = time.process_time() - start
status = Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps([seconds, peak]))
"""
NORMALIZE = """
start = time.process_time()
images.normalize_image(content)
"""
NORMALIZE_AT_ONCE = f"""
start = time.process_time()
threads = [
    threading.Thread(target=images.normalize_image, args=(path.read_bytes(),))
    for _ in range({AT_ONCE})
]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
CHECK_FILM = """
import av
start = time.process_time()
video.probe_video(path)
repackaging.repackage(path, path.with_name("copy"), is_mov_kept=False)
"""
PACK_BY_PILLOW = """
image = Image.open(path)
image.load()
start = time.process_time()
image.save(io.BytesIO(), "PNG", compress_level=3)
"""
PACK_BY_US = """
from evolink_studio.library.media.png import encode_png
image = Image.open(path)
image.load()
start = time.process_time()
encode_png(image)
"""


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=instances.folder) as name:
        folder = Path(name)
        pictures = _make_pictures(folder)
        limits = {"png": 1.0, "jpg": 0.8, "heic": 0.8}
        for extension, at_most in limits.items():
            seconds, peak = _run(NORMALIZE, pictures[extension])
            title = f"{extension.upper()} of 12 megapixels"
            yield Figure(f"{title}: taken and postered, CPU", seconds, "s", at_most=at_most)
            yield Figure("  most memory of the process", peak / 1e6, "MB", at_most=200)
        by_pillow, by_us = _run(PACK_BY_PILLOW, pictures["png"]), _run(PACK_BY_US, pictures["png"])
        yield Figure("  packing it, beside Pillow", by_us[0] / by_pillow[0], "×", at_most=0.3)
        _, peak = _run(NORMALIZE_AT_ONCE, pictures["png"], rounds=1)
        # The budget for open pictures, and each thread's own file beside it.
        yield Figure(f"{AT_ONCE} such PNGs at once: memory", peak / 1e6, "MB", at_most=900)
        film = _make_film(folder / "film.mp4")
        seconds, peak = _run(CHECK_FILM, film)
        yield Figure("film of 1080p: checked and postered, CPU", seconds, "s", at_most=0.5)
        yield Figure("  most memory of the process", peak / 1e6, "MB", at_most=200)


def _run(script: str, path: Path, rounds: int = ROUNDS) -> tuple[float, float]:
    """The least processor seconds and bytes of some fresh processes."""
    command = [sys.executable, "-c", SCRIPT_HEAD + script + SCRIPT_END, str(path)]
    results = [
        json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
        for _ in range(rounds)
    ]
    seconds, peaks = zip(*results, strict=True)
    return min(seconds), min(peaks)


def _make_pictures(folder: Path) -> dict[str, Path]:
    pillow_heif.register_heif_opener()
    image = _draw_photograph(PICTURE_SIZE, random.Random(1))
    options: dict[str, dict[str, Any]] = {
        "png": {"compress_level": 1},
        "jpg": {"quality": 92},
        "heic": {"quality": 60, "enc_params": {"preset": "ultrafast"}},
    }
    paths = {extension: folder / f"photo.{extension}" for extension in options}
    for extension, path in paths.items():
        image.save(path, **options[extension])
    return paths


def _draw_photograph(size: tuple[int, int], source: random.Random) -> Image.Image:
    """Large shapes, small ones, and a little noise in every pixel; the same at every run."""
    return Image.merge("RGB", [_draw_band(size, source) for _ in range(3)])


def _draw_band(size: tuple[int, int], source: random.Random) -> Image.Image:
    shapes = _draw_noise((40, 30), source).resize(size, Image.Resampling.BICUBIC)
    for scale, strength in ((5, 6), (1, 24)):
        small_size = (size[0] // scale, size[1] // scale)
        details = _draw_noise(small_size, source).resize(size, Image.Resampling.BILINEAR)
        faint_details = details.point([(value - 128) // strength + 128 for value in range(256)])
        shapes = ImageChops.add(shapes, faint_details, 1, -128)
    return shapes


def _draw_noise(size: tuple[int, int], source: random.Random) -> Image.Image:
    return Image.frombytes("L", size, source.randbytes(size[0] * size[1]))


def _make_film(path: Path) -> Path:
    """A camera that moves over one photograph."""
    width, height = FILM_SIZE
    scene = _draw_photograph((width + 400, height + 200), random.Random(2))
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate, stream.options = 8_000_000, {"preset": "superfast"}
        for number in range(FILM_SECONDS * FRAMES_PER_SECOND):
            view = scene.crop((number * 2, number, number * 2 + width, number + height))
            frame = av.VideoFrame.from_image(view)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path
