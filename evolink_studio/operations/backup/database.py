"""The database of the studio, whichever it is."""

from typing import Literal, cast

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from evolink_studio.operations.backup import postgres, sqlite

Engine = Literal["sqlite", "postgresql"]


TOOLS = {"sqlite": sqlite.TOOLS, "postgresql": postgres.TOOLS}


def engine() -> Engine:
    """The kind of database that the settings name."""
    return cast("Engine", connection.vendor)


def forgotten() -> list[str]:
    """Tables whose rows are in no backup.

    Sessions are keys to people's pages, the cache is passing, and a job that waited in the old
    studio must not be done by the restored one.
    """
    ours = {Session._meta.db_table, settings.CACHES["default"]["LOCATION"]}
    there = connection.introspection.table_names()
    return [name for name in there if name in ours or name.startswith("procrastinate_")]


def kept_tables() -> list[str]:
    """Tables whose rows are counted in the manifest."""
    there = set(connection.introspection.table_names()) - set(forgotten())
    ours = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }
    return sorted(ours & there)


def newest_migrations() -> dict[str, str]:
    """The last applied migration of every app."""
    loader = MigrationLoader(connection)
    newest = {app: "" for app, _ in loader.applied_migrations}
    for app, name in loader.applied_migrations:
        newest[app] = max(newest[app], name)
    return dict(sorted(newest.items()))


def unknown_migrations(migrations: dict[str, str]) -> list[str]:
    """Those that this code does not have: the backup comes from a newer studio."""
    known = MigrationLoader(None).disk_migrations.keys()
    return [f"{app}.{name}" for app, name in migrations.items() if (app, name) not in known]
