"""Uploaded pictures: their rows, their files, and look-up by URL."""

import re
import secrets
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.parameters import RequestImage
from evolink_studio.sandbox.settings import FILE_LIFETIME_SECONDS

# EvoLink documentation, stated 2026-11-20: these four types.
MIME_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}
EXTENSIONS = {"jpeg": ("jpg", "jpeg"), "png": ("png",), "gif": ("gif",), "webp": ("webp",)}
MAX_IMAGE_PIXELS = 40_000_000
ROTATED_ORIENTATIONS = (5, 6, 7, 8)
ORIENTATION_TAG = 0x0112

_FILE_PATH_PATTERN = re.compile(r"^/files/(file_[0-9a-f]{24})/")


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """A row of an uploaded picture; `expires_at` in unix seconds."""

    id: str
    name: str
    format: str
    size_bytes: int
    width: int
    height: int
    expires_at: float


class InvalidImageError(ValueError):
    """Not one of the four types, broken, or with too many pixels."""


class ImageRepository:
    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, content: bytes, name: str) -> UploadedImage:
        """Store a picture. Raises InvalidImageError."""
        image_format, width, height = inspect_image(content)
        image = UploadedImage(
            id=f"file_{secrets.token_hex(12)}",
            name=build_file_name(name, image_format),
            format=image_format,
            size_bytes=len(content),
            width=width,
            height=height,
            expires_at=self._database.now() + FILE_LIFETIME_SECONDS,
        )
        self.get_path(image.id).write_bytes(content)
        self._database.execute(
            "INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(getattr(image, field) for field in UploadedImage.__dataclass_fields__),
        )
        return image

    def get(self, file_id: str) -> UploadedImage | None:
        """A picture that has not expired, or None."""
        row = self._database.fetch_one(
            "SELECT * FROM image WHERE id = ? AND expires_at > ?", file_id, self._database.now()
        )
        return None if row is None else UploadedImage(**dict(row))

    def count(self) -> int:
        row = self._database.fetch_one(
            "SELECT count(*) FROM image WHERE expires_at > ?", self._database.now()
        )
        return int(row[0]) if row else 0

    def remove(self, file_id: str) -> bool:
        removed_count = self._database.execute("DELETE FROM image WHERE id = ?", file_id)
        if removed_count:
            self.get_path(file_id).unlink(missing_ok=True)
        return bool(removed_count)

    def remove_expired(self, *, expired_before: float) -> None:
        for row in self._database.fetch_all(
            "SELECT id FROM image WHERE expires_at < ?", expired_before
        ):
            self.remove(row["id"])

    def get_path(self, file_id: str) -> Path:
        return self._folder / file_id

    def find_by_url(self, url: str, own_hosts: frozenset[str]) -> RequestImage | None:
        """The picture of a URL; None for a foreign URL. Raises KeyError if ours is gone."""
        parts = urlsplit(url)
        match = _FILE_PATH_PATTERN.match(parts.path)
        image = self.get(match[1]) if match else None
        if image is None:
            if parts.netloc in own_hosts:
                raise KeyError(url)
            return None
        return RequestImage(
            url=url,
            file_id=image.id,
            format=image.format,
            size_bytes=image.size_bytes,
            width=image.width,
            height=image.height,
        )


def inspect_image(content: bytes) -> tuple[str, int, int]:
    """Format, and upright width and height. Reads only the header. Raises InvalidImageError."""
    try:
        with Image.open(
            BytesIO(content), formats=[image_format.upper() for image_format in MIME_TYPES]
        ) as image:
            image_format = (image.format or "").lower()
            width, height = image.size
            is_rotated = image.getexif().get(ORIENTATION_TAG) in ROTATED_ORIENTATIONS
    except Exception as error:  # for broken files Pillow raises nearly anything
        raise InvalidImageError from error
    if width * height > MAX_IMAGE_PIXELS:
        raise InvalidImageError
    return (image_format, height, width) if is_rotated else (image_format, width, height)


def build_file_name(requested_name: str, image_format: str) -> str:
    """The requested name with safe characters and the extension of its format."""
    clean_name = re.sub(r"[^A-Za-z0-9._-]+", "-", requested_name.rpartition("/")[2]).strip(".-")[
        :80
    ]
    stem = clean_name or secrets.token_hex(6)
    return (
        stem
        if stem.lower().endswith(EXTENSIONS[image_format])
        else f"{stem}.{EXTENSIONS[image_format][0]}"
    )
