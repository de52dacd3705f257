"""Bringing the database to what the code expects, as quickly as a person waits for it.

Migrating an empty SQLite takes longer than everything else at a first start. `scripts/bootstrap`
does it once, when it installs: a new studio begins with a copy of that empty database.
"""

import shutil
import sys
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

EMPTY = Path(sys.prefix) / "empty-studio.sqlite3"


def bring_up_to_date() -> None:
    """Create or migrate the database; one that is up to date is left alone."""
    laid = _lay_down()
    if _is_current(begun_with_copy=laid is not None):
        return
    if laid:  # made by other code than this: begin with nothing instead
        connection.close()
        laid.unlink()
    call_command("migrate", interactive=False, verbosity=0)


def _lay_down() -> Path | None:
    """Where a copy of the empty database was laid; None where there is one already, or none."""
    place = Path(str(connection.settings_dict["NAME"]))
    if connection.vendor != "sqlite" or place.exists() or not EMPTY.is_file():
        return None
    beside = place.with_suffix(".new")
    shutil.copyfile(EMPTY, beside)
    return beside.rename(place)


def _is_current(*, begun_with_copy: bool) -> bool:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    unheard_of = set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)
    return not (begun_with_copy and unheard_of)
