"""The facet sets of films: how the database keeps them, and how they are counted afresh.

Three triggers on the table of generations put every film that has ended into its set, and move it
when one of its facets changes, in the statement that changes it. So whatever writes, the sets are
right when it commits. They serve three things: exact counts for every combination of filters; the
page of a list, which merges the sets that the filters leave (`film_list`); and that this costs the
same however many films there are.

On PostgreSQL a writer holds the sets of its owner until it commits: lock the owner's feed first, as
`transitions` does, or two writers of one owner can wait for each other.

Another facet: a column of `FacetSet` and of its constraint, its SQL in `_KEY`, and a migration. The
next `migrate` makes the triggers again and counts everything afresh.
"""

# ruff: noqa: S608  # The SQL is made of the names below and nothing else.

from django.db import connection, transaction

from evolink_studio.core.table_triggers import TableTriggers, TriggerEvent, build_change_condition
from evolink_studio.films.filters import LENGTHS, SOUNDS
from evolink_studio.films.models import FacetSet, ListedFilm
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import ENDED_STATES, State

_SETS = FacetSet._meta.db_table
_FILMS = ListedFilm._meta.db_table
_SOURCE = Generation._meta.db_table

_LENGTH_CASES = " ".join(
    f"WHEN {{row}}.seconds >= {length.first}"
    + ("" if length.last is None else f" AND {{row}}.seconds <= {length.last}")
    + f" THEN '{length.name}'"
    for length in LENGTHS.values()
)
_WITH, _WITHOUT = SOUNDS
# The columns of the key, and the SQL of each from a row of generations.
_KEY = {
    "owner_id": "{row}.owner_id",
    "tab": f"CASE {{row}}.state WHEN '{State.COMPLETED}' THEN '{FacetSet.Tab.KEPT}'"
    f" ELSE '{FacetSet.Tab.ENDED}' END",
    "model_id": "{row}.model_id",
    "ratio": "{row}.ratio",
    "length": f"CASE {_LENGTH_CASES} ELSE '' END",
    "sound": f"CASE WHEN {{row}}.has_sound THEN '{_WITH}' WHEN NOT {{row}}.has_sound"
    f" THEN '{_WITHOUT}' ELSE '' END",
    "is_starred": "({row}.starred_at IS NOT NULL)",
    "project_key": "coalesce({row}.project_id, 0)",
}
_IS_LISTED = "({row}.trashed_at IS NULL AND {row}.state IN (%s))" % ", ".join(  # noqa: UP031
    f"'{state}'" for state in sorted(ENDED_STATES)
)
_WATCHED_COLUMNS = (
    *("owner_id", "state", "model_id", "ratio", "seconds", "has_sound", "starred_at", "project_id"),
    *("trashed_at", "created_at"),
)
_NAMES = ", ".join(_KEY)


def _build_values(row: str) -> str:
    return ", ".join(sql.format(row=row) for sql in _KEY.values())


def _matches(row: str, table: str) -> str:
    return " AND ".join(f"{table}.{name} = {sql.format(row=row)}" for name, sql in _KEY.items())


def _add(row: str) -> str:
    """SQL that puts a row of generations into its set, if it is listed."""
    is_listed = _IS_LISTED.format(row=row)
    return (
        f"INSERT INTO {_SETS} ({_NAMES}, film_count) SELECT {_build_values(row)}, 1 "
        f"WHERE {is_listed} ON CONFLICT ({_NAMES}) "
        f"DO UPDATE SET film_count = {_SETS}.film_count + 1; "
        f"INSERT INTO {_FILMS} (generation_id, facet_set_id, created_at) "
        f"SELECT {row}.id, s.id, {row}.created_at FROM {_SETS} s "
        f"WHERE {is_listed} AND {_matches(row, 's')};"
    )


def _remove(row: str) -> str:
    """SQL that takes it out of its set, if it was listed."""
    return (
        f"UPDATE {_SETS} SET film_count = film_count - 1 "
        f"WHERE {_IS_LISTED.format(row=row)} AND {_matches(row, _SETS)}; "
        f"DELETE FROM {_FILMS} WHERE generation_id = {row}.id;"
    )


def _build_events() -> dict[str, TriggerEvent]:
    is_listed = f"({_IS_LISTED.format(row='OLD')} OR {_IS_LISTED.format(row='NEW')})"
    return {
        "insert": TriggerEvent("INSERT", f"WHEN {_IS_LISTED.format(row='NEW')}", _add("NEW")),
        "update": TriggerEvent(
            f"UPDATE OF {', '.join(_WATCHED_COLUMNS)}",
            f"WHEN ({is_listed} AND ({build_change_condition(_WATCHED_COLUMNS)}))",
            f"{_remove('OLD')} {_add('NEW')}",
        ),
        "delete": TriggerEvent("DELETE", f"WHEN ({_IS_LISTED.format(row='OLD')})", _remove("OLD")),
    }


TRIGGERS = TableTriggers(_SOURCE, _SETS, f"{_SETS}_keep", _build_events)


def ensure_facet_sets() -> bool:
    """Make the database keep the sets, if it does not, and count afresh what is there."""
    return TRIGGERS.ensure(rebuild)


def rebuild() -> None:
    """Count everything afresh: a million films take about ten seconds, in which nobody writes."""
    numbers = ", ".join(str(number) for number in range(1, len(_KEY) + 1))
    is_listed = _IS_LISTED.format(row="g")
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {_SOURCE} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"DELETE FROM {_FILMS}")
        cursor.execute(f"DELETE FROM {_SETS}")
        cursor.execute(
            f"INSERT INTO {_SETS} ({_NAMES}, film_count) SELECT {_build_values('g')}, count(*) "
            f"FROM {_SOURCE} g WHERE {is_listed} GROUP BY {numbers}"
        )
        cursor.execute(
            f"INSERT INTO {_FILMS} (generation_id, facet_set_id, created_at) "
            f"SELECT g.id, s.id, g.created_at FROM {_SOURCE} g "
            f"JOIN {_SETS} s ON {_matches('g', 's')} WHERE {is_listed}"
        )
