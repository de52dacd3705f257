"""The totals above the list of generations: from the roll-up, or counted up to a limit.

The roll-up answers every filter by person, model, state and day of account. Of anything else the
list is counted only so far, so that no page walks the whole history for its heading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.dateparse import parse_date

from evolink_studio.core.database import parse_id
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.usage_report import UsageFilter, UsageTotals

_OWNER, _MODEL, _STATE = "owner__id__exact", "model", "state__exact"
_FROM, _TO = "accounted_from", "accounted_to"
_ANSWERED = frozenset({_OWNER, _MODEL, _STATE, _FROM, _TO})
# These change the order or the page, and not what is listed.
_WITHOUT_EFFECT = frozenset({"o", "p", "e", "all", "_facets"})


@dataclass(frozen=True)
class ListTotals:
    """What a list adds up to. Without `is_complete` it has more rows, and these are just some."""

    totals: UsageTotals
    is_complete: bool = True


def find_usage_filter(query: Mapping[str, Sequence[str]]) -> UsageFilter | None:
    """The filter by which the roll-up answers the list's query string; None when it cannot.

    `query`: the values of each parameter, as `dict(request.GET.lists())` gives them.
    """
    values = {
        name: [value for value in given if value]
        for name, given in query.items()
        if name not in _WITHOUT_EFFECT and any(given)
    }
    if not values.keys() <= _ANSWERED:
        return None
    days = [parse_date(values[name][-1]) if name in values else None for name in (_FROM, _TO)]
    owner_id = parse_id(values[_OWNER][-1]) if _OWNER in values else None
    return UsageFilter(days[0], days[1], owner_id, values.get(_MODEL, ()), values.get(_STATE, ()))


def sum_rows(rows: Sequence[Generation]) -> UsageTotals:
    """Count and sums of rows that are loaded already."""
    sums = (
        sum((getattr(row, name) or Decimal(0) for row in rows), Decimal(0))
        for name in _SUMMED_COLUMNS
    )
    return UsageTotals(len(rows), sum(row.state == State.FAILED for row in rows), *sums)


def sum_up_to(limit: int, rows: QuerySet[Generation]) -> ListTotals:
    """Count and sums of these rows; of any `limit` of them when there are more. One query."""
    some_rows = rows.order_by().values("pk", "state", *_SUMMED_COLUMNS)[: limit + 1]
    figures = some_rows.aggregate(
        count=Count("pk"), failed=Count("pk", filter=Q(state=State.FAILED)), **_SUMS
    )
    totals = UsageTotals(
        min(figures["count"], limit),
        figures["failed"],
        *(figures[f"{column}_"] or Decimal(0) for column in _SUMMED_COLUMNS),
    )
    return ListTotals(totals, is_complete=figures["count"] <= limit)


_SUMMED_COLUMNS = ("credits_estimated", "credits_held", "credits_charged")
_SUMS: dict[str, Any] = {f"{column}_": Sum(column) for column in _SUMMED_COLUMNS}
