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
from evolink_studio.operations.database_setup import PACKAGE

ENSURE_DATABASE_SCRIPT = """
import sys; from pathlib import Path
import django; django.setup()
from evolink_studio.operations import database_setup
database_setup.TEMPLATE_DATABASE = Path(sys.argv[1])
database_setup.ensure_database()
"""


def ensure_database_in(folder: Path, template: Path) -> Path:
    """The database of a studio in this folder after a start, with this empty one at hand."""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    env |= {"STUDIO_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "evolink_studio.settings"}
    subprocess.run(
        [sys.executable, "-c", ENSURE_DATABASE_SCRIPT, str(template)], cwd=ROOT, env=env, check=True
    )
    return folder / "studio.sqlite3"


def run_sql(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def migrated_database(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    return ensure_database_in(folder, folder / "none")


@pytest.fixture
def template_database(migrated_database, tmp_path) -> Path:
    """As left by an install, with a mark by which its copies are known."""
    run_sql(migrated_database, "PRAGMA wal_checkpoint(TRUNCATE)")
    template = shutil.copy(migrated_database, tmp_path / "empty.sqlite3")
    run_sql(template, "CREATE TABLE copied (n)")
    return template


def is_copy(database: Path) -> bool:
    return bool(run_sql(database, "SELECT 1 FROM sqlite_master WHERE name = 'copied'"))


def is_complete(database: Path) -> bool:
    return run_sql(database, "SELECT count(*) FROM generations_generation") == [(0,)]


def test_without_a_prepared_one_it_is_migrated_from_nothing(migrated_database):
    assert is_complete(migrated_database)
    assert not is_copy(migrated_database)


def test_a_prepared_one_is_copied(template_database, tmp_path):
    database = ensure_database_in(tmp_path, template_database)
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
def test_one_that_was_prepared_by_other_code_is_left_out(template_database, tmp_path, change):
    run_sql(template_database, change)
    database = ensure_database_in(tmp_path, template_database)
    assert not is_copy(database)
    assert is_complete(database)


def test_one_that_is_older_than_a_migration_file_is_left_out(template_database, tmp_path):
    """A migration that was written anew under its old name made other tables."""
    newest_mtime = max(path.stat().st_mtime for path in PACKAGE.glob("*/migrations/*.py"))
    os.utime(template_database, (newest_mtime - 1, newest_mtime - 1))
    database = ensure_database_in(tmp_path, template_database)
    assert not is_copy(database)
    assert is_complete(database)


def test_a_database_that_is_there_stays(migrated_database, template_database, tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    shutil.copy(migrated_database, folder / "studio.sqlite3")
    assert not is_copy(ensure_database_in(folder, template_database))


def test_a_database_that_does_not_count_its_usage_is_mended_at_a_start(tmp_path, migrated_database):
    """As after a kill between the last migration and what `migrate` does then."""
    run_sql(migrated_database, "PRAGMA wal_checkpoint(TRUNCATE)")
    database = Path(shutil.copy(migrated_database, tmp_path / "studio.sqlite3"))
    count_triggers = (
        "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%usagerollup%'"
    )
    assert run_sql(database, count_triggers) == [(3,)]
    run_sql(database, "DROP TRIGGER generations_usagerollup_update")
    ensure_database_in(tmp_path, tmp_path / "none")
    assert run_sql(database, count_triggers) == [(3,)]
