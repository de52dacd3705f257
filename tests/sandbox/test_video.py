"""Real films, made by the real renderer and opened with PyAV."""

import asyncio
from io import BytesIO

import av
import pytest
from PIL import Image, ImageChops, ImageFont, ImageStat

from evolink_studio.sandbox.video.captions import wrap_text
from evolink_studio.sandbox.video.render import render_video
from evolink_studio.sandbox.video.storyboard import Storyboard
from evolink_studio.sandbox.video.subprocess_renderer import RenderError, render_in_subprocess
from tests.sandbox.sandboxes import GROK, KLING, SEEDANCE, SORA, VEO

SMALL_STORYBOARD = {
    "width": 160,
    "height": 90,
    "fps": 12,
    "seconds": 2,
    "subtitle": "facts",
    "has_sound": True,
}


class DecodedVideo:
    """What a player would find out about a film."""

    def __init__(self, content: bytes) -> None:
        with av.open(BytesIO(content)) as film:
            video = film.streams.video[0]
            self.codec, self.pixels = video.codec_context.name, video.codec_context.pix_fmt
            self.size = video.codec_context.width, video.codec_context.height
            self.sound = [stream.codec_context.name for stream in film.streams.audio]
            self.seconds = film.duration / av.time_base
            self.rate = float(video.average_rate)
            self.frames = [frame.to_image() for frame in film.decode(video)]
        self.has_fast_start = content.index(b"moov") < content.index(b"mdat")


def make_storyboard(tmp_path, **changes):
    fields = SMALL_STORYBOARD | {"target_path": str(tmp_path / "film.mp4"), "prompt_text": "a cat"}
    return Storyboard(**(fields | changes))


def render_film(tmp_path, **changes):
    storyboard = make_storyboard(tmp_path, **changes)
    render_video(storyboard)
    return DecodedVideo(storyboard.path.read_bytes())


def mean_difference(first, second):
    """Mean difference of two pictures' channels, 0 to 255."""
    diff = ImageChops.difference(first.convert("RGB"), second.convert("RGB").resize(first.size))
    return sum(ImageStat.Stat(diff).mean) / 3


def write_plain_image(tmp_path, name, colour, size=(320, 180)):
    path = tmp_path / name
    Image.new("RGB", size, colour).save(path)
    return str(path)


@pytest.mark.parametrize(
    ("body", "shape", "seconds", "sound"),
    [
        ({"model": VEO, "aspect_ratio": "9:16"}, 9 / 16, 8, ["aac"]),
        ({"model": VEO, "prompt": "[quick] vertical"}, 9 / 16, 8, ["aac"]),
        ({"model": VEO}, 16 / 9, 8, ["aac"]),
        ({"model": SORA, "aspect_ratio": "720x1280"}, 9 / 16, 4, ["aac"]),
        ({"model": GROK, "aspect_ratio": "3:2", "duration": 10}, 3 / 2, 10, ["aac"]),
        ({"model": SEEDANCE, "aspect_ratio": "21:9", "duration": 2}, 21 / 9, 2, []),
        ({"model": KLING, "aspect_ratio": "1:1", "duration": 3, "sound": "on"}, 1, 3, ["aac"]),
        ({"model": KLING, "duration": 3}, 1280 / 720, 3, []),
        ({"model": SEEDANCE, "images": "4:3", "duration": 2}, 4 / 3, 2, []),
        ({"model": VEO, "images": "4:3"}, 4 / 3, 8, ["aac"]),
    ],
    ids=str,
)
def test_the_film_of_a_request_is_as_it_was_asked_for(make_sandbox, body, shape, seconds, sound):
    sandbox = make_sandbox(render=render_in_subprocess)
    body = {"prompt": "[quick] a cat"} | body
    if body["model"] == KLING:
        body["image_start"] = sandbox.upload_image()
    if body.pop("images", None):
        body["image_urls"] = [sandbox.upload_image(800, 600)]
    answer = sandbox.post_generation(body)
    assert answer.status_code == 200, answer.text
    sandbox.advance(20)
    (link,) = sandbox.get_task(answer.json()["id"])["results"]
    film = DecodedVideo(sandbox.http.get(link).content)
    assert (film.codec, film.pixels, film.sound) == ("h264", "yuv420p", sound)
    assert film.has_fast_start
    assert film.size[0] / film.size[1] == pytest.approx(shape, abs=0.03)
    assert film.seconds == pytest.approx(seconds, abs=1 / film.rate)
    assert len(film.frames) == seconds * film.rate


@pytest.mark.parametrize(
    ("quality", "longest"), [("480p", 640), ("720p", 854), ("1080p", 960), (None, 960)]
)
def test_quality_decides_the_size(sandbox, quality, longest):
    body = {"model": SEEDANCE, "prompt": "x", "quality": quality}
    sandbox.post_generation(body)
    sandbox.advance(20)
    (storyboard,) = sandbox.renderer.storyboards
    assert max(storyboard.width, storyboard.height) == longest
    assert storyboard.fps == 24


def test_a_film_starts_on_the_first_picture_and_ends_on_the_last(tmp_path):
    red, blue = (
        write_plain_image(tmp_path, "a.png", "crimson"),
        write_plain_image(tmp_path, "b.png", "navy"),
    )
    film = render_film(tmp_path, image_paths=(red, blue))
    assert mean_difference(film.frames[0], Image.open(red)) < 12
    assert mean_difference(film.frames[-1], Image.open(blue)) < 12
    assert mean_difference(film.frames[0], film.frames[-1]) > 60


def test_a_film_of_one_picture_starts_on_it_and_moves(tmp_path):
    picture = Image.effect_mandelbrot((320, 180), (-2, -1, 1, 1), 60).convert("RGB")
    picture.save(tmp_path / "a.png")
    film = render_film(tmp_path, image_paths=(str(tmp_path / "a.png"),))
    assert mean_difference(film.frames[0], picture) < 15
    assert mean_difference(film.frames[0], film.frames[-1]) > 5


def test_a_film_without_pictures_moves_and_its_look_comes_from_the_prompt(tmp_path):
    first, second = (
        render_film(tmp_path, prompt_text="a cat"),
        render_film(tmp_path, prompt_text="a cat"),
    )
    other_film = render_film(tmp_path, prompt_text="a dog at sea")
    assert mean_difference(first.frames[0], first.frames[-1]) > 3
    assert mean_difference(first.frames[0], second.frames[0]) == 0
    assert mean_difference(first.frames[0], other_film.frames[0]) > 10


def test_the_words_can_be_seen(tmp_path):
    film_with_text = render_film(
        tmp_path, prompt_text="MMMM MMMM", width=640, height=360, seconds=1
    )
    brightest = film_with_text.frames[5].convert("L").crop((30, 240, 400, 330)).getextrema()[1]
    assert brightest > 240


def test_the_bar_of_time_fills(tmp_path):
    film = render_film(tmp_path, image_paths=(write_plain_image(tmp_path, "a.png", "black"),))
    bottom = film.size[1] - 1

    def filled(frame):
        return sum(frame.convert("L").getpixel((x, bottom)) > 150 for x in range(film.size[0]))

    assert filled(film.frames[0]) < 5
    assert filled(film.frames[len(film.frames) // 2]) == pytest.approx(80, abs=8)
    assert filled(film.frames[-1]) > 150


@pytest.mark.parametrize(
    "words", ["", "\n", "猫が夜のジャズクラブで", "ÄÖÜ éñ 😀", "x" * 5000, "a " * 5000, "\0\x07"]
)
def test_any_words_make_a_film(tmp_path, words):
    assert len(render_film(tmp_path, prompt_text=words, seconds=1).frames) == 12


def test_long_words_end_in_an_ellipsis():
    font = ImageFont.load_default(20)
    lines = wrap_text("a cat on a piano " * 50, font, 200)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert all(font.getlength(line) <= 200 for line in lines)


def test_a_picture_of_any_kind_can_be_filmed(tmp_path):
    Image.new("LA", (50, 400), (90, 128)).save(tmp_path / "a.png")
    Image.new("P", (400, 50)).save(tmp_path / "b.gif")
    film = render_film(tmp_path, image_paths=(str(tmp_path / "a.png"), str(tmp_path / "b.gif")))
    assert film.size == (160, 90)


def test_a_film_that_cannot_be_made_leaves_no_file_and_says_why(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    storyboard = make_storyboard(tmp_path, image_paths=(str(tmp_path / "broken.png"),))
    with pytest.raises(RenderError, match=r"broken\.png"):
        asyncio.run(render_in_subprocess(storyboard))
    assert [path.name for path in tmp_path.iterdir()] == ["broken.png"]


def test_a_task_whose_film_cannot_be_made_fails_and_costs_nothing(make_sandbox):
    async def render_never(storyboard):
        raise RenderError("no")

    sandbox = make_sandbox(render=render_never)
    task_id = sandbox.create_task()
    sandbox.advance(5)
    task = sandbox.get_task(task_id)
    assert task["status"] == "failed"
    assert task["error"]["code"] == "service_error"
    assert sandbox.get_remaining_credits() == 1000


def test_films_are_made_two_at_a_time_and_the_most_urgent_first(make_sandbox):
    running, max_running, order = set(), [0], []

    async def render_counted(storyboard):
        running.add(storyboard.target_path)
        max_running[0] = max(max_running[0], len(running))
        order.append(storyboard.prompt_text)
        await asyncio.sleep(0)
        storyboard.path.write_bytes(b"film")
        running.discard(storyboard.target_path)

    sandbox = make_sandbox(render=render_counted)
    sandbox.create_task("long", duration=10)
    for _ in range(4):
        sandbox.create_task("short")
    for _ in range(4):
        sandbox.advance(5)
    assert max_running == [2]
    assert order == ["short"] * 4 + ["long"]
    assert sandbox.http.get("/v1/tasks?status=completed").json()["total"] == 5
