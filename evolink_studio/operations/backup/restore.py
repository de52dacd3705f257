"""Restoring a studio from a backup into an empty place, so that it pays for nothing twice."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.management import call_command

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ErrorCode
from evolink_studio.library import storage
from evolink_studio.operations.backup import database
from evolink_studio.operations.backup.database_tools import BackupError
from evolink_studio.operations.backup.repository import (
    FILE_LIST,
    BackupRepository,
    Manifest,
    is_intact,
    read_file_list,
    read_manifest,
)

# Reconciliation finds the task of a lost generation in EvoLink's list by its time. In the last
# minute before the backup it could be the task of a generation made after it: a person must tell.
UNCERTAIN_PERIOD = timedelta(seconds=70)
NOT_EMPTY_MESSAGE = (
    "There is a studio here already: {what}. A backup is only brought back into an empty place, "
    "so that nothing is overwritten. Set STUDIO_DATA (and DATABASE_URL) to a new one."
)


@dataclass(frozen=True)
class RestoreResult:
    """`unclear_count` generations were about to be sent; `damaged_names` were not restored."""

    manifest: Manifest
    unclear_count: int
    damaged_names: tuple[str, ...]


@dataclass(frozen=True)
class OpenedBackup:
    """A chosen backup that fits this studio."""

    repository: BackupRepository
    folder: Path
    manifest: Manifest


def verify_backup(source: Path, *, backup_name: str = "") -> tuple[Manifest, tuple[str, ...]]:
    """Read a whole backup and compare every hash; nothing is written. Returns the damaged files.

    `backup_name` names one of several backups; the newest otherwise. Raises BackupError and
    OSError.
    """
    backup = _open_backup(source, backup_name)
    return backup.manifest, _find_damaged(backup, with_media=backup.manifest.files is not None)


def restore_backup(
    source: Path, *, backup_name: str = "", with_media: bool = True, despite_damage: bool = False
) -> RestoreResult:
    """Check everything, then restore the files, and last the database, in one step.

    Raises BackupError before anything is written when something does not fit, and OSError.
    """
    backup = _open_backup(source, backup_name)
    with_media = with_media and backup.manifest.files is not None
    _require_empty_target(with_media)
    damaged_names = _find_damaged(backup, with_media)
    if damaged_names and not despite_damage:
        raise BackupError(
            f"{len(damaged_names)} files of this backup are damaged or missing, the first is "
            f"{damaged_names[0]}. Nothing was restored. --despite-damage restores all others."
        )
    if with_media:
        _restore_files(backup, set(damaged_names))
    tools = database.TOOLS_BY_ENGINE[backup.manifest.engine]
    tools.restore_database(
        backup.folder / backup.manifest.database.name, _mark_uncertain_sql(backup.manifest.taken)
    )
    call_command("migrate", interactive=False, verbosity=0)
    unclear_count = Generation.objects.filter(error_code=ErrorCode.RESTORED).count()
    return RestoreResult(backup.manifest, unclear_count, damaged_names)


def _mark_uncertain_sql(taken_at: datetime) -> Sequence[str]:
    """SQL statements to run before the restored database is in use, so that nothing is paid twice.

    Queued and sending generations may have been sent after the backup was taken: they become
    `unknown`, and are never sent again by themselves. Pages that are still open may know a later
    version of the change feed, so it goes on above that.
    """
    uncertain_since = f"{taken_at.astimezone(UTC) - UNCERTAIN_PERIOD:%Y-%m-%d %H:%M:%S}+00"
    return (
        "UPDATE generations_generation SET state = 'unknown', charge = 'unclear', "  # noqa: S608  # a code
        f"error_code = '{ErrorCode.RESTORED}', error_text = '', "
        "next_attempt_at = NULL, lease_id = NULL, attempts = 0, "
        "progressed_at = CURRENT_TIMESTAMP WHERE state IN ('queued', 'sending')",
        f"UPDATE generations_generation SET next_attempt_at = NULL, lease_id = NULL "  # noqa: S608
        f"WHERE state = 'unknown' AND sent_at > '{uncertain_since}'",
        "UPDATE generations_changefeed SET version = version + 1000000",
    )


def _open_backup(source: Path, backup_name: str) -> OpenedBackup:
    repository = BackupRepository(source)
    folder = repository.backups_folder / _choose_backup(repository, backup_name)
    manifest = read_manifest(folder)
    _check_compatibility(manifest)
    return OpenedBackup(repository, folder, manifest)


def _choose_backup(repository: BackupRepository, backup_name: str) -> str:
    names = repository.list_backups()
    if not names:
        raise BackupError(f"There is no finished backup in {repository.root}.")
    if backup_name and backup_name not in names:
        raise BackupError(f"There is no backup {backup_name}. There are: {', '.join(names)}.")
    return backup_name or names[-1]


def _check_compatibility(manifest: Manifest) -> None:
    if manifest.engine != database.get_engine():
        raise BackupError(
            f"This backup is of a {manifest.engine} database, and the settings name a "
            f"{database.get_engine()} one. Set DATABASE_URL to an empty database of that kind."
        )
    if unknown_migrations := database.find_unknown_migrations(manifest.migrations):
        raise BackupError(
            f"This backup comes from a newer studio ({unknown_migrations[0]} is not known here). "
            "Install that version, or a later one, and restore with it."
        )


def _require_empty_target(with_media: bool) -> None:
    if not database.TOOLS_BY_ENGINE[database.get_engine()].is_empty():
        raise BackupError(NOT_EMPTY_MESSAGE.format(what="its database has tables"))
    if with_media and _has_media():
        raise BackupError(NOT_EMPTY_MESSAGE.format(what="its library has files"))


def _has_media() -> bool:
    try:
        folders, files = default_storage.listdir(storage.ASSETS_FOLDER)
    except FileNotFoundError:
        return False
    return bool(folders or files)


def _find_damaged(backup: OpenedBackup, with_media: bool) -> tuple[str, ...]:
    """Names of damaged files. Raises BackupError for a damaged database or file list."""
    for entry in (backup.manifest.database, backup.manifest.files):
        if entry and not is_intact(backup.folder / entry.name, entry):
            raise BackupError(
                f"{backup.folder / entry.name} is damaged: its hash is not the noted one."
            )
    if not with_media:
        return ()
    repository, files = backup.repository, read_file_list(backup.folder / FILE_LIST)
    damaged_names = (
        content.name
        for content in files
        if not is_intact(repository.get_content_path(content.sha256), content)
    )
    return (*backup.manifest.missing, *damaged_names)


def _restore_files(backup: OpenedBackup, damaged_names: set[str]) -> None:
    for content in read_file_list(backup.folder / FILE_LIST):
        if content.name in damaged_names:
            continue
        with backup.repository.get_content_path(content.sha256).open("rb") as file:
            stored_name = default_storage.save(content.name, File(file))
        if stored_name != content.name:
            raise BackupError(NOT_EMPTY_MESSAGE.format(what=f"the library has {content.name}"))
    os.sync()  # after a power cut there must be no database without its files
