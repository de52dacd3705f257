"""Emptying the database after a transactional test, although it refuses to forget entries."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.apps import apps
from django.db import connection

immutability_migration = import_module(
    "evolink_studio.credits.migrations.0004_ledger_entries_are_final"
)
prices_migration = import_module("evolink_studio.credits.migrations.0002_first_rate_cards")
allowance_migration = import_module("evolink_studio.credits.migrations.0003_default_allowance")


class StatementRunner:
    """Just enough of a schema editor for the two functions of the migration."""

    connection = connection

    def execute(self, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def allow_ledger_flush() -> Iterator[None]:
    """While it lasts, a flush lifts the protection, and leaves what a fresh studio starts with."""
    original_flush = type(connection.ops).execute_sql_flush

    def flush(operations, statements):
        has_entries = "credits_ledgerentry" in connection.introspection.table_names()
        if has_entries:
            immutability_migration.unprotect_entries(apps, StatementRunner())
        original_flush(operations, statements)
        if has_entries:
            immutability_migration.protect_entries(apps, StatementRunner())
            prices_migration.add_rate_cards(apps, StatementRunner())
            allowance_migration.add_allowance(apps, StatementRunner())

    type(connection.ops).execute_sql_flush = flush
    try:
        yield
    finally:
        type(connection.ops).execute_sql_flush = original_flush
