"""The book of credits in the admin pages: to read, to filter, to take away as CSV."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
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

from evolink_studio.core.admin import ReadOnlyAdmin, coloured
from evolink_studio.core.csv_export import csv_file
from evolink_studio.core.formatting import amount_text
from evolink_studio.credits import price_accuracy
from evolink_studio.credits.admin.price_accuracy import Line
from evolink_studio.credits.models import Entry, Purse

COLUMNS = (
    "at",
    "generation",
    "kind",
    "person",
    "group",
    "period",
    "since",
    "reserved",
    "charged",
    "used afterwards",
    "limit",
    "by",
    "note",
)


@admin.register(Purse)
class PurseAdmin(ReadOnlyAdmin):
    """One line for each period of each allowance, and each person where they do not share."""

    list_display = (
        "whose",
        "given_to",
        "since",
        "until",
        "most",
        "reserved_credits",
        "charged_credits",
        "left",
    )
    list_filter = (
        ("person", AutocompleteSelectFilter),
        ("period", ChoicesCheckboxFilter),
        "starts",
    )
    list_filter_submit = True
    list_select_related = ("person", "allowance__person", "allowance__group")
    search_fields = ("person__username", "person__email", "allowance__group__name")
    search_help_text = gettext_lazy("Person or group")
    ordering = ("-starts", "pk")
    show_full_result_count = False
    list_per_page = 50

    @admin.display(description=gettext_lazy("who"), ordering="person__username")
    def whose(self, purse: Purse) -> str:
        return str(purse.person) if purse.person else _("shared")

    @admin.display(description=gettext_lazy("allowance of"))
    def given_to(self, purse: Purse) -> str:
        return str(purse.allowance)

    @admin.display(description=gettext_lazy("since"), ordering="starts")
    def since(self, purse: Purse) -> str:
        return "–" if purse.resets is None else date_format(purse.starts, "SHORT_DATE_FORMAT")

    @admin.display(description=gettext_lazy("until"))
    def until(self, purse: Purse) -> str:
        return "–" if purse.resets is None else date_format(purse.resets, "SHORT_DATE_FORMAT")

    @admin.display(description=gettext_lazy("limit"))
    def most(self, purse: Purse) -> str:
        limit = purse.limit_at(timezone.now())
        return _("no limit") if limit is None else amount_text(limit)

    @admin.display(description=gettext_lazy("reserved"), ordering="reserved")
    def reserved_credits(self, purse: Purse) -> str:
        return amount_text(purse.reserved)

    @admin.display(description=gettext_lazy("charged"), ordering="charged")
    def charged_credits(self, purse: Purse) -> str:
        return amount_text(purse.charged)

    @coloured(gettext_lazy("left"), {"some": "success", "none": "warning", "over": "danger"})
    def left(self, purse: Purse) -> tuple[str, str]:
        limit = purse.limit_at(timezone.now())
        if limit is None:
            return "some", _("no limit")
        left = limit - purse.used
        if left < 0:
            return "over", _("{amount} too much").format(amount=amount_text(-left))
        return ("some" if left else "none"), amount_text(left)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """What happened, line by line. What was wrong is put right by another line."""

    list_display = (
        "moment",
        "number",
        "what",
        "whose",
        "reserved_credits",
        "charged_credits",
        "used",
        "by",
        "note",
    )
    list_filter = (
        ("kind", ChoicesCheckboxFilter),
        ("purse__person", AutocompleteSelectFilter),
        ("purse__allowance", AutocompleteSelectFilter),
        ("at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ("purse__person", "purse__allowance__group", "by")
    list_before_template = "credits/admin/_take_away.html"
    search_fields = ("=generation", "note")
    search_help_text = gettext_lazy("Number of a generation, or a note")
    ordering = ("-pk",)
    show_full_result_count = False
    list_per_page = 100

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("csv/", view(self.csv), name="credits_entry_csv"), *super().get_urls()]

    def csv(self, request: HttpRequest) -> HttpResponseBase:
        """Exactly the lines that the list shows with the same address."""
        shown = self.get_changelist_instance(request).get_queryset(request)
        return csv_file("credits.csv", COLUMNS, _rows(shown))

    @admin.display(description=gettext_lazy("at"), ordering="at")
    def moment(self, entry: Entry) -> str:
        return date_format(timezone.localtime(entry.at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("generation"), ordering="generation")
    def number(self, entry: Entry) -> SafeString | str:
        if price_accuracy.page_of is None:
            return f"#{entry.generation}"
        page = price_accuracy.page_of(entry.generation)
        return format_html('<a class="studio-link" href="{}">#{}</a>', page, entry.generation)

    @coloured(
        gettext_lazy("what"),
        {
            "reserve": "default",
            "adjust": "info",
            "settle": "success",
            "release": "default",
            "correct": "warning",
        },
        "kind",
    )
    def what(self, entry: Entry) -> tuple[str, str]:
        return entry.kind, entry.get_kind_display()

    @admin.display(description=gettext_lazy("who"), ordering="purse__person__username")
    def whose(self, entry: Entry) -> str:
        return _whose(entry.purse)

    @admin.display(description=gettext_lazy("reserved"))
    def reserved_credits(self, entry: Entry) -> str:
        return _signed(entry.reserved)

    @admin.display(description=gettext_lazy("charged"))
    def charged_credits(self, entry: Entry) -> str:
        return _signed(entry.charged)

    @admin.display(description=gettext_lazy("used afterwards"))
    def used(self, entry: Entry) -> str:
        if entry.limit is None:
            return amount_text(entry.balance)
        return _("{used} of {limit}").format(
            used=amount_text(entry.balance), limit=amount_text(entry.limit)
        )


def lines(generation_id: int) -> list[Line]:
    """What the book says of one generation, in the order of writing. One query."""
    rows = Entry.objects.filter(generation=generation_id).order_by("pk")
    related = ("purse__person", "purse__allowance__person", "purse__allowance__group", "by")
    return [_line(entry) for entry in rows.select_related(*related)]


def head() -> tuple[str, ...]:
    """The names of the columns of `lines`."""
    return (
        _("What"),
        _("Whose credits"),
        _("Reserved"),
        _("Charged"),
        _("When"),
        _("By"),
        _("Reason"),
    )


def _line(entry: Entry) -> Line:
    return Line(
        label=entry.get_kind_display(),
        url="",
        cells=(
            _whose(entry.purse),
            _signed(entry.reserved),
            _signed(entry.charged),
            date_format(timezone.localtime(entry.at), "SHORT_DATETIME_FORMAT"),
            str(entry.by or _("the studio")),
            entry.note,
        ),
    )


def _whose(purse: Purse) -> str:
    return str(purse.person or purse.allowance.whose)


def _signed(amount: Any) -> str:
    return f"+{amount_text(amount)}" if amount > 0 else amount_text(amount) if amount else "–"


def _rows(entries: QuerySet[Entry]) -> Iterator[tuple[object, ...]]:
    for entry in entries.iterator(chunk_size=2000):
        purse = entry.purse
        yield (
            entry.at,
            entry.generation,
            entry.kind,
            purse.person,
            purse.allowance.group,
            purse.period,
            purse.starts,
            entry.reserved,
            entry.charged,
            entry.balance,
            entry.limit,
            entry.by,
            entry.note,
        )
