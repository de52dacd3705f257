"""A new studio begins with a copy of the empty database made at install, if that one fits."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from evolink_studio.environment import ROOT

BRING = """
import sys; from pathlib import Path
import django; django.setup()
from evolink_studio.worker import schema
schema.EMPTY = Path(sys.argv[1])
schema.bring_up_to_date()
"""


def brought_up_to_date(folder: Path, empty: Path) -> Path:
    """The database of a studio in this folder after a start, with this empty one at hand."""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    env |= {"STUDIO_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "evolink_studio.settings"}
    subprocess.run([sys.executable, "-c", BRING, str(empty)], cwd=ROOT, env=env, check=True)
    return folder / "studio.sqlite3"


def ask(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as line, line:
        return line.execute(sql).fetchall()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    return brought_up_to_date(folder, folder / "none")


@pytest.fixture
def empty(migrated, tmp_path) -> Path:
    """As left by an install, with a mark by which its copies are known."""
    ask(migrated, "PRAGMA wal_checkpoint(TRUNCATE)")
    copy = shutil.copy(migrated, tmp_path / "empty.sqlite3")
    ask(copy, "CREATE TABLE copied (n)")
    return copy


def is_copy(database: Path) -> bool:
    return bool(ask(database, "SELECT 1 FROM sqlite_master WHERE name = 'copied'"))


def is_complete(database: Path) -> bool:
    return ask(database, "SELECT count(*) FROM generations_generation") == [(0,)]


def test_without_a_prepared_one_it_is_migrated_from_nothing(migrated):
    assert is_complete(migrated)
    assert not is_copy(migrated)


def test_a_prepared_one_is_copied(empty, tmp_path):
    database = brought_up_to_date(tmp_path, empty)
    assert is_copy(database)
    assert is_complete(database)


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO django_migrations (app, name, applied) VALUES ('credits', '9999_x', '2030')",
        "DELETE FROM django_migrations WHERE app = 'library'",
    ],
    ids=["by newer code", "by older code"],
)
def test_one_that_was_prepared_by_other_code_is_left_out(empty, tmp_path, change):
    ask(empty, change)
    database = brought_up_to_date(tmp_path, empty)
    assert not is_copy(database)
    assert is_complete(database)


def test_a_database_that_is_there_stays(migrated, empty, tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    shutil.copy(migrated, folder / "studio.sqlite3")
    assert not is_copy(brought_up_to_date(folder, empty))
