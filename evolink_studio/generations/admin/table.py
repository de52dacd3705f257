"""Tables of figures, ready for the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from evolink_studio.generations.figures import credits_text
from evolink_studio.generations.usage import Figures, Line, Span

LINES = 100


@dataclass(frozen=True)
class Row:
    """A name that leads to its generations, and its figures as text."""

    label: str
    url: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The head and the rows; `hidden` says how many rows are left out."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    hidden: int = 0


def table(
    lines: Sequence[Line], what: str, page: str, narrowed: Mapping[str, Any], name: str
) -> Table:
    """The lines that used most. `name` is the parameter that narrows the list to one line."""
    rows = tuple(
        Row(line.label, f"{page}?{urlencode({**narrowed, name: line.key})}", cells(line.figures))
        for line in lines[:LINES]
    )
    return Table(_head(what), rows, max(0, len(lines) - LINES))


def span_table(
    spans: Sequence[Span], page: str, narrowed: Mapping[str, Any], *, monthly: bool
) -> Table:
    """The figures of the chart, the newest first."""
    rows = tuple(
        Row(
            span_name(span.first, monthly=monthly),
            f"{page}?{urlencode({**narrowed, **_days(span)})}",
            cells(span.figures),
        )
        for span in reversed(spans)
    )
    return Table(_head(_("Month") if monthly else _("Day")), rows)


def cells(figures: Figures) -> tuple[str, ...]:
    """Figures in the order of the head."""
    return (
        credits_text(figures.used),
        number_format(figures.count, force_grouping=True),
        number_format(figures.failed, force_grouping=True),
        credits_text(figures.estimated),
        credits_text(figures.reserved),
    )


def named(figures: Figures) -> list[tuple[str, str]]:
    """Each figure with its name."""
    return list(zip(_head("")[1:], cells(figures), strict=True))


def _head(what: str) -> tuple[str, ...]:
    return (
        what,
        _("Charged"),
        _("Generations"),
        _("Failed"),
        _("Estimated"),
        _("Reserved"),
    )


def _days(span: Span) -> dict[str, date]:
    return {"created_from": span.first, "created_to": span.last}


def span_name(day: date, *, monthly: bool) -> str:
    """The day, or its month."""
    return date_format(day, "YEAR_MONTH_FORMAT" if monthly else "SHORT_DATE_FORMAT")
