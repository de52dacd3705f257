"""The engine of cuts: lengths within a picture, sound kept and in time, sizes fitted."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from evolink_studio.films import cut_rendering
from evolink_studio.films.cut_rendering import CutOrder, OrderedPart, render_cut
from evolink_studio.library.exceptions import InvalidVideo
from evolink_studio.library.media.video import probe_video
from tests.sample_videos import make_video, rotate_video

STEP = 10  # each picture of a sample is so much brighter than the one before


def part(path, begin=0, end=None) -> OrderedPart:
    return OrderedPart(str(path), Fraction(str(begin)), None if end is None else Fraction(str(end)))


@pytest.fixture
def render(tmp_path):
    def render(*parts: OrderedPart):
        target = tmp_path / "cut.mp4"
        reports: list[int] = []
        render_cut(CutOrder(str(target), parts), reports.append)
        assert reports == sorted(reports)
        assert reports[-1] == 100
        return target

    return render


def brightness_of_pictures(path) -> list[int]:
    """How bright the middle of each picture is, in steps of the sample."""
    with av.open(str(path)) as file:
        levels = []
        for frame in file.decode(video=0):
            image = frame.to_image().convert("L")
            levels.append(round(image.getpixel((image.width // 2, image.height // 2)) / STEP))
        return levels


def moments_of_pictures(path) -> list[Fraction]:
    with av.open(str(path)) as file:
        return [frame.pts * frame.time_base for frame in file.decode(video=0)]


def find_loud_times(path) -> list[tuple[float, float]]:
    """From when to when there is a tone, in seconds."""
    loud: list[tuple[float, float]] = []
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48000)
        for frame in file.decode(audio=0):
            begin = float(frame.pts * frame.time_base)
            for resampled in resampler.resample(frame):
                samples = memoryview(bytes(resampled.planes[0])).cast("h")[: resampled.samples]
                is_loud = sum(map(abs, samples)) / max(1, len(samples)) > 3000
                end = begin + resampled.samples / 48000
                if is_loud and loud and begin - loud[-1][1] < 0.05:
                    loud[-1] = (loud[-1][0], end)
                elif is_loud:
                    loud.append((begin, end))
                begin = end
    return loud


def is_copied(*parts: OrderedPart) -> bool:
    return cut_rendering.plan_copy([cut_rendering.probe_source(it) for it in parts]) is not None


def test_equal_films_are_copied_without_being_encoded_again(tmp_path, render):
    options = {"is_loud": True, "coder_options": {"bf": "0"}}
    first = part(make_video(tmp_path / "a.mp4", **options))
    second = part(make_video(tmp_path / "b.mp4", **options), begin="0.5")
    assert is_copied(first, second)
    target = render(first, second)
    info = probe_video(target)
    assert float(info.seconds) == pytest.approx(3.5, abs=1 / 12)
    assert brightness_of_pictures(target) == [*range(24), *range(6, 24)]
    moments = moments_of_pictures(target)
    assert [b - a for a, b in pairwise(moments)] == [Fraction(1, 12)] * 41
    ((begin, end),) = find_loud_times(target)
    assert (begin, end) == pytest.approx((0, 3.5), abs=0.1)


def test_the_same_film_twice_with_pictures_in_another_order_is_copied_whole(tmp_path, render):
    film = part(make_video(tmp_path / "a.mp4", has_audio=True, coder_options={"bf": "2"}))
    target = render(film, film)
    assert len(brightness_of_pictures(target)) == 48
    assert float(probe_video(target).seconds) == pytest.approx(4, abs=1 / 12)


@pytest.mark.parametrize(
    ("begin", "end"),
    [("0.25", None), ("0", "1.25"), ("0.333", "1.083"), ("1.9", "9"), ("0.5", "0.6")],
)
def test_a_cut_within_pictures_is_as_long_as_it_was_asked_for(tmp_path, render, begin, end):
    clip = make_video(tmp_path / "a.mp4", is_loud=True, coder_options={"bf": "2"})
    target = render(part(clip, begin, end), part(clip, begin, end))
    length = min(float(end or 2), 2) - float(begin)
    assert float(probe_video(target).seconds) == pytest.approx(2 * length, abs=1 / 12 + 0.03)
    levels = brightness_of_pictures(target)
    assert len(levels) == round(2 * length * 12)
    expected_first = round(float(begin) * 12 - 0.25)
    assert abs(levels[0] - expected_first) <= 1


def test_sound_stays_with_its_film_and_one_without_is_silent(tmp_path, render):
    loud = make_video(tmp_path / "loud.mp4", is_loud=True)
    silent = make_video(tmp_path / "silent.mp4")
    target = render(part(loud), part(silent, 0, 1), part(loud, "0.5", "1.5"))
    assert float(probe_video(target).seconds) == pytest.approx(4, abs=1 / 12)
    first, second = find_loud_times(target)
    assert first == pytest.approx((0, 2), abs=0.06)
    assert second == pytest.approx((3, 4), abs=0.06)


def test_films_without_sound_make_a_cut_without_a_sound_track(tmp_path, render):
    clip = make_video(tmp_path / "a.mp4")
    assert not probe_video(render(part(clip, "0.1"), part(clip))).has_audio


def test_the_size_and_pace_are_those_of_the_first_film_and_others_are_fitted_in(tmp_path, render):
    wide = make_video(tmp_path / "wide.mp4", width=128, height=72, fps=24)
    tall = make_video(tmp_path / "tall.webm", width=36, height=64, codec="libvpx-vp9")
    target = render(part(wide), part(tall))
    info = probe_video(target)
    assert (info.width, info.height, info.codec, info.format) == (128, 72, "h264", "mp4")
    assert float(info.seconds) == pytest.approx(4, abs=1 / 12)
    assert len(moments_of_pictures(target)) == pytest.approx(96, abs=1)
    with av.open(str(target)) as file:
        last = list(file.decode(video=0))[-1].to_image().convert("L")
    assert last.getpixel((10, 36)) < 20  # a black bar
    assert last.getpixel((64, 36)) > 150


def test_a_film_that_lies_on_its_side_stands_upright_in_the_cut(tmp_path, render):
    turned = rotate_video(make_video(tmp_path / "turned.mp4", width=96, height=48))
    info = probe_video(render(part(turned), part(turned, 0, 1)))
    assert (info.width, info.height) == (48, 96)
    assert float(info.seconds) == pytest.approx(3, abs=1 / 12)


def test_many_short_parts_do_not_drift(tmp_path, render):
    clip = make_video(tmp_path / "a.mp4", is_loud=True)
    target = render(*[part(clip, "0.1", "0.35")] * 20)
    assert float(probe_video(target).seconds) == pytest.approx(5, abs=1 / 12 + 0.03)
    assert find_loud_times(target)[-1][1] == pytest.approx(5, abs=0.06)


@pytest.mark.parametrize("damage", ["nothing", "cut off", "no film", "gone", "in after out"])
def test_a_film_that_cannot_be_read_ends_the_work(tmp_path, render, damage):
    path = make_video(tmp_path / "a.mp4")
    begin = "0"
    if damage == "nothing":
        path.write_bytes(b"")
    elif damage == "cut off":
        path.write_bytes(path.read_bytes()[:700])
    elif damage == "no film":
        path.write_bytes(b"#EXTM3U\nfile:///etc/passwd\n")
    elif damage == "gone":
        path.unlink()
    else:
        begin = "2.5"
    with pytest.raises((InvalidVideo, FileNotFoundError)):
        render(part(path, begin))


def test_as_a_process_it_says_how_far_it_is_and_why_it_failed(tmp_path):
    def run(order: CutOrder) -> tuple[int, list[str]]:
        process = subprocess.run(
            [sys.executable, "-m", "evolink_studio.films.cut_process"],
            input=order.to_json(),
            capture_output=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())},
            check=False,
        )
        return process.returncode, process.stdout.decode().splitlines()

    clip = make_video(tmp_path / "a.mp4")
    target = tmp_path / "cut.mp4"
    code, lines = run(CutOrder(str(target), (part(clip, "0.1"), part(clip))))
    assert (code, lines[-1]) == (0, "progress 100")
    assert probe_video(target).seconds
    code, lines = run(CutOrder(str(target), (part(tmp_path / "none.mp4"),)))
    assert (code, lines) == (1, ["failed unreadable"])
