"""Pictures for tests, sound and hostile."""

import io
import random
import struct
import zlib

import pillow_heif
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()

EXIF_GPS_TAG, EXIF_ORIENTATION_TAG = 0x8825, 0x0112
RED, BLUE = (220, 20, 20), (20, 20, 220)


def draw_test_image(width=64, height=48, mode="RGB"):
    """Red on the left, blue on the right: it shows which way up it is."""
    image = Image.new("RGB", (width, height), RED)
    ImageDraw.Draw(image).rectangle((width // 2, 0, width, height), fill=BLUE)
    return image.convert(mode)


def make_image(format="PNG", width=64, height=48, mode="RGB", **options):
    """A picture file of that format."""
    return encode_image(draw_test_image(width, height, mode), format, **options)


def encode_image(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def decode_image(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def make_photo(orientation=1, format="JPEG", **size):
    """A photo with a camera's notes: the place where it was taken, and how the camera was held."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION_TAG] = orientation
    exif[0x010F] = "Secret Camera"
    exif.get_ifd(EXIF_GPS_TAG).update(
        {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    )
    return make_image(format, exif=exif, **size)


def draw_half_transparent_image():
    """Transparent on the left."""
    image = draw_test_image(mode="RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 48))
    return image


def make_png_bomb(width, height):
    """A PNG of some kilobytes that unfolds to width × height grey pixels."""
    compressor = zlib.compressobj(9)
    row = bytes(width + 1)
    data = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", data) + _png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def make_gif(frame_count):
    """A GIF with that many frames, the first one red."""
    red_image = encode_image(Image.new("P", (8, 8), 0).convert("RGB"), "GIF")
    gif = encode_image(draw_test_image(8, 8), "GIF")
    trailer = gif.rindex(b"\x3b")
    frame = red_image[red_image.index(b"\x2c") : red_image.rindex(b"\x3b")]
    return gif[:trailer] + frame * (frame_count - 1) + b"\x3b"


def make_jpeg_with_scans(scan_count):
    """A progressive JPEG that goes over its picture again and again."""
    content = make_image("JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scan_count + b"\xff\xd9"


def _png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# --- PNG files, chunk by chunk ----------------------------------------------------------------

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types


def make_png_chunk(name, data, checksum=None):
    """A chunk, with a wrong checksum if one is given."""
    right_checksum = zlib.crc32(name + data)
    return (
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", right_checksum if checksum is None else checksum)
    )


def make_png(
    pixel=bytes(RED), *chunks, colour_type=RGB, bits=8, width=64, height=48, after=(), rows=None
):
    """A PNG of that one pixel, bit for bit, with these chunks before the pixels.

    `after` are chunks behind them; `rows` is how many rows there really are.
    """
    row = b"\0" + (pixel * width if bits >= 8 else pixel * (width * bits // 8))
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    data = zlib.compress(row * (height if rows is None else rows))
    return b"".join(
        [
            PNG_SIGNATURE,
            make_png_chunk(b"IHDR", header),
            *chunks,
            make_png_chunk(b"IDAT", data),
            *after,
            make_png_chunk(b"IEND", b""),
        ]
    )


def make_palette(*colours):
    return make_png_chunk(b"PLTE", bytes(value for colour in colours for value in colour))


def make_gamma(value):
    """A gAMA chunk; 1.0 is linear light."""
    return make_png_chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def make_primaries(*points):
    """A cHRM chunk of white, red, green and blue as (x, y)."""
    values = [round(value * 100_000) for point in points for value in point]
    return make_png_chunk(b"cHRM", struct.pack(">8I", *values))


def make_icc_chunk(profile, name=b"icc"):
    return make_png_chunk(b"iCCP", name + b"\0\0" + zlib.compress(profile))


def make_exif(orientation):
    """The content of an EXIF block that says only how the camera was held."""
    return struct.pack(
        ">2sHIHHHIHHI", b"MM", 42, 8, 1, EXIF_ORIENTATION_TAG, 3, 1, orientation, 0, 0
    )


def add_jpeg_segment(jpeg, marker, data):
    """The JPEG with one more segment in front."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + jpeg[2:]


XMP_SIDEWAYS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def draw_noise(width=256, height=192):
    """Every part of it looks different, so that a missing one is seen. The same at every call."""
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))
