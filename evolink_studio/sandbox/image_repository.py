"""Uploaded pictures: rows, files, and what an address of ours stands for."""

import re
import secrets
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.parameters import Picture
from evolink_studio.sandbox.settings import FILE_LIFE

# EvoLink documentation, stated 2026-11-20: these four types.
MIMES = {"jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}
ENDINGS = {"jpeg": ("jpg", "jpeg"), "png": ("png",), "gif": ("gif",), "webp": ("webp",)}
MOST_PIXELS = 40_000_000
TURNED = (5, 6, 7, 8)
ORIENTATION = 0x0112

_OURS = re.compile(r"^/files/(file_[0-9a-f]{24})/")


@dataclass(frozen=True, slots=True)
class Upload:
    """A row of an uploaded picture; `expires_at` in unix seconds."""

    id: str
    name: str
    format: str
    bytes: int
    width: int
    height: int
    expires_at: float


class NotAPicture(ValueError):
    """Not one of the four types, broken, or with too many pixels."""


class Pictures:
    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, content: bytes, name: str) -> Upload:
        """Raises NotAPicture."""
        kind, width, height = measured(content)
        upload = Upload(
            id=f"file_{secrets.token_hex(12)}",
            name=file_name(name, kind),
            format=kind,
            bytes=len(content),
            width=width,
            height=height,
            expires_at=self._store.now() + FILE_LIFE,
        )
        self.path(upload.id).write_bytes(content)
        self._store.change(
            "INSERT INTO picture VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(getattr(upload, field) for field in Upload.__dataclass_fields__),
        )
        return upload

    def get(self, file_id: str) -> Upload | None:
        """A picture that still lives."""
        row = self._store.row(
            "SELECT * FROM picture WHERE id = ? AND expires_at > ?", file_id, self._store.now()
        )
        return None if row is None else Upload(**dict(row))

    def count(self) -> int:
        row = self._store.row(
            "SELECT count(*) FROM picture WHERE expires_at > ?", self._store.now()
        )
        return int(row[0]) if row else 0

    def remove(self, file_id: str) -> bool:
        removed = self._store.change("DELETE FROM picture WHERE id = ?", file_id)
        if removed:
            self.path(file_id).unlink(missing_ok=True)
        return bool(removed)

    def remove_expired(self, *, expired_before: float) -> None:
        for row in self._store.rows("SELECT id FROM picture WHERE expires_at < ?", expired_before):
            self.remove(row["id"])

    def path(self, file_id: str) -> Path:
        return self._folder / file_id

    def behind(self, url: str, our_hosts: frozenset[str]) -> Picture | None:
        """The picture an address stands for, None when it is not ours. KeyError: it is gone."""
        parts = urlsplit(url)
        found = _OURS.match(parts.path)
        upload = self.get(found[1]) if found else None
        if upload is None:
            if parts.netloc in our_hosts:
                raise KeyError(url)
            return None
        return Picture(
            url=url,
            file=upload.id,
            format=upload.format,
            bytes=upload.bytes,
            width=upload.width,
            height=upload.height,
        )


def measured(content: bytes) -> tuple[str, int, int]:
    """Format, width and height as seen upright. Only the head is read. Raises NotAPicture."""
    try:
        with Image.open(BytesIO(content), formats=[kind.upper() for kind in MIMES]) as picture:
            kind = (picture.format or "").lower()
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION) in TURNED
    except Exception as problem:  # the readers of broken files raise nearly anything
        raise NotAPicture from problem
    if width * height > MOST_PIXELS:
        raise NotAPicture
    return (kind, height, width) if turned else (kind, width, height)


def file_name(wanted: str, kind: str) -> str:
    """A plain name with the ending of its type, whatever was wished for."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted.rpartition("/")[2]).strip(".-")[:80]
    stem = plain or secrets.token_hex(6)
    return stem if stem.lower().endswith(ENDINGS[kind]) else f"{stem}.{ENDINGS[kind][0]}"
