"""Backup tools, tables and migrations of the configured database."""

from typing import Literal, cast

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from evolink_studio.exports.models import Export
from evolink_studio.operations.backup import postgres, sqlite

DatabaseEngine = Literal["sqlite", "postgresql"]


TOOLS_BY_ENGINE = {"sqlite": sqlite.SQLITE_TOOLS, "postgresql": postgres.POSTGRES_TOOLS}


def get_engine() -> DatabaseEngine:
    """The kind of database that the settings name."""
    return cast("DatabaseEngine", connection.vendor)


def list_excluded_tables() -> list[str]:
    """Tables whose rows are in no backup.

    Sessions give access to accounts, the cache and exports are temporary, and a job that waited in
    the old studio must not be done by the restored one.
    """
    transient_tables = {
        Session._meta.db_table,
        Export._meta.db_table,
        settings.CACHES["default"]["LOCATION"],
    }
    existing_tables = connection.introspection.table_names()
    return [
        name
        for name in existing_tables
        if name in transient_tables or name.startswith("procrastinate_")
    ]


def list_included_tables() -> list[str]:
    """Tables whose rows are counted in the manifest."""
    existing_tables = set(connection.introspection.table_names()) - set(list_excluded_tables())
    model_tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }
    return sorted(model_tables & existing_tables)


def latest_migrations() -> dict[str, str]:
    """The last applied migration of every app."""
    loader = MigrationLoader(connection)
    names_by_app = {app: "" for app, _ in loader.applied_migrations}
    for app, name in loader.applied_migrations:
        names_by_app[app] = max(names_by_app[app], name)
    return dict(sorted(names_by_app.items()))


def find_unknown_migrations(migrations: dict[str, str]) -> list[str]:
    """Migrations that this code does not have: the backup comes from a newer studio."""
    known_migrations = MigrationLoader(None).disk_migrations.keys()
    return [
        f"{app}.{name}" for app, name in migrations.items() if (app, name) not in known_migrations
    ]
