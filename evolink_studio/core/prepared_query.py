"""Queries whose SQL is compiled once per process, for what is asked again and again."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.transaction import TransactionManagementError

_Object = TypeVar("_Object", bound=Model)


class PreparedQuery:
    """A compiled query: compiling takes Django thirty times as long as the database to answer.

    `queryset` selects columns (`values_list`). A value that differs from call to call is a
    placeholder in it: a number, string, UUID, date or datetime that equals no other parameter.
    """

    def __init__(self, queryset: "QuerySet[Any, Any]") -> None:
        self._compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = self._compiler.as_sql()
        # Named, because on SQLite Django searches a statement for parameters without names each
        # time that it is executed, which takes longer than the database does.
        self._constants = {f"p{number}": value for number, value in enumerate(parameters)}
        self._sql = sql.replace("%%", "%%%%") % tuple(f"%({name})s" for name in self._constants)
        self._names_by_placeholder: dict[Any, list[str]] = {}
        self._locks_rows = (
            queryset.query.select_for_update and connection.features.has_select_for_update
        )
        columns = [column for column, *_ in self._compiler.select]
        self._converters = self._compiler.get_converters(columns)

    def fetch(self, values: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
        """All rows; `values` maps each placeholder to its value. One query.

        Raises TransactionManagementError, as a queryset does, for `select_for_update` outside a
        transaction: its locks would be gone at once. Raises KeyError for a value that the statement
        has no place for.
        """
        if self._locks_rows and connection.get_autocommit():
            raise TransactionManagementError("Rows can be locked only in a transaction.")
        parameters = self._constants.copy()
        for placeholder, value in values.items():
            names = self._names_by_placeholder.get(placeholder)
            adapted_value = _adapt_value(value)
            for name in self._find_names(placeholder) if names is None else names:
                parameters[name] = adapted_value
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        if not self._converters:
            return rows
        return [tuple(row) for row in self._compiler.apply_converters(rows, self._converters)]

    def _find_names(self, placeholder: Any) -> list[str]:
        """The parameters that a placeholder stands for."""
        adapted_placeholder = _adapt_value(placeholder)
        names = [name for name, value in self._constants.items() if value == adapted_placeholder]
        if not names:
            raise KeyError(f"{placeholder!r} is no placeholder of this query")
        self._names_by_placeholder[placeholder] = names
        return names


class PreparedObjects(Generic[_Object]):
    """The same for a queryset of model objects, `only`, `defer` and `select_related` included.

    What it prefetches is not.
    """

    def __init__(self, queryset: "QuerySet[_Object, _Object]") -> None:
        self._query = PreparedQuery(queryset)
        compiler = self._query._compiler
        class_info, select = compiler.klass_info, compiler.select
        assert class_info is not None
        self._model = cast(type[_Object], class_info["model"])
        positions = class_info["select_fields"]
        self._columns = slice(positions[0], positions[-1] + 1)
        self._names = [column.target.attname for column, *_ in select[self._columns]]
        self._populators = get_related_populators(  # type: ignore[call-arg]  # of a later Django
            class_info, select, DEFAULT_DB_ALIAS
        )

    def fetch(self, values: Mapping[Any, Any]) -> list[_Object]:
        """All objects; `values` as for `PreparedQuery.fetch`. One query."""
        objects = []
        for row in self._query.fetch(values):
            instance = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._columns])
            for populator in self._populators:
                populator.populate(row, instance)
            objects.append(instance)
        return objects


def build_id_placeholders(count: int) -> list[int]:
    """Placeholders for a list of so many row ids: such a list is as long as when it was compiled.

    All are below -1, which is left for another one.
    """
    return [-2 - number for number in range(count)]


def _adapt_value(value: Any) -> Any:
    """The value as the compiler passes it to the database: SQLite stores days and times as text."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value
