"""Tables of figures, ready for the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from evolink_studio.core.formatting import credits_text
from evolink_studio.generations.usage_report import Figures, Line, Span

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


SLOT = 10  # units of width a bar and its gap take
BAR = 7
HEIGHT = 100
ROUND = (1, 2, 5, 10)


@dataclass(frozen=True)
class Bar:
    """One bar in the units of the drawing, as text without a language's decimal signs."""

    x: str
    y: str
    height: str
    text: str


@dataclass(frozen=True)
class Chart:
    """Bars, the scale beside them, and what a screen reader says of them."""

    bars: tuple[Bar, ...]
    width: int
    scale: tuple[str, ...]
    begins: str
    ends: str
    summary: str


def chart(spans: Sequence[Span], *, monthly: bool) -> Chart:
    """Charged credits of every span, from the oldest to the newest."""
    top = _ceiling(max((span.figures.used for span in spans), default=Decimal(0)))
    return Chart(
        bars=tuple(_bar(place, span, top, monthly) for place, span in enumerate(spans)),
        width=max(1, len(spans)) * SLOT,
        scale=tuple(credits_text(value) for value in (top, top / 2, Decimal(0))),
        begins=span_name(spans[0].first, monthly=monthly) if spans else "",
        ends=span_name(spans[-1].first, monthly=monthly) if spans else "",
        summary=_summary(spans, monthly),
    )


def _bar(place: int, span: Span, top: Decimal, monthly: bool) -> Bar:
    height = span.figures.used / top * HEIGHT
    return Bar(
        x=f"{place * SLOT + (SLOT - BAR) / 2:.1f}",
        y=f"{HEIGHT - height:.2f}",
        height=f"{height:.2f}",
        text=_("{day}: {n} credits").format(
            day=span_name(span.first, monthly=monthly), n=credits_text(span.figures.used)
        ),
    )


def _ceiling(most: Decimal) -> Decimal:
    """The next round number: 1, 2 or 5 with zeros."""
    if most <= 0:
        return Decimal(1)
    unit = Decimal(10) ** most.adjusted()
    return next(unit * factor for factor in ROUND if unit * factor >= most)


def _summary(spans: Sequence[Span], monthly: bool) -> str:
    if not any(span.figures.used for span in spans):
        return _("Nothing was charged in this period.")
    most = max(spans, key=lambda span: span.figures.used)
    return _("The most: {day}, {n} credits. All figures stand in the table below.").format(
        day=span_name(most.first, monthly=monthly), n=credits_text(most.figures.used)
    )
