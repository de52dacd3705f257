"""Rate cards and the provider account in the admin pages."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.catalog import SPECS, ModelSpec, get_label
from evolink_studio.core.admin import ReadOnlyAdmin, StaffReadAdmin, badge_column
from evolink_studio.core.database import parse_id
from evolink_studio.core.deletion import DeletionObstacle
from evolink_studio.credits.admin import price_accuracy
from evolink_studio.credits.forms import RateCardForm
from evolink_studio.credits.models import ProviderAccount, RateCard
from evolink_studio.credits.price_accuracy import preview_prices
from evolink_studio.credits.pricing import PRICED_SETTINGS, calculate_price
from evolink_studio.credits.usage_source import list_recent_samples

PREVIEW_PARAM = "_try"
REPLACED_FIELDS = (
    "model_id",
    "unit",
    "credits_per_unit",
    "minimum_credits",
    "factors",
    "source",
)
MAX_PREVIEW_SAMPLES = 20


@admin.register(RateCard)
class RateCardAdmin(StaffReadAdmin):
    """The newest card in effect sets the price; older ones explain older estimates.

    So only one whose time has not come is edited or deleted; any other is replaced by a new one.
    """

    form = RateCardForm
    list_display = (
        "model_label",
        "effective_at",
        "status_badge",
        "unit",
        "price_text",
        "minimum_text",
        "example_text",
        "source",
    )
    list_filter = ("model_id", "unit")
    search_fields = ("model_id", "source__folded")
    change_form_before_template = "credits/admin/_replace_price.html"
    deletion_advice = gettext_lazy(
        "A price that counts or has counted explains the estimates of its time. Enter a new one, "
        "which replaces it from its own date on."
    )
    search_help_text = gettext_lazy("Model or source")
    ordering = ("-effective_at", "model_id")
    list_per_page = 50
    list_before_template = "credits/admin/_price_accuracy_link.html"
    change_form_after_template = "credits/admin/_price_preview.html"
    fieldsets = (
        (None, {"fields": ("model_id", "effective_at")}),
        (
            gettext_lazy("Price"),
            {"fields": ("unit", "credits_per_unit", "minimum_credits", "factors", "source")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RateCard]:
        is_effective = Q(effective_at__lte=timezone.now())
        newer_cards = RateCard.objects.filter(
            is_effective, model_id=OuterRef("model_id"), effective_at__gt=OuterRef("effective_at")
        )
        rate_cards: QuerySet[RateCard] = super().get_queryset(request)
        return rate_cards.annotate(
            is_replaced=Exists(newer_cards), stored_effective_at=F("effective_at")
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, object]:
        initial: dict[str, object] = super().get_changeform_initial_data(request)
        replaced_pk = parse_id(request.GET.get("replaces", ""))
        replaced = RateCard.objects.filter(pk=replaced_pk).first() if replaced_pk else None
        values = {name: getattr(replaced, name) for name in REPLACED_FIELDS} if replaced else {}
        return {"effective_at": timezone.now(), **values, **initial}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_coming(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_coming(obj) and super().has_delete_permission(request, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rate_card = self.get_object(request, object_id)
        if rate_card is not None and super().has_delete_permission(request, rate_card):
            response = self.explain_selected(request, RateCard.objects.filter(pk=rate_card.pk))
            if response is not None:
                return response
        response = super().delete_view(request, object_id, extra_context)
        return response

    def find_obstacles(self, row: Model, selected: Sequence[Model]) -> list[DeletionObstacle]:
        assert isinstance(row, RateCard)
        text = _("It has counted since {moment}").format(
            moment=date_format(timezone.localtime(row.effective_at), "SHORT_DATETIME_FORMAT")
        )
        return [] if _is_coming(row) else [DeletionObstacle(text)]

    def get_deletion_links(self, row: Model) -> list[tuple[str, str]]:
        return [(_("Replace it by a new price…"), build_replace_url(row))]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("off/", view(self.accuracy_view), name="credits_drift"), *super().get_urls()]

    def accuracy_view(self, request: HttpRequest) -> HttpResponseBase:
        """Where estimates, reservations and charges differ."""
        return price_accuracy.render_accuracy_page(request, self.admin_site.each_context(request))

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[RateCardForm]:
        form: type[RateCardForm] = super().get_form(request, obj, change=change, **kwargs)
        return _preview_only_form(form) if PREVIEW_PARAM in request.POST else form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form = context["adminform"].form
        rate_card = context.get("original")
        if rate_card is not None and not _is_coming(rate_card) and self.has_add_permission(request):
            context["replace_url"] = build_replace_url(rate_card)
        if PREVIEW_PARAM in request.POST and not form.errors:
            usage_samples = list_recent_samples(form.instance.model_id, MAX_PREVIEW_SAMPLES)
            context |= price_accuracy.preview_context(preview_prices(form.instance, usage_samples))
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.display(description=gettext_lazy("model"), ordering="model_id")
    def model_label(self, rate_card: RateCard) -> str:
        return get_label(rate_card.model_id)

    @badge_column(gettext_lazy("counts"), {"now": "success", "later": "info", "before": "default"})
    def status_badge(self, rate_card: RateCard) -> tuple[str, str]:
        if rate_card.effective_at > timezone.now():
            return "later", _("from then on")
        is_replaced = getattr(rate_card, "is_replaced", False)  # annotated by the query
        return ("before", _("replaced")) if is_replaced else ("now", _("in force"))

    @admin.display(description=gettext_lazy("credits"), ordering="credits_per_unit")
    def price_text(self, rate_card: RateCard) -> str:
        return _format_plain(rate_card.credits_per_unit)

    @admin.display(description=gettext_lazy("at least"), ordering="minimum_credits")
    def minimum_text(self, rate_card: RateCard) -> str:
        return _format_plain(rate_card.minimum_credits)

    @admin.display(description=gettext_lazy("for example"))
    def example_text(self, rate_card: RateCard) -> str:
        spec = SPECS.get(rate_card.model_id)
        return _example_text(rate_card, spec) if spec else "–"


def _is_coming(rate_card: RateCard | None) -> bool:
    """Whether its time has not come, as it is stored; True for none in particular."""
    if rate_card is None:
        return True
    # A form writes what was typed into the row before it is saved, or not.
    effective_at: datetime = getattr(rate_card, "stored_effective_at", rate_card.effective_at)
    return effective_at > timezone.now()


def build_replace_url(rate_card: Model) -> str:
    """The form for a new price, filled in with this one."""
    query = urlencode({"replaces": rate_card.pk})
    return f"{reverse('admin:credits_ratecard_add')}?{query}"


def _preview_only_form(form: type[RateCardForm]) -> type[RateCardForm]:
    """The same form, but never valid: it is shown again with its input and not saved."""
    return type("PreviewOnlyForm", (form,), {"is_valid": lambda self: False})


def _example_text(rate_card: RateCard, spec: ModelSpec) -> str:
    """The price with the model's defaults, and those defaults."""
    values = spec.evaluate({}).defaults
    fields = [field for field in spec.fields if field.name in PRICED_SETTINGS]
    setting_texts = [
        f"{_(field.label)}: {values[field.name]}" for field in fields if field.name in values
    ]
    amount = _("{n} credits").format(n=_format_plain(calculate_price(rate_card, values)))
    return f"{amount} ({', '.join(setting_texts)})" if setting_texts else amount


def _format_plain(amount: Decimal) -> str:
    return number_format(f"{amount.normalize():f}")


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ReadOnlyAdmin):
    """Read-only: the worker writes it."""

    list_display = (
        "provider_key",
        "key_badge",
        "credits_available",
        "read_at",
        "tried_at",
        "last_error",
    )

    @badge_column(
        gettext_lazy("key"),
        {"accepted": "success", "refused": "danger", "unknown": "default"},
        "key_state",
    )
    def key_badge(self, account: ProviderAccount) -> tuple[str, str]:
        return account.key_state, account.get_key_state_display()
