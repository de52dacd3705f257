"""What becomes of a picture that somebody gives."""

import subprocess
import sys
import textwrap

import pytest
from PIL import Image, ImageCms

from evolink_studio.library.exceptions import EditFailed, ImageTooLarge, InvalidImage
from evolink_studio.library.media import images
from tests.sample_images import (
    BLUE,
    RED,
    decode_image,
    draw_half_transparent_image,
    draw_test_image,
    encode_image,
    make_gif,
    make_image,
    make_jpeg_with_scans,
    make_photo,
    make_png_bomb,
)

CAMERA_NAME = b"Secret Camera"


def is_near(pixel, colour):
    return all(abs(a - b) < 40 for a, b in zip(pixel, colour, strict=False))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("JPEG", "jpeg"),
        ("PNG", "png"),
        ("WEBP", "webp"),
        ("GIF", "gif"),
        ("HEIF", "jpeg"),
        ("AVIF", "jpeg"),
    ],
)
def test_a_picture_keeps_its_look_and_a_format_that_models_know(given, kept):
    read = images.normalize_image(make_image(given))
    seen = decode_image(read.content)
    assert (read.format, read.mime) == (kept, f"image/{kept}")
    assert seen.format.lower() == kept
    assert (read.width, read.height) == seen.size == (64, 48)
    assert is_near(seen.convert("RGB").getpixel((5, 5)), RED)
    assert is_near(seen.convert("RGB").getpixel((60, 5)), BLUE)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_the_place_where_a_photo_was_taken_is_not_kept(format):
    given = make_photo(format=format)
    assert CAMERA_NAME in given
    kept = images.normalize_image(given).content
    assert CAMERA_NAME not in kept
    assert not decode_image(kept).getexif()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_photo_taken_sideways_is_turned_upright(format):
    read = images.normalize_image(make_photo(orientation=6, format=format))
    seen = decode_image(read.content).convert("RGB")
    assert (read.width, read.height) == seen.size == (48, 64)
    assert is_near(seen.getpixel((5, 5)), RED)
    assert is_near(seen.getpixel((5, 60)), BLUE)


def test_damaged_notes_about_a_picture_are_no_reason_to_refuse_it():
    assert images.normalize_image(make_image("JPEG", exif=b"Exif\0\0nonsense")).width == 64


def test_colours_are_shown_as_before_when_their_profile_is_dropped():
    swapped = _make_swapped_profile()
    if swapped is None:
        pytest.fail("no profile could be made")
    read = images.normalize_image(make_image("PNG", icc_profile=swapped))
    seen = decode_image(read.content)
    assert "icc_profile" not in seen.info
    assert is_near(seen.getpixel((5, 5)), BLUE)


def _make_swapped_profile():
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.find(b"rXYZ"), profile.find(b"bXYZ")
    if min(red, blue) < 0:
        return None
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def test_a_broken_colour_profile_is_ignored():
    assert images.normalize_image(make_image("PNG", icc_profile=b"nonsense")).width == 64


def test_printers_colours_become_screen_colours():
    seen = decode_image(images.normalize_image(make_image("JPEG", mode="CMYK")).content)
    assert seen.mode == "RGB"
    assert is_near(seen.getpixel((5, 5)), RED)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_stays_transparent(format):
    seen = decode_image(
        images.normalize_image(encode_image(draw_half_transparent_image(), format)).content
    ).convert("RGBA")
    assert seen.getpixel((5, 5))[3] == 0
    assert seen.getpixel((60, 5))[3] == 255


def test_a_palette_with_a_transparent_colour_stays_transparent():
    image = draw_test_image(mode="P")
    content = encode_image(image, "PNG", transparency=image.getpixel((5, 5)))
    assert decode_image(images.normalize_image(content).content).getpixel((5, 5))[3] == 0


def test_sixteen_bit_grey_is_scaled_and_not_cut_off():
    image = Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 32768)
    image.putpixel((1, 0), 65535)
    seen = decode_image(images.normalize_image(encode_image(image, "PNG")).content)
    assert seen.getpixel((0, 0)) == (128, 128, 128)
    assert seen.getpixel((1, 0)) == (255, 255, 255)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_hangs_behind_a_picture_is_not_kept(format):
    trailer = b"PK\x03\x04<html><script>alert(1)</script></html>"
    kept = images.normalize_image(make_image(format) + trailer).content
    assert b"<script>" not in kept
    assert b"PK\x03\x04" not in kept


def test_a_script_in_the_comment_of_a_picture_is_not_kept():
    for format in ("JPEG", "GIF"):
        given = make_image(format, comment=b"<script>alert(1)</script>")
        assert b"<script>" in given
        assert b"<script>" not in images.normalize_image(given).content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just text",
        b"<html><body>no</body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%!PS-Adobe-3.0\n(hi) show",
        b"GIF89a" + bytes(10),
        b"\xff\xd8\xff" + bytes(100),
        make_image("PNG")[:60],
        make_image("JPEG")[:200],
        make_image("HEIF")[:300],
        make_image("BMP"),
        make_image("TIFF"),
        make_image("ICO"),
    ],
)
def test_what_is_no_picture_or_not_whole_is_refused(content):
    with pytest.raises(InvalidImage) as refused:
        images.normalize_image(content)
    assert "Nothing was sent or charged" in str(refused.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(6400, 6400), (16384, 8), (8, 16384), (13_000, 13_000)])
def test_too_many_pixels_are_refused(size):
    with pytest.raises(ImageTooLarge, match="40 million"):
        images.normalize_image(make_png_bomb(*size))


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded():
    script = """
        import resource
        from evolink_studio.library.media import images
        from evolink_studio.library.exceptions import ImageTooLarge
        from tests.sample_images import make_png_bomb
        bomb = make_png_bomb(13_000, 13_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            images.normalize_image(bomb)
        except ImageTooLarge:
            print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(grown) < 20  # decoding takes 169 MB or more


def test_of_ten_thousand_frames_one_is_kept():
    given = make_gif(10_000)
    assert decode_image(given).n_frames == 10_000
    kept = decode_image(images.normalize_image(given).content)
    assert kept.n_frames == 1
    assert is_near(kept.convert("RGB").getpixel((1, 1)), RED)


def test_a_picture_that_is_drawn_over_and_over_is_refused():
    assert images.normalize_image(make_jpeg_with_scans(20)).width == 64
    with pytest.raises(InvalidImage):
        images.normalize_image(make_jpeg_with_scans(200))


def test_a_jpeg_does_not_outgrow_what_models_take():
    noise = Image.effect_noise((3600, 3600), 120).convert("RGB")
    given = encode_image(noise, "JPEG", quality=75)
    kept = images.normalize_image(given)
    assert len(given) < 10_000_000
    assert len(kept.content) < 10_000_000


def test_a_picture_is_cut_to_exactly_the_size_asked_for_around_its_middle():
    read = images.normalize_image(make_image("PNG", width=1000, height=1000))
    fitted = images.fit_image(read, 1280, 720)
    seen = decode_image(fitted.content)
    assert (fitted.width, fitted.height) == seen.size == (1280, 720)
    assert is_near(seen.getpixel((600, 360)), RED)
    assert is_near(seen.getpixel((680, 360)), BLUE)


@pytest.mark.parametrize("size", [(0, 720), (-1, 5), (99_999, 2), (16_000, 16_000)])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(EditFailed):
        images.fit_image(images.normalize_image(make_image()), *size)


def test_as_a_jpeg_the_transparent_becomes_white():
    read = images.normalize_image(encode_image(draw_half_transparent_image(), "PNG"))
    converted = images.convert_image(read, "jpeg")
    assert converted.format == "jpeg"
    assert is_near(decode_image(converted.content).getpixel((5, 5)), (255, 255, 255))


def test_a_poster_is_a_small_webp():
    seen = decode_image(
        images.render_poster(images.normalize_image(make_image("PNG", width=1280, height=720)))
    )
    assert seen.format == "WEBP"
    assert seen.size == (640, 360)


def test_the_same_bytes_are_always_kept_as_the_same_bytes():
    given = make_photo()
    assert images.normalize_image(given) == images.normalize_image(given)
