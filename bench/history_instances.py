"""Instances whose database is full of history, on SQLite and on PostgreSQL.

A database is filled once by `bench.history`, kept, and copied for each use. On SQLite it is kept
for a day in `var/bench`: an older one would have no present month. On PostgreSQL it is a template
on the server that `DATABASE_URL` named when the bench began, as under `scripts/with-postgres`;
without a server there are no figures of PostgreSQL.
"""

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from bench.instances import (
    DATABASE_NAME,
    POSTGRES_SERVER_URL,
    BenchInstance,
    InstanceFactory,
)
from evolink_studio.environment import ROOT

CACHE_FOLDER = Path(os.environ.get("BENCH_CACHE") or ROOT / "var" / "bench")
MAX_AGE_SECONDS = 24 * 3600.0
MANY_PEOPLE = 50
SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@dataclass(frozen=True)
class HistoryInstance(BenchInstance):
    """A copy of a full database. On SQLite `database_url` is empty."""

    database_url: str = ""

    @property
    def env(self) -> dict[str, str]:
        database = {"DATABASE_URL": self.database_url} if self.database_url else {}
        return {**super().env, **database}

    def call(self, function: str, *arguments: object) -> Any:
        """Call `module:function` in a process of its own, with Django on this database.

        Arguments and answer are JSON. In this process one cannot change the kind of database.
        Raises RuntimeError with its last words when it fails.
        """
        command = [sys.executable, "-m", "bench.history_instances", function, json.dumps(arguments)]
        result = subprocess.run(
            command, env=self.env, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise RuntimeError(f"{function}: {result.stderr[-2000:]}")
        return json.loads(result.stdout.splitlines()[-1])


def list_databases() -> tuple[str, ...]:
    """The kinds of database that can be measured."""
    return (SQLITE, POSTGRES) if POSTGRES_SERVER_URL else (SQLITE,)


@contextmanager
def open_history(
    instances: InstanceFactory, count: int, database: str = SQLITE, *, people: int = MANY_PEOPLE
) -> Iterator[HistoryInstance]:
    """A copy of the history of `count` generations, for one measure to change as it likes."""
    opener = {SQLITE: _open_sqlite, POSTGRES: _open_postgres}[database]
    with opener(instances, count, people) as instance:
        yield instance


@contextmanager
def _open_sqlite(instances: InstanceFactory, count: int, people: int) -> Iterator[HistoryInstance]:
    template = CACHE_FOLDER / _template_name(count, people)
    _remove_outdated(template)
    if not template.exists():
        _fill_sqlite(template, count, people)
    with instances.create_instance(is_empty=True) as instance:
        shutil.copy(template / DATABASE_NAME, instance.folder)
        yield HistoryInstance(instance.folder, instance.port)


def _fill_sqlite(template: Path, count: int, people: int) -> None:
    # Under another name until it is whole: an interrupted run leaves no half history.
    folder = template.with_name(f"{template.name}-unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _fill({"STUDIO_DATA": str(folder)}, count, people)
    folder.rename(template)


def _remove_outdated(template: Path) -> None:
    oldest = time.time() - MAX_AGE_SECONDS
    if template.exists() and (template / DATABASE_NAME).stat().st_mtime < oldest:
        shutil.rmtree(template)


@contextmanager
def _open_postgres(
    instances: InstanceFactory, count: int, people: int
) -> Iterator[HistoryInstance]:
    template, copy = _template_name(count, people), f"bench_copy_{os.getpid()}"
    with psycopg.connect(POSTGRES_SERVER_URL, autocommit=True) as connection:
        if not connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [template]
        ).fetchone():
            _fill_postgres(connection, template, count, people)
        _execute(connection, f'CREATE DATABASE "{copy}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        try:
            with instances.create_instance(is_empty=True) as instance:
                yield HistoryInstance(instance.folder, instance.port, _database_url(copy))
        finally:
            _execute(connection, f'DROP DATABASE "{copy}" WITH (FORCE)')


def _fill_postgres(
    connection: "psycopg.Connection[Any]", template: str, count: int, people: int
) -> None:
    unfinished = f"{template}_unfinished"
    _execute(connection, f'DROP DATABASE IF EXISTS "{unfinished}" WITH (FORCE)')
    _execute(connection, f'CREATE DATABASE "{unfinished}"')
    _fill({"DATABASE_URL": _database_url(unfinished)}, count, people)
    _execute(connection, f'ALTER DATABASE "{unfinished}" RENAME TO "{template}"')


def _fill(variables: dict[str, str], count: int, people: int) -> None:
    env = {**os.environ, **variables}
    for command in (
        [str(ROOT / "manage.py"), "migrate", "-v0"],
        ["-m", "bench.history", str(count), "--people", str(people)],
    ):
        subprocess.run(
            [sys.executable, *command], env=env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )


def _template_name(count: int, people: int) -> str:
    """Named by what its rows and tables come from: another generator or schema needs a new one."""
    sources = [ROOT / "bench" / "history.py", *ROOT.glob("evolink_studio/*/migrations/0*.py")]
    content = b"".join(path.read_bytes() for path in sorted(sources))
    return f"history_{count}_{people}_{hashlib.sha256(content).hexdigest()[:10]}"


def _database_url(name: str) -> str:
    return urlsplit(POSTGRES_SERVER_URL)._replace(path=f"/{name}").geturl()


def _execute(connection: "psycopg.Connection[Any]", statement: str) -> None:
    connection.execute(statement.encode())


def main() -> None:
    """The process behind `HistoryInstance.call`."""
    import django

    django.setup()
    module_name, _, function_name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module_name), function_name)
    print(json.dumps(function(*json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
