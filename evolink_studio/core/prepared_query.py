"""Queries whose SQL is compiled once per process, for what is asked again and again."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet


class PreparedQuery:
    """A compiled query: compiling takes Django thirty times as long as the database to answer.

    `queryset` selects columns (`values_list`). A value that differs from call to call is a
    placeholder in it: a number, string, date or datetime that equals no other parameter of it.
    """

    def __init__(self, queryset: "QuerySet[Any, Any]") -> None:
        self._compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._parameters = self._compiler.as_sql()
        columns = [column for column, *_ in self._compiler.select]
        self._converters = self._compiler.get_converters(columns)

    def fetch(self, values: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
        """All rows; `values` maps each placeholder to its value. One query."""
        values_by_placeholder = {
            _adapt_value(placeholder): _adapt_value(value) for placeholder, value in values.items()
        }
        with connection.cursor() as cursor:
            cursor.execute(
                self._sql,
                [values_by_placeholder.get(parameter, parameter) for parameter in self._parameters],
            )
            rows = cursor.fetchall()
        return [tuple(row) for row in self._compiler.apply_converters(rows, self._converters)]


def _adapt_value(value: Any) -> Any:
    """The value as the compiler passes it to the database: SQLite stores days and times as text."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value
