"""Bringing a studio back from a backup, into an empty place, so that it pays for nothing twice."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.management import call_command

from evolink_studio.generations.models import Generation
from evolink_studio.library import storage
from evolink_studio.operations.backup import database
from evolink_studio.operations.backup.base import BackupError
from evolink_studio.operations.backup.repository import (
    FILES,
    Manifest,
    Store,
    is_whole,
    read_files,
    read_manifest,
)

# A task in EvoLink's list is taken for the lost one by its moment. For those of the last minute it
# could be that of a press which the backup knows nothing of: then only a person can tell.
UNCERTAIN = timedelta(seconds=70)
NOT_EMPTY = (
    "There is a studio here already: {what}. A backup is only brought back into an empty place, "
    "so that nothing is overwritten. Set STUDIO_DATA (and DATABASE_URL) to a new one."
)


@dataclass(frozen=True)
class Restored:
    """What came back; `unclear` generations were about to be sent; `damaged` files did not come."""

    manifest: Manifest
    unclear: int
    damaged: tuple[str, ...]


@dataclass(frozen=True)
class Opened:
    """A chosen backup that fits this studio."""

    store: Store
    folder: Path
    manifest: Manifest


def check(source: Path, *, at: str = "") -> tuple[Manifest, tuple[str, ...]]:
    """Read a whole backup and compare every hash; nothing is written. Gives the damaged files.

    `at` names one of several backups; the newest otherwise. Raises BackupError and OSError.
    """
    opened = _open(source, at)
    return opened.manifest, _damaged(opened, with_media=opened.manifest.files is not None)


def restore(
    source: Path, *, at: str = "", with_media: bool = True, despite_damage: bool = False
) -> Restored:
    """Check everything, then bring back the files, and last the database, all at once.

    Raises BackupError before anything is written when something does not fit, and OSError.
    """
    opened = _open(source, at)
    with_media = with_media and opened.manifest.files is not None
    _is_empty(with_media)
    damaged = _damaged(opened, with_media)
    if damaged and not despite_damage:
        raise BackupError(
            f"{len(damaged)} files of this backup are damaged or missing, the first is "
            f"{damaged[0]}. Nothing was restored. --despite-damage restores all others."
        )
    if with_media:
        _bring_files(opened, set(damaged))
    tools = database.TOOLS[opened.manifest.engine]
    tools.restore(opened.folder / opened.manifest.database.name, _made_safe(opened.manifest.taken))
    call_command("migrate", interactive=False, verbosity=0)
    unclear = Generation.objects.filter(error_code="restored").count()
    return Restored(opened.manifest, unclear, damaged)


def _made_safe(taken: datetime) -> Sequence[str]:
    """Statements with which the database appears, so that nothing is paid twice.

    What was waiting or being sent may have been sent after the backup was taken: it becomes "answer
    lost", and is never sent again by itself. Pages that are still open from before count from a
    later version, so counting goes on above it.
    """
    since = f"{taken.astimezone(UTC) - UNCERTAIN:%Y-%m-%d %H:%M:%S}+00"
    return (
        "UPDATE generations_generation SET state = 'unknown', charge = 'unclear', "
        "error_code = 'restored', error_text = '', due = NULL, claim = NULL, attempts = 0, "
        "moved = CURRENT_TIMESTAMP WHERE state IN ('queued', 'sending')",
        f"UPDATE generations_generation SET due = NULL, claim = NULL "  # noqa: S608  # a time
        f"WHERE state = 'unknown' AND sent > '{since}'",
        "UPDATE generations_changefeed SET version = version + 1000000",
    )


def _open(source: Path, at: str) -> Opened:
    store = Store(source)
    folder = store.backups / _chosen(store, at)
    manifest = read_manifest(folder)
    _fits(manifest)
    return Opened(store, folder, manifest)


def _chosen(store: Store, at: str) -> str:
    names = store.finished()
    if not names:
        raise BackupError(f"There is no finished backup in {store.root}.")
    if at and at not in names:
        raise BackupError(f"There is no backup {at}. There are: {', '.join(names)}.")
    return at or names[-1]


def _fits(manifest: Manifest) -> None:
    if manifest.engine != database.engine():
        raise BackupError(
            f"This backup is of a {manifest.engine} database, and the settings name a "
            f"{database.engine()} one. Set DATABASE_URL to an empty database of that kind."
        )
    if newer := database.unknown_migrations(manifest.migrations):
        raise BackupError(
            f"This backup comes from a newer studio ({newer[0]} is not known here). "
            "Install that version, or a later one, and restore with it."
        )


def _is_empty(with_media: bool) -> None:
    if not database.TOOLS[database.engine()].is_empty():
        raise BackupError(NOT_EMPTY.format(what="its database has tables"))
    if with_media and _has_media():
        raise BackupError(NOT_EMPTY.format(what="its library has files"))


def _has_media() -> bool:
    try:
        folders, files = default_storage.listdir(storage.ASSETS_FOLDER)
    except FileNotFoundError:
        return False
    return bool(folders or files)


def _damaged(opened: Opened, with_media: bool) -> tuple[str, ...]:
    """Names of files that are damaged. A damaged database or list leaves nothing to restore."""
    for part in (opened.manifest.database, opened.manifest.files):
        if part and not is_whole(opened.folder / part.name, part):
            raise BackupError(
                f"{opened.folder / part.name} is damaged: its hash is not the noted one."
            )
    if not with_media:
        return ()
    store, files = opened.store, read_files(opened.folder / FILES)
    found = (content.name for content in files if not is_whole(store.path(content.sha256), content))
    return (*opened.manifest.missing, *found)


def _bring_files(opened: Opened, damaged: set[str]) -> None:
    for content in read_files(opened.folder / FILES):
        if content.name in damaged:
            continue
        with opened.store.path(content.sha256).open("rb") as file:
            stored = default_storage.save(content.name, File(file))
        if stored != content.name:
            raise BackupError(NOT_EMPTY.format(what=f"the library has {content.name}"))
    os.sync()  # the database must not outlive its files in a power cut
