"""The page that compares estimates, reservations and charges of recent generations."""

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

from evolink_studio.catalog import get_label
from evolink_studio.core.admin import is_staff
from evolink_studio.core.formatting import format_credits, format_signed_credits, format_usd
from evolink_studio.credits.models import AllowanceBalance
from evolink_studio.credits.price_accuracy import ModelAccuracy, PricePreview, measure_accuracy
from evolink_studio.credits.pricing import PRICED_SETTINGS
from evolink_studio.credits.queries import list_overdrawn_balances
from evolink_studio.credits.usage_source import (
    UsageSample,
    generation_admin_url,
    list_recent_samples,
)

MAX_SAMPLES = 500
MAX_ROWS = 100


@dataclass(frozen=True)
class ReportLine:
    """A table row: its label, the URL of the label ("" for none), and the other cells."""

    label: str
    url: str
    cells: tuple[str, ...]


def render_accuracy_page(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponseBase:
    """Models by size of the difference, generations that differ, and overdrawn balances."""
    if not is_staff(request):
        raise PermissionDenied
    report, now = measure_accuracy(list_recent_samples(None, MAX_SAMPLES)), timezone.now()
    return TemplateResponse(
        request,
        "credits/admin/price_accuracy.html",
        {
            **context,
            "title": _("Where prices are off"),
            "sample_count": MAX_SAMPLES,
            "models": [_model_line(accuracy) for accuracy in report.by_model],
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
            "rows": [_sample_line(sample) for sample in report.differing_samples[:MAX_ROWS]],
            "rows_head": (
                _("Generation"),
                _("Model"),
                _("Created"),
                _("Settings"),
                _("Estimated"),
                _("Reserved"),
                _("Charged"),
            ),
            "overdrawn": [
                _overdrawn_line(balance, now)
                for balance in list_overdrawn_balances(now=now)[:MAX_ROWS]
            ],
            "overdrawn_head": (_("Whose"), _("Since"), _("Limit"), _("Used"), _("Too much")),
        },
    )


def preview_context(previews: Iterable[PricePreview]) -> dict[str, object]:
    """For the template: the price by a rate card beside EvoLink's figure, per generation."""
    header = (
        _("Generation"),
        _("Created"),
        _("Settings"),
        _("This price"),
        _("EvoLink"),
        _("Estimated too much"),
    )
    return {"previews": [_preview_line(preview) for preview in previews], "previews_head": header}


def _preview_line(preview: PricePreview) -> ReportLine:
    return ReportLine(
        label=f"#{preview.sample.generation_id}",
        url=generation_admin_url(preview.sample.generation_id),
        cells=(
            date_format(preview.sample.created_at, "SHORT_DATETIME_FORMAT"),
            _settings_text(preview.sample),
            format_credits(preview.price),
            format_credits(preview.actual),
            format_signed_credits(preview.difference),
        ),
    )


def _model_line(accuracy: ModelAccuracy) -> ReportLine:
    percent = (
        "–"
        if accuracy.difference_percent is None
        else f"{number_format(accuracy.difference_percent)} %"
    )
    return ReportLine(
        label=get_label(accuracy.model_id),
        url="",
        cells=(
            number_format(accuracy.count),
            number_format(accuracy.differing_count),
            format_credits(accuracy.estimated),
            format_credits(accuracy.actual),
            format_signed_credits(accuracy.difference),
            percent,
            format_usd(accuracy.difference),
        ),
    )


def _sample_line(sample: UsageSample) -> ReportLine:
    return ReportLine(
        label=f"#{sample.generation_id}",
        url=generation_admin_url(sample.generation_id),
        cells=(
            get_label(sample.model_id),
            date_format(sample.created_at, "SHORT_DATETIME_FORMAT"),
            _settings_text(sample),
            format_credits(sample.estimated),
            format_credits(sample.reserved),
            format_credits(sample.charged),
        ),
    )


def _overdrawn_line(balance: AllowanceBalance, now: datetime) -> ReportLine:
    limit = balance.effective_limit(now) or Decimal(0)
    return ReportLine(
        label=str(balance.user or balance.allowance.holder_name),
        url="",
        cells=(
            date_format(balance.period_start, "SHORT_DATE_FORMAT") if balance.resets_at else "–",
            format_credits(limit),
            format_credits(balance.credits_used),
            format_credits(balance.credits_used - limit),
        ),
    )


def _settings_text(sample: UsageSample) -> str:
    """The chosen settings that affect the price."""
    return " · ".join(
        str(sample.params[name]) for name in PRICED_SETTINGS if sample.params.get(name)
    )
