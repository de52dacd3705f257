"""An index for pieces of a text: FTS5 on SQLite, pg_trgm on PostgreSQL, nothing where neither is.

Without it a search gives the same rows, and reads all of them. The index holds trigrams, every
three letters that follow each other, so that a word is found inside a longer one. A piece of fewer
letters has none: see `TextIndex.build_filter`.

SQLite's is kept by triggers. Whatever drops them (a migration that rebuilds the table, a library
without FTS5) is noticed by `keep`, which runs after every migration and at every start.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import DatabaseError, connection, transaction
from django.db.models import Model, Q
from django.db.models.expressions import RawSQL

logger = logging.getLogger(__name__)

MIN_INDEXED_LENGTH = 3
# A shorter piece is looked for among so many of the newest rows.
SHORT_PIECE_ROWS = 20_000
MIN_DENSE_ROWS = 41  # a page, and one more
_EVENTS = ("insert", "delete", "update")


@dataclass(frozen=True)
class TextIndex:
    """The index `name` on text columns of a model whose primary key is a number."""

    name: str
    model: type[Model]
    columns: tuple[str, ...]

    def build_filter(self, pieces: Sequence[str]) -> Q:
        """Rows that hold each of these pieces in one of the columns.

        Where all pieces are short, among the newest SHORT_PIECE_ROWS rows alone. At most two
        queries.
        """
        condition = Q()
        for piece in pieces:
            condition &= Q.create(
                [(f"{column}__holds", piece) for column in self.columns], connector=Q.OR
            )
        indexed_pieces = [piece for piece in pieces if len(piece) >= MIN_INDEXED_LENGTH]
        if not indexed_pieces:
            newest = self.model._default_manager.order_by("-pk").values_list("pk", flat=True)[:1]
            return condition & Q(pk__gt=next(iter(newest), 0) - SHORT_PIECE_ROWS)
        if connection.vendor != "sqlite":
            is_rare = len(pieces) > 1 and self._is_rare(condition)
            return self._fence(pieces) if is_rare else condition
        if not self.is_kept():
            return condition
        sql = f"SELECT rowid FROM {self.name} WHERE {self.name} MATCH %s"  # noqa: S608  # our name
        query = self.build_match(pieces)
        return Q(pk__in=RawSQL(sql, [query])) & condition  # noqa: S611  # the query is a parameter

    @staticmethod
    def build_match(pieces: Sequence[str]) -> str:
        """What SQLite's index is asked for. One of the pieces is long enough for it.

        The index says which rows hold all the trigrams; those that hold them in a row are among
        these, and `holds` finds them. So it needs no places of trigrams, and is half as large.
        """
        trigrams = dict.fromkeys(
            trigram
            for piece in pieces
            if len(piece) >= MIN_INDEXED_LENGTH
            for trigram in _cover_with_trigrams(piece)
        )
        return " AND ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in trigrams)

    def _is_rare(self, condition: Q) -> bool:
        """Whether the newest rows hold less than a page of what is searched.

        PostgreSQL knows how often each piece occurs, but not that two never occur together: it
        would walk through all rows, newest first, in search of the first page.
        """
        rows = self.model._default_manager.order_by("-pk")
        newest = next(iter(rows.values_list("pk", flat=True)[:1]), 0)
        found = rows.filter(condition, pk__gt=newest - SHORT_PIECE_ROWS)
        return len(found.values_list("pk", flat=True)[:MIN_DENSE_ROWS]) < MIN_DENSE_ROWS

    def _fence(self, pieces: Sequence[str]) -> Q:
        """The rows that the index finds, whatever order and limit stand around them."""
        table, pk = self.model._meta.db_table, self.model._meta.pk.column
        holds = " OR ".join(f"{column} LIKE %s" for column in self.columns)
        sql = (
            f"SELECT {pk} FROM {table} WHERE {' AND '.join([f'({holds})'] * len(pieces))} OFFSET 0"  # noqa: S608
        )
        patterns = [f"%{connection.ops.prep_for_like_query(piece)}%" for piece in pieces]
        parameters = [pattern for pattern in patterns for _column in self.columns]
        return Q(pk__in=RawSQL(sql, parameters))  # noqa: S611  # the pieces are parameters

    def is_kept(self) -> bool:
        """Whether the index is there, and follows every change. One query."""
        with connection.cursor() as cursor:
            if connection.vendor != "sqlite":
                cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = %s", [self.name])
                return cursor.fetchone() is not None
            names = [f"{self.name}_{event}" for event in _EVENTS]
            cursor.execute(
                "SELECT count(*) FROM sqlite_master WHERE type='trigger' AND name IN (%s, %s, %s)",
                names,
            )
            return bool(cursor.fetchone()[0] == len(names))

    def keep(self) -> None:
        """Make the index where it can be and is not, and stop keeping what this SQLite cannot."""
        if self.model._meta.db_table not in connection.introspection.table_names():
            return
        if connection.vendor != "sqlite":
            if not self.is_kept():
                self._create_on_postgres()
        elif not _has_fts5():
            # A trigger that fails would keep a person from making a film.
            self._run(self._drop_triggers())
        elif not self.is_kept():
            self.rebuild()

    def rebuild(self) -> bool:
        """Make the index afresh from the rows. Whether there is one now; it may take minutes."""
        if connection.vendor != "sqlite":
            self._run([f"DROP INDEX IF EXISTS {self.name}"])
            return self._create_on_postgres()
        if not _has_fts5():
            return False
        columns = ", ".join(self.columns)
        table, pk = self.model._meta.db_table, str(self.model._meta.pk.column)
        self._run(
            [
                *self._drop_triggers(),
                f"DROP TABLE IF EXISTS {self.name}",
                f"CREATE VIRTUAL TABLE {self.name} USING fts5({columns}, content='{table}', "
                f"content_rowid='{pk}', tokenize='trigram case_sensitive 1', detail=none)",
                f"INSERT INTO {self.name}({self.name}) VALUES ('rebuild')",  # noqa: S608
                *self._create_triggers(table, pk),
            ]
        )
        return True

    def drop(self) -> None:
        """Remove the index."""
        is_sqlite = connection.vendor == "sqlite"
        kind = "TABLE" if is_sqlite else "INDEX"
        self._run(
            [*(self._drop_triggers() if is_sqlite else ()), f"DROP {kind} IF EXISTS {self.name}"]
        )

    def _create_on_postgres(self) -> bool:
        """Whether it could be made: the extension may need rights that the studio has not."""
        table = self.model._meta.db_table
        columns = ", ".join(f"{column} gin_trgm_ops" for column in self.columns)
        try:
            self._run(
                [
                    "SET LOCAL statement_timeout = 0",
                    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
                    f"CREATE INDEX {self.name} ON {table} USING gin ({columns})",
                ]
            )
        except DatabaseError as error:
            logger.warning("The search has no index and reads every row: %s", error)
            return False
        return True

    def _create_triggers(self, table: str, pk: str) -> list[str]:
        columns = ", ".join(self.columns)
        old, new = (
            ", ".join(f"{row}.{column}" for column in (pk, *self.columns)) for row in ("old", "new")
        )
        remove = f"INSERT INTO {self.name}({self.name}, rowid, {columns}) VALUES ('delete', {old});"  # noqa: S608
        add = f"INSERT INTO {self.name}(rowid, {columns}) VALUES ({new});"  # noqa: S608
        is_changed = " OR ".join(f"old.{column} <> new.{column}" for column in self.columns)
        events = {
            "insert": f"INSERT ON {table} BEGIN {add}",
            "delete": f"DELETE ON {table} BEGIN {remove}",
            "update": f"UPDATE OF {columns} ON {table} WHEN {is_changed} BEGIN {remove} {add}",
        }
        return [
            f"CREATE TRIGGER {self.name}_{event} AFTER {body} END" for event, body in events.items()
        ]

    def _drop_triggers(self) -> list[str]:
        return [f"DROP TRIGGER IF EXISTS {self.name}_{event}" for event in _EVENTS]

    @staticmethod
    def _run(statements: Sequence[str]) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def _cover_with_trigrams(piece: str) -> Iterator[str]:
    """As few trigrams as hold all letters of the piece: each is a list to be read."""
    last_start = len(piece) - 3
    for start in range(0, last_start, 3):
        yield piece[start : start + 3]
    yield piece[last_start:]


def _has_fts5() -> bool:
    """Whether this SQLite has FTS5 with trigrams: since 3.34, where it was not left out."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(text, tokenize='trigram')")
            cursor.execute("DROP TABLE temp.probe")
    except DatabaseError:
        return False
    return True
