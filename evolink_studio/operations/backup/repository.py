"""The folder of a backup: contents by their hash, and moments by their time."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evolink_studio.operations.backup.base import BackupError

MANIFEST = "manifest.json"
FILES = "files.jsonl"
_SHA256 = r"^[0-9a-f]{64}$"


class Content(BaseModel):
    """Some bytes under a name, in hex SHA-256."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str = Field(pattern=_SHA256)
    bytes: int


class Manifest(BaseModel):
    """What a backup holds. `files` is None for one without media; `missing` could not be read."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made_by: str
    taken: datetime
    engine: Literal["sqlite", "postgresql"]
    database: Content
    migrations: dict[str, str]
    rows: dict[str, int]
    files: Content | None
    files_count: int = 0
    files_bytes: int = 0
    missing: tuple[str, ...] = ()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """The last file of a backup."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupError when it is not one of ours."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read as a manifest.") from error


def write_files(path: Path, contents: Iterable[Content]) -> None:
    """One line a file."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(content.model_dump_json() + "\n" for content in contents)


def read_files(path: Path) -> Iterator[Content]:
    """Raises BackupError at the first line that is damaged."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                yield Content.model_validate_json(line)
            except ValidationError as error:
                raise BackupError(f"{path} is damaged.") from error


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
