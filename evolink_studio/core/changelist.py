"""The list of an admin page that grows with history: read by keys, and counted only so far."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import or_
from typing import Any

from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.db import connection
from django.db.models import Func, Lookup, Q, QuerySet
from django.db.models.expressions import Col
from django.db.models.sql.where import WhereNode
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold.views import ChangeList

from evolink_studio.core.keyset import KeyPage, KeysetOrder, Position

MAX_COUNT = 1000  # counting further would walk the history
MAX_BRANCHES = 40
MAX_FEW = 1000  # rows that are found by their numbers, whatever else is asked of them


@dataclass(frozen=True)
class RowCount:
    """How many rows a list has, or `is_more`: more than that."""

    number: int
    is_more: bool = False

    @property
    def text(self) -> str:
        number = number_format(self.number, force_grouping=True)
        return _("more than {n}").format(n=number) if self.is_more else number


class PageLinks:
    """What the templates ask a paginator for: the addresses of the other pages."""

    template_name = "admin/_page_links.html"

    def __init__(self, change_list: "KeysetChangeList") -> None:
        self._change_list = change_list

    @property
    def first(self) -> str:
        """The addresses are "" where there is no such page."""
        return self._build_url(Position()) if self._change_list.page.has_previous else ""

    @property
    def previous(self) -> str:
        page = self._change_list.page
        return self._build_url(Position(page.keys[0], True)) if page.has_previous else ""

    @property
    def next(self) -> str:
        page = self._change_list.page
        return self._build_url(Position(page.keys[-1])) if page.has_next else ""

    @property
    def last(self) -> str:
        has_next = self._change_list.page.has_next
        return self._build_url(Position(is_before=True)) if has_next else ""

    def _build_url(self, position: Position) -> str:
        text = self._change_list.order.format_position(position)
        url: str = self._change_list.get_query_string({PAGE_VAR: text or None})
        return url


class KeysetChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Pages follow each other by the rows at their ends, whatever is added or deleted meanwhile.

    The list is ordered by one column at a time, one of those in `sortable_by`; rows that are equal
    in it follow each other by their number.
    """

    query: str
    order: KeysetOrder
    page: KeyPage
    _is_search: bool
    _unsearched_rows: QuerySet[Any]
    _search_branches: list[Q] | None

    def get_results(self, request: HttpRequest) -> None:
        self.order = KeysetOrder(self.model, self.queryset.query.order_by)
        position = self.order.parse_position(request.GET.get(PAGE_VAR, ""))
        self.page = self.order.read_page(self.branches, position, self.list_per_page)
        self.result_list = self._load_rows()
        self.row_count = self.count_rows()
        self.result_count = self.row_count.number
        self.full_result_count = self.result_count  # the theme would offer to show them all
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False  # the links of PageLinks lead to other pages
        self.paginator = PageLinks(self)

    @cached_property
    def branches(self) -> list[QuerySet[Any]]:
        """Together they hold the rows of the list: one for each chosen value of a filter.

        An index brings the rows of one value in the order of the list, but not those of several.
        The same holds for what a search may mean.
        """
        if self.few_pks is not None:
            return [hide_from_indexes(self.queryset).filter(pk__in=self.few_pks)]
        rows = self._unsearched_rows
        if self._search_branches is None:
            rows, self._search_branches = self.queryset, [Q()]
        return [
            branch.filter(condition)
            for branch in split_by_values(rows, self.list_chosen_values())
            for condition in self._search_branches
        ] or [rows.none()]

    @cached_property
    def counted_pks(self) -> set[Any]:
        """Primary keys of filtered rows: all of them, or MAX_COUNT + 1."""
        pks: set[Any] = set()
        for branch in self.branches:
            if len(pks) <= MAX_COUNT:
                pks.update(branch.order_by().values_list("pk", flat=True)[: MAX_COUNT + 1])
        return pks

    def count_rows(self) -> RowCount:
        """How many rows are filtered; no further than MAX_COUNT."""
        if not (self.page.has_previous or self.page.has_next):
            return RowCount(len(self.result_list))
        count = len(self.counted_pks)
        return RowCount(min(count, MAX_COUNT), is_more=count > MAX_COUNT)

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        query: str = self.query
        self.query = ""
        self._is_search = bool(query.strip())
        try:
            self._unsearched_rows = super().get_queryset(request, *args, **kwargs)
        finally:
            self.query = query
        self._search_branches = (
            self.model_admin.build_search_branches(query) if self._is_search else None
        )
        if self._search_branches is not None:
            return self._unsearched_rows.filter(reduce(or_, self._search_branches, Q(pk__in=[])))
        rows, has_duplicates = self.model_admin.get_search_results(
            request, self._unsearched_rows, query
        )
        found: QuerySet[Any] = rows.distinct() if has_duplicates else rows
        return found

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        if self._is_search and self.model_admin.search_order:
            return list(self.model_admin.search_order)
        default = [str(term) for term in self._get_default_ordering()] or ["-pk"]
        leading, *_rest = super().get_ordering(request, queryset)
        if ORDER_VAR not in self.params or leading in (default[0], "-pk"):
            return default
        # Equal rows in the direction of their column, so that one index serves both directions.
        return [leading, "-pk" if leading.startswith("-") else "pk"]

    def url_for_result(self, result: Any) -> str:
        begin, end = self._result_url_parts
        return f"{begin}{quote(result.pk)}{end}"

    @cached_property
    def _result_url_parts(self) -> list[str]:
        """The address of a row, without its number: it is resolved once for a list."""
        placeholder = "row"
        options = self.opts
        name = f"{self.model_admin.admin_site.name}:{options.app_label}_{options.model_name}_change"
        return reverse(name, args=[placeholder]).rsplit(placeholder, 1)

    def get_ordering_field(self, field_name: Any) -> Any:
        is_sortable = self.sortable_by is None or field_name in self.sortable_by
        return super().get_ordering_field(field_name) if is_sortable else None

    def get_ordering_field_columns(self) -> dict[int, str]:
        columns = super().get_ordering_field_columns()
        return dict(list(columns.items())[:1])

    def list_chosen_values(self) -> dict[str, list[Any]]:
        """Values of filters that allow several, by the path of their column."""
        merged_filters: Mapping[str, str] = self.model_admin.merged_filters
        chosen = {
            path: list(dict.fromkeys(self.filter_params.get(name, ())))
            for name, path in merged_filters.items()
        }
        return {path: values for path, values in chosen.items() if len(values) > 1}

    @cached_property
    def few_pks(self) -> list[Any] | None:
        """All rows that one of several filters leaves, if these are few.

        Two filters may rarely meet, and the index of the one that leaves many would be walked in
        search of the rows of the other.
        """
        if len(self.get_filters_params()) + self._is_search < 2:
            return None
        for condition in self._list_narrow_conditions():
            rows = self.model._default_manager.filter(condition).order_by()
            pks = list(rows.values_list("pk", flat=True)[: MAX_FEW + 1])
            if len(pks) <= MAX_FEW:
                return pks
        return None

    def _list_narrow_conditions(self) -> Iterator[Q]:
        """What each chosen filter asks that may leave few rows, and has an index."""
        for spec in self.filter_specs:
            condition: Q | None = getattr(spec, "narrow_condition", None)
            if condition is not None:
                yield condition
        narrow_filters: Mapping[str, str] = self.model_admin.narrow_filters
        for name, path in narrow_filters.items():
            values = self.filter_params.get(name)
            if values and all(values):  # a form sends "" for a filter in which nothing is chosen
                yield Q(**{f"{path}__in": values})

    def _load_rows(self) -> list[Any]:
        """The rows of the page, in its order. One deleted since its key was read is left out."""
        rows = self.apply_select_related(self.root_queryset.order_by())
        rows_by_pk = rows.in_bulk(self.page.pks)
        return [rows_by_pk[pk] for pk in self.page.pks if pk in rows_by_pk]


def split_by_values(
    rows: QuerySet[Any], values_by_path: Mapping[str, Sequence[Any]]
) -> list[QuerySet[Any]]:
    """`rows` as one query set for each combination of values; undivided where they are too many."""
    combinations = list(product(*values_by_path.values()))
    if len(combinations) > MAX_BRANCHES:
        return [rows]
    return [
        rows.filter(**dict(zip(values_by_path, combination, strict=True)))
        for combination in combinations
    ]


def hide_from_indexes(rows: QuerySet[Any], but: Collection[str] = ()) -> QuerySet[Any]:
    """The same rows, for which SQLite takes no index of what is asked but of these fields.

    It does not look how many rows an index would bring. PostgreSQL does, and needs no help.
    """
    if connection.vendor != "sqlite":
        return rows
    hidden: QuerySet[Any] = rows.all()
    hidden.query.where = _hide(hidden.query.where, but)
    return hidden


def _hide(node: Any, but: Collection[str]) -> Any:
    if isinstance(node, WhereNode):
        children = [_hide(child, but) for child in node.children]
        return WhereNode(children, node.connector, node.negated)
    column = getattr(node, "lhs", None)
    if not (isinstance(node, Lookup) and isinstance(column, Col)) or column.target.name in but:
        return node
    hidden = copy(node)
    hidden.lhs = Func(column, template="+%(expressions)s", output_field=column.output_field)
    return hidden
