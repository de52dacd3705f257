"""Pages of a long list that begin at a row instead of at a number of rows.

`OFFSET` makes the database walk over every row before a page: the last page of a million costs a
million. Here a page begins after, or ends before, the order values of a row, which an index finds
at once. What has no value in a column of the order (NULL) comes last in both directions, on every
database.

A page is read in segments, each a range of an index by itself: first the rows that share all order
values with that row but the last, then those that share fewer. Conditions with OR would say the
same in one query, and no index would serve it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F, Field, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.utils.timezone import is_aware

MAX_POSITION_LENGTH = 600  # characters of a position in an address
_PARSE_ERRORS = (ArithmeticError, RecursionError, TypeError, ValidationError, ValueError)

Key = tuple[Any, ...]


class OrderTerm(NamedTuple):
    """One column of an order."""

    path: str
    is_descending: bool
    field: "Field[Any, Any]"

    @property
    def is_nullable(self) -> bool:
        return self.field.null


class Segment(NamedTuple):
    """Rows that follow each other, and the terms that order them."""

    condition: Q
    terms: Sequence[OrderTerm]


@dataclass(frozen=True)
class Position:
    """Where a page is: after a row or before it; `key` holds that row's order values.

    Without a key it is the first page, or with `is_before` the last.
    """

    key: Key | None = None
    is_before: bool = False


@dataclass(frozen=True)
class KeyPage:
    """The order values of a page's rows, the last of them the primary key."""

    keys: list[Key]
    has_previous: bool
    has_next: bool

    @property
    def pks(self) -> list[Any]:
        return [key[-1] for key in self.keys]


class KeysetOrder:
    """An order in which every row has one place: its last column is the primary key."""

    def __init__(self, model: type[Model], ordering: Iterable[str]) -> None:
        pk = model._meta.pk
        terms: dict[str, OrderTerm] = {}
        for name in (*ordering, "-pk"):
            path = name.removeprefix("-")
            path = pk.name if path == "pk" else path
            field = get_fields_from_path(model, path)[-1]
            assert isinstance(field, Field)
            terms.setdefault(path, OrderTerm(path, name.startswith("-"), field))
            if path == pk.name:
                break
        self.terms = tuple(terms.values())

    def format_position(self, position: Position) -> str:
        """The position as part of an address."""
        word = "before" if position.is_before else "after"
        if position.key is None:
            return "last" if position.is_before else ""
        return f"{word}:{json.dumps([_to_json(value) for value in position.key])}"

    def parse_position(self, text: str) -> Position:
        """The position in an address. What names none means the first page."""
        if text == "last":
            return Position(is_before=True)
        word, _colon, values_text = text.partition(":")
        if word not in ("after", "before") or len(text) > MAX_POSITION_LENGTH:
            return Position()
        try:
            values = json.loads(values_text)
            key = tuple(
                _from_json(term, value) for term, value in zip(self.terms, values, strict=True)
            )
        except _PARSE_ERRORS:
            return Position()
        return Position(key, word == "before")

    def read_page(
        self, branches: Sequence[QuerySet[Any]], position: Position, size: int
    ) -> KeyPage:
        """At most `size` keys at a position. One query for each segment and branch that is needed.

        The list is what the branches hold together; a row may be in several of them. Each branch
        is read by an index of its own, which one query for all of them would not be. Several
        branches can only be ordered by columns whose order Python knows: no texts.
        """
        keys = self._read_keys(branches, position, size + 1)
        has_more = len(keys) > size
        keys = keys[:size]
        is_inside = position.key is not None
        if is_inside and position.is_before and not has_more:
            # What is before that row fills no page: the first page does.
            return self.read_page(branches, Position(), size)
        if is_inside and not position.is_before and not keys:
            return self.read_page(branches, Position(is_before=True), size)
        if position.is_before:
            return KeyPage(keys[::-1], has_previous=has_more, has_next=is_inside)
        return KeyPage(keys, has_previous=is_inside, has_next=has_more)

    def _read_keys(
        self, branches: Sequence[QuerySet[Any]], position: Position, limit: int
    ) -> list[Key]:
        paths = [term.path for term in self.terms]
        keys: dict[Key, None] = {}
        for segment in self._list_segments(position):
            ordering = _build_ordering(segment.terms, is_reversed=position.is_before)
            found: list[Key] = []
            for branch in branches:
                rows = branch.filter(segment.condition).order_by(*ordering)
                found += rows.values_list(*paths)[: limit - len(keys)]
            if len(branches) > 1:
                self._sort_keys(found, is_reversed=position.is_before)
            keys |= dict.fromkeys(found)
            if len(keys) >= limit:
                break
        return list(keys)[:limit]

    def _list_segments(self, position: Position) -> Iterator[Segment]:
        """The segments from the position on, in the direction of reading."""
        if position.key is None:
            yield from self._split_by_null(Q(), 0, is_reversed=position.is_before)
            return
        for index in reversed(range(len(self.terms))):
            shared = Q()
            for term, value in zip(self.terms[:index], position.key, strict=False):
                shared &= _build_equality(term, value)
            term, value = self.terms[index], position.key[index]
            if value is None:
                if position.is_before:
                    condition = shared & Q(**{f"{term.path}__isnull": False})
                    yield Segment(condition, self.terms[index:])
                continue
            lookup = "lt" if term.is_descending != position.is_before else "gt"
            yield Segment(shared & Q(**{f"{term.path}__{lookup}": value}), self.terms[index:])
            if term.is_nullable and not position.is_before:
                condition = shared & Q(**{f"{term.path}__isnull": True})
                yield Segment(condition, self.terms[index + 1 :])

    def _split_by_null(self, shared: Q, index: int, *, is_reversed: bool) -> Iterator[Segment]:
        term = self.terms[index]
        if not term.is_nullable:
            yield Segment(shared, self.terms[index:])
            return
        segments = [
            Segment(shared & Q(**{f"{term.path}__isnull": False}), self.terms[index:]),
            Segment(shared & Q(**{f"{term.path}__isnull": True}), self.terms[index + 1 :]),
        ]
        yield from reversed(segments) if is_reversed else segments

    def _sort_keys(self, keys: list[Key], *, is_reversed: bool) -> None:
        for index, term in reversed(list(enumerate(self.terms))):
            empty = [key for key in keys if key[index] is None]
            filled = [key for key in keys if key[index] is not None]
            filled.sort(
                key=lambda key, index=index: key[index],  # type: ignore[misc]  # bound at once
                reverse=term.is_descending != is_reversed,
            )
            keys[:] = [*empty, *filled] if is_reversed else [*filled, *empty]


def _build_equality(term: OrderTerm, value: Any) -> Q:
    return Q(**{f"{term.path}__isnull": True}) if value is None else Q(**{term.path: value})


def _build_ordering(terms: Sequence[OrderTerm], *, is_reversed: bool) -> list[str | OrderBy]:
    """For `order_by`. Of the first term a segment has either values alone or none."""
    ordering: list[str | OrderBy] = []
    for index, term in enumerate(terms):
        is_descending = term.is_descending != is_reversed
        if index and term.is_nullable:
            null_end = {"nulls_first" if is_reversed else "nulls_last": True}
            ordering.append(OrderBy(F(term.path), descending=is_descending, **null_end))
        else:
            ordering.append(f"-{term.path}" if is_descending else term.path)
    return ordering


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int) else str(value)


def _from_json(term: OrderTerm, value: Any) -> Any:
    """The value as the column has it. Raises one of _PARSE_ERRORS for what no row could have."""
    if value is None:
        if not term.is_nullable:
            raise ValueError("no row lacks this value")
        return None
    if not isinstance(value, str | int) or "\0" in str(value):
        raise ValueError("no value of a column")
    str(value).encode()  # a lone surrogate cannot be stored
    parsed = term.field.to_python(value)
    if isinstance(parsed, datetime) and is_aware(parsed):
        parsed.astimezone(UTC)  # there is no moment before the year 1 or after the year 9999
    term.field.run_validators(parsed)
    term.field.get_db_prep_value(parsed, connection)
    return parsed
