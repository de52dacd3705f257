"""What becomes of a picture that somebody gives."""

import pytest
from PIL import Image, ImageCms

from evolink_studio.library.exceptions import EditFailed, InvalidImage
from evolink_studio.library.media import images
from tests.sample_images import (
    BLUE,
    RED,
    decode_image,
    draw_half_transparent_image,
    draw_noise,
    draw_test_image,
    encode_image,
    make_gif,
    make_image,
    make_jpeg_with_scans,
    make_photo,
)

CAMERA_NAME = b"Secret Camera"


def is_near(pixel, colour):
    return all(abs(a - b) < 40 for a, b in zip(pixel, colour, strict=False))


@pytest.mark.parametrize(
    ("source_format", "expected_format"),
    [
        ("JPEG", "jpeg"),
        ("PNG", "png"),
        ("WEBP", "webp"),
        ("GIF", "gif"),
        ("HEIF", "jpeg"),
        ("AVIF", "jpeg"),
    ],
)
def test_a_picture_keeps_its_look_and_a_format_that_models_know(source_format, expected_format):
    image = images.normalize_image(make_image(source_format))
    decoded = decode_image(image.content)
    assert (image.format, image.mime) == (expected_format, f"image/{expected_format}")
    assert decoded.format.lower() == expected_format
    assert (image.width, image.height) == decoded.size == (64, 48)
    assert is_near(decoded.convert("RGB").getpixel((5, 5)), RED)
    assert is_near(decoded.convert("RGB").getpixel((60, 5)), BLUE)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_the_place_where_a_photo_was_taken_is_not_kept(format):
    content = make_photo(format=format)
    assert CAMERA_NAME in content
    stored_content = images.normalize_image(content).content
    assert CAMERA_NAME not in stored_content
    assert not decode_image(stored_content).getexif()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "AVIF"])
def test_a_photo_taken_sideways_is_turned_upright(format):
    image = images.normalize_image(make_photo(orientation=6, format=format))
    decoded = decode_image(image.content).convert("RGB")
    assert (image.width, image.height) == decoded.size == (48, 64)
    assert is_near(decoded.getpixel((5, 5)), RED)
    assert is_near(decoded.getpixel((5, 60)), BLUE)


def test_damaged_notes_about_a_picture_are_no_reason_to_refuse_it():
    assert images.normalize_image(make_image("JPEG", exif=b"Exif\0\0nonsense")).width == 64


def test_colours_are_shown_as_before_when_their_profile_is_dropped():
    swapped_profile = _make_swapped_profile()
    if swapped_profile is None:
        pytest.fail("no profile could be made")
    image = images.normalize_image(make_image("PNG", icc_profile=swapped_profile))
    decoded = decode_image(image.content)
    assert "icc_profile" not in decoded.info
    assert is_near(decoded.getpixel((5, 5)), BLUE)


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
    decoded = decode_image(images.normalize_image(make_image("JPEG", mode="CMYK")).content)
    assert decoded.mode == "RGB"
    assert is_near(decoded.getpixel((5, 5)), RED)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_stays_transparent(format):
    decoded = decode_image(
        images.normalize_image(encode_image(draw_half_transparent_image(), format)).content
    ).convert("RGBA")
    assert decoded.getpixel((5, 5))[3] == 0
    assert decoded.getpixel((60, 5))[3] == 255


def test_a_palette_with_a_transparent_colour_stays_transparent():
    image = draw_test_image(mode="P")
    content = encode_image(image, "PNG", transparency=image.getpixel((5, 5)))
    assert decode_image(images.normalize_image(content).content).getpixel((5, 5))[3] == 0


def test_sixteen_bit_grey_is_scaled_and_not_cut_off():
    image = Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 32768)
    image.putpixel((1, 0), 65535)
    decoded = decode_image(images.normalize_image(encode_image(image, "PNG")).content)
    assert decoded.getpixel((0, 0)) == (128, 128, 128)
    assert decoded.getpixel((1, 0)) == (255, 255, 255)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_hangs_behind_a_picture_is_not_kept(format):
    trailer = b"PK\x03\x04<html><script>alert(1)</script></html>"
    stored_content = images.normalize_image(make_image(format) + trailer).content
    assert b"<script>" not in stored_content
    assert b"PK\x03\x04" not in stored_content


def test_a_script_in_the_comment_of_a_picture_is_not_kept():
    for format in ("JPEG", "GIF"):
        content = make_image(format, comment=b"<script>alert(1)</script>")
        assert b"<script>" in content
        assert b"<script>" not in images.normalize_image(content).content


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
    with pytest.raises(InvalidImage) as exc_info:
        images.normalize_image(content)
    assert "Nothing was sent or charged" in str(exc_info.value)


def test_of_ten_thousand_frames_one_is_kept():
    content = make_gif(10_000)
    assert decode_image(content).n_frames == 10_000
    stored_image = decode_image(images.normalize_image(content).content)
    assert stored_image.n_frames == 1
    assert is_near(stored_image.convert("RGB").getpixel((1, 1)), RED)


def test_a_picture_that_is_drawn_over_and_over_is_refused():
    assert images.normalize_image(make_jpeg_with_scans(20)).width == 64
    with pytest.raises(InvalidImage):
        images.normalize_image(make_jpeg_with_scans(200))


def test_a_jpeg_does_not_outgrow_what_models_take():
    noise_image = Image.effect_noise((3600, 3600), 120).convert("RGB")
    content = encode_image(noise_image, "JPEG", quality=75)
    normalized = images.normalize_image(content)
    assert len(content) < 10_000_000
    assert len(normalized.content) < 10_000_000


def test_a_picture_is_cut_to_exactly_the_size_asked_for_around_its_middle():
    image = images.normalize_image(make_image("PNG", width=1000, height=1000))
    fitted_image = images.fit_image(image.content, image.format, 1280, 720)
    decoded = decode_image(fitted_image.content)
    assert (fitted_image.width, fitted_image.height) == decoded.size == (1280, 720)
    assert is_near(decoded.getpixel((600, 360)), RED)
    assert is_near(decoded.getpixel((680, 360)), BLUE)


@pytest.mark.parametrize("size", [(0, 720), (-1, 5), (99_999, 2), (16_000, 16_000)])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(EditFailed):
        images.fit_image(make_image(), "png", *size)


def test_as_a_jpeg_the_transparent_becomes_white():
    converted_image = images.convert_to_jpeg(encode_image(draw_half_transparent_image(), "PNG"))
    assert converted_image.format == "jpeg"
    assert is_near(decode_image(converted_image.content).getpixel((5, 5)), (255, 255, 255))


@pytest.mark.parametrize(
    ("size", "expected_sizes"),
    [
        ((1920, 1080), [(1280, 720), (640, 360), (320, 180)]),
        ((600, 1200), [(600, 1200), (320, 640), (160, 320)]),
        ((100, 80), [(100, 80)] * 3),
    ],
)
def test_a_poster_is_a_webp_as_large_as_pages_show_it_and_no_larger(size, expected_sizes):
    width, height = size
    posters = images.normalize_image(make_image("PNG", width=width, height=height)).posters
    decoded = [decode_image(posters[name]) for name in ("large", "medium", "small")]
    assert [poster.format for poster in decoded] == ["WEBP"] * 3
    assert [poster.size for poster in decoded] == expected_sizes


def test_what_is_transparent_is_transparent_on_the_poster():
    content = encode_image(draw_half_transparent_image(), "PNG")
    poster = decode_image(images.normalize_image(content).posters["small"])
    assert poster.getpixel((5, 5))[3] == 0
    assert poster.getpixel((60, 5))[3] == 255


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_png_is_kept_pixel_by_pixel(mode):
    """Also where it is written in several pieces: its rows build on each other."""
    image = draw_noise(1500, 1200).convert(mode)
    if mode == "RGBA":
        image.putalpha(image.getchannel("G"))
    kept = images.normalize_image(encode_image(image, "PNG"))
    decoded = decode_image(kept.content)
    assert (decoded.format, decoded.mode, decoded.size) == ("PNG", mode, (1500, 1200))
    assert decoded.tobytes() == image.tobytes()


def test_the_same_bytes_are_always_kept_as_the_same_bytes():
    content = make_photo()
    assert images.normalize_image(content) == images.normalize_image(content)
