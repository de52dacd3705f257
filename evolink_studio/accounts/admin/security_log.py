"""The security log in the admin pages, read-only."""

from collections.abc import Iterator
from contextlib import suppress

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesCheckboxFilter,
    RangeDateTimeFilter,
)

from evolink_studio.accounts.models import SecurityEvent, SecurityEventKind
from evolink_studio.accounts.search import mean_people
from evolink_studio.core import term_search
from evolink_studio.core.admin import ReadOnlyAdmin, badge_column
from evolink_studio.core.term_search import Meaning

_REFUSALS = (
    SecurityEventKind.WRONG_PASSWORD,
    SecurityEventKind.UNKNOWN_NAME,
    SecurityEventKind.ACCOUNT_OFF,
    SecurityEventKind.THROTTLED,
    SecurityEventKind.LINK_REFUSED,
)
EVENT_COLOURS: dict[str, str] = {
    **dict.fromkeys(SecurityEventKind.values, "default"),
    **dict.fromkeys(_REFUSALS, "warning"),
    SecurityEventKind.SIGNED_IN: "success",
}


def _list_meanings(term: str) -> Iterator[Meaning]:
    yield Meaning(Q(username=term))  # also one that nobody has, as it was typed
    with suppress(ValidationError):
        validate_ipv46_address(term)
        yield Meaning(Q(ip_address=term))
    yield from mean_people(term, "user")


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin):
    """For the owner, and for staff with the permission: it says where people were."""

    list_display = (
        "created_text",
        "kind_badge",
        "person",
        "actor_name",
        "ip_address",
        "user_agent",
    )
    list_display_links = None
    list_filter = (
        ("kind", ChoicesCheckboxFilter),
        ("user", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_fullwidth = True
    merged_filters = {"kind__exact": "kind"}
    search_fields = ("username",)  # shows the field; `build_search_branches` searches
    search_help_text = gettext_lazy("A name, or an address in full")
    ordering = ("-created_at", "-id")
    sortable_by = ("created_text",)

    def build_search_branches(self, text: str) -> list[Q]:
        return term_search.build_branches(term_search.split_terms(text), _list_meanings)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: SecurityEvent | None = None) -> bool:
        may_view = request.user.has_perm("accounts.view_securityevent")
        return may_view and bool(super().has_view_permission(request, obj))

    @admin.display(description=gettext_lazy("at"), ordering="created_at")
    def created_text(self, event: SecurityEvent) -> str:
        created_at = timezone.localtime(event.created_at)
        date_text = date_format(created_at, "SHORT_DATE_FORMAT")
        return f"{date_text}, {date_format(created_at, 'TIME_FORMAT')}"

    @badge_column(gettext_lazy("what"), EVENT_COLOURS)
    def kind_badge(self, event: SecurityEvent) -> tuple[str, str]:
        return event.kind, event.get_kind_display()

    @admin.display(description=gettext_lazy("person"))
    def person(self, event: SecurityEvent) -> SafeString | str:
        if event.user_id is None:
            return event.username or "–"
        url = reverse("admin:accounts_user_change", args=[event.user_id])
        return format_html('<a class="studio-link" href="{}">{}</a>', url, event.username)
