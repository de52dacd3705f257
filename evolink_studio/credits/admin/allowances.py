"""Allowances in the admin pages: view, edit in the list, raise several at once."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db.models import (
    Count,
    Field,
    IntegerField,
    Model,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
)
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
from evolink_studio.core.admin import StaffReadAdmin, badge_column
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.fields import ZERO_CREDITS, CreditsField
from evolink_studio.credits.forms import AllowanceAmountForm, AllowanceForm, RaiseAllowancesForm
from evolink_studio.credits.models import Allowance, AllowanceBalance
from evolink_studio.credits.periods import build_current_period_filter, get_period_end
from evolink_studio.credits.services import raise_allowances


@admin.register(Allowance)
class AllowanceAdmin(StaffReadAdmin):
    """Amounts are those of the current period."""

    form = AllowanceForm
    list_display = (
        "holder",
        "credits_limit",
        "period",
        "reserved_credits",
        "charged_credits",
        "remaining_credits",
        "next_reset",
        "rules_text",
        "is_active",
    )
    list_display_links = ("holder",)
    list_editable = ("credits_limit",)
    list_filter = ("is_active", "period", "is_shared", "group")
    list_select_related = ("user", "group")
    search_fields = (
        "user__username__folded",
        "user__first_name__folded",
        "user__last_name__folded",
        "user__email__folded",
        "group__name__folded",
    )
    deletion_advice = gettext_lazy(
        "An allowance that was spent from stays, because the book of credits stands on it. Take "
        "away “in force” on its page instead: then nobody spends from it."
    )
    search_help_text = gettext_lazy("Person or group")
    autocomplete_fields = ("user", "group")
    ordering = ("user__username", "group__name", "pk")
    list_per_page = 40
    actions = ("raise_amounts",)
    fieldsets = (
        (gettext_lazy("For whom"), {"fields": ("user", "group", "is_shared", "is_active")}),
        (gettext_lazy("How much"), {"fields": ("credits_limit", "period")}),
        (
            gettext_lazy("Rules for each generation"),
            {
                "fields": (
                    "max_credits_per_generation",
                    "unknown_price_credits",
                    "max_concurrent",
                    "model_ids",
                )
            },
        ),
    )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[AllowanceAmountForm]:
        form: type[AllowanceAmountForm] = super().get_changelist_form(
            request, **{"form": AllowanceAmountForm, **kwargs}
        )
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose it is, and for which period, stays once it was spent from: its purses say so."""
        is_used = obj is not None and obj.balances.exists()
        return ("user", "group", "is_shared", "period") if is_used else ()

    def get_deletion_links(self, row: Model) -> list[tuple[str, str]]:
        balances_url = reverse("admin:credits_allowancebalance_changelist")
        return [
            (_("Switch it off"), reverse("admin:credits_allowance_change", args=[row.pk])),
            (_("Its purses"), f"{balances_url}?{urlencode({'allowance__id__exact': row.pk})}"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allowance]:
        allowances: QuerySet[Allowance] = super().get_queryset(request)
        # Subqueries: a join would read the balances of all periods, and to count the list as well.
        balances = AllowanceBalance.objects.filter(
            build_current_period_filter(timezone.now()), allowance=OuterRef("pk")
        )
        by_allowance = balances.order_by().values("allowance")
        return allowances.annotate(
            balance_count=_pick(by_allowance.annotate(n=Count("pk")), IntegerField()),
            reserved_now=_pick(by_allowance.annotate(n=Sum("credits_reserved")), CreditsField()),
            charged_now=_pick(by_allowance.annotate(n=Sum("credits_charged")), CreditsField()),
        )

    @admin.display(description=gettext_lazy("who"), ordering="user__username")
    def holder(self, allowance: Allowance) -> str:
        if allowance.user_id:
            return allowance.holder_name
        sharing_text = _("one pot") if allowance.is_shared else _("each")
        return _("{who}, {how}").format(who=allowance.holder_name, how=sharing_text)

    @admin.display(description=gettext_lazy("reserved"), ordering="reserved_now")
    def reserved_credits(self, allowance: Allowance) -> str:
        return format_credits(_annotated_credits(allowance, "reserved_now"))

    @admin.display(description=gettext_lazy("charged"), ordering="charged_now")
    def charged_credits(self, allowance: Allowance) -> str:
        return format_credits(_annotated_credits(allowance, "charged_now"))

    @badge_column(
        gettext_lazy("left"), {"some": "success", "none": "warning", "over": "danger", "": "info"}
    )
    def remaining_credits(self, allowance: Allowance) -> tuple[str, str | SafeString]:
        if allowance.credits_limit is None:
            return "some", _("no limit")
        if not allowance.is_shared and not allowance.user_id:
            return "", _balances_link(allowance)
        used = _annotated_credits(allowance, "reserved_now") + _annotated_credits(
            allowance, "charged_now"
        )
        remaining = allowance.credits_limit - used
        if remaining < 0:
            return "over", _("{amount} too much").format(amount=format_credits(-remaining))
        return ("some" if remaining else "none"), format_credits(remaining)

    @admin.display(description=gettext_lazy("starts afresh"))
    def next_reset(self, allowance: Allowance) -> str:
        resets_at = get_period_end(allowance.period, allowance.current_period_start(timezone.now()))
        return date_format(resets_at, "SHORT_DATE_FORMAT") if resets_at else "–"

    @admin.display(description=gettext_lazy("rules"))
    def rules_text(self, allowance: Allowance) -> str:
        return " · ".join(_rule_texts(allowance)) or "–"

    @admin.action(description=gettext_lazy("Raise by an amount…"), permissions=["change"])
    def raise_amounts(
        self, request: HttpRequest, queryset: QuerySet[Allowance]
    ) -> TemplateResponse | None:
        """Ask for the amount, show what each has now and then, and raise them when confirmed."""
        form = RaiseAllowancesForm(request.POST if "by" in request.POST else None)
        credits_added = form.cleaned_data["by"] if form.is_valid() else None
        seen_limits = request.POST.get("seen")
        if credits_added is not None and seen_limits is not None:
            if seen_limits == _list_limits(queryset):
                self._raise_selected(request, queryset, credits_added)
                return None
            notice = _("An amount has changed in the meantime, so nothing was raised. Look again.")
            self.message_user(request, notice, messages.WARNING)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Raise allowances"),
            "opts": self.opts,
            "form": form,
            "raises": [_describe_raise(allowance, credits_added) for allowance in queryset],
            "credits_added": credits_added,
            "seen_limits": _list_limits(queryset),
        }
        return TemplateResponse(request, "credits/admin/raise_allowances.html", context)

    def _raise_selected(
        self, request: HttpRequest, queryset: QuerySet[Allowance], credits_added: Decimal
    ) -> None:
        allowances = raise_allowances(queryset=queryset, credits_added=credits_added)
        for allowance in allowances:
            limit = allowance.credits_limit or ZERO_CREDITS
            text = _("Raised by {by}: {before} → {after}.").format(
                by=format_credits(credits_added),
                before=format_credits(limit - credits_added),
                after=format_credits(limit),
            )
            self.log_change(request, allowance, text)
        confirmation = ngettext(
            "{n} allowance was raised.", "{n} allowances were raised.", len(allowances)
        ).format(n=len(allowances))
        notice = _("Nothing was raised: what you chose has no limit.")
        level = messages.SUCCESS if allowances else messages.WARNING
        self.message_user(request, confirmation if allowances else notice, level)


@dataclass(frozen=True)
class AllowanceRaise:
    """What raising does to one allowance: its amount now and then, and who may spend it.

    `after` is "" as long as no amount is named.
    """

    allowance: Allowance
    sharing: str
    before: str
    after: str


def _describe_raise(allowance: Allowance, credits_added: Decimal | None) -> AllowanceRaise:
    if allowance.user_id:
        sharing = _("for this person alone")
    elif allowance.is_shared:
        sharing = _("one pot, which all of them share")
    else:
        sharing = _("for each of them, this amount apiece")
    limit = allowance.credits_limit
    if limit is None:
        return AllowanceRaise(allowance, sharing, _("no limit"), _("no limit"))
    after = "" if credits_added is None else format_credits(limit + credits_added)
    return AllowanceRaise(allowance, sharing, format_credits(limit), after)


def _list_limits(allowances: QuerySet[Allowance]) -> str:
    """The amounts as a page shows them, to notice one that another admin has changed since."""
    limits = allowances.order_by("pk").values_list("pk", "credits_limit")
    return " ".join(f"{pk}:{limit}" for pk, limit in limits)


def _pick(totals: "QuerySet[Any, Any]", output_field: Field[Any, Any]) -> Subquery:
    return Subquery(totals.values("n"), output_field=output_field)


def _annotated_credits(allowance: Allowance, name: str) -> Decimal:
    value: Any = getattr(allowance, name, None)  # annotated by the query
    return value or ZERO_CREDITS


def _balances_link(allowance: Allowance) -> SafeString | str:
    count = getattr(allowance, "balance_count", None) or 0  # annotated by the query
    text = ngettext("{n} person", "{n} people", count).format(n=count)
    if not count:
        return text
    list_url = reverse("admin:credits_allowancebalance_changelist")
    query = urlencode({"allowance__id__exact": allowance.pk})
    return format_html('<a href="{}?{}">{}</a>', list_url, query, text)


def _rule_texts(allowance: Allowance) -> list[str]:
    texts = []
    if allowance.max_credits_per_generation is not None:
        amount = format_credits(allowance.max_credits_per_generation)
        texts.append(_("at most {amount} each").format(amount=amount))
    if allowance.max_concurrent is not None:
        texts.append(_("{n} at once").format(n=allowance.max_concurrent))
    if allowance.model_ids:
        names = (
            SPECS[model_id].label if model_id in SPECS else model_id
            for model_id in allowance.model_ids
        )
        texts.append(", ".join(names))
    if allowance.unknown_price_credits is None:
        texts.append(_("no unknown prices"))
    return texts
