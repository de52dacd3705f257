"""When the database does not answer: what is known then, and what is not."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection, transaction


@contextmanager
def consistent_snapshot() -> Iterator[None]:
    """All reads inside see the same moment. Inside a transaction there is nothing to add.

    On SQLite a plain transaction of this studio would hold the write lock all the time; inside
    this one, none can be opened.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        yield from _deferred_transaction()
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def _deferred_transaction() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


UNAVAILABLE_ERRORS = (OperationalError, InterfaceError)
_PRIMARY_CODE_MASK = 0xFF  # of SQLite's codes, the last byte is the plain one


class CommitUnclear(OperationalError):
    """The answer to a commit was lost: what was written may be stored, or not."""


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the database is locked, full or gone. Not so when we asked it for nonsense."""
    if not isinstance(error, UNAVAILABLE_ERRORS):
        return False
    # SQLite calls a missing table an operational error, too.
    code: int = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
    return code & _PRIMARY_CODE_MASK != sqlite3.SQLITE_ERROR


@contextmanager
def durable_transaction() -> Iterator[None]:
    """A transaction. Raises CommitUnclear where only the answer to its commit is missing; with any
    other error nothing of it is stored."""
    is_body_done = False
    try:
        with transaction.atomic():
            yield
            is_body_done = True
    except UNAVAILABLE_ERRORS as error:
        if is_body_done:
            raise CommitUnclear("The answer to the commit was lost") from error
        raise
