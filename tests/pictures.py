"""Pictures for tests, honest and hostile."""

import io
import struct
import zlib

import pillow_heif
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()

GPS, ORIENTATION = 0x8825, 0x0112
RED, BLUE = (220, 20, 20), (20, 20, 220)


def scene(width=64, height=48, mode="RGB"):
    """Red on the left, blue on the right: it shows which way up it is."""
    image = Image.new("RGB", (width, height), RED)
    ImageDraw.Draw(image).rectangle((width // 2, 0, width, height), fill=BLUE)
    return image.convert(mode)


def picture(format="PNG", width=64, height=48, mode="RGB", **options):
    """A picture file of that format."""
    return encoded(scene(width, height, mode), format, **options)


def encoded(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def photo(orientation=1, format="JPEG", **size):
    """A photo with a camera's notes: the place where it was taken, and how the camera was held."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "Secret Camera"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return picture(format, exif=exif, **size)


def half_clear():
    """Transparent on the left."""
    image = scene(mode="RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 48))
    return image


def png_claiming(width, height):
    """A PNG of some kilobytes that unfolds to width × height grey pixels."""
    pack = zlib.compressobj(9)
    row = bytes(width + 1)
    data = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def gif_of(frames):
    """A GIF with that many frames, the first one red."""
    first = encoded(Image.new("P", (8, 8), 0).convert("RGB"), "GIF")
    still = encoded(scene(8, 8), "GIF")
    trailer = still.rindex(b"\x3b")
    frame = first[first.index(b"\x2c") : first.rindex(b"\x3b")]
    return still[:trailer] + frame * (frames - 1) + b"\x3b"


def jpeg_of_scans(scans):
    """A progressive JPEG that goes over its picture again and again."""
    content = picture("JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + b"\xff\xd9"


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
