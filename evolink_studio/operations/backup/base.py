"""What has to be known about a kind of database to back it up."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BackupError(Exception):
    """Nothing was changed, or what was begun does not count; the text says why and what to do."""


# Asks the copied moment, in SQL that every database understands.
RunQuery = Callable[[str], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True)
class DatabaseTools:
    """How one kind of database is copied and brought back; `file_name` is the name of the copy.

    `take_snapshot` takes the place for the copy and the tables whose rows stay out.
    `restore_database` takes the copy and the statements with which the database appears.
    """

    file_name: str
    take_snapshot: Callable[[Path, Sequence[str]], AbstractContextManager[RunQuery]]
    is_empty: Callable[[], bool]
    restore_database: Callable[[Path, Sequence[str]], None]
