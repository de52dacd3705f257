"""Taking a backup of a running studio."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q

from evolink_studio.library.models import STORED_FILE_FIELDS, Asset
from evolink_studio.operations.backup import database
from evolink_studio.operations.backup.database_tools import RunQuery
from evolink_studio.operations.backup.repository import (
    FILE_LIST,
    BackupRepository,
    ContentEntry,
    Manifest,
    describe_file,
    read_file_list,
    write_file_list,
    write_manifest,
)

_MEDIA_LIST = "wanted.jsonl"


@dataclass(frozen=True)
class BackupResult:
    """A finished backup: its name, its manifest, and how many files were newly copied."""

    name: str
    manifest: Manifest
    copied_count: int


class BackupFile(NamedTuple):
    """A stored file; hash and size are None for a poster."""

    name: str
    sha256: str | None
    bytes: int | None


def create_backup(target: Path, *, now: datetime, with_media: bool = True) -> BackupResult:
    """Copy the database as it is now, then the files it names. The studio keeps running.

    Missing or damaged files are named in the manifest. Raises BackupError and OSError.
    """
    repository = BackupRepository(target)
    repository.prepare_folders()
    earlier_backups = repository.list_backups()
    with repository.create_draft(now) as folder:
        tools = database.TOOLS_BY_ENGINE[database.get_engine()]
        with tools.take_snapshot(
            folder / tools.file_name, database.list_excluded_tables()
        ) as run_query:
            row_counts = _count_rows(run_query)
            if with_media:
                _write_media_list(run_query, folder / _MEDIA_LIST)
        copier = _MediaCopier(repository, _load_known_posters(repository, earlier_backups))
        if with_media:
            write_file_list(
                folder / FILE_LIST, copier.copy_files(_read_media_list(folder / _MEDIA_LIST))
            )
            (folder / _MEDIA_LIST).unlink()
        manifest = Manifest(
            made_by=settings.EVOLINK_USER_AGENT,
            taken=now,
            engine=database.get_engine(),
            database=describe_file(folder / tools.file_name),
            migrations=database.latest_migrations(),
            rows=row_counts,
            files=describe_file(folder / FILE_LIST) if with_media else None,
            files_count=copier.file_count,
            files_bytes=copier.total_bytes,
            missing=tuple(copier.missing_names),
        )
        write_manifest(folder, manifest)
    return BackupResult(repository.list_backups()[-1], manifest, copier.copied_count)


def _count_rows(run_query: RunQuery) -> dict[str, int]:
    query = "SELECT count(*) FROM"
    return {
        table: next(iter(run_query(f'{query} "{table}"')))[0]
        for table in database.list_included_tables()
    }


def _write_media_list(run_query: RunQuery, path: Path) -> None:
    # A file, because the snapshot of the database must not stay open while gigabytes are copied.
    columns = "file, sha256, size_bytes, poster_small, poster, poster_large"
    sql = f"SELECT {columns} FROM library_asset ORDER BY id"  # noqa: S608  # written here
    with path.open("w", encoding="utf-8") as file:
        for name, sha256, size, *posters_of_row in run_query(sql):
            file.write(json.dumps([name, sha256, size]) + "\n")
            for poster in filter(None, posters_of_row):
                file.write(json.dumps([poster, None, None]) + "\n")


def _read_media_list(path: Path) -> Iterator[BackupFile]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield BackupFile(*json.loads(line))


def _load_known_posters(
    repository: BackupRepository, earlier_backups: list[str]
) -> dict[str, ContentEntry]:
    """Posters of the last backup: their bytes never change, so they are not read again."""
    if (
        not earlier_backups
        or not (list_path := repository.backups_folder / earlier_backups[-1] / FILE_LIST).exists()
    ):
        return {}
    return {
        content.name: content for content in read_file_list(list_path) if "-poster" in content.name
    }


class _MediaCopier:
    """Copies files that are not in the backup folder yet, and counts."""

    def __init__(
        self, repository: BackupRepository, known_contents: dict[str, ContentEntry]
    ) -> None:
        self._repository, self._known_contents = repository, known_contents
        self.file_count = self.total_bytes = self.copied_count = 0
        self.missing_names: list[str] = []

    def copy_files(self, files: Iterator[BackupFile]) -> Iterator[ContentEntry]:
        for file in files:
            content = self._find_existing(file) or self._copy_file(file)
            if content:
                self.file_count, self.total_bytes = (
                    self.file_count + 1,
                    self.total_bytes + content.bytes,
                )
                yield content
            elif _is_referenced(file.name):
                self.missing_names.append(file.name)

    def _find_existing(self, file: BackupFile) -> ContentEntry | None:
        content = self._known_contents.get(file.name)
        if file.sha256 is not None and file.bytes is not None:
            content = ContentEntry(name=file.name, sha256=file.sha256, bytes=file.bytes)
        is_stored = content is not None and self._repository.has_content(
            content.sha256, content.bytes
        )
        return content if is_stored else None

    def _copy_file(self, file: BackupFile) -> ContentEntry | None:
        """The copied content; None when the file is missing, or its hash is not that of its row."""
        try:
            with default_storage.open(file.name) as source:
                content = self._repository.add_content(file.name, source)
        except FileNotFoundError:
            return None
        self.copied_count += 1
        return content if file.sha256 in (None, content.sha256) else None


def _is_referenced(name: str) -> bool:
    """Whether a row still names a file that could not be read: it may have been deleted since."""
    is_named = reduce(or_, (Q((field, name)) for field in STORED_FILE_FIELDS))
    return Asset.objects.filter(is_named).exists()
