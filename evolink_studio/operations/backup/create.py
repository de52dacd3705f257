"""Taking a backup of a running studio."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import Q

from evolink_studio.library.models import Asset
from evolink_studio.operations.backup import database
from evolink_studio.operations.backup.base import Ask
from evolink_studio.operations.backup.repository import (
    FILES,
    Content,
    Manifest,
    Store,
    content_of,
    read_files,
    write_files,
    write_manifest,
)

_WANTED = "wanted.jsonl"


@dataclass(frozen=True)
class Taken:
    """A finished backup: its name, what is in it, and how many files were not there before."""

    name: str
    manifest: Manifest
    copied: int


class Wanted(NamedTuple):
    """A stored file; a poster's hash and size are not known beforehand."""

    name: str
    sha256: str | None
    bytes: int | None


def take(target: Path, *, now: datetime, with_media: bool = True) -> Taken:
    """Copy the database as it is now, then the files it names. Nothing has to stop for it.

    Files that cannot be read are named in the manifest. Raises BackupError and OSError.
    """
    store = Store(target)
    store.prepare()
    before = store.finished()
    with store.draft(now) as folder:
        tools = database.TOOLS[database.engine()]
        with tools.snapshot(folder / tools.file, database.forgotten()) as ask:
            rows = _counts(ask)
            if with_media:
                _note_wanted(ask, folder / _WANTED)
        media = _Media(store, _posters(store, before))
        if with_media:
            write_files(folder / FILES, media.copied_in(_wanted(folder / _WANTED)))
            (folder / _WANTED).unlink()
        manifest = Manifest(
            made_by=settings.EVOLINK_USER_AGENT,
            taken=now,
            engine=database.engine(),
            database=content_of(folder / tools.file),
            migrations=database.newest_migrations(),
            rows=rows,
            files=content_of(folder / FILES) if with_media else None,
            files_count=media.count,
            files_bytes=media.bytes,
            missing=tuple(media.missing),
        )
        write_manifest(folder, manifest)
    return Taken(store.finished()[-1], manifest, media.new)


def _counts(ask: Ask) -> dict[str, int]:
    count = "SELECT count(*) FROM"
    return {table: next(iter(ask(f'{count} "{table}"')))[0] for table in database.kept_tables()}


def _note_wanted(ask: Ask, to: Path) -> None:
    # On paper, because the moment of the database must not be held while gigabytes are copied.
    sql = "SELECT file, poster, sha256, bytes FROM library_asset ORDER BY id"
    with to.open("w", encoding="utf-8") as file:
        for name, poster, sha256, size in ask(sql):
            file.write(json.dumps([name, sha256, size]) + "\n")
            if poster:
                file.write(json.dumps([poster, None, None]) + "\n")


def _wanted(path: Path) -> Iterator[Wanted]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield Wanted(*json.loads(line))


def _posters(store: Store, before: list[str]) -> dict[str, Content]:
    """Posters of the last backup: their bytes never change, so they are not read again."""
    if not before or not (listed := store.backups / before[-1] / FILES).exists():
        return {}
    return {content.name: content for content in read_files(listed) if "-poster" in content.name}


class _Media:
    """Copies what is not there yet, and counts."""

    def __init__(self, store: Store, known: dict[str, Content]) -> None:
        self._store, self._known = store, known
        self.count = self.bytes = self.new = 0
        self.missing: list[str] = []

    def copied_in(self, wanted: Iterator[Wanted]) -> Iterator[Content]:
        for each in wanted:
            content = self._there(each) or self._copied(each)
            if content:
                self.count, self.bytes = self.count + 1, self.bytes + content.bytes
                yield content
            elif _still_named(each.name):
                self.missing.append(each.name)

    def _there(self, wanted: Wanted) -> Content | None:
        content = self._known.get(wanted.name)
        if wanted.sha256 is not None and wanted.bytes is not None:
            content = Content(name=wanted.name, sha256=wanted.sha256, bytes=wanted.bytes)
        there = content is not None and self._store.has(content.sha256, content.bytes)
        return content if there else None

    def _copied(self, wanted: Wanted) -> Content | None:
        """The copy; None when the file is not there, or is not what its row says."""
        try:
            with default_storage.open(wanted.name) as source:
                content = self._store.add(wanted.name, source)
        except FileNotFoundError:
            return None
        self.new += 1
        return content if wanted.sha256 in (None, content.sha256) else None


def _still_named(name: str) -> bool:
    """Whether a file that could not be read should be there: its row may have gone meanwhile."""
    return Asset.objects.filter(Q(file=name) | Q(poster=name)).exists()
