"""Which films and sounds are taken, and what is known of them."""

import io
from decimal import Decimal

import av
import pytest

from evolink_studio.library.exceptions import InvalidAudio, InvalidVideo
from evolink_studio.library.media import audio, repackaging, video
from evolink_studio.library.media.containers import detect_kind
from tests.sample_images import decode_image, make_image
from tests.sample_videos import (
    make_audio,
    make_covered_video,
    make_video,
    move_index_first,
    rotate_video,
)

HLS_PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:1/secret.ts\n"


@pytest.mark.parametrize(
    ("name", "codec", "mime"),
    [
        ("a.mp4", "libx264", "video/mp4"),
        ("a.mov", "libx264", "video/quicktime"),
        ("a.mp4", "libx265", "video/mp4"),
        ("a.webm", "libvpx", "video/webm"),
        ("a.webm", "libvpx-vp9", "video/webm"),
        ("a.mp4", "libsvtav1", "video/mp4"),
    ],
)
def test_a_film_is_known_by_its_own_facts(tmp_path, name, codec, mime):
    facts = video.probe_video(make_video(tmp_path / name, codec=codec, width=128, height=96))
    assert (facts.width, facts.height, facts.seconds) == (128, 96, Decimal("2.000"))
    assert (facts.format, facts.mime, facts.has_audio) == (name.partition(".")[2], mime, False)


def test_a_film_with_sound_says_so(tmp_path):
    assert video.probe_video(make_video(tmp_path / "a.mp4", has_audio=True)).has_audio


def test_a_film_recorded_live_has_no_length_in_its_header_and_is_measured(tmp_path):
    facts = video.probe_video(make_video(tmp_path / "a.webm", codec="libvpx", live="1"))
    assert abs(facts.seconds - 2) < Decimal("0.1")


def test_the_name_of_a_film_is_not_believed(tmp_path):
    path = make_video(tmp_path / "a.webm", codec="libvpx").rename(tmp_path / "a.mp4")
    assert video.probe_video(path).format == "webm"


def test_a_film_recorded_sideways_is_shown_upright(tmp_path):
    path = rotate_video(make_video(tmp_path / "a.mp4"))
    assert (video.probe_video(path).width, video.probe_video(path).height) == (48, 64)
    assert decode_image(video.probe_video(path).posters["medium"]).size == (48, 64)
    assert video.extract_frame(path, Decimal(1)).width == 48


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_film_that_was_cut_short_is_refused(tmp_path, part):
    content = make_video(tmp_path / "a.mp4", has_audio=True, movflags="faststart").read_bytes()
    cut_path = tmp_path / "cut.mp4"
    cut_path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InvalidVideo, match="part of it is missing"):
        video.probe_video(cut_path)


@pytest.mark.parametrize("index", ["", "frag_keyframe+empty_moov"])
def test_half_a_film_is_refused_wherever_its_index_is(tmp_path, index):
    path = make_video(tmp_path / "a.mp4", seconds=5, **({"movflags": index} if index else {}))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidVideo):
        video.probe_video(path)


def test_a_webm_that_was_cut_short_is_refused(tmp_path):
    content = make_video(tmp_path / "a.webm", codec="libvpx").read_bytes()
    cut_path = tmp_path / "cut.webm"
    cut_path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidVideo):
        video.probe_video(cut_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>Not found</body></html>" * 50,
        b'{"error": "expired"}',
        HLS_PLAYLIST,
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\0\0\0\x18ftypisom" + bytes(500),
        b"\x1a\x45\xdf\xa3webm" + bytes(500),
        make_image("PNG"),
        make_image("AVIF"),
        make_image("GIF"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InvalidVideo):
        video.probe_video(path)


def repackage(path, is_mov_kept=False):
    return repackaging.repackage(path, path.with_name("repackaged"), is_mov_kept=is_mov_kept)


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "behind"])
@pytest.mark.parametrize(
    ("name", "cover"),
    [
        ("a.mp4", "mjpeg"),
        ("a.mp4", "png"),
        ("a.mov", "mjpeg"),
        ("a.mov", "png"),
        ("a.mkv", "mjpeg"),
    ],
)
def test_a_cover_picture_is_not_taken_for_the_film(tmp_path, name, cover, is_first):
    path = make_covered_video(tmp_path / name, cover=cover, is_first=is_first, has_audio=True)

    facts = video.probe_video(path)
    assert (facts.width, facts.height, facts.codec, facts.has_audio) == (64, 48, "h264", True)
    assert decode_image(facts.posters["medium"]).size == (64, 48)
    assert video.extract_frame(path, Decimal(1)).width == 64

    playable = repackage(path)
    with av.open(str(playable)) as file:
        assert [stream.type for stream in file.streams] == ["video", "audio"]
        assert file.streams.video[0].codec_context.name == "h264"
    assert playable.read_bytes()[4:8] == b"ftyp"
    assert abs(video.probe_video(playable).seconds - facts.seconds) < Decimal("0.1")


FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof"  # counts no byte from the beginning
LEADING_BOXES = {
    "free": b"\0\0\0\x08free",
    "a long free": b"\0\0\x10\0free" + bytes(4088),
    "skip": b"\0\0\0\x10skip" + bytes(8),
    "wide": b"\0\0\0\x08wide",
    "uuid": b"\0\0\0\x20uuid" + bytes(24),
    "one that nobody knows": b"\0\0\x10\0abcd" + bytes(4088),
    "two": b"\0\0\0\x08free\0\0\0\x08wide",
    "64 bits": b"\0\0\0\x01free\0\0\0\0\0\0\0\x18" + bytes(8),
    "styp": b"\0\0\0\x18stypmsdh\0\0\0\0msdhmsix",
}


@pytest.mark.parametrize("box", LEADING_BOXES.values(), ids=LEADING_BOXES)
def test_a_film_may_begin_with_another_box_and_gets_a_plain_beginning(tmp_path, box):
    path = make_video(tmp_path / "a.mp4", movflags=FRAGMENTS)
    path.write_bytes(box + path.read_bytes())

    assert video.probe_video(path).format == "mp4"
    playable = repackage(path)
    assert playable.read_bytes()[4:8] == b"ftyp"
    facts = video.probe_video(playable)
    assert (facts.format, facts.mime) == ("mp4", "video/mp4")
    assert abs(facts.seconds - 2) < Decimal("0.1")


@pytest.mark.parametrize("name", [b"free", b"skip", b"wide", b"styp", b"uuid", b"abcd"])
def test_a_film_whose_first_box_was_renamed_plays(tmp_path, name):
    path = make_video(tmp_path / "a.mp4")
    content = path.read_bytes()
    path.write_bytes(content[:4] + name + content[8:])
    assert video.probe_video(path).seconds == 2
    assert video.probe_video(repackage(path)).format == "mp4"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\x10\0abcd" + bytes(4088) + b"\0\0\0\x20ftypisom" + bytes(20), "video"),
        (b"\0\0\0\x20ftypheic" + bytes(20) + b"\0\0\0\x10moov" + bytes(8), "image"),
        (b"\0\0\x10\0abcd" + bytes(4088) + b"\0\0\0\x10efgh" + bytes(8), "image"),
        (b"\0\0\0\x01abcd" + b"\xff" * 8, "image"),
        (b"a moov is a box of a film", "image"),
        (b"", "image"),
    ],
)
def test_a_film_is_told_by_any_of_its_first_boxes(content, kind):
    assert detect_kind(io.BytesIO(content)) == kind


def test_a_film_whose_first_two_boxes_changed_places_plays(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    content = path.read_bytes()
    end = int.from_bytes(content[:4], "big")
    assert content[end : end + 8] == b"\0\0\0\x08free"
    path.write_bytes(content[end : end + 8] + content[:end] + content[end + 8 :])
    assert video.probe_video(path).format == "mp4"
    assert repackage(path).read_bytes()[4:8] == b"ftyp"


def test_a_film_without_a_type_of_its_own_gets_one(tmp_path):
    path = move_index_first(make_video(tmp_path / "a.mp4", movflags=FRAGMENTS))
    assert path.read_bytes()[4:8] == b"moov"
    assert video.probe_video(path).format == "mov"
    assert video.probe_video(repackage(path)).format == "mp4"
    assert video.probe_video(repackage(path, is_mov_kept=True)).format == "mp4"


@pytest.mark.parametrize(
    ("name", "codec", "stored_format"),
    [
        *(("a.mov", "libx264", "mp4"), ("a.mkv", "libx264", "mp4"), ("a.mkv", "libx265", "mp4")),
        *(("a.mkv", "libvpx", "webm"), ("a.mkv", "libvpx-vp9", "webm")),
    ],
)
def test_a_container_that_not_every_browser_plays_is_replaced(tmp_path, name, codec, stored_format):
    path = make_video(tmp_path / name, codec=codec, has_audio=codec == "libx264")
    path = path.rename(tmp_path / "called.mp4")
    facts = video.probe_video(repackage(path))
    assert (facts.format, facts.has_audio) == (stored_format, codec == "libx264")
    assert abs(facts.seconds - 2) < Decimal("0.1")


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9")])
def test_a_film_that_plays_everywhere_stays_as_it_is(tmp_path, name, codec):
    assert repackage(make_video(tmp_path / name, codec=codec)) is None


def test_a_persons_mov_stays_one(tmp_path):
    assert repackage(make_video(tmp_path / "a.mov"), is_mov_kept=True) is None


def test_a_film_recorded_sideways_is_upright_in_its_new_container_too(tmp_path):
    path = repackage(rotate_video(make_video(tmp_path / "a.mov")))
    assert (video.probe_video(path).width, video.probe_video(path).height) == (48, 64)


def test_what_fits_into_no_other_container_stays_as_it_is(tmp_path):
    path = make_video(tmp_path / "a.mov", codec="prores_ks", pix_fmt="yuv422p10le")
    assert repackage(path) is None
    assert video.probe_video(path).codec == "prores"


def test_a_sound_is_no_film_and_a_film_no_sound(tmp_path):
    with pytest.raises(InvalidVideo):
        video.probe_video(make_audio(tmp_path / "a.m4a", codec="aac"))
    with pytest.raises(InvalidAudio):
        audio.probe_audio(make_video(tmp_path / "a.mp4", has_audio=True))


def test_a_film_with_damage_in_its_pictures_is_refused_or_plays_but_never_crashes(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    content = path.read_bytes()
    facts = set()
    for at in range(0, len(content), 101):
        path.write_bytes(content[:at] + bytes(64) + content[at + 64 :])
        try:
            facts.add(video.probe_video(path).mime)
        except InvalidVideo:
            facts.add("refused")
    assert facts == {"video/mp4", "refused"}


def test_frames_too_large_for_memory_are_refused(tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.mp4", width=256, height=256)
    monkeypatch.setattr("evolink_studio.library.media.containers.MAX_VIDEO_PIXELS", 256 * 200)
    with pytest.raises(InvalidVideo):
        video.probe_video(path)


def test_a_poster_is_a_small_webp(tmp_path):
    path = make_video(tmp_path / "a.mp4", width=1280, height=720, seconds=1)
    picture = decode_image(video.probe_video(path).posters["medium"])
    assert (picture.format, picture.size) == ("WEBP", (640, 360))


@pytest.mark.parametrize(("seconds", "shade"), [(2, 24), (10, 60)])
def test_the_poster_is_not_the_first_frame_which_is_often_black(tmp_path, seconds, shade):
    """A tenth of the film from its beginning, of a long one half a second."""
    poster = video.probe_video(make_video(tmp_path / "a.mp4", seconds=seconds)).posters["small"]
    assert abs(decode_image(poster).getpixel((5, 5))[0] - shade) < 12


@pytest.mark.parametrize(("second", "shade"), [("0", 0), ("0.5", 60), ("1", 120), ("99", 230)])
def test_the_frame_at_a_second_is_the_one_shown_then(tmp_path, second, shade):
    frame = video.extract_frame(make_video(tmp_path / "a.mp4"), Decimal(second))
    assert (frame.format, frame.width, frame.height) == ("jpeg", 64, 48)
    assert abs(decode_image(frame.content).getpixel((5, 5))[0] - shade) < 10


@pytest.mark.parametrize(
    ("name", "codec", "format", "mime"),
    [
        ("a.mp3", "libmp3lame", "fltp", "audio/mpeg"),
        ("a.wav", "pcm_s16le", "s16", "audio/wav"),
        ("a.m4a", "aac", "fltp", "audio/mp4"),
        ("a.ogg", "libopus", "flt", "audio/ogg"),
    ],
)
def test_a_sound_is_known_by_its_own_facts(tmp_path, name, codec, format, mime):
    facts = audio.probe_audio(make_audio(tmp_path / name, codec=codec, format=format))
    assert (facts.format, facts.mime) == (name.partition(".")[2], mime)
    assert abs(facts.seconds - 2) < Decimal("0.1")


@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_a_sound_that_was_cut_short_is_refused(tmp_path, name):
    codec, format = {"a.wav": ("pcm_s16le", "s16"), "a.m4a": ("aac", "fltp")}[name]
    path = make_audio(tmp_path / name, codec=codec, format=format, seconds=4)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidAudio):
        audio.probe_audio(path)


@pytest.mark.parametrize("content", [b"", b"ID3", b"OggS" + bytes(50), b"text", make_image()])
def test_what_is_no_sound_is_refused(tmp_path, content):
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    with pytest.raises(InvalidAudio):
        audio.probe_audio(path)
