"""The folder of a backup: contents by their hash, and moments by their time."""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from evolink_studio.engine.backup.errors import BackupError
from evolink_studio.engine.backup.manifest import MANIFEST, Content

_CHUNK = 1024 * 1024
_STAMP = "%Y%m%dT%H%M%SZ"
_DRAFT = ".unfinished-"
_ABANDONED = 24 * 3600.0


class Store:
    """A backup's folder. Others on the machine may not read it: it holds people's work."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.media = root / "media"
        self.backups = root / "backups"

    def prepare(self) -> None:
        """Make the folders, and clear away what killed runs left more than a day ago."""
        for folder in (self.root, self.media, self.backups):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in [*self.media.glob(f"{_DRAFT}*"), *self.backups.glob(f"{_DRAFT}*")]:
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left) if left.is_dir() else left.unlink()

    def finished(self) -> list[str]:
        """Names of the complete backups, the oldest first."""
        return sorted(path.parent.name for path in self.backups.glob(f"[!.]*/{MANIFEST}"))

    @contextmanager
    def draft(self, now: datetime) -> Iterator[Path]:
        """A folder for a new backup. It gets its name when all is in it, or goes away again."""
        name = now.astimezone(UTC).strftime(_STAMP)
        final, folder = self.backups / name, self.backups / f"{_DRAFT}{name}"
        if final.exists() or folder.exists():
            raise BackupError(f"There is a backup {name} already, or one is being made.")
        folder.mkdir(mode=0o700)
        try:
            yield folder
            _settle(folder)
            folder.rename(final)
            _flush(self.backups)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def path(self, sha256: str) -> Path:
        return self.media / sha256

    def has(self, sha256: str, size: int) -> bool:
        """Whether a content was copied before. A file of another length is a damaged one."""
        path = self.path(sha256)
        return path.exists() and path.stat().st_size == size

    def add(self, name: str, source: IO[bytes]) -> Content:
        """Copy a content in under its hash; it appears whole and durable, or not at all."""
        hasher, size = hashlib.sha256(), 0
        with NamedTemporaryFile(dir=self.media, prefix=_DRAFT, delete=False) as draft:
            try:
                while chunk := source.read(_CHUNK):
                    hasher.update(chunk)
                    size += draft.write(chunk)
                draft.flush()
                os.fsync(draft.fileno())
                Path(draft.name).rename(self.path(hasher.hexdigest()))
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
        return Content(name=name, sha256=hasher.hexdigest(), bytes=size)


def content_of(path: Path) -> Content:
    """Name, hash and size of a file."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Content(name=path.name, sha256=sha256, bytes=path.stat().st_size)


def is_whole(path: Path, content: Content) -> bool:
    """Whether a file is there and has exactly this content."""
    if not path.is_file() or path.stat().st_size != content.bytes:
        return False
    return content_of(path).sha256 == content.sha256


def _settle(folder: Path) -> None:
    for path in folder.iterdir():
        _flush(path)
    _flush(folder)
    _flush(folder.parent.parent / "media")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
