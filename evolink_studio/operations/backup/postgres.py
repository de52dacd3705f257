"""Copying a PostgreSQL database while it is in use, and restoring it, with PostgreSQL's tools.

They get the password by the environment, never as an argument that other processes could read.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from django.db import connection, transaction
from django.db.backends.postgresql.client import DatabaseClient

from evolink_studio.operations.backup.database_tools import BackupError, DatabaseTools, RunQuery

DATABASE_FILE = "database.dump"


@contextmanager
def take_snapshot(target: Path, excluded_tables: Sequence[str]) -> Iterator[RunQuery]:
    """Dump a snapshot of the database; yields a function that queries the same snapshot.

    Rows of `excluded_tables` are not dumped.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # This transaction is idle during the dump, which may take longer than the usual limit.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot_id = cursor.fetchone()[0]
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot_id}"]
        options += [f"--exclude-table-data={table}" for table in excluded_tables]
        _run_tool("pg_dump", [*options, f"--file={target}"])
        yield _run_query


def is_empty() -> bool:
    """Whether the database has no tables."""
    return not connection.introspection.table_names()


def restore_database(source: Path, statements: Sequence[str]) -> None:
    """Fill the empty database and run the statements, in one transaction."""
    # Without comments: that of an extension may be changed only by whoever installed it.
    options = ["--no-owner", "--no-privileges", "--no-comments"]
    restore_command = ["pg_restore", *options, "--file=-", str(source)]
    psql_command, env = _build_command(
        "psql", ["-X", "-q", "-1", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"]
    )
    with TemporaryFile() as error_output:
        with (
            _start_process(
                restore_command, {}, stdout=subprocess.PIPE, stderr=error_output
            ) as reader,
            _start_process(psql_command, env, stdin=subprocess.PIPE, stderr=error_output) as writer,
        ):
            is_complete = _pipe_dump(reader, writer, statements)
        if not is_complete or writer.returncode:
            raise BackupError(
                f"The dump could not be brought back. {_read_last_line(error_output)}"
            )


def _pipe_dump(
    reader: "subprocess.Popen[bytes]", writer: "subprocess.Popen[bytes]", statements: Sequence[str]
) -> bool:
    """Whether the whole dump was sent. psql is killed before it could commit a partial one."""
    assert reader.stdout is not None
    assert writer.stdin is not None
    try:
        shutil.copyfileobj(reader.stdout, writer.stdin)
        if reader.wait():
            writer.kill()
            return False
        for statement in ("RESET search_path", *statements):
            writer.stdin.write(f"{statement};\n".encode())
        writer.stdin.flush()
    except BrokenPipeError:
        reader.kill()
        return False
    finally:
        with suppress(BrokenPipeError):
            writer.stdin.close()
    return True


def _run_query(sql: str) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        yield from cursor


def _run_tool(tool: str, options: Sequence[str]) -> None:
    command, env = _build_command(tool, options)
    with TemporaryFile() as error_output:
        with _start_process(command, env, stderr=error_output) as process:
            exit_code = process.wait()
        if exit_code:
            raise BackupError(f"{tool} did not succeed. {_read_last_line(error_output)}")


def _build_command(tool: str, options: Sequence[str]) -> tuple[list[str], Mapping[str, str]]:
    """Command and environment with the connection options that Django's `dbshell` uses."""
    command, env = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, list(options))
    return [tool, *command[1:]], env or {}


def _start_process(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    stderr: IO[bytes],
    stdin: int | None = None,
    stdout: int | None = None,
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603  # PostgreSQL's own tools, no shell
            command, env=os.environ | env, stdin=stdin, stdout=stdout, stderr=stderr
        )
    except FileNotFoundError as error:
        raise BackupError(
            f"{command[0]} is not on this machine. It belongs to PostgreSQL's client programs "
            "(Debian: apt-get install postgresql-client) and must not be older than the server."
        ) from error


def _read_last_line(error_output: IO[bytes]) -> str:
    error_output.seek(0)
    lines = error_output.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


POSTGRES_TOOLS = DatabaseTools(DATABASE_FILE, take_snapshot, is_empty, restore_database)
