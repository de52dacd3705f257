"""Which picture files open: those of which a browser shows everything."""

import subprocess
import sys
import textwrap
import threading
import zlib
from contextlib import suppress

import pytest

from evolink_studio.library.exceptions import ImageTooLarge, InvalidImage
from evolink_studio.library.media import decoding, images
from tests.library.test_images import is_near
from tests.sample_images import (
    GREY,
    PALETTE,
    RED,
    add_jpeg_segment,
    decode_image,
    draw_noise,
    draw_test_image,
    encode_image,
    make_exif,
    make_gamma,
    make_icc_chunk,
    make_image,
    make_jpeg_with_scans,
    make_palette,
    make_png,
    make_png_bomb,
    make_png_chunk,
)

NOTES = zlib.compress(b'{"nodes": []}' * 200_000)  # 2.6 MB, as ComfyUI writes them
WRONG = 7  # a checksum


@pytest.mark.parametrize(
    "content",
    [
        make_png(bytes(RED), make_png_chunk(b"zTXt", b"workflow\0\0" + NOTES)),
        make_png(bytes(RED), make_png_chunk(b"iTXt", b"workflow\0\1\0\0\0" + NOTES)),
        make_png(bytes(RED), make_png_chunk(b"tEXt", b"workflow\0" + b"{" * 2_000_000)),
        make_png(bytes(RED), after=[make_png_chunk(b"zTXt", b"workflow\0\0" + NOTES)]),
        make_png(bytes(RED), make_png_chunk(b"zTXt", b"workflow\0\0no deflate")),
        make_png(bytes(RED), *[make_png_chunk(b"tEXt", b"a\0b")] * 5000),
        make_png(bytes(RED), make_icc_chunk(bytes(3_000_000))),
        make_png(bytes(RED), make_png_chunk(b"pHYs", b"\0")),
        make_png(bytes(RED), make_png_chunk(b"acTL", b"\0")),
    ],
)
def test_notes_in_a_png_are_no_reason_to_refuse_it(content):
    image = images.normalize_image(content)
    assert is_near(decode_image(image.content).getpixel((5, 5)), RED)
    assert len(image.content) < 1000


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"tEXt", b"a\0b"),
        (b"pHYs", bytes(9)),
        (b"gAMA", b"\0\0\0\1"),
        (b"iCCP", b"x\0\0" + zlib.compress(b"profile")),
        (b"tRNS", bytes(6)),
        (b"eXIf", make_exif(6)),
        (b"abCd", b"nobody knows this"),
    ],
)
def test_a_chunk_with_a_wrong_checksum_counts_for_nothing(name, data):
    for broken_chunk in ([make_png_chunk(name, data, WRONG)], []):
        image = images.normalize_image(make_png(bytes(RED), *broken_chunk, after=broken_chunk))
        decoded = decode_image(image.content)
        assert (decoded.size, decoded.mode) == ((64, 48), "RGB")
        assert decoded.getpixel((5, 5)) == RED


def test_a_wrong_checksum_where_it_matters_is_refused():
    png = make_png()
    palette = make_palette(RED)
    for content in (
        png[:29] + b"\0\0\0\0" + png[33:],  # of the header
        make_png(b"\0", palette[:-4] + b"\0\0\0\0", colour_type=PALETTE),
    ):
        with pytest.raises(InvalidImage):
            images.normalize_image(content)


def test_a_wrong_checksum_beside_the_pixels_is_as_harmless_as_in_a_browser():
    png = make_png()
    position = png.index(b"IEND") - 8  # the checksum of the pixels' chunk
    content = png[:position] + b"\0\0\0\0" + png[position + 4 :]
    assert images.normalize_image(content).width == 64


def test_a_wrong_checksum_of_the_pixels_is_read_over_as_well():
    png = encode_image(draw_noise(), "PNG")
    end = png.index(b"IEND") - 8
    content = png[: end - 4] + bytes(4) + png[end:]
    assert images.normalize_image(content) == images.normalize_image(png)
    start = png.index(b"IDAT") + 6
    with pytest.raises(InvalidImage):  # but not pixels that cannot be unpacked
        images.normalize_image(png[:start] + b"\xff" + png[start + 1 :])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_without_its_end_marker_is_whole(options):
    content = encode_image(draw_noise(), "JPEG", quality=90, **options)
    for cut_content in (content[:-2], content[:-1], content[:-2] + bytes(500), content + b"junk"):
        assert images.normalize_image(cut_content) == images.normalize_image(content)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("part", [0.1, 0.35, 0.5, 0.75, 0.9, 0.99])
def test_a_jpeg_that_was_cut_is_refused(options, part):
    content = encode_image(draw_noise(), "JPEG", quality=90, **options)
    with pytest.raises(InvalidImage):
        images.normalize_image(content[: int(len(content) * part)])


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}, {"optimize": True}]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_wherever_a_jpeg_was_cut_it_is_whole_or_refused(options, mode):
    """Also between two scans, in the head of one, and at a restart marker."""
    content = encode_image(draw_test_image(24, 16, mode), "JPEG", quality=90, **options)
    picture = images.normalize_image(content)
    for end in range(len(content) // 3, len(content)):
        with suppress(InvalidImage):
            assert images.normalize_image(content[:end]) == picture, end


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "HEIF", "AVIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_is_refused(format, part):
    content = encode_image(draw_noise(), format)
    with pytest.raises(InvalidImage):
        images.normalize_image(content[: int(len(content) * part)])


@pytest.mark.parametrize("colour_type", [GREY, PALETTE])
def test_a_png_whose_pixels_end_early_is_refused(colour_type):
    pixel = b"\0"
    chunks = [make_palette((0, 0, 0))] if colour_type == PALETTE else []
    assert images.normalize_image(make_png(pixel, *chunks, colour_type=colour_type)).width == 64
    with pytest.raises(InvalidImage):
        images.normalize_image(make_png(pixel, *chunks, colour_type=colour_type, rows=24))


@pytest.mark.parametrize(
    "content",
    [
        make_png() + b"behind it",
        make_png()[:-12],  # without its end
        make_png(bytes(RED), rows=60),
        add_jpeg_segment(make_image("JPEG"), 0xFE, bytes(60_000)),
        make_image("MPO", save_all=True, append_images=[draw_noise(64, 48)])[:-100],
    ],
)
def test_what_a_browser_reads_over_is_read_over(content):
    image = images.normalize_image(content)
    assert (image.width, image.height) == (64, 48)
    assert is_near(decode_image(image.content).convert("RGB").getpixel((5, 5)), RED)


def test_a_transparent_grey_of_few_bits_is_compared_as_it_is_drawn():
    for bits, pixel in ((1, b"\xff"), (2, b"\x55"), (4, b"\x77")):
        sample = pixel[0] & (2**bits - 1)
        chunk = make_png_chunk(b"tRNS", bytes([0, sample]))
        image = images.normalize_image(make_png(pixel, chunk, colour_type=GREY, bits=bits))
        assert decode_image(image.content).getpixel((5, 5))[3] == 0


def test_the_first_frame_of_a_gif_may_be_smaller_than_its_picture():
    gif = make_image("GIF")
    start = gif.index(b"\x2c", 13 + 3 * 2 ** ((gif[10] & 7) + 1))
    sized = gif[:6] + (128).to_bytes(2, "little") + (96).to_bytes(2, "little") + gif[10:start]
    decoded = decode_image(
        images.normalize_image(sized + b"\x2c" + bytes([64, 0, 48, 0]) + gif[start + 5 :]).content
    ).convert("RGBA")
    assert decoded.size == (128, 96)
    assert decoded.getpixel((5, 5))[3] == 0
    assert is_near(decoded.getpixel((70, 60))[:3], RED)


# --- large ones -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (make_png_bomb(9000, 6000), (4500, 3000)),
        (make_png_bomb(16_384, 8), (8192, 4)),
        (make_png_bomb(8, 30_001), (4, 15_001)),
    ],
)
def test_a_large_picture_is_scaled_down_on_arrival(content, size):
    image = images.normalize_image(content)
    decoded = decode_image(image.content)
    assert (image.width, image.height) == decoded.size == size
    assert image.source_size == decode_header(content)


def decode_header(content):
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_large_photograph_is_scaled_upright_and_in_its_colours(options):
    exif = b"Exif\0\0" + make_exif(6)
    content = make_image("JPEG", width=9000, height=6000, exif=exif, **options)
    image = images.normalize_image(content)
    decoded = decode_image(image.content)
    assert (image.width, image.height) == decoded.size == (3000, 4500)
    assert image.source_size == (6000, 9000)
    assert is_near(decoded.getpixel((100, 100)), RED)


def test_a_picture_that_fits_is_not_scaled():
    assert images.normalize_image(make_image()).source_size is None


@pytest.mark.parametrize(
    ("size", "megapixels"), [((11_000, 10_000), 100), ((13_000, 13_000), 100), ((140_000, 8), 2560)]
)
def test_what_would_not_fit_the_memory_is_refused_with_what_would(size, megapixels):
    with pytest.raises(ImageTooLarge, match=f"may have {megapixels} million pixels"):
        images.normalize_image(make_png_bomb(*size))


def test_a_progressive_photograph_is_counted_with_what_its_decoder_keeps():
    small_image = decode_image(make_image("JPEG", progressive=True, subsampling=0))
    plain_image = decode_image(make_image("JPEG", subsampling=0))
    assert decoding._count_coefficient_bytes(small_image) == 64 * 48 * 3 * 2
    assert decoding._count_coefficient_bytes(plain_image) == 0


PEAK_SCRIPT = """
    import resource, sys
    from django.conf import settings
    settings.configure(USE_I18N=False)
    from evolink_studio.library.media import images
    from evolink_studio.library.exceptions import FileRejected
    from tests import sample_images
    images.normalize_image(sample_images.make_image())
    content = eval(sys.argv[1], vars(sample_images))
    def get_peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    before = get_peak()
    try:
        images.normalize_image(content)
    except FileRejected:
        pass
    print(get_peak() - before)
"""


@pytest.mark.parametrize(
    ("expression", "megabytes"),
    [
        ("make_png_bomb(13_000, 13_000)", 20),  # refused by its header
        ("make_png_bomb(9000, 6000)", 200),
        ("make_png(b'abc', make_png_chunk(b'zTXt', b'a\\0\\0' + zlib.compress(bytes(10**8))))", 20),
        ("make_png(b'abc', make_icc_chunk(bytes(10**8)))", 60),
    ],
)
def test_the_memory_that_a_picture_takes_is_bounded(expression, megabytes):
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PEAK_SCRIPT), expression]
    growth = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(growth) < megabytes


def test_pictures_at_the_same_time_share_one_budget():
    budget = decoding.MemoryBudget(100)
    order, second_is_in = [], threading.Event()

    def take_the_rest():
        with budget.reserve(500):  # more than there is: all of it
            order.append("second")
            second_is_in.set()

    with budget.reserve(60):
        with budget.reserve(40):
            pass
        thread = threading.Thread(target=take_the_rest)
        thread.start()
        order.append("first")
        assert not second_is_in.is_set()
    thread.join()
    assert order == ["first", "second"]
    with budget.reserve(100):
        order.append("free again")


def test_a_picture_that_is_drawn_over_and_over_is_refused_without_its_end_too():
    with pytest.raises(InvalidImage):
        images.normalize_image(make_jpeg_with_scans(200)[:-2])


def test_a_gamma_alone_does_not_refuse_a_picture():
    assert images.normalize_image(make_png(bytes(RED), make_gamma(0))).width == 64
