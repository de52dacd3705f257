"""Colour profiles: what a file says about its colours, applied as browsers do.

Whatever form that takes in a file (an ICC profile, a gamma, code points of ITU-T H.273) becomes an
ICC profile, so that there is one conversion to sRGB.
"""

import io
import math
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache

from PIL import Image, ImageCms

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
# x and y of white, red, green and blue in the CIE 1931 chromaticity diagram.
Primaries = tuple[tuple[float, float], ...]
# A sample between 0 and 1 as linear light between 0 and 1.
TransferFunction = Callable[[float], float]

_D65, _DCI_WHITE = (0.3127, 0.3290), (0.314, 0.351)
SRGB_PRIMARIES: Primaries = (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_SMPTE_C_PRIMARIES: Primaries = (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
_P3_RED_GREEN_BLUE = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
# ITU-T H.273, table 2
_PRIMARIES_BY_CODE: dict[int, Primaries] = {
    1: SRGB_PRIMARIES,
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _SMPTE_C_PRIMARIES,
    7: _SMPTE_C_PRIMARIES,
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: (_DCI_WHITE, *_P3_RED_GREEN_BLUE),
    12: (_D65, *_P3_RED_GREEN_BLUE),
}
_SDR_WHITE_NITS = 203  # ITU-R BT.2408; what is brighter becomes white
_CURVE_SAMPLES = 4096
_BRADFORD: Matrix = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_D50_XYZ: Vector = (0.9642, 1.0, 0.8249)  # the white of every ICC profile


def convert_to_srgb(image: Image.Image, profiles: Iterable[bytes]) -> Image.Image:
    """RGB, or RGBA where something is transparent, by the first usable of these ICC profiles.

    A profile for other colours than the picture's (grey for one in RGB) is not usable; without a
    usable one the colours are sRGB already.
    """
    for profile in profiles:
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted_image = _apply_profile(image, profile)
            if converted_image is not None:
                return converted_image
    return _convert_to_rgb(image)


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in RGB or RGBA; None for a profile of other colours."""
    source_profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    colour_space = source_profile.profile.xcolor_space.strip()
    is_grey = image.mode in {"1", "L", "LA"}
    if colour_space == "RGB" and image.mode != "CMYK":
        colours = _convert_to_rgb(image)
        # In place, so that a large picture is not in memory twice. What is transparent stays.
        ImageCms.profileToProfile(colours, source_profile, _load_srgb_profile(), inPlace=True)
        return colours
    if colour_space == "GRAY" and is_grey:
        alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
        greys = image if image.mode == "L" else image.convert("L")
        converted_image = _convert_inks(greys, source_profile)
        if alpha is not None:
            converted_image.putalpha(alpha)
        return converted_image
    if colour_space == "CMYK" and image.mode == "CMYK":
        return _convert_inks(image, source_profile)
    return None


def _convert_inks(image: Image.Image, source_profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted_image = ImageCms.profileToProfile(
        image, source_profile, _load_srgb_profile(), outputMode="RGB"
    )
    assert converted_image is not None  # it would be only if it were in place
    converted_image.info = {}
    return converted_image


@cache
def _load_srgb_profile() -> ImageCms.ImageCmsProfile:
    """sRGB as a profile of version 2: towards version 4, LittleCMS would move the black point."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    content[8:12] = b"\x02\x40\x00\x00"
    return ImageCms.ImageCmsProfile(io.BytesIO(content))


def build_gamma_profile(gamma: float, primaries: Primaries = SRGB_PRIMARIES) -> bytes | None:
    """The ICC profile of samples that are linear light raised to `gamma`.

    None for primaries that span no colours.
    """
    exponent = 1 / gamma
    return _build_rgb_profile(primaries, lambda sample: float(sample**exponent))


def build_coded_profile(
    primaries_code: int, transfer_code: int, *, video_transfer: TransferFunction
) -> bytes | None:
    """The ICC profile of code points of H.273; None for sRGB and for those that say nothing.

    `video_transfer` is the curve for the codes of television (BT.601, BT.709, BT.2020), which
    browsers read differently in different formats.
    """
    primaries = _PRIMARIES_BY_CODE.get(primaries_code)
    transfer = {**_TRANSFER_BY_CODE, **dict.fromkeys(_VIDEO_TRANSFER_CODES, video_transfer)}.get(
        transfer_code
    )
    if primaries is None or transfer is None:
        return None
    if primaries == SRGB_PRIMARIES and transfer is decode_srgb:
        return None
    return _build_rgb_profile(primaries, transfer)


def decode_srgb(sample: float) -> float:
    """Linear light of an sRGB sample, both between 0 and 1."""
    return sample / 12.92 if sample <= 0.04045 else float(((sample + 0.055) / 1.055) ** 2.4)


def decode_bt1886(sample: float) -> float:
    """Linear light of a sample as a television shows it (ITU-R BT.1886 without its black)."""
    return float(sample**2.4)


def _decode_smpte240(sample: float) -> float:
    return sample / 4 if sample < 0.0912 else float(((sample + 0.1115) / 1.1115) ** (1 / 0.45))


def _decode_pq(sample: float) -> float:
    power = sample ** (32 / 2523)
    nits = 10_000 * (max(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (16384 / 2610)
    return float(nits / _SDR_WHITE_NITS)


def _decode_hlg(sample: float) -> float:
    scene = (
        sample**2 / 3
        if sample <= 0.5
        else (math.exp((sample - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return float(1000 * scene**1.2 / _SDR_WHITE_NITS)


_VIDEO_TRANSFER_CODES = (1, 6, 14, 15)
# ITU-T H.273, table 3
_TRANSFER_BY_CODE: dict[int, TransferFunction] = {
    4: lambda sample: float(sample**2.2),
    5: lambda sample: float(sample**2.8),
    7: _decode_smpte240,
    8: lambda sample: sample,
    13: decode_srgb,
    16: _decode_pq,
    17: lambda sample: float(52.37 / 48 * sample**2.6),
    18: _decode_hlg,
}


def _build_rgb_profile(primaries: Primaries, transfer: TransferFunction) -> bytes | None:
    try:
        red, green, blue = _transpose(_compute_matrix(primaries))
    except ZeroDivisionError:
        return None
    last = _CURVE_SAMPLES - 1
    samples = (round(65535 * min(transfer(step / last), 1)) for step in range(_CURVE_SAMPLES))
    curve = b"curv" + struct.pack(">4xI4096H", _CURVE_SAMPLES, *samples)
    return _pack_profile(
        {
            b"wtpt": _pack_xyz(_D50_XYZ),
            b"rXYZ": _pack_xyz(red),
            b"gXYZ": _pack_xyz(green),
            b"bXYZ": _pack_xyz(blue),
            **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
        }
    )


def _compute_matrix(primaries: Primaries) -> Matrix:
    """Linear RGB to XYZ under D50. Raises ZeroDivisionError for primaries on one line."""
    white, *colours = ((x / y, 1.0, (1 - x - y) / y) for x, y in primaries)
    unscaled = _transpose((colours[0], colours[1], colours[2]))
    scales = _apply(_invert(unscaled), white)
    to_xyz = _multiply(unscaled, _diagonal(scales))
    source, target = _apply(_BRADFORD, white), _apply(_BRADFORD, _D50_XYZ)
    ratios = (target[0] / source[0], target[1] / source[1], target[2] / source[2])
    adaptation = _multiply(_invert(_BRADFORD), _multiply(_diagonal(ratios), _BRADFORD))
    return _multiply(adaptation, to_xyz)


def _apply(matrix: Matrix, vector: Vector) -> Vector:
    x, y, z = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _transpose(matrix: Matrix) -> Matrix:
    first, second, third = zip(*matrix, strict=True)
    return first, second, third


def _multiply(left: Matrix, right: Matrix) -> Matrix:
    first, second, third = (_apply(left, column) for column in _transpose(right))
    return _transpose((first, second, third))


def _diagonal(values: Vector) -> Matrix:
    return (values[0], 0.0, 0.0), (0.0, values[1], 0.0), (0.0, 0.0, values[2])


def _invert(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        (
            (e * i - f * h) / determinant,
            (c * h - b * i) / determinant,
            (b * f - c * e) / determinant,
        ),
        (
            (f * g - d * i) / determinant,
            (a * i - c * g) / determinant,
            (c * d - a * f) / determinant,
        ),
        (
            (d * h - e * g) / determinant,
            (b * g - a * h) / determinant,
            (a * e - b * d) / determinant,
        ),
    )


def _pack_xyz(vector: Vector) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *(round(value * 65536) for value in vector))


def _pack_profile(tags: dict[bytes, bytes]) -> bytes:
    """A display profile of version 2.4 (ICC.1:2001-04)."""
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        table += struct.pack(">4sII", signature, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s28x3i48x",
        start + len(body),
        b"",
        0x02400000,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        b"acsp",
        *(round(value * 65536) for value in _D50_XYZ),
    )
    return header + struct.pack(">I", len(tags)) + table + body
