"""Where prices are off: estimate, reservation and charge of recent generations, side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from evolink_studio.catalog import SPECS
from evolink_studio.core.admin import is_staff
from evolink_studio.core.formatting import amount_text, usd_text
from evolink_studio.credits import price_accuracy
from evolink_studio.credits.models import Purse
from evolink_studio.credits.price_accuracy import Model, Sample, Tried, drift
from evolink_studio.credits.queries import overdrawn

LOOKED_AT = 500
SHOWN = 100


@dataclass(frozen=True)
class Line:
    """A name, the address behind it if there is one, and its cells."""

    label: str
    url: str
    cells: tuple[str, ...]


def page(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponseBase:
    """Models that are off most, generations that differ, purses that are beyond their limit."""
    if not is_staff(request):
        raise PermissionDenied
    found, now = drift(price_accuracy.recent(None, LOOKED_AT)), timezone.now()
    return TemplateResponse(
        request,
        "credits/admin/drift.html",
        {
            **context,
            "title": _("Where prices are off"),
            "looked_at": LOOKED_AT,
            "models": [_model(model) for model in found.models],
            "models_head": (
                _("Model"),
                _("Generations"),
                _("Different"),
                _("Estimated"),
                _("Charged"),
                _("Estimated too much"),
                "%",
                _("in dollars"),
            ),
            "rows": [_row(row) for row in found.rows[:SHOWN]],
            "rows_head": (
                _("Generation"),
                _("Model"),
                _("Created"),
                _("Settings"),
                _("Estimated"),
                _("Reserved"),
                _("Charged"),
            ),
            "over": [_over(purse, now) for purse in overdrawn(now=now)[:SHOWN]],
            "over_head": (_("Whose"), _("Since"), _("Limit"), _("Used"), _("Too much")),
        },
    )


def tried(lines: Iterable[Tried]) -> dict[str, object]:
    """What a card would have said, beside what EvoLink said, for the template."""
    head = (
        _("Generation"),
        _("Created"),
        _("Settings"),
        _("This price"),
        _("EvoLink"),
        _("Estimated too much"),
    )
    return {"tried": [_tried(one) for one in lines], "tried_head": head}


def _tried(one: Tried) -> Line:
    return Line(
        label=f"#{one.sample.generation}",
        url=_page(one.sample),
        cells=(
            date_format(one.sample.created, "SHORT_DATETIME_FORMAT"),
            _settings(one.sample),
            amount_text(one.price),
            _known(one.actual),
            _signed(one.off),
        ),
    )


def _model(model: Model) -> Line:
    percent = "–" if model.percent is None else f"{number_format(model.percent)} %"
    return Line(
        label=_label(model.model_id),
        url="",
        cells=(
            number_format(model.count),
            number_format(model.differing),
            amount_text(model.estimated),
            amount_text(model.actual),
            _signed(model.off),
            percent,
            usd_text(model.off),
        ),
    )


def _row(row: Sample) -> Line:
    return Line(
        label=f"#{row.generation}",
        url=_page(row),
        cells=(
            _label(row.model_id),
            date_format(row.created, "SHORT_DATETIME_FORMAT"),
            _settings(row),
            _known(row.estimated),
            _known(row.reserved),
            _known(row.charged),
        ),
    )


def _over(purse: Purse, now: datetime) -> Line:
    limit = purse.limit_at(now) or Decimal(0)
    return Line(
        label=str(purse.person or purse.allowance.whose),
        url="",
        cells=(
            date_format(purse.starts, "SHORT_DATE_FORMAT") if purse.resets else "–",
            amount_text(limit),
            amount_text(purse.used),
            amount_text(purse.used - limit),
        ),
    )


def _settings(sample: Sample) -> str:
    """What prices depend on, of what was chosen."""
    named = ("duration", "quality", "sound")
    return " · ".join(str(sample.params[name]) for name in named if sample.params.get(name))


def _page(sample: Sample) -> str:
    return price_accuracy.page_of(sample.generation) if price_accuracy.page_of else ""


def _label(model_id: str) -> str:
    return SPECS[model_id].label if model_id in SPECS else model_id


def _known(amount: Decimal | None) -> str:
    return "–" if amount is None else amount_text(amount)


def _signed(amount: Decimal | None) -> str:
    if not amount:
        return "–" if amount is None else "0"
    return f"+{amount_text(amount)}" if amount > 0 else amount_text(amount)
