"""The ledger in the admin pages: view, filter and export as CSV."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.messages.api import MessageFailure
from django.core.exceptions import SuspiciousOperation
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesCheckboxFilter,
    RangeDateTimeFilter,
)

from evolink_studio.accounts.models import User
from evolink_studio.accounts.search import mean_people
from evolink_studio.core import term_search
from evolink_studio.core.admin import ReadOnlyAdmin, badge_column
from evolink_studio.core.changelist import KeysetChangeList
from evolink_studio.core.database import parse_id
from evolink_studio.core.formatting import format_credits, format_signed_credits
from evolink_studio.core.term_search import Meaning
from evolink_studio.credits.admin.price_accuracy import ReportLine
from evolink_studio.credits.ledger_export import (
    GENERATION_EXPORT,
    LEDGER_EXPORT,
    build_entry_rows,
    build_generation_rows,
)
from evolink_studio.credits.models import Allowance, AllowanceBalance, LedgerEntry
from evolink_studio.credits.usage_source import generation_admin_url
from evolink_studio.exports.presenters import list_announced
from evolink_studio.exports.responses import answer_export
from evolink_studio.exports.sources import ExportRows, InvalidQuery

# Purses of a person that are read one by one; beyond that the newest entries are walked through.
MAX_MERGED_BALANCES = 40


def _list_balance_meanings(term: str) -> Iterator[Meaning]:
    yield from mean_people(term, "user")
    groups = Allowance.objects.filter(group__name__folded=term).order_by()
    yield from (Meaning(Q(allowance=pk)) for pk in groups.values_list("pk", flat=True))


def _list_entry_meanings(term: str) -> Iterator[Meaning]:
    number = parse_id(term.removeprefix("#"))
    if number is not None:
        yield Meaning(Q(generation_id=number))
        if term.startswith("#") or LedgerEntry.objects.filter(generation_id=number).exists():
            return
    yield Meaning(~Q(note="") & Q(note__folded=term))
    conditions = [meaning.condition for meaning in _list_balance_meanings(term)]
    if conditions:
        yield from _list_entries_of(AllowanceBalance.objects.filter(reduce(or_, conditions)))


def _list_entries_of(balances: QuerySet[AllowanceBalance]) -> Iterator[Meaning]:
    pks = list(balances.order_by("-pk").values_list("pk", flat=True)[: MAX_MERGED_BALANCES + 1])
    if len(pks) > MAX_MERGED_BALANCES:
        yield Meaning(Q(balance__in=balances.values("pk")))
    else:
        yield from (Meaning(Q(balance=pk)) for pk in pks)


class LedgerChangeList(KeysetChangeList):
    """Filtered by a person or an allowance, it reads the entries of each purse by an index."""

    def list_chosen_values(self) -> dict[str, list[Any]]:
        chosen = super().list_chosen_values()
        conditions = {
            path: self.params[f"balance__{path}__id__exact"]
            for path in ("user", "allowance")
            if self.params.get(f"balance__{path}__id__exact", "").isdecimal()
        }
        if conditions:
            balances = AllowanceBalance.objects.filter(**conditions).order_by()
            pks = list(balances.values_list("pk", flat=True)[: MAX_MERGED_BALANCES + 1])
            if 0 < len(pks) <= MAX_MERGED_BALANCES:
                chosen["balance"] = pks
        return chosen


@admin.register(AllowanceBalance)
class AllowanceBalanceAdmin(ReadOnlyAdmin):
    """One row per allowance and period, and per person unless the allowance is shared."""

    list_display = (
        "holder",
        "allowance_name",
        "start_text",
        "end_text",
        "limit_text",
        "reserved_credits",
        "charged_credits",
        "remaining_credits",
    )
    list_filter = (
        ("user", AutocompleteSelectFilter),
        ("period", ChoicesCheckboxFilter),
        "period_start",
    )
    list_filter_submit = True
    linked_filters = ("allowance",)
    list_select_related = ("user", "allowance__user", "allowance__group")
    search_fields = ("user__username",)  # shows the field; `build_search_branches` searches
    search_help_text = gettext_lazy("Person or group")
    ordering = ("-period_start", "-pk")
    sortable_by = ("start_text",)

    def build_search_branches(self, text: str) -> list[Q]:
        terms = term_search.split_terms(text)
        return term_search.build_branches(terms, _list_balance_meanings)

    @admin.display(description=gettext_lazy("who"), ordering="user__username")
    def holder(self, balance: AllowanceBalance) -> str:
        return str(balance.user) if balance.user else _("shared")

    @admin.display(description=gettext_lazy("allowance of"))
    def allowance_name(self, balance: AllowanceBalance) -> str:
        return str(balance.allowance)

    @admin.display(description=gettext_lazy("since"), ordering="period_start")
    def start_text(self, balance: AllowanceBalance) -> str:
        return (
            "–"
            if balance.resets_at is None
            else date_format(balance.period_start, "SHORT_DATE_FORMAT")
        )

    @admin.display(description=gettext_lazy("until"))
    def end_text(self, balance: AllowanceBalance) -> str:
        return (
            "–"
            if balance.resets_at is None
            else date_format(balance.resets_at, "SHORT_DATE_FORMAT")
        )

    @admin.display(description=gettext_lazy("limit"))
    def limit_text(self, balance: AllowanceBalance) -> str:
        limit = balance.effective_limit(timezone.now())
        return _("no limit") if limit is None else format_credits(limit)

    @admin.display(description=gettext_lazy("reserved"), ordering="credits_reserved")
    def reserved_credits(self, balance: AllowanceBalance) -> str:
        return format_credits(balance.credits_reserved)

    @admin.display(description=gettext_lazy("charged"), ordering="credits_charged")
    def charged_credits(self, balance: AllowanceBalance) -> str:
        return format_credits(balance.credits_charged)

    @badge_column(gettext_lazy("left"), {"some": "success", "none": "warning", "over": "danger"})
    def remaining_credits(self, balance: AllowanceBalance) -> tuple[str, str]:
        limit = balance.effective_limit(timezone.now())
        if limit is None:
            return "some", _("no limit")
        remaining = limit - balance.credits_used
        if remaining < 0:
            return "over", _("{amount} too much").format(amount=format_credits(-remaining))
        return ("some" if remaining else "none"), format_credits(remaining)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Read-only: a wrong entry is corrected by another entry."""

    list_display = (
        "created_text",
        "generation_link",
        "kind_badge",
        "holder",
        "reserved_credits",
        "charged_credits",
        "used_after_text",
        "actor",
        "note",
    )
    list_filter = (
        ("kind", ChoicesCheckboxFilter),
        ("balance__user", AutocompleteSelectFilter),
        ("balance__allowance", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = (
        "balance__user",
        "balance__allowance__user",
        "balance__allowance__group",
        "actor",
    )
    list_before_template = "credits/admin/_export_link.html"
    merged_filters = {"kind__exact": "kind"}
    search_fields = ("generation_id",)  # shows the field; `build_search_branches` searches
    search_help_text = gettext_lazy("Number of a generation, person or group, or a note")
    ordering = ("-created_at", "-pk")
    sortable_by = ("created_text",)

    def build_search_branches(self, text: str) -> list[Q]:
        terms = term_search.split_terms(text)
        return term_search.build_branches(terms, _list_entry_meanings)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LedgerChangeList]:
        return LedgerChangeList

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("csv/", view(self.export_csv), name="credits_entry_csv"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        announced_exports = list_announced(request, LEDGER_EXPORT, GENERATION_EXPORT)
        context = {"announced_exports": announced_exports, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def export_csv(self, request: HttpRequest) -> HttpResponseBase:
        """All entries that match the filters in the query string, as in the list.

        `lines=generations` gives one line a generation, with what those entries sum to.
        """
        parameters = request.GET.copy()
        is_by_generation = parameters.pop("lines", None) == ["generations"]
        source = GENERATION_EXPORT if is_by_generation else LEDGER_EXPORT
        return answer_export(request, source, parameters.urlencode())

    @admin.display(description=gettext_lazy("at"), ordering="created_at")
    def created_text(self, entry: LedgerEntry) -> str:
        return date_format(timezone.localtime(entry.created_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("generation"), ordering="generation_id")
    def generation_link(self, entry: LedgerEntry) -> SafeString | str:
        url = generation_admin_url(entry.generation_id)
        if not url:
            return f"#{entry.generation_id}"
        return format_html('<a class="studio-link" href="{}">#{}</a>', url, entry.generation_id)

    @badge_column(
        gettext_lazy("what"),
        {
            "reserve": "default",
            "adjust": "info",
            "settle": "success",
            "release": "default",
            "correct": "warning",
            "reopen": "warning",
        },
        "kind",
    )
    def kind_badge(self, entry: LedgerEntry) -> tuple[str, str]:
        return entry.kind, entry.get_kind_display()

    @admin.display(description=gettext_lazy("who"), ordering="balance__user__username")
    def holder(self, entry: LedgerEntry) -> str:
        return _holder_name(entry.balance)

    @admin.display(description=gettext_lazy("reserved"))
    def reserved_credits(self, entry: LedgerEntry) -> str:
        return format_signed_credits(entry.credits_reserved_delta or None)

    @admin.display(description=gettext_lazy("charged"))
    def charged_credits(self, entry: LedgerEntry) -> str:
        return format_signed_credits(entry.credits_charged_delta or None)

    @admin.display(description=gettext_lazy("used afterwards"))
    def used_after_text(self, entry: LedgerEntry) -> str:
        if entry.credits_limit is None:
            return format_credits(entry.credits_used_after)
        return _("{used} of {limit}").format(
            used=format_credits(entry.credits_used_after),
            limit=format_credits(entry.credits_limit),
        )


class _EntrySelection(LedgerChangeList):
    """The list without a page of it, which an export need not read."""

    def get_results(self, request: HttpRequest) -> None:
        pass


class _SelectedEntriesAdmin(LedgerEntryAdmin):
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LedgerChangeList]:
        return _EntrySelection


def _select_entries(user: User, query: str) -> _EntrySelection:
    """The entries that the list shows for this query string. Raises InvalidQuery."""
    request = HttpRequest()
    request.method, request.GET, request.user = "GET", QueryDict(query), user
    try:
        selection: _EntrySelection = _SelectedEntriesAdmin(
            LedgerEntry, admin.site
        ).get_changelist_instance(request)
    except (IncorrectLookupParameters, SuspiciousOperation, MessageFailure) as error:
        # The page tells in a message what is wrong with a search; nobody reads one here.
        raise InvalidQuery(query) from error
    return selection


def build_entry_export(user: User, query: str) -> ExportRows:
    """One line for each entry of the list. Raises InvalidQuery."""
    selection = _select_entries(user, query)
    entries = selection.queryset
    return build_entry_rows(entries, tuple(entries.query.order_by), selection.branches)


def build_generation_export(user: User, query: str) -> ExportRows:
    """One line for each generation with an entry in the list. Raises InvalidQuery."""
    selection = _select_entries(user, query)
    return build_generation_rows(selection.queryset, selection.branches)


def ledger_lines(generation_id: int) -> list[ReportLine]:
    """The ledger entries of one generation, oldest first. One query."""
    entries = LedgerEntry.objects.filter(generation_id=generation_id).order_by("pk")
    related_fields = (
        "balance__user",
        "balance__allowance__user",
        "balance__allowance__group",
        "actor",
    )
    return [_entry_line(entry) for entry in entries.select_related(*related_fields)]


def ledger_header() -> tuple[str, ...]:
    """The column headings of `ledger_lines`."""
    return (
        _("What"),
        _("Whose credits"),
        _("Reserved"),
        _("Charged"),
        _("When"),
        _("By"),
        _("Reason"),
    )


def _entry_line(entry: LedgerEntry) -> ReportLine:
    return ReportLine(
        label=entry.get_kind_display(),
        url="",
        cells=(
            _holder_name(entry.balance),
            format_signed_credits(entry.credits_reserved_delta or None),
            format_signed_credits(entry.credits_charged_delta or None),
            date_format(timezone.localtime(entry.created_at), "SHORT_DATETIME_FORMAT"),
            str(entry.actor or _("the studio")),
            entry.note,
        ),
    )


def _holder_name(balance: AllowanceBalance) -> str:
    return str(balance.user or balance.allowance.holder_name)
