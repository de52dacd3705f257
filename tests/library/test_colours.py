"""Colours and orientation, as Chromium shows them: every value here was read from its canvas."""

import struct

import pytest
from PIL import Image, ImageCms

from evolink_studio.library.media import images
from evolink_studio.library.media.colour_profiles import (
    SRGB_PRIMARIES,
    build_coded_profile,
    build_gamma_profile,
    decode_srgb,
)
from tests.sample_images import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    XMP_SIDEWAYS,
    add_jpeg_segment,
    decode_image,
    encode_image,
    make_exif,
    make_gamma,
    make_icc_chunk,
    make_image,
    make_palette,
    make_png,
    make_png_chunk,
    make_primaries,
)

PIXEL = (220, 30, 30)
SWAPPED = (30, 220, 30)
P3 = ((0.3127, 0.3290), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
SRGB_CHUNK = make_png_chunk(b"sRGB", b"\0")
PALETTE_CHUNK = make_palette((1, 2, 3), PIXEL)
HALF_CLEAR = make_png_chunk(b"tRNS", b"\xff\x64")


def make_swapped_profile():
    """sRGB with red and green exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.find(b"rXYZ"), profile.find(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def make_linear_grey_profile():
    """A grey profile of gamma 1, made of the tags of one in RGB."""
    curve = b"curv" + struct.pack(">4xIH2x", 1, 256)
    white = b"XYZ " + struct.pack(">4x3i", 63190, 65536, 54061)
    tags = [(b"wtpt", white), (b"kTRC", curve)]
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags:
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    header = bytearray(build_gamma_profile(1)[:128])
    header[:4], header[16:20] = struct.pack(">I", start + len(body)), b"GRAY"
    return bytes(header) + struct.pack(">I", len(tags)) + table + body


SWAP = make_icc_chunk(make_swapped_profile())
LINEAR_GREY = make_icc_chunk(make_linear_grey_profile())
LINEAR = make_gamma(1.0)
WORDS = struct.Struct(">3H")


def read_pixel(content):
    decoded = decode_image(images.normalize_image(content).content)
    return decoded.convert("RGBA").getpixel((5, 5))


def assert_pixel(content, expected, tolerance=2):
    expected = expected if len(expected) == 4 else (*expected, 255)
    pixel = read_pixel(content)
    assert all(abs(a - b) <= tolerance for a, b in zip(pixel, expected, strict=True)), pixel


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (make_png(bytes(PIXEL), SWAP), SWAPPED),
        (make_png(b"\1", SWAP, PALETTE_CHUNK, colour_type=PALETTE), SWAPPED),
        (make_png(b"\1", PALETTE_CHUNK, SWAP, colour_type=PALETTE), SWAPPED),
        (make_png(b"\xff", SWAP, PALETTE_CHUNK, colour_type=PALETTE, bits=1), SWAPPED),
        (
            make_png(b"\1", SWAP, PALETTE_CHUNK, HALF_CLEAR, colour_type=PALETTE),
            (*SWAPPED, 100),
        ),
        (make_png(bytes((*PIXEL, 100)), SWAP, colour_type=RGBA), (*SWAPPED, 100)),
        (make_png(WORDS.pack(0xDCDC, 0x1E1E, 0x1E1E), SWAP, bits=16), SWAPPED),
        (make_png(b"\x80", LINEAR_GREY, colour_type=GREY), (188,) * 3),
        (make_png(b"\x80\x64", LINEAR_GREY, colour_type=GREY_ALPHA), (188, 188, 188, 100)),
        (make_png(b"\x80\x80", LINEAR_GREY, colour_type=GREY, bits=16), (188,) * 3),
        (
            make_png(b"\x80\x80\x64\x64", LINEAR_GREY, colour_type=GREY_ALPHA, bits=16),
            (188, 188, 188, 100),
        ),
        (make_png(b"\x55", LINEAR_GREY, colour_type=GREY, bits=2), (156,) * 3),
        (make_png(b"\x80", make_icc_chunk(build_gamma_profile(1)), colour_type=GREY), (188,) * 3),
    ],
)
def test_a_profile_counts_in_every_mode(content, expected):
    assert_pixel(content, expected)


@pytest.mark.parametrize(
    "chunks",
    [
        [make_icc_chunk(b"nonsense" * 40)],
        [make_png_chunk(b"iCCP", b"icc\0\0no deflate")],
        [make_png_chunk(b"iCCP", b"icc\0\1")],
        [make_icc_chunk(make_swapped_profile(), b"n" * 90)],
        [LINEAR_GREY],  # of other colours than the picture's
    ],
)
def test_a_profile_that_cannot_be_used_is_ignored(chunks):
    assert_pixel(make_png(bytes(PIXEL), *chunks), PIXEL)


def test_a_profile_does_not_move_the_transparent_colour():
    key = make_png_chunk(b"tRNS", WORDS.pack(*PIXEL))
    assert read_pixel(make_png(bytes(PIXEL), SWAP, key))[3] == 0
    assert_pixel(make_png(bytes((220, 30, 31)), SWAP, key), (30, 220, 31))


def test_a_transparent_colour_of_sixteen_bits_is_transparent():
    pixel, other_pixel = WORDS.pack(0xDC12, 0x1E34, 0x1E56), WORDS.pack(0xDC12, 0x1E34, 0x1F56)
    key = make_png_chunk(b"tRNS", pixel)
    assert read_pixel(make_png(pixel, key, bits=16))[3] == 0
    assert_pixel(make_png(other_pixel, key, bits=16), (220, 30, 31))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (make_png(b"\x80" * 3, LINEAR), (188,) * 3),
        (make_png(b"\x80" * 3, make_gamma(0.5)), (137,) * 3),
        (make_png(b"\x80" * 3, make_gamma(2.2)), (222,) * 3),
        (make_png(b"\x80" * 3, make_gamma(0.45455)), (128,) * 3),
        (make_png(b"\x80" * 3, make_gamma(0)), (128,) * 3),
        (make_png(b"\x80" * 3, LINEAR, make_gamma(0.45455)), (188,) * 3),
        (make_png(b"\x80" * 3, after=[LINEAR]), (128,) * 3),
        (make_png(b"\x80", LINEAR, colour_type=GREY), (188,) * 3),
        (make_png(b"\x55", LINEAR, colour_type=GREY, bits=2), (156,) * 3),
        (make_png(b"\x80\x64", LINEAR, colour_type=GREY_ALPHA), (188, 188, 188, 100)),
        (make_png(b"\1", LINEAR, PALETTE_CHUNK, colour_type=PALETTE), (239, 96, 96)),
        (
            make_png(b"\1", LINEAR, PALETTE_CHUNK, HALF_CLEAR, colour_type=PALETTE),
            (239, 96, 96, 100),
        ),
        (make_png(bytes((128, 60, 200, 100)), LINEAR, colour_type=RGBA), (188, 133, 229, 100)),
        (make_png(WORDS.pack(0x8080, 0x1010, 0x2020), LINEAR, bits=16), (188, 71, 99)),
        (make_png(b"\x80\x80", LINEAR, colour_type=GREY, bits=16), (188,) * 3),
    ],
)
def test_a_gamma_counts_in_every_mode(content, expected):
    assert_pixel(content, expected)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([LINEAR, SRGB_CHUNK], PIXEL),
        ([SRGB_CHUNK, LINEAR], PIXEL),
        ([make_png_chunk(b"sRGB", b"\x09"), LINEAR], (239, 96, 96)),
        ([LINEAR, SWAP], SWAPPED),
        ([SRGB_CHUNK, SWAP], SWAPPED),
        ([make_icc_chunk(b"nonsense" * 40), LINEAR], (239, 96, 96)),
        ([make_primaries(*P3)], PIXEL),  # without a gamma they say nothing
        ([make_gamma(0.45455), make_primaries(*P3)], (241, 0, 0)),
        ([LINEAR, make_primaries(*P3)], (255, 83, 90)),
        (
            [make_gamma(0.45455), make_primaries((0.3457, 0.3585), *SRGB_PRIMARIES[1:])],
            (231, 30, 34),
        ),
        ([LINEAR, make_primaries(*[(0, 0)] * 4)], PIXEL),
        ([make_png_chunk(b"cICP", bytes((12, 13, 0, 1)))], (240, 0, 0)),
        ([make_png_chunk(b"cICP", bytes((12, 13, 0, 1))), SWAP], (240, 0, 0)),
        ([make_png_chunk(b"cICP", bytes((1, 13, 0, 1))), LINEAR], PIXEL),
        ([make_png_chunk(b"cICP", bytes((1, 8, 0, 1)))], (239, 96, 96)),
        ([make_png_chunk(b"cICP", bytes((1, 4, 0, 1)))], (221, 24, 24)),
        ([make_png_chunk(b"cICP", bytes((1, 5, 0, 1)))], (212, 8, 8)),
        ([make_png_chunk(b"cICP", bytes((1, 1, 0, 1)))], (218, 18, 18)),
        ([make_png_chunk(b"cICP", bytes((1, 7, 0, 1)))], (224, 48, 48)),
        ([make_png_chunk(b"cICP", bytes((9, 16, 0, 1)))], (255, 0, 0)),
        ([make_png_chunk(b"cICP", bytes((2, 2, 0, 1)))], PIXEL),
    ],
)
def test_of_several_statements_the_same_one_counts_as_in_a_browser(chunks, expected):
    assert_pixel(make_png(bytes(PIXEL), *chunks), expected)


@pytest.mark.parametrize(
    ("colour_type", "pixel", "expected"),
    [
        (GREY, b"\x80\xff", (128,) * 3),
        (GREY, b"\x7f\x80", (127,) * 3),
        (GREY, b"\x00\xff", (0,) * 3),
        (RGB, WORDS.pack(0x80FF, 0x7F80, 0x0180), (128, 127, 1)),
        (GREY_ALPHA, b"\x80\x80\x80\x80", (128, 128, 128, 128)),
        (RGBA, struct.pack(">4H", 0x8080, 0x1010, 0xF0F0, 0x8080), (128, 16, 240, 128)),
    ],
)
def test_of_sixteen_bits_the_upper_eight_are_kept(colour_type, pixel, expected):
    assert_pixel(make_png(pixel, colour_type=colour_type, bits=16), expected, tolerance=0)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "HEIF", "MPO"])
def test_the_profile_of_a_photograph_counts(format):
    content = make_solid(format, PIXEL, icc_profile=make_swapped_profile())
    assert_pixel(content, SWAPPED, tolerance=4)


def make_solid(format, colour, mode="RGB", **options):
    return encode_image(Image.new(mode, (64, 48), colour), format, quality=95, **options)


def test_a_grey_photograph_has_its_own_profile():
    content = make_solid("JPEG", 128, "L", icc_profile=make_linear_grey_profile())
    assert_pixel(content, (188,) * 3)


def test_inks_without_a_profile_of_inks_are_mixed_as_in_a_browser():
    for profile in (None, make_swapped_profile()):
        content = make_solid("JPEG", (0, 220, 220, 30), "CMYK", icc_profile=profile)
        assert_pixel(content, (225, 30, 30), tolerance=3)


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("codes", "expected"),
    [((1, 13), PIXEL), ((12, 13), (241, 0, 0)), ((1, 8), (239, 96, 96)), ((2, 2), PIXEL)],
)
def test_the_code_points_of_avif_and_heic_count(format, codes, expected):
    content = make_solid(format, PIXEL)
    start = content.index(b"colrnclx") + 8
    content = content[:start] + struct.pack(">2H", *codes) + content[start + 4 :]
    assert_pixel(content, expected, tolerance=4)


def test_what_is_transparent_in_an_avif_stays_transparent():
    image = images.normalize_image(make_solid("AVIF", (*PIXEL, 100), "RGBA"))
    assert image.format == "png"
    assert abs(decode_image(image.content).getpixel((5, 5))[3] - 100) < 4


def test_srgb_needs_no_conversion_and_unknown_codes_no_guess():
    assert build_coded_profile(1, 13, video_transfer=decode_srgb) is None
    assert build_coded_profile(1, 1, video_transfer=decode_srgb) is None
    assert build_coded_profile(2, 13, video_transfer=decode_srgb) is None
    assert build_coded_profile(12, 13, video_transfer=decode_srgb) is not None


# --- which way up -----------------------------------------------------------------------------

XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0" + XMP_SIDEWAYS
JPEG = make_image("JPEG")
EXIF_SEGMENT = b"Exif\0\0" + make_exif(6)


@pytest.mark.parametrize(
    ("content", "is_turned"),
    [
        (add_jpeg_segment(JPEG, 0xE1, EXIF_SEGMENT), True),
        (add_jpeg_segment(JPEG, 0xE1, XMP_SEGMENT), False),
        (add_jpeg_segment(add_jpeg_segment(JPEG, 0xE1, XMP_SEGMENT), 0xE1, EXIF_SEGMENT), True),
        (
            add_jpeg_segment(
                add_jpeg_segment(JPEG, 0xE1, b"Exif\0\0" + make_exif(1)), 0xE1, XMP_SEGMENT
            ),
            False,
        ),
        (add_jpeg_segment(JPEG, 0xE1, b"Exif\0\0" + make_exif(9)), False),
        (add_jpeg_segment(JPEG, 0xE1, EXIF_SEGMENT[:20]), False),
        (make_png(bytes(PIXEL), make_png_chunk(b"eXIf", make_exif(6))), True),
        (make_png(bytes(PIXEL), make_png_chunk(b"eXIf", EXIF_SEGMENT)), False),
        (make_png(bytes(PIXEL), after=[make_png_chunk(b"eXIf", make_exif(6))]), False),
        (
            make_png(
                bytes(PIXEL), make_png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_SIDEWAYS)
            ),
            False,
        ),
        (make_image("WEBP", exif=EXIF_SEGMENT), False),  # browsers leave it as it is
        (make_image("WEBP", xmp=XMP_SIDEWAYS), False),
        (make_image("AVIF", exif=make_exif(6)), True),
        (make_image("AVIF", xmp=XMP_SIDEWAYS), False),
        (make_image("HEIF", exif=make_exif(6)), True),
    ],
)
def test_a_picture_is_turned_where_a_browser_turns_it(content, is_turned):
    image = images.normalize_image(content)
    assert (image.width, image.height) == ((48, 64) if is_turned else (64, 48))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_way_to_hold_a_camera_ends_upright(orientation):
    content = add_jpeg_segment(JPEG, 0xE1, b"Exif\0\0" + make_exif(orientation))
    decoded = decode_image(images.normalize_image(content).content)
    red_sides = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top"}
    points = {"left": (4, 24), "right": (60, 24), "top": (24, 4), "bottom": (24, 60)}
    red, _, blue = decoded.getpixel(points[red_sides.get(orientation, "bottom")])
    assert red > 150 > blue
