"""One list of the films page: its pages at any depth, its counts, what stands beside a film.

However many films there are, a list costs about the same:

- Filters by facets alone leave some facet sets of the person. Each has its films in order in an
  index, and a page merges those whose newest films are the newest (`_read_merged`). Their counts
  are exact.
- A text, a tag, a collection, a batch or days narrow the list to films that are found first. Up to
  MAX_CANDIDATES of them are taken into memory, and with them every page and count of every filter.
  Where there are more, a page is read along the index that finds them, and counts end there.
- What is in the making is little, and so is read at once.

What a dense text, tag, collection or batch finds comes in the order of its numbers: that is the
order in which films were pressed, too.
"""

# ruff: noqa: S608  # The SQL is made of names below; what a person typed are its parameters.

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet, Sum
from django.utils.timezone import is_aware

from evolink_studio.accounts.models import User
from evolink_studio.core.calendar import get_local_day_start
from evolink_studio.core.text_index import MIN_INDEXED_LENGTH, SHORT_PIECE_ROWS
from evolink_studio.films.filters import (
    FilmFilters,
    build_name_condition,
    filter_films,
    get_owner_id,
    narrow_films,
)
from evolink_studio.films.models import Collection, FacetSet, ListedFilm, Tag
from evolink_studio.generations.models import Generation
from evolink_studio.generations.queries import list_resent_batches
from evolink_studio.generations.search_index import FILM_INDEX

MAX_CANDIDATES = 1_000
MIN_ROWS_PER_SET = 8  # read at first; more where one set has most of a page
MAX_BRANCHES = 250  # SQLite takes 500 parts of one query
SET_TAB_BY_TAB = {"": FacetSet.Tab.KEPT, "ended": FacetSet.Tab.ENDED}

Cursor = tuple[datetime, int]  # moment and number of the film that a page begins after

_SETS = FacetSet._meta.db_table
_FILMS = ListedFilm._meta.db_table
_GENERATIONS = Generation._meta.db_table
_TAGGED = Tag.generations.through._meta.db_table
_COLLECTED = Collection.generations.through._meta.db_table


class FacetKey(NamedTuple):
    """A facet set: its number, 0 for several people's together, and its facets."""

    pk: int
    tab: str
    model_id: str
    ratio: str
    length: str
    sound: str
    is_starred: bool
    project_key: int


class Candidate(NamedTuple):
    """A film that text, tag, collection, batch and days leave."""

    created_at: datetime
    pk: int
    facets: FacetKey


# By the field of the filters: the value of a facet set that must be among its values.
_FACETS: Mapping[str, Callable[[FacetKey], object]] = {
    "model_ids": lambda key: key.model_id,
    "ratios": lambda key: key.ratio,
    "lengths": lambda key: key.length,
    "sounds": lambda key: key.sound,
    "is_starred": lambda key: key.is_starred,
    "project_id": lambda key: key.project_key,
}
FACET_NAMES = frozenset(_FACETS)


@dataclass(frozen=True)
class FilmCount:
    """How many films there are; with `is_more`, at least so many."""

    number: int
    is_more: bool = False

    def __bool__(self) -> bool:
        return bool(self.number)


class FilmList:
    """The films that filters leave to a person, newest first; none in the trash.

    What was read for another list, `like`, is not read again where it is the same.
    """

    def __init__(self, user: User, filters: FilmFilters, like: "FilmList | None" = None) -> None:
        self.user = user
        self.filters = filters
        self.owner_id = get_owner_id(user, filters)
        if like is not None and like.owner_id == self.owner_id:
            self.facet_counts = like.facet_counts
            if _get_narrowing(like.filters) == _get_narrowing(filters):
                self.candidates = like.candidates

    # --- What there is ------------------------------------------------------------------------

    @cached_property
    def facet_counts(self) -> Mapping[FacetKey, int]:
        """How many films each facet set has, without any filter. One query."""
        names = FacetKey._fields[1:]
        rows = FacetSet.objects.filter(film_count__gt=0)
        if self.owner_id is None:
            summed = rows.values_list(*names).annotate(n=Sum("film_count")).order_by()
            return {FacetKey(0, *facets): count for *facets, count in summed}
        rows = rows.filter(owner_id=self.owner_id)
        counted = rows.values_list("pk", *names, "film_count")
        return {FacetKey(pk, *facets): count for pk, *facets, count in counted}

    @cached_property
    def candidates(self) -> list[Candidate] | None:
        """What text, tag, collection, batch and days leave on both tabs; None if nothing narrows.

        At most one more than MAX_CANDIDATES. Up to four queries, and those that find the batches.
        """
        if not _is_narrowed(self.filters):
            return None
        rows = self._read_narrowed(None, None, MAX_CANDIDATES + 1, is_reversed=False)
        found = {pk: (moment, set_id) for pk, moment, set_id in rows}
        found |= self._read_named()
        keys = self._keys_by_id if self.owner_id is not None else _load_keys(found.values())
        return sorted(
            (
                Candidate(moment, pk, keys[set_id])
                for pk, (moment, set_id) in found.items()
                if set_id in keys
            ),
            reverse=True,
        )

    @property
    def is_dense(self) -> bool:
        """Whether the narrowed list has more films than are counted."""
        return self.candidates is not None and len(self.candidates) > MAX_CANDIDATES

    @cached_property
    def narrowed_counts(self) -> Mapping[FacetKey, int] | None:
        """As `facet_counts`, of what is narrowed; None where there are too many."""
        if self.candidates is None:
            return self.facet_counts
        return None if self.is_dense else Counter(it.facets for it in self.candidates)

    @cached_property
    def _batch_ids(self) -> list[int]:
        """Those of the batch looked for; [] without one, or if it is not this person's."""
        batch_id = self.filters.batch_id
        return list_resent_batches(batch_id, self.owner_id) if batch_id else []

    @cached_property
    def _keys_by_id(self) -> Mapping[int, FacetKey]:
        return {key.pk: key for key in self.facet_counts}

    def _matches(self, key: FacetKey, *, ignoring: str = "") -> bool:
        """Whether the films of a set are on this tab and have the facets looked for."""
        return key.tab == SET_TAB_BY_TAB.get(self.filters.tab) and self._has_facets(key, ignoring)

    def _has_facets(self, key: FacetKey, ignoring: str = "") -> bool:
        for name, get_value in _FACETS.items():
            wanted = getattr(self.filters, name)
            if not wanted or name == ignoring:
                continue
            value = get_value(key)
            if value not in wanted if isinstance(wanted, tuple) else value != wanted:
                return False
        return True

    # --- Counts -------------------------------------------------------------------------------

    def count(self) -> FilmCount:
        """How many films it has. At most one more query."""
        if self.filters.is_making:
            return FilmCount(len(self._live_ids))
        if self.narrowed_counts is not None:
            numbers = self.narrowed_counts.items()
            return FilmCount(sum(number for key, number in numbers if self._matches(key)))
        return self._dense_count

    @cached_property
    def _dense_count(self) -> FilmCount:
        number = len(self._read_dense(None, MAX_CANDIDATES + 1, is_reversed=False))
        return FilmCount(min(number, MAX_CANDIDATES), is_more=number > MAX_CANDIDATES)

    def count_options(self, name: str) -> dict[Any, int | None]:
        """The values of one facet, and how many films each would leave on this tab.

        None for one that nobody counted. By the other filters as they are. No query of its own.
        """
        get_value = _FACETS[name]
        counts: dict[Any, int | None] = {}
        for key in self.facet_counts:
            if key.tab == SET_TAB_BY_TAB.get(self.filters.tab):
                counts.setdefault(get_value(key), 0 if self.narrowed_counts is not None else None)
        for key, number in (self.narrowed_counts or {}).items():
            if self._matches(key, ignoring=name):
                value = get_value(key)
                counts[value] = (counts.get(value) or 0) + number
        return counts

    # --- Pages --------------------------------------------------------------------------------

    def read_ids(self, cursor: Cursor | None, limit: int) -> list[int]:
        """The next films after a cursor, newest first. At most three queries."""
        return self._read(cursor, limit, is_reversed=False)

    def read_newer_ids(self, cursor: Cursor, limit: int) -> list[int]:
        """The next films before a cursor, oldest first. At most three queries."""
        return self._read(cursor, limit, is_reversed=True)

    def _read(self, cursor: Cursor | None, limit: int, *, is_reversed: bool) -> list[int]:
        if self.filters.is_making:
            keys = self._live_ids
        elif self.owner_id is None and not _is_narrowed(self.filters):
            return self._read_everybodys(cursor, limit, is_reversed=is_reversed)
        elif self.candidates is None:
            return self._read_merged(cursor, limit, is_reversed=is_reversed)
        elif self.is_dense:
            return self._read_dense(cursor, limit, is_reversed=is_reversed)
        else:
            keys = [(it.created_at, it.pk) for it in self.candidates if self._matches(it.facets)]
        if is_reversed:
            return [key[1] for key in reversed(keys) if cursor is None or key > cursor][:limit]
        return [key[1] for key in keys if cursor is None or key < cursor][:limit]

    @cached_property
    def _live_ids(self) -> list[Cursor]:
        """Few of very many: selected by state first, or the whole library would be read."""
        rows = filter_films(self.user, self.filters)
        rows = Generation.objects.filter(pk__in=rows.values("pk"))
        return list(rows.order_by("-created_at", "-id").values_list("created_at", "pk"))

    def _read_everybodys(
        self, cursor: Cursor | None, limit: int, *, is_reversed: bool
    ) -> list[int]:
        rows: QuerySet[Generation] = filter_films(self.user, self.filters)
        sign = "" if is_reversed else "-"
        if cursor is not None:
            bound, tie = ("gte", "lte") if is_reversed else ("lte", "gte")
            rows = rows.filter(**{f"created_at__{bound}": cursor[0]})
            rows = rows.exclude(created_at=cursor[0], **{f"id__{tie}": cursor[1]})
        rows = rows.order_by(f"{sign}created_at", f"{sign}id")
        return list(rows.values_list("pk", flat=True)[:limit])

    def _read_merged(self, cursor: Cursor | None, limit: int, *, is_reversed: bool) -> list[int]:
        """The films of all matching sets together, by the index of each."""
        set_ids = [key.pk for key in self.facet_counts if self._matches(key)]
        condition, parameters = _build_bounds("f", cursor, is_reversed=is_reversed)
        order = "ASC" if is_reversed else "DESC"
        ordering = f"ORDER BY f.created_at {order}, f.generation_id {order}"
        if len(set_ids) > min(limit, MAX_BRANCHES):
            # No set takes part but those whose first films are the first. Many films are of one
            # moment, a batch's: among those the number decides, as it does in the page.
            first = (
                f"(SELECT f.{{column}} FROM {_FILMS} f "
                f"WHERE f.facet_set_id = s.id AND {condition} {ordering} LIMIT 1)"
            )
            firsts = _fetch(
                f"SELECT {first.format(column='created_at')}, "
                f"{first.format(column='generation_id')}, s.id "
                f"FROM {_SETS} s WHERE s.id IN ({_build_marks(set_ids)})",
                [*parameters, *parameters, *set_ids],
            )
            keys = sorted((key for key in firsts if key[0] is not None), reverse=not is_reversed)
            set_ids = [pk for _moment, _film_id, pk in keys[: min(limit, MAX_BRANCHES)]]
        rows_per_set = MIN_ROWS_PER_SET + limit // max(len(set_ids), 1)
        while set_ids:
            sql, values = _build_branches(set_ids, condition, parameters, ordering, rows_per_set)
            rows = _fetch(
                f"SELECT f.generation_id, f.facet_set_id FROM {sql} AS f {ordering} LIMIT {limit}",
                values,
            )
            # A set of which all rows were taken may have more of them before the last one.
            largest = max(Counter(set_id for _pk, set_id in rows).values(), default=0)
            if largest < rows_per_set or rows_per_set >= limit:
                return [pk for pk, _set_id in rows]
            rows_per_set = min(rows_per_set * 4, limit)
        return []

    def _read_dense(self, cursor: Cursor | None, limit: int, *, is_reversed: bool) -> list[int]:
        keys = self.facet_counts if self.owner_id is not None else ()
        set_ids = [key.pk for key in keys if self._matches(key)]
        if self.owner_id is not None and not set_ids:
            return []
        rows = self._read_narrowed(set_ids, cursor, limit, is_reversed=is_reversed)
        return [pk for pk, _moment, _set_id in rows]

    # --- What narrows -------------------------------------------------------------------------

    def _read_named(self) -> dict[int, tuple[datetime, int]]:
        """What the text names by a number or a task. One query, none without a text."""
        if not self.filters.text:
            return {}
        rows = ListedFilm.objects.filter(
            generation_id__in=self._list_named_ids(), created_at__isnull=False
        )
        if self.owner_id is not None:
            rows = rows.filter(generation__owner_id=self.owner_id)
        found = rows.values_list("generation_id", "created_at", "facet_set_id")
        return {pk: (moment, set_id) for pk, moment, set_id in found}

    def _list_named_ids(self) -> list[int]:
        rows = Generation.objects.filter(build_name_condition(self.filters))
        ids = list(rows.values_list("pk", flat=True)[:MAX_CANDIDATES])
        if not ids or not _get_narrowing(self.filters).without("text").active_names:
            return ids
        # Found by their names first: no index knows names and tags together.
        named_rows = Generation.objects.filter(pk__in=ids)
        rows = narrow_films(named_rows, self.filters, self.owner_id)
        return list(rows.values_list("pk", flat=True))

    def _read_narrowed(
        self,
        set_ids: Sequence[int] | None,
        cursor: Cursor | None,
        limit: int,
        *,
        is_reversed: bool,
    ) -> list[tuple[int, datetime, int]]:
        """Number, moment and set of films, by the index of what narrows the list most."""
        filters = self.filters
        conditions, parameters = ["TRUE"], list[Any]()
        # SQLite reads tables in the order in which they stand here; PostgreSQL finds its own.
        join = "CROSS JOIN" if connection.vendor == "sqlite" else "JOIN"
        on = "ON f.generation_id ="
        order, tag_ids, collection_id = "f.generation_id", filters.tag_ids, filters.collection_id
        from_generations = f"{_GENERATIONS} g {join} {_FILMS} f {on} g.id"
        if filters.batch_id:  # no other filter leaves fewer
            if not self._batch_ids:
                return []
            source, order = from_generations, "g.id"
            conditions.append(f"g.batch_id IN ({_build_marks(self._batch_ids)})")
            parameters += self._batch_ids
        elif filters.text and _is_text_indexed(filters):
            source = f"{FILM_INDEX.name} x {join} {_FILMS} f {on} x.rowid"
            conditions.append(f"x.{FILM_INDEX.name} MATCH %s")
            parameters.append(FILM_INDEX.build_match(filters.pieces))
            order = "x.rowid"
        elif tag_ids:
            source = f"{_TAGGED} t {join} {_FILMS} f {on} t.generation_id"
            conditions.append("t.tag_id = %s")
            parameters.append(tag_ids[0])
            order, tag_ids = "t.generation_id", tag_ids[1:]
        elif collection_id:
            source = f"{_COLLECTED} c {join} {_FILMS} f {on} c.generation_id"
            conditions.append("c.collection_id = %s")
            parameters.append(collection_id)
            order, collection_id = "c.generation_id", None
        else:
            source, order = from_generations, ""
        if source is not from_generations:
            source += f" {join} {_GENERATIONS} g ON g.id = f.generation_id"
        if self.owner_id is not None:
            conditions.append("g.owner_id = %s")
            parameters.append(self.owner_id)
        for tag_id in tag_ids:
            conditions.append(_build_membership(_TAGGED, "tag_id"))
            parameters.append(tag_id)
        if collection_id:
            conditions.append(_build_membership(_COLLECTED, "collection_id"))
            parameters.append(collection_id)
        if filters.text:
            text_conditions, text_parameters = _build_text_conditions(filters)
            conditions += text_conditions
            parameters += text_parameters
        if set_ids is not None and self.owner_id is not None:
            conditions.append(f"f.facet_set_id IN ({_build_marks(set_ids)})")
            parameters += set_ids
        for bounds in _build_day_bounds(filters):
            conditions.append(bounds[0])
            parameters.append(bounds[1])
        direction = "ASC" if is_reversed else "DESC"
        if order and cursor is not None:
            conditions.append(f"{order} {'>' if is_reversed else '<'} %s")
            parameters.append(cursor[1])
        elif cursor is not None:
            condition, values = _build_bounds("g", cursor, is_reversed=is_reversed)
            conditions.append(condition)
            parameters += values
        ordering = (
            f"{order} {direction}" if order else f"g.created_at {direction}, g.id {direction}"
        )
        return [
            (pk, _read_moment(moment), set_id)
            for pk, moment, set_id in _fetch(
                f"SELECT f.generation_id, f.created_at, f.facet_set_id FROM {source} "
                f"WHERE {' AND '.join(conditions)} ORDER BY {ordering} LIMIT {limit}",
                parameters,
            )
        ]


def _get_narrowing(filters: FilmFilters) -> FilmFilters:
    """What decides which films are candidates."""
    return filters.without("tab", *FACET_NAMES)


def _is_narrowed(filters: FilmFilters) -> bool:
    return bool(_get_narrowing(filters).active_names)


def _is_text_indexed(filters: FilmFilters) -> bool:
    """Whether the index of SQLite finds the text. At most one query."""
    is_long = any(len(piece) >= MIN_INDEXED_LENGTH for piece in filters.pieces)
    return connection.vendor == "sqlite" and is_long and FILM_INDEX.is_kept()


def _build_text_conditions(filters: FilmFilters) -> tuple[list[str], list[Any]]:
    """Every piece stands in the prompt or among the labels. A short text: among the newest."""
    conditions, parameters = list[str](), list[Any]()
    for piece in filters.pieces:
        if connection.vendor == "sqlite":
            holds, value = "INSTR({column}, %s) > 0", piece
        else:
            holds, value = "{column} LIKE %s", f"%{connection.ops.prep_for_like_query(piece)}%"
        columns = [holds.format(column=f"g.{name}") for name in FILM_INDEX.columns]
        conditions.append(f"({' OR '.join(columns)})")
        parameters += [value] * len(columns)
    if all(len(piece) < MIN_INDEXED_LENGTH for piece in filters.pieces):
        conditions.append(f"g.id > (SELECT coalesce(max(id), 0) FROM {_GENERATIONS}) - %s")
        parameters.append(SHORT_PIECE_ROWS)
    return conditions, parameters


def _build_branches(
    set_ids: Sequence[int], condition: str, parameters: Sequence[Any], ordering: str, limit: int
) -> tuple[str, list[Any]]:
    """The first films of each of these sets, as SQL of a table, and its values.

    PostgreSQL would plan each part of a union: a hundred milliseconds for 240 of them. SQLite has
    no lateral join, and its parts cost nothing.
    """
    films = f"SELECT f.facet_set_id, f.created_at, f.generation_id FROM {_FILMS} f "
    if connection.vendor == "postgresql":
        keys = ", ".join(["(%s::bigint)"] * len(set_ids))
        branch = f"{films} WHERE f.facet_set_id = s.id AND {condition} {ordering} LIMIT {limit}"
        sql = f"(SELECT b.* FROM (VALUES {keys}) AS s (id) CROSS JOIN LATERAL ({branch}) AS b)"
        return sql, [*set_ids, *parameters]
    branch = f"{films} WHERE f.facet_set_id = %s AND {condition} {ordering} LIMIT {limit}"
    sql = " UNION ALL ".join([f"SELECT * FROM ({branch}) AS branch"] * len(set_ids))
    return f"({sql})", [value for pk in set_ids for value in (pk, *parameters)]


def _build_membership(table: str, column: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM {table} m WHERE m.{column} = %s "
        "AND m.generation_id = f.generation_id)"
    )


def _build_day_bounds(filters: FilmFilters) -> Iterable[tuple[str, Any]]:
    if filters.since:
        yield "g.created_at >= %s", _adapt(get_local_day_start(filters.since))
    if filters.until:
        yield "g.created_at < %s", _adapt(get_local_day_start(filters.until + timedelta(days=1)))


def _build_bounds(table: str, cursor: Cursor | None, *, is_reversed: bool) -> tuple[str, list[Any]]:
    """SQL of what follows a cursor; its first part lets an index begin there."""
    if cursor is None:
        return "TRUE", []
    pk = f"{table}.{'id' if table == 'g' else 'generation_id'}"
    comparison = ">" if is_reversed else "<"
    moment = _adapt(cursor[0])
    return f"({table}.created_at, {pk}) {comparison} (%s, %s)", [moment, cursor[1]]


def _build_marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _load_keys(found: Iterable[tuple[datetime, int]]) -> Mapping[int, FacetKey]:
    """Sets of several people by their numbers, each without its own. One query."""
    set_ids = {set_id for _moment, set_id in found}
    names = FacetKey._fields[1:]
    rows = FacetSet.objects.filter(pk__in=set_ids).values_list("pk", *names)
    return {pk: FacetKey(0, *facets) for pk, *facets in rows}


def _fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _read_moment(value: Any) -> datetime:
    """A moment as the database gives it: SQLite knows no time zone."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if is_aware(moment) else moment.replace(tzinfo=UTC)
