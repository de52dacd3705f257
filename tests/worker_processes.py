"""The studio's commands in processes of their own, on a database and a folder that a test names."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from evolink_studio.environment import ROOT
from tests.fake_provider import FakeProvider

API_KEY = "sk-evo-0123456789abcdefghij"


@dataclass(frozen=True)
class StudioInstance:
    """A folder, a database, and what else its environment says."""

    folder: Path
    database_url: str
    extra_env: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        variables = {"STUDIO_DATA": str(self.folder), "DATABASE_URL": self.database_url}
        variables["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
        return {**os.environ, **variables, **self.extra_env}

    def run_command(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; what it says is text."""
        return subprocess.run(
            _build_command(arguments), env=self.env, capture_output=True, text=True, timeout=600
        )

    def start_command(self, *arguments: object) -> "subprocess.Popen[bytes]":
        """Begin a command; who calls ends it."""
        return subprocess.Popen(_build_command(arguments), env=self.env, stderr=subprocess.DEVNULL)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database, past Django."""
        if self.database_url.startswith("sqlite"):
            with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"))) as database:
                return database.execute(sql).fetchall()
        with psycopg.connect(self.database_url) as database:
            return database.execute(sql).fetchall()


def instance_on_test_database(
    folder: Path, fake_provider: FakeProvider | None = None, **extra_env: str
) -> StudioInstance:
    """The database of the running test, for processes beside it."""
    return StudioInstance(
        folder,
        _database_url(connection.settings_dict["NAME"]),
        _provider_env(fake_provider) | extra_env,
    )


def create_empty_instance(
    folder: Path, fake_provider: FakeProvider | None = None
) -> StudioInstance:
    """An empty place: no file, no table."""
    folder.mkdir()
    if connection.vendor == "sqlite":
        return StudioInstance(
            folder, f"sqlite:///{folder / 'studio.sqlite3'}", _provider_env(fake_provider)
        )
    name = f"{connection.settings_dict['NAME']}_{folder.name}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    return StudioInstance(folder, _database_url(name), _provider_env(fake_provider))


def _database_url(name: object) -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    settings = connection.settings_dict
    return f"postgres://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}/{name}"


def _provider_env(fake_provider: FakeProvider | None) -> dict[str, str]:
    return (
        {"EVOLINK_API_KEY": API_KEY, "EVOLINK_API_URL": fake_provider.url} if fake_provider else {}
    )


def _build_command(arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *map(str, arguments)]
