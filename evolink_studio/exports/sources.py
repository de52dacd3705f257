"""What can be exported: other apps register their lists here.

A list is read in batches, each by a query of its own that the index of its order bounds, so that no
transaction, cursor or statement stays open for long, however many rows there are.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from evolink_studio.accounts.models import User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

BATCH_ROWS = 2000  # some twenty milliseconds


@dataclass(frozen=True)
class RowBatch:
    """The CSV lines of some rows."""

    row_count: int
    text: str


@dataclass(frozen=True)
class ExportRows:
    """The filtered rows, and how they become lines.

    `order` is what they are sorted by. `walk_key` is its first column, if that has an index and
    nothing but the number of the row follows it; "" otherwise. `format_batch` gets some of the rows
    in their order; those that make one line together have the same `line_key`. `branches` hold
    together what `rows` holds, each found by an index, where one query for all would walk.
    """

    header: Sequence[str]
    rows: "QuerySet[Any]"
    order: tuple[Any, ...]
    walk_key: str
    format_batch: "Callable[[QuerySet[Any]], RowBatch]"
    line_key: str = "pk"
    branches: "Sequence[QuerySet[Any]]" = ()

    def has_more_than(self, limit: int) -> bool:
        """Whether there are more rows. Reads of each branch at most one more than these."""
        pks: set[Any] = set()
        for branch in self.branches or (self.rows,):
            pks.update(branch.order_by().values_list("pk", flat=True)[: limit + 1])
            if len(pks) > limit:
                return True
        return False

    def read_few(self) -> Iterator[RowBatch]:
        """All lines of rows that are known to be few: two queries, and one for each batch."""
        return map(self.format_batch, self._collect())

    def read_many(self) -> Iterator[RowBatch]:
        """All lines of however many rows."""
        return map(self.format_batch, self._walk() if self.walk_key else self._collect())

    def _walk(self) -> "Iterator[QuerySet[Any]]":
        """Windows of the index of `walk_key`, of about BATCH_ROWS rows before they are filtered.

        Both ends of a window are known, so no filter makes the database read beyond it.
        """
        is_descending, key = self.walk_key.startswith("-"), self.walk_key.removeprefix("-")
        beyond, within = ("lt", "gte") if is_descending else ("gt", "lte")
        manager = self.rows.model._default_manager
        all_keys = manager.order_by(self.walk_key).values_list(key, flat=True)
        ordered_rows = self.rows.order_by(*self.order)
        begin: dict[str, Any] = {}
        while True:
            keys = all_keys.filter(**begin)
            edge = keys[BATCH_ROWS - 1 : BATCH_ROWS].first()
            if edge is None:
                yield ordered_rows.filter(**begin)
                return
            yield ordered_rows.filter(**begin, **{f"{key}__{within}": edge})
            begin = {f"{key}__{beyond}": edge}

    def _collect(self) -> "Iterator[QuerySet[Any]]":
        """The numbers of all rows first, in their order, at eight bytes each; then their batches.

        For an order without an index, and where a walk would pass by far more rows than it finds.
        """
        ordered_rows = self.rows.order_by(*self.order)
        keys = ordered_rows.values_list(self.line_key, flat=True).iterator(chunk_size=BATCH_ROWS)
        # A number says all; of the rows of one line, some may be filtered out.
        batch_rows = ordered_rows
        if self.line_key == "pk":
            batch_rows = self.rows.model._default_manager.order_by(*self.order)
        line_keys = iter(array("q", (key for key, _same_line in groupby(keys))))
        while chunk := list(islice(line_keys, BATCH_ROWS)):
            yield batch_rows.filter(**{f"{self.line_key}__in": chunk})


class InvalidQuery(BadRequest):
    """The query string has filters that the page does not know."""


@dataclass(frozen=True)
class ExportSource:
    """A list that can be exported.

    `page_url_name` is the page whose query string it takes. `builder` is the import path of a
    function (user, query) → ExportRows, which raises InvalidQuery. It stands beside that page,
    which a worker loads for an export alone.
    """

    name: str
    label: "StrOrPromise"
    page_url_name: str
    builder: str
    build_filename: Callable[[str], str]

    def build_rows(self, user: User, query: str) -> ExportRows:
        """The rows that the page shows this person for this query string. Raises InvalidQuery."""
        rows: ExportRows = import_string(self.builder)(user, query)
        return rows

    def may_be_read_by(self, user: User) -> bool:
        """Whether this person sees these rows in the admin pages."""
        return user.is_active and user.is_staff


_sources: dict[str, ExportSource] = {}


def register_source(source: ExportSource) -> None:
    """Make a list known. Called when the apps are ready."""
    _sources[source.name] = source


def find_source(name: str) -> ExportSource | None:
    """The list of this name."""
    return _sources.get(name)
