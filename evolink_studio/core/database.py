"""Snapshots, durable and volatile writes, row ids, and what an unavailable database is known by."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction


@contextmanager
def consistent_snapshot() -> Iterator[None]:
    """All reads inside see the same state of the database. Does nothing inside a transaction.

    On SQLite this is a deferred transaction: the studio's usual, immediate ones hold the write
    lock. No `atomic` block can be opened inside it.
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
_PRIMARY_CODE_MASK = 0xFF  # the last byte of an extended SQLite code is the primary code


class CommitUnclear(OperationalError):
    """The answer to a commit was lost: what was written may be stored, or not."""


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the error means a locked, full or unreachable database; False for invalid SQL."""
    if not isinstance(error, UNAVAILABLE_ERRORS):
        return False
    # SQLite calls a missing table an operational error, too.
    code: int = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
    return code & _PRIMARY_CODE_MASK != sqlite3.SQLITE_ERROR


@contextmanager
def durable_transaction() -> Iterator[None]:
    """A transaction. Raises CommitUnclear when only the answer to its commit was lost.

    After any other error nothing of it is stored.
    """
    is_body_done = False
    try:
        with transaction.atomic():
            yield
            is_body_done = True
    except UNAVAILABLE_ERRORS as error:
        if is_body_done:
            raise CommitUnclear("The answer to the commit was lost") from error
        raise


@contextmanager
def volatile_writes() -> Iterator[None]:
    """For what may be lost with the power: a commit inside does not wait for the disk.

    What was committed before stays durable. Does nothing inside a transaction, which is as durable
    as its other writes.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        yield from _without_sync()
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
            yield


def _without_sync() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        _sync_again()


def _sync_again() -> None:
    """Every commit waits for the disk again; a connection that cannot be told so is given up."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
    except DatabaseError:
        connection.close()
        raise


def lift_statement_timeout() -> None:
    """Let statements of this connection take their time: a migration's index of millions of rows.

    SQLite knows no such limit.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")


def restore_statement_timeout() -> None:
    """Back to what the settings say."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def parse_id(text: str) -> int | None:
    """A row id from a URL or a form, of up to 18 digits; None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
