"""What people call their files: shown and offered for download, never used on the disk."""

import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

LONGEST = 120  # characters
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
_ENDINGS = {"jpeg": "jpg"}
_KNOWN = {
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".heif", ".avif"),
    *(".mp4", ".m4v", ".mov", ".webm"),
    *(".mp3", ".wav", ".m4a", ".ogg"),
}


def clean(name: str, *, otherwise: str = "file") -> str:
    """A name in one visible line: no folders, no control or direction marks, not too long."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    spaced = "".join(" " if char.isspace() else char for char in last)
    seen = "".join(char for char in spaced if unicodedata.category(char) not in _UNSEEN)
    words = " ".join(unicodedata.normalize("NFC", seen).split()).strip(". ")
    return _shortened(words) or otherwise


def from_address(url: str) -> str:
    """The last part of an address, as a name."""
    return clean(unquote(urlsplit(url).path), otherwise="picture")


def with_ending(name: str, format: str) -> str:
    """The name with the ending of what the file is now: "cat.heic" kept as JPEG is "cat.jpg"."""
    return f"{without_ending(name)}.{ending(format)}"


def without_ending(name: str) -> str:
    """The name without an ending that says what kind of file it is."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in _KNOWN else name


def ending(format: str) -> str:
    """The usual ending of a format, without the dot."""
    return _ENDINGS.get(format, format)


def _shortened(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    suffix = PurePosixPath(name).suffix[:8]
    return name[: LONGEST - len(suffix)].rstrip() + suffix
