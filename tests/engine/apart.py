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
from tests.farend import FarEnd

KEY = "sk-evo-0123456789abcdefghij"


@dataclass(frozen=True)
class Place:
    """A folder, a database, and what else its environment says."""

    folder: Path
    database: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        names = {"STUDIO_DATA": str(self.folder), "DATABASE_URL": self.database}
        names["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
        return {**os.environ, **names, **self.settings}

    def manage(self, *words: object) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; what it says is text."""
        return subprocess.run(
            _command(words), env=self.env, capture_output=True, text=True, timeout=120
        )

    def start(self, *words: object) -> "subprocess.Popen[bytes]":
        """Begin a command; who calls ends it."""
        return subprocess.Popen(_command(words), env=self.env, stderr=subprocess.DEVNULL)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database, past Django."""
        if self.database.startswith("sqlite"):
            with closing(sqlite3.connect(self.database.removeprefix("sqlite:///"))) as found:
                return found.execute(sql).fetchall()
        with psycopg.connect(self.database) as found:
            return found.execute(sql).fetchall()


def here(folder: Path, far: FarEnd | None = None, **settings: str) -> Place:
    """The database of the running test, for processes beside it."""
    return Place(folder, _address(connection.settings_dict["NAME"]), _talking_to(far) | settings)


def elsewhere(folder: Path, far: FarEnd | None = None) -> Place:
    """An empty place: no file, no table."""
    folder.mkdir()
    if connection.vendor == "sqlite":
        return Place(folder, f"sqlite:///{folder / 'studio.sqlite3'}", _talking_to(far))
    name = f"{connection.settings_dict['NAME']}_{folder.name}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    return Place(folder, _address(name), _talking_to(far))


def _address(name: object) -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    at = connection.settings_dict
    return f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{name}"


def _talking_to(far: FarEnd | None) -> dict[str, str]:
    return {"EVOLINK_API_KEY": KEY, "EVOLINK_API_URL": far.url} if far else {}


def _command(words: tuple[object, ...]) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *map(str, words)]
