"""What the backup needs from each kind of database."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BackupError(Exception):
    """The backup or restore did not complete; the text says why and what to do."""


# Runs portable SQL on the snapshot and returns the rows.
RunQuery = Callable[[str], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True)
class DatabaseTools:
    """How one kind of database is copied and restored; `file_name` is the name of the copy.

    `take_snapshot` takes the path for the copy and the tables whose rows are left out.
    `restore_database` takes the copy and the SQL statements to run on it before it is in use.
    """

    file_name: str
    take_snapshot: Callable[[Path, Sequence[str]], AbstractContextManager[RunQuery]]
    is_empty: Callable[[], bool]
    restore_database: Callable[[Path, Sequence[str]], None]
