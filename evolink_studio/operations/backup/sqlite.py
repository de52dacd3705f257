"""Copying a SQLite database while it is in use, and putting a copy in place."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from evolink_studio.operations.backup.base import Ask, BackupError, Tools

FILE = "database.sqlite3"


@contextmanager
def snapshot(to: Path, forget: Sequence[str]) -> Iterator[Ask]:
    """Copy the database as it is at one moment; yields a way to ask the copy.

    In WAL mode the copy is one reader: it neither waits for writers nor keeps them waiting. Rows of
    the tables to `forget` are not in the file that remains, not even in its unused parts.
    """
    with closing(_open(_place())) as live, closing(sqlite3.connect(to)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        for table in forget:
            copy.execute(f'DELETE FROM "{table}"')  # noqa: S608  # names of our own tables
        copy.commit()
        copy.execute("VACUUM")
        if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise BackupError("The database is damaged: its copy does not pass SQLite's own check.")
        yield copy.execute


def is_empty() -> bool:
    """Whether there is no database yet, or one without a single table."""
    if not _place().exists():
        return True
    with closing(_open(_place())) as found:
        return not found.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()


def restore(source: Path, statements: Sequence[str]) -> None:
    """Put a copy in place of nothing. It appears whole, with the statements done."""
    place = _place()
    draft = place.with_name(f".restoring-{place.name}")
    draft.unlink(missing_ok=True)
    shutil.copyfile(source, draft)
    with closing(_open(draft)) as copy:
        for statement in statements:
            copy.execute(statement)
        copy.commit()
    os.sync()
    for ending in ("", "-wal", "-shm"):
        place.with_name(place.name + ending).unlink(missing_ok=True)
    draft.rename(place)


def _open(path: Path) -> sqlite3.Connection:
    # rw, because a plain name would make a new database where there is none.
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=20)


def _place() -> Path:
    return Path(connection.settings_dict["NAME"])


TOOLS = Tools(FILE, snapshot, is_empty, restore)
