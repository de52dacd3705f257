"""Triggers on one table that keep another table right in the statement that changes a row.

Whatever writes to the watched table (a service, a bulk update, a restore, an admin at the
database's prompt), the kept table is right when it commits. The triggers are compared with what the
code says by their SQL, so changed code makes new ones, and everything is counted afresh, at the
next `migrate`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection, transaction

# The name of each trigger ends with one of these.
EVENTS = ("insert", "update", "delete")

_DIFFERS = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}
_STORED_SQL = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' "
    "AND tbl_name = '{watched}' AND name LIKE '{kept}%'",
    "postgresql": "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
    "WHERE tgrelid = '{watched}'::regclass AND tgname LIKE '{kept}%' AND tgenabled IN ('O', 'A')",
}


class TriggerEvent(NamedTuple):
    """What one trigger answers and does, all SQL.

    `event`: INSERT, UPDATE OF columns, or DELETE; `condition`: WHEN (…), or nothing; `body`: its
    statements, each with its semicolon. The row is OLD and NEW.
    """

    event: str
    condition: str
    body: str


def build_change_condition(columns: tuple[str, ...]) -> str:
    """SQL that is true where one of these columns of OLD and NEW differs."""
    differs = _DIFFERS[connection.vendor]
    return " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in columns)


@dataclass(frozen=True)
class TableTriggers:
    """The triggers on the table `watched` that keep the table `kept`, one for each of `EVENTS`.

    `function`: the name of PostgreSQL's one function for all of them. `build_events` gives what
    they do, by name, in the SQL of the database in use.
    """

    watched: str
    kept: str
    function: str
    build_events: Callable[[], Mapping[str, TriggerEvent]]

    def exist(self) -> bool:
        """Whether the database has them as this code says. One query."""
        with connection.cursor() as cursor:
            # Without parameters: a per cent sign is no placeholder.
            statement = _STORED_SQL[connection.vendor]
            cursor.execute(statement.format(watched=self.watched, kept=self.kept), None)
            stored_sql = dict(cursor.fetchall())
        wanted_sql = self._build_statements()
        return all(
            name in stored_sql
            and stored_sql[name] in wanted_sql.get(self.function, wanted_sql[name])
            for name in map(self._name, EVENTS)
        )

    def drop(self) -> None:
        """Stop keeping the table: for a migration that changes what it is made of."""
        is_sqlite = connection.vendor == "sqlite"
        with connection.cursor() as cursor:
            for name in map(self._name, EVENTS):
                table = "" if is_sqlite else f" ON {self.watched}"
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{table}")
            if not is_sqlite:
                cursor.execute(f"DROP FUNCTION IF EXISTS {self.function}()")

    def ensure(self, rebuild: Callable[[], None]) -> bool:
        """Create them if they are not there as wanted, and count afresh with `rebuild`.

        Everything in one transaction: after a kill the table is either kept and right, or not kept.
        False when there was nothing to do, also where the table is not there (yet). `migrate` ends
        with it, as SQLite loses the triggers of a table when a migration rebuilds that table.
        """
        if self.kept not in connection.introspection.table_names() or self.exist():
            return False
        with transaction.atomic():
            self.drop()
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute("SET LOCAL statement_timeout = 0")
                for statement in self._build_statements().values():
                    cursor.execute(statement, None)
            rebuild()
        return True

    def _name(self, event: str) -> str:
        return f"{self.kept}_{event}"

    def _build_statements(self) -> dict[str, str]:
        """The SQL that creates each trigger (and PostgreSQL's function), by name."""
        events = self.build_events()
        if connection.vendor == "sqlite":
            return {
                self._name(name): f"CREATE TRIGGER {self._name(name)} AFTER {event} "
                f"ON {self.watched} {condition} BEGIN {body} END"
                for name, (event, condition, body) in events.items()
            }
        branches = "\n".join(
            f"IF TG_OP = '{name.upper()}' THEN {body} END IF;"
            for name, (*_, body) in events.items()
        )
        return {
            self.function: f"CREATE FUNCTION {self.function}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {branches} RETURN NULL; END $$"
        } | {
            self._name(name): f"CREATE TRIGGER {self._name(name)} AFTER {event} "
            f"ON {self.watched} FOR EACH ROW {condition} EXECUTE FUNCTION {self.function}()"
            for name, (event, condition, _body) in events.items()
        }
