"""The backup folder: file contents by hash, backups by time."""

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

from evolink_studio.core.private_files import make_private
from evolink_studio.operations.backup.database_tools import BackupError

MANIFEST_FILE = "manifest.json"
FILE_LIST = "files.jsonl"
_SHA256_PATTERN = r"^[0-9a-f]{64}$"


class ContentEntry(BaseModel):
    """A file: its name, its SHA-256 in hex and its size."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str = Field(pattern=_SHA256_PATTERN)
    bytes: int


class Manifest(BaseModel):
    """What a backup has. `files` is None for one without media; `missing` could not be copied."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made_by: str
    taken: datetime
    engine: Literal["sqlite", "postgresql"]
    database: ContentEntry
    migrations: dict[str, str]
    rows: dict[str, int]
    files: ContentEntry | None
    files_count: int = 0
    files_bytes: int = 0
    missing: tuple[str, ...] = ()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, as the last file of a backup."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupError when it is missing or invalid."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise BackupError(f"{folder / MANIFEST_FILE} cannot be read as a manifest.") from error


def write_file_list(path: Path, contents: Iterable[ContentEntry]) -> None:
    """Write one JSON line per file."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(content.model_dump_json() + "\n" for content in contents)


def read_file_list(path: Path) -> Iterator[ContentEntry]:
    """Raises BackupError at the first line that is damaged."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                yield ContentEntry.model_validate_json(line)
            except ValidationError as error:
                raise BackupError(f"{path} is damaged.") from error


_CHUNK_BYTES = 1024 * 1024
_NAME_FORMAT = "%Y%m%dT%H%M%SZ"
_DRAFT_PREFIX = ".unfinished-"
_MAX_DRAFT_AGE_SECONDS = 24 * 3600.0


class BackupRepository:
    """A backup folder. Other users of the machine may not read it: it holds people's work."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.media_folder = root / "media"
        self.backups_folder = root / "backups"

    def prepare_folders(self) -> None:
        """Create the folders, and remove what killed runs left more than a day ago."""
        for folder in (self.root, self.media_folder, self.backups_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.media_folder, self.backups_folder):
            make_private(folder)
        for leftover in [
            *self.media_folder.glob(f"{_DRAFT_PREFIX}*"),
            *self.backups_folder.glob(f"{_DRAFT_PREFIX}*"),
        ]:
            if time.time() - leftover.stat().st_mtime > _MAX_DRAFT_AGE_SECONDS:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()

    def list_backups(self) -> list[str]:
        """Names of the complete backups, the oldest first."""
        return sorted(
            path.parent.name for path in self.backups_folder.glob(f"[!.]*/{MANIFEST_FILE}")
        )

    @contextmanager
    def create_draft(self, now: datetime) -> Iterator[Path]:
        """A folder for a new backup: gets its name when the body is done, deleted if it fails."""
        name = now.astimezone(UTC).strftime(_NAME_FORMAT)
        final_folder, folder = (
            self.backups_folder / name,
            self.backups_folder / f"{_DRAFT_PREFIX}{name}",
        )
        if final_folder.exists() or folder.exists():
            raise BackupError(f"There is a backup {name} already, or one is being made.")
        folder.mkdir(mode=0o700)
        try:
            yield folder
            _flush_folder(folder)
            folder.rename(final_folder)
            _flush_path(self.backups_folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def get_content_path(self, sha256: str) -> Path:
        return self.media_folder / sha256

    def has_content(self, sha256: str, size: int) -> bool:
        """Whether a content was copied before. A file of another size is damaged."""
        path = self.get_content_path(sha256)
        return path.exists() and path.stat().st_size == size

    def add_content(self, name: str, source: IO[bytes]) -> ContentEntry:
        """Copy a content in under its hash, atomically and durably."""
        hasher, size = hashlib.sha256(), 0
        with NamedTemporaryFile(dir=self.media_folder, prefix=_DRAFT_PREFIX, delete=False) as draft:
            try:
                while chunk := source.read(_CHUNK_BYTES):
                    hasher.update(chunk)
                    size += draft.write(chunk)
                draft.flush()
                os.fsync(draft.fileno())
                Path(draft.name).rename(self.get_content_path(hasher.hexdigest()))
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
        return ContentEntry(name=name, sha256=hasher.hexdigest(), bytes=size)


def describe_file(path: Path) -> ContentEntry:
    """Name, hash and size of a file."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ContentEntry(name=path.name, sha256=sha256, bytes=path.stat().st_size)


def is_intact(path: Path, content: ContentEntry) -> bool:
    """Whether a file is there and has exactly this content."""
    if not path.is_file() or path.stat().st_size != content.bytes:
        return False
    return describe_file(path).sha256 == content.sha256


def _flush_folder(folder: Path) -> None:
    for path in folder.iterdir():
        _flush_path(path)
    _flush_path(folder)
    _flush_path(folder.parent.parent / "media")


def _flush_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
