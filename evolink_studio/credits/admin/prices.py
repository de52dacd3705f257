"""Prices and the account in the admin pages."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.catalog import SPECS, Spec
from evolink_studio.core.admin import ReadOnlyAdmin, StaffLookAdmin, coloured
from evolink_studio.credits import price_accuracy
from evolink_studio.credits.admin import price_accuracy as drift_report
from evolink_studio.credits.forms import RateCardForm
from evolink_studio.credits.models import FarAccount, RateCard
from evolink_studio.credits.price_accuracy import preview
from evolink_studio.credits.pricing import price

TRY = "_try"
TRIED_ON = 20
_SHOWN_IN_EXAMPLE = ("duration", "quality", "sound")


@admin.register(RateCard)
class RateCardAdmin(StaffLookAdmin):
    """The newest price that has begun counts; an older one explains older estimates."""

    form = RateCardForm
    list_display = (
        "model_label",
        "effective",
        "counts",
        "unit",
        "credits",
        "least",
        "example",
        "source",
    )
    list_filter = ("model_id", "unit")
    search_fields = ("model_id", "source")
    search_help_text = gettext_lazy("Model or source")
    ordering = ("-effective", "model_id")
    list_per_page = 50
    list_before_template = "credits/admin/_where_off.html"
    change_form_after_template = "credits/admin/_tried.html"
    fieldsets = (
        (None, {"fields": ("model_id", "effective")}),
        (gettext_lazy("Price"), {"fields": ("unit", "price", "minimum", "factors", "source")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RateCard]:
        begun = Q(effective__lte=timezone.now())
        newer = RateCard.objects.filter(
            begun, model_id=OuterRef("model_id"), effective__gt=OuterRef("effective")
        )
        cards: QuerySet[RateCard] = super().get_queryset(request)
        return cards.annotate(replaced=Exists(newer))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, object]:
        initial: dict[str, object] = super().get_changeform_initial_data(request)
        return {"effective": timezone.now(), **initial}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("off/", view(self.off), name="credits_drift"), *super().get_urls()]

    def off(self, request: HttpRequest) -> HttpResponseBase:
        """Where estimates, reservations and charges differ."""
        return drift_report.page(request, self.admin_site.each_context(request))

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[RateCardForm]:
        form: type[RateCardForm] = super().get_form(request, obj, change=change, **kwargs)
        return _only_tried(form) if TRY in request.POST else form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form = context["adminform"].form
        if TRY in request.POST and not form.errors:
            recent = price_accuracy.recent(form.instance.model_id, TRIED_ON)
            context |= drift_report.tried(preview(form.instance, recent))
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @admin.display(description=gettext_lazy("model"), ordering="model_id")
    def model_label(self, card: RateCard) -> str:
        spec = SPECS.get(card.model_id)
        return spec.label if spec else card.model_id

    @coloured(gettext_lazy("counts"), {"now": "success", "later": "info", "before": "default"})
    def counts(self, card: RateCard) -> tuple[str, str]:
        if card.effective > timezone.now():
            return "later", _("from then on")
        replaced = getattr(card, "replaced", False)  # annotated by the query
        return ("before", _("replaced")) if replaced else ("now", _("in force"))

    @admin.display(description=gettext_lazy("credits"), ordering="price")
    def credits(self, card: RateCard) -> str:
        return _plain(card.price)

    @admin.display(description=gettext_lazy("at least"), ordering="minimum")
    def least(self, card: RateCard) -> str:
        return _plain(card.minimum)

    @admin.display(description=gettext_lazy("for example"))
    def example(self, card: RateCard) -> str:
        spec = SPECS.get(card.model_id)
        return _example(card, spec) if spec else "–"


def _only_tried(form: type[RateCardForm]) -> type[RateCardForm]:
    """The same form, which is shown again with what was entered and never saved."""
    return type("TriedForm", (form,), {"is_valid": lambda self: False})


def _example(card: RateCard, spec: Spec) -> str:
    """What the model's own defaults would cost, and which they are."""
    values = spec.defaults({})
    fields = [field for field in spec.fields if field.name in _SHOWN_IN_EXAMPLE]
    shown = [f"{_(f.label)}: {values[f.name]}" for f in fields if f.name in values]
    amount = _("{n} credits").format(n=_plain(price(card, values)))
    return f"{amount} ({', '.join(shown)})" if shown else amount


def _plain(amount: Decimal) -> str:
    return number_format(f"{amount.normalize():f}")


@admin.register(FarAccount)
class FarAccountAdmin(ReadOnlyAdmin):
    """What the worker read; nobody types it."""

    list_display = ("far_end", "key", "spendable", "read", "tried", "problem")

    @coloured(
        gettext_lazy("key"),
        {"accepted": "success", "refused": "danger", "unknown": "default"},
        "key_state",
    )
    def key(self, account: FarAccount) -> tuple[str, str]:
        return account.key_state, account.get_key_state_display()
