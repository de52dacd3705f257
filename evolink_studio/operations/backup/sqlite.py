"""Copying a SQLite database while it is in use, and restoring it."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from evolink_studio.operations.backup.database_tools import BackupError, DatabaseTools, RunQuery

DATABASE_FILE = "database.sqlite3"


@contextmanager
def take_snapshot(target: Path, excluded_tables: Sequence[str]) -> Iterator[RunQuery]:
    """Copy a snapshot of the database; yields a function that queries the copy.

    In WAL mode copying is reading: it neither waits for writers nor keeps them waiting. Rows of
    `excluded_tables` are not in the copy, not even in its unused pages.
    """
    with (
        closing(_connect(_get_database_path())) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        for table in excluded_tables:
            copy.execute(f'DELETE FROM "{table}"')  # noqa: S608  # names of our own tables
        copy.commit()
        copy.execute("VACUUM")
        if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise BackupError("The database is damaged: its copy does not pass SQLite's own check.")
        yield copy.execute


def is_empty() -> bool:
    """Whether there is no database yet, or one without a single table."""
    if not _get_database_path().exists():
        return True
    with closing(_connect(_get_database_path())) as database:
        return not database.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()


def restore_database(source: Path, statements: Sequence[str]) -> None:
    """Run the statements on a copy and put it in place, in one step."""
    path = _get_database_path()
    temporary_path = path.with_name(f".restoring-{path.name}")
    temporary_path.unlink(missing_ok=True)
    shutil.copyfile(source, temporary_path)
    with closing(_connect(temporary_path)) as copy:
        for statement in statements:
            copy.execute(statement)
        copy.commit()
    os.sync()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    temporary_path.rename(path)


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw, because a plain name would create a missing database.
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=20)


def _get_database_path() -> Path:
    return Path(connection.settings_dict["NAME"])


SQLITE_TOOLS = DatabaseTools(DATABASE_FILE, take_snapshot, is_empty, restore_database)
