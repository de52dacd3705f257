"""Names that people give their files: for display and download, never used in the storage."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

MAX_NAME_LENGTH = 120  # characters
MAX_NAME_BYTES = 240  # disks take 255, and browsers add " (1)"
_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
# Joiners make one sign of several: a family of persons, letters of Persian or Hindi.
_ZERO_WIDTH_JOINER = "\u200d"
_JOINERS = {"\u200c", _ZERO_WIDTH_JOINER}
# The flags of England, Scotland and Wales are a black flag and the region's letters as tags.
_TAGGED_FLAG_PATTERN = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f")
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)  # two are a flag
_RESERVED_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
_EXTENSION_BY_FORMAT = {"jpeg": "jpg"}
_MEDIA_EXTENSIONS = {
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".heif", ".avif"),
    *(".mp4", ".m4v", ".mov", ".webm"),
    *(".mp3", ".wav", ".m4a", ".ogg"),
}


def clean_name(name: str, *, fallback: str = "file") -> str:
    """A name on one line, without folders, control and direction marks, that every disk takes.

    At most MAX_NAME_LENGTH characters and MAX_NAME_BYTES in UTF-8.
    """
    basename = name.replace("\\", "/").rsplit("/", 1)[-1]
    spaced_text = "".join(" " if char.isspace() else char for char in basename)
    visible_text = "".join(_keep_visible(spaced_text))
    text = " ".join(unicodedata.normalize("NFC", visible_text).split()).strip(". ")
    if _RESERVED_ON_WINDOWS.match(text):
        text = f"_{text}"
    return _shorten(text) or fallback


def name_from_url(url: str) -> str:
    """The last part of a URL's path, as a name."""
    return clean_name(unquote(urlsplit(url).path), fallback="picture")


def replace_extension(name: str, format: str) -> str:
    """The name with the extension of the stored format: "cat.heic" as JPEG is "cat.jpg"."""
    return f"{strip_extension(name)}.{get_extension(format)}"


def strip_extension(name: str) -> str:
    """The name without the extension of a media file."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in _MEDIA_EXTENSIONS else name


def get_extension(format: str) -> str:
    """The usual extension of a format, without the dot."""
    return _EXTENSION_BY_FORMAT.get(format, format)


def is_joiner_or_tag(char: str) -> bool:
    """Whether it is invisible, but may be a part of a sign: of an emoji, a flag, a word."""
    return char in _JOINERS or "\U000e0061" <= char <= "\U000e007f"


def _keep_visible(text: str) -> Iterator[str]:
    """What can be seen, and the joiners and tags between that make it look as it does."""
    tag_positions = {
        position
        for flag in _TAGGED_FLAG_PATTERN.finditer(text)
        for position in range(flag.start() + 1, flag.end())
    }
    before = ""
    for position, char in enumerate(text):
        is_joiner = char in _JOINERS and _joins(before, text[position + 1 : position + 2])
        if _is_visible(char) or is_joiner or position in tag_positions:
            yield char
            before = char


def _joins(before: str, after: str) -> bool:
    """Whether a joiner between these two changes how they look: not beside plain letters."""
    return all(
        char > "\x7f" and char not in _JOINERS and not char.isspace() and _is_visible(char)
        for char in (before or " ", after or " ")
    )


def _is_visible(char: str) -> bool:
    return unicodedata.category(char) not in _INVISIBLE_CATEGORIES


def _shorten(name: str) -> str:
    """Cut between two signs as a person sees them, before the extension."""
    if len(name) <= MAX_NAME_LENGTH and len(name.encode()) <= MAX_NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    suffix = suffix if len(suffix.encode()) <= 8 else ""
    shortened_name = ""
    for sign in _split_signs(name.removesuffix(suffix)):
        candidate = f"{shortened_name}{sign}{suffix}"
        if len(candidate) > MAX_NAME_LENGTH or len(candidate.encode()) > MAX_NAME_BYTES:
            break
        shortened_name += sign
    return shortened_name.rstrip() + suffix


def _split_signs(text: str) -> Iterator[str]:
    """Letters with their marks, emoji with what is joined to them, flags (Unicode's UAX 29)."""
    sign = ""
    for char in text:
        if sign and not _continues(sign, char):
            yield sign
            sign = ""
        sign += char
    if sign:
        yield sign


def _continues(sign: str, char: str) -> bool:
    is_second_half_of_flag = (
        len(sign) == 1 and ord(sign) in _REGIONAL_INDICATORS and ord(char) in _REGIONAL_INDICATORS
    )
    return (
        unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"}
        or ord(char) in _SKIN_TONES
        or sign.endswith(_ZERO_WIDTH_JOINER)
        or is_second_half_of_flag
    )
