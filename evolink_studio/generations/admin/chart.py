"""Credits over time as bars. The server draws them, so the page needs no script for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from evolink_studio.generations.admin.table import span_name
from evolink_studio.generations.figures import credits_text
from evolink_studio.generations.usage import Span

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
