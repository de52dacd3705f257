"""Creating or migrating the database at a start.

Migrating an empty SQLite takes longer than everything else at a first start. `scripts/bootstrap`
does it once at installation: a new studio begins with a copy of that empty database.
"""

import os
import shutil
import sys
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from evolink_studio.films.facet_sets import ensure_facet_sets
from evolink_studio.generations.search_index import FILM_INDEX
from evolink_studio.generations.usage_rollup import ensure_rollup
from evolink_studio.library.search_index import NAME_INDEX

SEARCH_INDEXES = (FILM_INDEX, NAME_INDEX)
PACKAGE = Path(__file__).resolve().parent.parent
TEMPLATE_DATABASE = Path(sys.prefix) / "empty-studio.sqlite3"


def ensure_database() -> None:
    """Create or migrate the database; one that is up to date is left alone."""
    copy_path = _copy_template()
    if _is_current(is_copy=copy_path is not None):
        for index in SEARCH_INDEXES:
            index.keep()  # the database may come from a machine whose SQLite is another one
        ensure_rollup()  # the last migration may have been killed before its end
        ensure_facet_sets()
        return
    if copy_path:  # made by other code than this: begin without it
        connection.close()
        copy_path.unlink()
    call_command("migrate", interactive=False, verbosity=0)


def _copy_template() -> Path | None:
    """The path of the new copy; None if there is a database already, or no usable template."""
    database_path = Path(str(connection.settings_dict["NAME"]))
    if connection.vendor != "sqlite" or database_path.exists() or not _is_template_usable():
        return None
    temporary_path = database_path.with_suffix(".new")
    shutil.copyfile(TEMPLATE_DATABASE, temporary_path)
    return temporary_path.rename(database_path)


def _is_template_usable() -> bool:
    """Whether there is a template, and no migration file is newer than it."""
    if not os.access(TEMPLATE_DATABASE, os.R_OK):  # none, or another account installed it
        return False
    made_at = TEMPLATE_DATABASE.stat().st_mtime
    return all(path.stat().st_mtime <= made_at for path in PACKAGE.glob("*/migrations/*.py"))


def _is_current(*, is_copy: bool) -> bool:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    unknown_migrations = set(executor.loader.applied_migrations) - set(
        executor.loader.disk_migrations
    )
    return not (is_copy and unknown_migrations)
