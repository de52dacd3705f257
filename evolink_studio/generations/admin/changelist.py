"""Parts of the list that stay fast with a million rows: totals in one query, dates by index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.core.paginator import Paginator
from django.utils.formats import date_format, number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold.views import ChangeList

from evolink_studio.generations.admin.list_totals import MAX_COUNTED, ListTotals, sum_list
from evolink_studio.generations.admin.usage_charts import label_totals
from evolink_studio.generations.models import Generation


class CountingPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts and sums what is listed in one query. `query`: the query string of the list."""

    query: Mapping[str, Sequence[str]]

    @cached_property
    def list_totals(self) -> ListTotals:
        return sum_list(self.object_list, self.query)  # type: ignore[arg-type]  # a query set

    @cached_property
    def count(self) -> int:
        return self.list_totals.totals.count


@dataclass(frozen=True)
class DateStep:
    """A year, month or day to filter by; the selected one has no URL."""

    text: str
    url: str = ""


_DATE_LOOKUPS = ("created_at__year", "created_at__month", "created_at__day")


class GenerationChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Offers every year, month or day between the first and the last generation.

    Django's own query for those that have rows would read the whole index.
    """

    @cached_property
    def totals(self) -> list[tuple[str, str]]:
        """(name, figure) pairs. Of a list too long to be added up only how long it is at least."""
        list_totals: ListTotals = self.paginator.list_totals
        if list_totals.is_complete:
            return label_totals(list_totals.totals)
        count = number_format(MAX_COUNTED, force_grouping=True)
        return [(_("Generations"), _("more than {n}").format(n=count))]

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
