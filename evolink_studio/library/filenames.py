"""Names that people give their files: for display and download, never used in the storage."""

import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

MAX_NAME_LENGTH = 120  # characters
_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
_EXTENSION_BY_FORMAT = {"jpeg": "jpg"}
_MEDIA_EXTENSIONS = {
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".heif", ".avif"),
    *(".mp4", ".m4v", ".mov", ".webm"),
    *(".mp3", ".wav", ".m4a", ".ogg"),
}


def clean_name(name: str, *, fallback: str = "file") -> str:
    """A name on one line, without folders, control and direction marks; at most 120 characters."""
    basename = name.replace("\\", "/").rsplit("/", 1)[-1]
    spaced_text = "".join(" " if char.isspace() else char for char in basename)
    visible_text = "".join(
        char for char in spaced_text if unicodedata.category(char) not in _INVISIBLE_CATEGORIES
    )
    text = " ".join(unicodedata.normalize("NFC", visible_text).split()).strip(". ")
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


def _shorten(name: str) -> str:
    if len(name) <= MAX_NAME_LENGTH:
        return name
    suffix = PurePosixPath(name).suffix[:8]
    return name[: MAX_NAME_LENGTH - len(suffix)].rstrip() + suffix
