"""The tables and the bar chart of the usage page, ready for the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evolink_studio.core.formatting import format_credits
from evolink_studio.generations.usage_report import UsagePeriod, UsageRow, UsageTotals

MAX_TABLE_ROWS = 100
SLOT_WIDTH = 10  # of a bar and its gap, in units of the drawing
BAR_WIDTH = 7
CHART_HEIGHT = 100
ROUND_FACTORS = (1, 2, 5, 10)


@dataclass(frozen=True)
class TableRow:
    """A label with a link to its generations, and its figures as text."""

    label: str
    url: str
    cells: tuple[str, ...]

    @property
    def cells_html(self) -> SafeString:
        """The cells beside the label. A template would take as long for each as for a row."""
        cells = ((cell,) for cell in self.cells)
        return format_html_join("", '<td class="is-number">{}</td>', cells)


@dataclass(frozen=True)
class Table:
    """The head and the rows; `hidden_count` rows are left out."""

    head: tuple[str, ...]
    rows: tuple[TableRow, ...]
    hidden_count: int = 0


def build_table(
    usage_rows: Sequence[UsageRow],
    heading: str,
    list_url: str,
    filters: Mapping[str, Any],
    filter_name: str,
) -> Table:
    """The first MAX_TABLE_ROWS rows. `filter_name`: the list's query parameter for `key`."""
    rows = tuple(
        TableRow(
            usage_row.label,
            f"{list_url}?{urlencode({**filters, filter_name: usage_row.key})}",
            format_totals(usage_row.totals),
        )
        for usage_row in usage_rows[:MAX_TABLE_ROWS]
    )
    return Table(_table_head(heading), rows, max(0, len(usage_rows) - MAX_TABLE_ROWS))


def build_period_table(
    periods: Sequence[UsagePeriod],
    list_url: str,
    filters: Mapping[str, Any],
    filter_names: tuple[str, str],
    *,
    is_monthly: bool,
) -> Table:
    """A table of the chart's figures, the newest first. `filter_names`: the list's query parameters
    for the first and the last day."""
    rows = tuple(
        TableRow(
            format_period(period.first_day, is_monthly=is_monthly),
            f"{list_url}?{urlencode({**filters, **_period_filters(period, filter_names)})}",
            format_totals(period.totals),
        )
        for period in reversed(periods)
    )
    return Table(_table_head(_("Month") if is_monthly else _("Day")), rows)


def format_totals(totals: UsageTotals) -> tuple[str, ...]:
    """The figures as text, in the order of the head."""
    return (
        format_credits(totals.credits_charged),
        number_format(totals.count, force_grouping=True),
        number_format(totals.failed_count, force_grouping=True),
        format_credits(totals.credits_estimated),
        format_credits(totals.credits_reserved),
    )


def label_totals(totals: UsageTotals) -> list[tuple[str, str]]:
    """(name, figure) pairs."""
    return list(zip(_table_head("")[1:], format_totals(totals), strict=True))


def _table_head(heading: str) -> tuple[str, ...]:
    return (
        heading,
        _("Charged"),
        _("Generations"),
        _("Failed"),
        _("Estimated"),
        _("Reserved"),
    )


def _period_filters(period: UsagePeriod, names: tuple[str, str]) -> dict[str, date]:
    return dict(zip(names, (period.first_day, period.last_day), strict=True))


def format_period(day: date, *, is_monthly: bool) -> str:
    """The day, or its month."""
    return date_format(day, "YEAR_MONTH_FORMAT" if is_monthly else "SHORT_DATE_FORMAT")


@dataclass(frozen=True)
class ChartBar:
    """One bar in units of the drawing, as text with decimal points in every language."""

    x: str
    y: str
    height: str
    text: str


@dataclass(frozen=True)
class Chart:
    """Bars, their scale, and a summary for screen readers."""

    bars: tuple[ChartBar, ...]
    width: int
    scale_labels: tuple[str, ...]
    first_label: str
    last_label: str
    summary: str


def build_chart(periods: Sequence[UsagePeriod], *, is_monthly: bool) -> Chart:
    """A chart of the charged credits of every period, oldest first."""
    scale_max = _round_up(
        max((period.totals.credits_charged for period in periods), default=Decimal(0))
    )
    return Chart(
        bars=tuple(
            _build_bar(index, period, scale_max, is_monthly) for index, period in enumerate(periods)
        ),
        width=max(1, len(periods)) * SLOT_WIDTH,
        scale_labels=tuple(
            format_credits(value) for value in (scale_max, scale_max / 2, Decimal(0))
        ),
        first_label=format_period(periods[0].first_day, is_monthly=is_monthly) if periods else "",
        last_label=format_period(periods[-1].first_day, is_monthly=is_monthly) if periods else "",
        summary=_summary_text(periods, is_monthly),
    )


def _build_bar(index: int, period: UsagePeriod, scale_max: Decimal, is_monthly: bool) -> ChartBar:
    height = period.totals.credits_charged / scale_max * CHART_HEIGHT
    return ChartBar(
        x=f"{index * SLOT_WIDTH + (SLOT_WIDTH - BAR_WIDTH) / 2:.1f}",
        y=f"{CHART_HEIGHT - height:.2f}",
        height=f"{height:.2f}",
        text=_("{day}: {n} credits").format(
            day=format_period(period.first_day, is_monthly=is_monthly),
            n=format_credits(period.totals.credits_charged),
        ),
    )


def _round_up(value: Decimal) -> Decimal:
    """The next 1, 2 or 5 times a power of ten; 1 for nothing."""
    if value <= 0:
        return Decimal(1)
    unit = Decimal(10) ** value.adjusted()
    return next(unit * factor for factor in ROUND_FACTORS if unit * factor >= value)


def _summary_text(periods: Sequence[UsagePeriod], is_monthly: bool) -> str:
    if not any(period.totals.credits_charged for period in periods):
        return _("Nothing was charged in this period.")
    peak = max(periods, key=lambda period: period.totals.credits_charged)
    return _("The most: {day}, {n} credits. All figures stand in the table below.").format(
        day=format_period(peak.first_day, is_monthly=is_monthly),
        n=format_credits(peak.totals.credits_charged),
    )
