"""Parts of the list that stay fast with a million rows: totals, the search, dates by index."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from evolink_studio.core.changelist import (
    MAX_COUNT,
    KeysetChangeList,
    RowCount,
    hide_from_indexes,
)
from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.generations.admin.list_totals import (
    ListTotals,
    find_usage_filter,
    sum_rows,
    sum_up_to,
)
from evolink_studio.generations.admin.usage_charts import label_totals
from evolink_studio.generations.models import Generation
from evolink_studio.generations.usage_report import UsageFilter, sum_usage


@dataclass(frozen=True)
class DateStep:
    """A year, month or day to filter by; the selected one has no URL."""

    text: str
    url: str = ""


ACCOUNTED_ORDER = ("-accounted_at", "-pk")
_DATE_LOOKUPS = ("created_at__year", "created_at__month", "created_at__day")


class GenerationChangeList(KeysetChangeList):
    """Offers every year, month or day between the first and the last generation.

    Django's own query for those that have rows would read the whole index.
    """

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        ordering = super().get_ordering(request, queryset)
        is_by_accounting = any(self.params.get(f"accounted_{end}") for end in ("from", "to"))
        # Among the days of one column the other's order would have to be sorted.
        is_default = ordering == list(self.model_admin.ordering)
        return [*ACCOUNTED_ORDER] if is_by_accounting and is_default else ordering

    @cached_property
    def branches(self) -> list[QuerySet[Any]]:
        rows = self.queryset
        if self.queryset.query.order_by == ACCOUNTED_ORDER and self._is_walked_by_accounting():
            return [hide_from_indexes(rows, but=("accounted_at",))]
        return super().branches

    def _is_walked_by_accounting(self) -> bool:
        """Whether a page is sooner found among the days than among all rows of the other filters.

        SQLite would always take an index of theirs, and sort what it brings. At most three queries
        on the roll-up.
        """
        usage_filter = find_usage_filter(self.filter_params)
        if usage_filter is None:
            return self.few_pks is None
        if not (usage_filter.owner_id or usage_filter.model_ids or usage_filter.states):
            return True
        all_days = sum_usage(replace(usage_filter, first_day=None, last_day=None)).count
        days = UsageFilter(usage_filter.first_day, usage_filter.last_day)
        rows_per_hit = sum_usage(days).count / max(self._totals.totals.count, 1)
        return bool(rows_per_hit * self.list_per_page < all_days)

    def count_rows(self) -> RowCount:
        return RowCount(self._totals.totals.count, is_more=not self._totals.is_complete)

    @cached_property
    def totals(self) -> list[tuple[str, str]]:
        """(name, figure) pairs. Of a list too long to be added up only how long it is at least."""
        if self._totals.is_complete:
            return label_totals(self._totals.totals)
        return [(_("Generations"), self.row_count.text)]

    @cached_property
    def _totals(self) -> ListTotals:
        """From the roll-up where it can answer, else of the rows that are counted at most."""
        usage_filter = find_usage_filter(self.filter_params)
        if usage_filter is not None:
            return ListTotals(sum_usage(usage_filter))
        if not (self.page.has_previous or self.page.has_next):
            return ListTotals(sum_rows(self.result_list))
        return sum_up_to(MAX_COUNT, Generation.objects.filter(pk__in=self.counted_pks))

    @cached_property
    def date_back(self) -> DateStep | None:
        selected_parts = self._selected_parts()
        if not selected_parts:
            return None
        text = str(selected_parts[0]) if len(selected_parts) == 2 else ""
        text = (
            _format_month(date(selected_parts[0], selected_parts[1], 1))
            if len(selected_parts) == 3
            else text
        )
        return DateStep(text, self._build_url(selected_parts[:-1]))

    @cached_property
    def date_steps(self) -> list[DateStep]:
        selected_parts, bounds = self._selected_parts(), self._date_bounds()
        if bounds is None:
            return []
        first, last = bounds
        if len(selected_parts) == 3:
            return [
                DateStep(_format_day(date(selected_parts[0], selected_parts[1], selected_parts[2])))
            ]
        if len(selected_parts) == 2:
            days = (date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1))
            return [
                DateStep(_format_day(day), self._build_url([day.year, day.month, day.day]))
                for day in days
                if (day.year, day.month) == tuple(selected_parts)
            ]
        if len(selected_parts) == 1 or first.year == last.year:
            year = selected_parts[0] if selected_parts else first.year
            months = [date(year, month, 1) for month in range(1, 13)]
            return [
                DateStep(_format_month(month), self._build_url([month.year, month.month]))
                for month in months
                if first.replace(day=1) <= month <= last
            ]
        years = range(first.year, last.year + 1)
        return [DateStep(str(year), self._build_url([year])) for year in years]

    def _selected_parts(self) -> list[int]:
        """Year, month and day in the URL, as far as they are given."""
        selected_parts: list[int] = []
        for part in _DATE_LOOKUPS:
            text = str(self.params.get(part, ""))
            if not text.isdecimal():
                break
            selected_parts.append(int(text))
        return selected_parts

    def _date_bounds(self) -> tuple[date, date] | None:
        """The days of the oldest and the newest generation. Two queries on an index."""
        ends = [
            row for order in ("created_at", "-created_at") for row in _end_query(order).fetch({})
        ]
        return (ends[0][0].date(), ends[1][0].date()) if len(ends) == 2 else None

    def _build_url(self, parts: list[int]) -> str:
        query = dict(zip(_DATE_LOOKUPS, parts, strict=False))
        url: str = self.get_query_string(
            query, [*(lookup for lookup in _DATE_LOOKUPS if lookup not in query), "p"]
        )
        return url


@cache
def _end_query(order: str) -> PreparedQuery:
    return PreparedQuery(Generation.objects.order_by(order).values_list("created_at")[:1])


def _format_month(day: date) -> str:
    return date_format(day, "YEAR_MONTH_FORMAT")


def _format_day(day: date) -> str:
    return date_format(day, "MONTH_DAY_FORMAT")
