"""Emptying the database after a transactional test, although it refuses to forget entries."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.apps import apps
from django.db import connection

rules = import_module("evolink_studio.credits.migrations.0004_ledger_entries_are_final")
prices = import_module("evolink_studio.credits.migrations.0002_first_rate_cards")
beginning = import_module("evolink_studio.credits.migrations.0003_default_allowance")


class Statements:
    """Just enough of a schema editor for the two functions of the migration."""

    connection = connection

    def execute(self, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def ledger_may_be_emptied() -> Iterator[None]:
    """While it lasts, a flush lifts the protection, and leaves what a fresh studio starts with."""
    plain = type(connection.ops).execute_sql_flush

    def flush(operations, statements):
        there = "credits_ledgerentry" in connection.introspection.table_names()
        if there:
            rules.unprotect_entries(apps, Statements())
        plain(operations, statements)
        if there:
            rules.protect_entries(apps, Statements())
            prices.add_rate_cards(apps, Statements())
            beginning.add_allowance(apps, Statements())

    type(connection.ops).execute_sql_flush = flush
    try:
        yield
    finally:
        type(connection.ops).execute_sql_flush = plain
