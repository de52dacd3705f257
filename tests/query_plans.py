"""How the database goes about a statement, and whether it walks through a whole table.

with StatementLog() as log:
    client.get("/films/")
walks = log.find_walks()
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection, models

from evolink_studio.environment import ROOT

PRODUCT_FOLDER = f"{ROOT}/evolink_studio/"
# Tables that do not grow with what is made: people, what they may do, and one row each of
# something. Every other table counts as one that grows, so a new one is looked at.
BOUNDED_TABLES = frozenset(
    {
        *("accounts_user", "accounts_user_groups", "accounts_user_user_permissions"),
        *("auth_group", "auth_group_permissions", "auth_permission", "django_content_type"),
        *("credits_allowance", "credits_provideraccount", "credits_ratecard"),
        *("generations_changefeed", "generations_heartbeat", "library_uploadusage"),
        "library_deletedfile",  # emptied again and again
        *("exports_export", "library_remotecopy"),  # deleted after some days
    }
)
# Indexes on a condition that only few rows ever fulfil at a time.
NARROW_INDEXES = frozenset(
    {
        *("generation_due", "generation_held", "decision_to_look_at", "lookup_waiting"),
        "entry_with_note",  # what somebody decided by hand
        *("preset_shared", "template_shared"),  # in their order, and no more than are shown
    }
)


TABLE_PATTERN = re.compile(r'(?:FROM|JOIN|UPDATE|INTO) "(\w+)"(?: (?:AS )?"?([A-Z]\d+|[a-z_]+)"?)?')


@dataclass(frozen=True)
class Statement:
    """One statement as it was executed, where, and by which function of the studio."""

    sql: str
    parameters: Any
    place: str
    source: str

    @property
    def shape(self) -> str:
        """Equal for statements that differ in the length of a list only."""
        return re.sub(r"\(%s(, %s)*\)", "(%s…)", self.sql)


@dataclass(frozen=True)
class Walk:
    """A statement that walks through all of a table that grows."""

    table: str
    place: str
    source: str
    sql: str

    def __str__(self) -> str:
        sql = re.sub(r"^SELECT .{300,}? FROM ", "SELECT … FROM ", self.sql)
        return f"{self.place or self.source} ({self.source}) walks {self.table}: {sql[:600]}"


@dataclass
class StatementLog(AbstractContextManager["StatementLog"]):
    """What this connection executes inside the block, each shape once per source and place.

    `place` is set by whoever visits: the page that is made.
    """

    place: str = ""
    statements: dict[tuple[str, ...], Statement] = field(default_factory=dict)

    def __enter__(self) -> "StatementLog":
        self._wrapper = connection.execute_wrapper(self._record)
        self._wrapper.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._wrapper.__exit__(*details)  # type: ignore[arg-type]

    def _record(
        self, execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any
    ) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            statement = Statement(sql, parameters, self.place, _find_source())
            key = (statement.shape, statement.source, statement.place)
            self.statements.setdefault(key, statement)
        return execute(sql, parameters, many, context)

    def find_walks(self) -> list[Walk]:
        """Those that walk, by what the database says it would do."""
        find_walked_tables = _WALK_FINDERS[connection.vendor]
        return [
            Walk(table, statement.place, statement.source, statement.sql)
            for statement in self.statements.values()
            for table in sorted(find_walked_tables(statement))
        ]


def list_growing_tables() -> set[str]:
    """All tables of the studio's models but the bounded ones."""
    return {model._meta.db_table for model in _list_models()} - BOUNDED_TABLES


def _list_models() -> Iterator[type[models.Model]]:
    return (
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.app_label != "procrastinate"
    )


def _find_source() -> str:
    """`app/module.py:function` of the innermost frame of the studio."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(PRODUCT_FOLDER) and not name.endswith("middleware.py"):
            return f"{Path(name).relative_to(PRODUCT_FOLDER)}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "django"


def _find_walked_on_sqlite(statement: Statement) -> set[str]:
    """SQLite plans without looking at rows: the plan for few is the plan for very many.

    The plan names aliases, of which subqueries have the same. Its program says which table or
    index each cursor opens, and which ones begin at an end; a search may begin there, too.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters)
        lines = [line for *_, line in cursor.fetchall()]
        cursor.execute(f"EXPLAIN {statement.sql}", statement.parameters)
        program = [row[1:4] for row in cursor.fetchall()]
        cursor.execute("SELECT rootpage, tbl_name, name FROM sqlite_master")
        objects = {page: (table, name) for page, table, name in cursor.fetchall()}
    # Rows in the order they lie until there are enough. With a condition that may take long.
    is_first_rows = (
        " LIMIT " in statement.sql
        and " WHERE " not in statement.sql
        and "USE TEMP B-TREE FOR ORDER BY" not in lines
    )
    scanned = {
        table
        for table, alias in TABLE_PATTERN.findall(statement.sql)
        for line in lines
        if re.match(rf"SCAN ({table}|{alias or table})\b", line)
    }
    opened = {
        cursor_number: objects[page]
        for opcode, cursor_number, page in program
        if opcode in ("OpenRead", "OpenWrite") and page in objects
    }
    walked = {
        opened[cursor_number]
        for opcode, cursor_number, _ in program
        if opcode in ("Rewind", "Last", "Count") and cursor_number in opened
    }
    return {table for table, name in walked if name not in NARROW_INDEXES and not is_first_rows} & (
        scanned & list_growing_tables()
    )


def _find_walked_on_postgres(statement: Statement) -> set[str]:
    """Without what pays only for few rows, so that it is planned as for very many.

    That is to read a whole table at once, to look into it or to join it.
    """
    with connection.cursor() as cursor:
        for method in _SMALL_TABLE_METHODS:
            cursor.execute(f"SET {method} = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.parameters)
        ((plan,),) = cursor.fetchall()
        for method in _SMALL_TABLE_METHODS:
            cursor.execute(f"RESET {method}")
    root = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return set(_walk_nodes(root, is_limited=False)) & list_growing_tables()


_SMALL_TABLE_METHODS = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
# Nodes that pass rows on one by one, so that a limit above them ends the scan below.
_STREAMING_NODES = frozenset(
    {"Incremental Sort", "Limit", "LockRows", "Nested Loop", "Result", "Subquery Scan"}
)


def _walk_nodes(node: dict[str, Any], *, is_limited: bool) -> Iterator[str]:
    kind, index = node["Node Type"], node.get("Index Name", "")
    is_condition_less = "Index Cond" not in node
    if kind == "Seq Scan" and not (is_limited and "Filter" not in node):
        yield node["Relation Name"]
    elif kind in ("Index Scan", "Index Only Scan") and is_condition_less:
        is_first_rows = is_limited and "Filter" not in node
        if index not in NARROW_INDEXES and not is_first_rows:
            yield node["Relation Name"]
    elif kind == "Bitmap Index Scan" and is_condition_less and index not in NARROW_INDEXES:
        yield _find_indexed_table(index)
    is_limited = kind == "Limit" or (is_limited and kind in _STREAMING_NODES)
    for child in node.get("Plans", ()):
        yield from _walk_nodes(child, is_limited=is_limited)


def _find_indexed_table(index: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_indexes WHERE indexname = %s", [index])
        ((table,),) = cursor.fetchall()
    return str(table)


_WALK_FINDERS: dict[str, Callable[[Statement], set[str]]] = {
    "sqlite": _find_walked_on_sqlite,
    "postgresql": _find_walked_on_postgres,
}
