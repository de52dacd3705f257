"""Who may spend how much: to see at a glance, to change in the list, to raise in one go."""

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from evolink_studio.catalog import SPECS
from evolink_studio.core.admin import StaffLookAdmin, coloured
from evolink_studio.core.formatting import amount_text
from evolink_studio.credits.allowances import in_present_period
from evolink_studio.credits.forms import AllowanceForm, AmountForm, RaiseForm
from evolink_studio.credits.models import Allowance
from evolink_studio.credits.periods import reset
from evolink_studio.credits.services import raise_allowances

ZERO = Decimal(0)


@admin.register(Allowance)
class AllowanceAdmin(StaffLookAdmin):
    """The figures are those of the present period."""

    form = AllowanceForm
    list_display = (
        "who",
        "amount",
        "period",
        "reserved",
        "charged",
        "left",
        "afresh",
        "rules",
        "active",
    )
    list_display_links = ("who",)
    list_editable = ("amount",)
    list_filter = ("active", "period", "shared", "group")
    list_select_related = ("person", "group")
    search_fields = ("person__username", "person__email", "group__name")
    search_help_text = gettext_lazy("Person or group")
    autocomplete_fields = ("person", "group")
    ordering = ("person__username", "group__name", "pk")
    list_per_page = 50
    actions = ("raise_amounts",)
    fieldsets = (
        (gettext_lazy("For whom"), {"fields": ("person", "group", "shared", "active")}),
        (gettext_lazy("How much"), {"fields": ("amount", "period")}),
        (
            gettext_lazy("Rules for each generation"),
            {"fields": ("per_generation", "unknown_price", "at_once", "model_ids")},
        ),
    )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[AmountForm]:
        form: type[AmountForm] = super().get_changelist_form(
            request, **{"form": AmountForm, **kwargs}
        )
        return form

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allowance]:
        rows: QuerySet[Allowance] = super().get_queryset(request)
        present = in_present_period(timezone.now(), prefix="purses__", allowance="")
        return rows.annotate(
            purses_now=Count("purses", filter=present),
            reserved_now=Sum("purses__reserved", filter=present),
            charged_now=Sum("purses__charged", filter=present),
        )

    @admin.display(description=gettext_lazy("who"), ordering="person__username")
    def who(self, allowance: Allowance) -> str:
        if allowance.person_id:
            return allowance.whose
        how = _("one pot") if allowance.shared else _("each")
        return _("{who}, {how}").format(who=allowance.whose, how=how)

    @admin.display(description=gettext_lazy("reserved"), ordering="reserved_now")
    def reserved(self, allowance: Allowance) -> str:
        return amount_text(_figure(allowance, "reserved_now"))

    @admin.display(description=gettext_lazy("charged"), ordering="charged_now")
    def charged(self, allowance: Allowance) -> str:
        return amount_text(_figure(allowance, "charged_now"))

    @coloured(
        gettext_lazy("left"), {"some": "success", "none": "warning", "over": "danger", "": "info"}
    )
    def left(self, allowance: Allowance) -> tuple[str, str | SafeString]:
        if allowance.amount is None:
            return "some", _("no limit")
        if not allowance.shared and not allowance.person_id:
            return "", _purses(allowance)
        used = _figure(allowance, "reserved_now") + _figure(allowance, "charged_now")
        left = allowance.amount - used
        if left < 0:
            return "over", _("{amount} too much").format(amount=amount_text(-left))
        return ("some" if left else "none"), amount_text(left)

    @admin.display(description=gettext_lazy("starts afresh"))
    def afresh(self, allowance: Allowance) -> str:
        moment = reset(allowance.period, allowance.starts(timezone.now()))
        return date_format(moment, "SHORT_DATE_FORMAT") if moment else "–"

    @admin.display(description=gettext_lazy("rules"))
    def rules(self, allowance: Allowance) -> str:
        return " · ".join(_rules(allowance)) or "–"

    @admin.action(description=gettext_lazy("Raise by an amount…"), permissions=["change"])
    def raise_amounts(
        self, request: HttpRequest, queryset: QuerySet[Allowance]
    ) -> TemplateResponse | None:
        """First ask by how much, then do it for all that were chosen."""
        form = RaiseForm(request.POST if "by" in request.POST else None)
        if form.is_valid():
            self._raise(request, queryset, form.cleaned_data["by"])
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Raise allowances"),
            "opts": self.opts,
            "form": form,
            "chosen": queryset,
        }
        return TemplateResponse(request, "credits/admin/raise.html", context)

    def _raise(self, request: HttpRequest, chosen: QuerySet[Allowance], by: Decimal) -> None:
        raised = raise_allowances(chosen=chosen, by=by)
        for allowance in raised:
            said = _("Raised by {by} to {amount}.").format(
                by=amount_text(by), amount=amount_text(allowance.amount or ZERO)
            )
            self.log_change(request, allowance, said)
        done = ngettext(
            "{n} allowance was raised.", "{n} allowances were raised.", len(raised)
        ).format(n=len(raised))
        nothing = _("Nothing was raised: what you chose has no limit.")
        level = messages.SUCCESS if raised else messages.WARNING
        self.message_user(request, done if raised else nothing, level)


def _figure(allowance: Allowance, name: str) -> Decimal:
    found: Any = getattr(allowance, name, None)  # annotated by the query
    return found or ZERO


def _purses(allowance: Allowance) -> SafeString | str:
    count = getattr(allowance, "purses_now", 0)  # annotated by the query
    words = ngettext("{n} person", "{n} people", count).format(n=count)
    if not count:
        return words
    page = reverse("admin:credits_purse_changelist")
    query = urlencode({"allowance__id__exact": allowance.pk})
    return format_html('<a href="{}?{}">{}</a>', page, query, words)


def _rules(allowance: Allowance) -> list[str]:
    said = []
    if allowance.per_generation is not None:
        amount = amount_text(allowance.per_generation)
        said.append(_("at most {amount} each").format(amount=amount))
    if allowance.at_once is not None:
        said.append(_("{n} at once").format(n=allowance.at_once))
    if allowance.model_ids:
        names = (SPECS[i].label if i in SPECS else i for i in allowance.model_ids)
        said.append(", ".join(names))
    if allowance.unknown_price is None:
        said.append(_("no unknown prices"))
    return said
