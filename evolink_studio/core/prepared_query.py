"""Queries whose SQL is written once a process: for what every page asks every two seconds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet


class PreparedQuery:
    """The SQL of a query. Writing it takes Django thirty times as long as the database to answer.

    `rows` is a query for columns; where a value differs from call to call, a mark stands in it: a
    number, word or moment that nothing else in the query is equal to.
    """

    def __init__(self, rows: "QuerySet[Any, Any]") -> None:
        self._compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._parameters = self._compiler.as_sql()
        columns = [column for column, *_ in self._compiler.select]
        self._converters = self._compiler.get_converters(columns)

    def fetch(self, values: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
        """All rows, with these values in the places of their marks. One query."""
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
    """As it stands among the parameters: SQLite keeps moments as text."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
