"""Parts of the list that stay fast with a million rows: totals, the search, dates by index."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from evolink_studio.core.changelist import MAX_COUNT, KeysetChangeList, RowCount
from evolink_studio.generations.admin.list_totals import (
    ListTotals,
    find_usage_filter,
    sum_up_to,
)
from evolink_studio.generations.admin.usage_charts import label_totals
from evolink_studio.generations.models import Generation
from evolink_studio.generations.usage_report import sum_usage


@dataclass(frozen=True)
class DateStep:
    """A year, month or day to filter by; the selected one has no URL."""

    text: str
    url: str = ""


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
        return ["-accounted_at", "-pk"] if is_by_accounting and is_default else ordering

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
        moments = Generation.objects.values_list("created_at", flat=True)
        first, last = (
            moments.order_by("created_at").first(),
            moments.order_by("-created_at").first(),
        )
        return (first.date(), last.date()) if first and last else None

    def _build_url(self, parts: list[int]) -> str:
        query = dict(zip(_DATE_LOOKUPS, parts, strict=False))
        url: str = self.get_query_string(
            query, [*(lookup for lookup in _DATE_LOOKUPS if lookup not in query), "p"]
        )
        return url


def _format_month(day: date) -> str:
    return date_format(day, "YEAR_MONTH_FORMAT")


def _format_day(day: date) -> str:
    return date_format(day, "MONTH_DAY_FORMAT")
