"""Parts of the list that stay quick with a million rows: all totals in one pass, dates by index."""

from dataclasses import dataclass
from datetime import date

from django.core.paginator import Paginator
from django.utils.formats import date_format
from django.utils.functional import cached_property
from unfold.views import ChangeList

from evolink_studio.generations.admin.usage_charts import named
from evolink_studio.generations.models import Generation
from evolink_studio.generations.usage_report import Figures, figures


class CountingPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts and sums exactly the rows of the list in one query."""

    @cached_property
    def totals(self) -> Figures:
        return figures(self.object_list)  # type: ignore[arg-type]  # the admin gives a query set

    @cached_property
    def count(self) -> int:
        return self.totals.count


@dataclass(frozen=True)
class Step:
    """A year, month or day to go to; the one that is shown has no address."""

    text: str
    url: str = ""


_PARTS = ("created__year", "created__month", "created__day")


class DatedChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Offers every year, month or day between the first and the last generation.

    Django's own way asks which of them have rows, which reads the whole index.
    """

    @cached_property
    def totals(self) -> list[tuple[str, str]]:
        return named(self.paginator.totals)

    @cached_property
    def date_back(self) -> Step | None:
        given = self._given()
        if not given:
            return None
        text = str(given[0]) if len(given) == 2 else ""
        text = _month(date(given[0], given[1], 1)) if len(given) == 3 else text
        return Step(text, self._url(given[:-1]))

    @cached_property
    def date_steps(self) -> list[Step]:
        given, ends = self._given(), self._ends()
        if ends is None:
            return []
        first, last = ends
        if len(given) == 3:
            return [Step(_day(date(given[0], given[1], given[2])))]
        if len(given) == 2:
            days = (date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1))
            inside = [day for day in days if (day.year, day.month) == tuple(given)]
            return [Step(_day(d), self._url([d.year, d.month, d.day])) for d in inside]
        if len(given) == 1 or first.year == last.year:
            year = given[0] if given else first.year
            months = [date(year, month, 1) for month in range(1, 13)]
            inside = [month for month in months if first.replace(day=1) <= month <= last]
            return [Step(_month(m), self._url([m.year, m.month])) for m in inside]
        return [Step(str(y), self._url([y])) for y in range(first.year, last.year + 1)]

    def _given(self) -> list[int]:
        """Year, month and day in the address, as far as they are given."""
        given: list[int] = []
        for part in _PARTS:
            text = str(self.params.get(part, ""))
            if not text.isdecimal():
                break
            given.append(int(text))
        return given

    def _ends(self) -> tuple[date, date] | None:
        """The days of the oldest and the newest generation. Two look-ups in an index."""
        moments = Generation.objects.values_list("created", flat=True)
        first, last = moments.order_by("created").first(), moments.order_by("-created").first()
        return (first.date(), last.date()) if first and last else None

    def _url(self, given: list[int]) -> str:
        chosen = dict(zip(_PARTS, given, strict=False))
        url: str = self.get_query_string(chosen, [*(p for p in _PARTS if p not in chosen), "p"])
        return url


def _month(day: date) -> str:
    return date_format(day, "YEAR_MONTH_FORMAT")


def _day(day: date) -> str:
    return date_format(day, "MONTH_DAY_FORMAT")
