"""One-time sign-in links in the admin pages: who may come in by one, and an end to it."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from evolink_studio.accounts.models import SignInLink
from evolink_studio.accounts.search import mean_people
from evolink_studio.accounts.services import revoke_sign_in_links
from evolink_studio.core import term_search
from evolink_studio.core.admin import ReadOnlyAdmin, badge_column, is_owner

LINK_STATE_TEXTS = {
    "open": gettext_lazy("open"),
    "used": gettext_lazy("used"),
    "revoked": gettext_lazy("revoked"),
    "ended": gettext_lazy("ended"),
}


class OpenLinkFilter(admin.SimpleListFilter):
    """By whether a link would still sign somebody in."""

    title = gettext_lazy("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("open")), ("no", _("not open"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[SignInLink]
    ) -> QuerySet[SignInLink]:
        open_links = SignInLink.objects.open(timezone.now())
        if self.value() == "yes":
            return queryset.filter(pk__in=open_links)
        return queryset.exclude(pk__in=open_links) if self.value() == "no" else queryset


@admin.register(SignInLink)
class SignInLinkAdmin(ReadOnlyAdmin):
    """Who may come in by a link, and an end to it. The links themselves are stored nowhere."""

    list_display = (
        "user",
        "state_badge",
        "created_at",
        "maker",
        "expires_at",
        "used_at",
        "revoked_at",
        "revoke_button",
    )
    list_display_links = None
    list_filter = (OpenLinkFilter, ("user", AutocompleteSelectFilter))
    list_filter_submit = True
    list_select_related = ("user", "created_by")
    search_fields = ("user__username",)  # shows the field; `build_search_branches` searches
    search_help_text = gettext_lazy("Name or email address")
    ordering = ("-created_at", "-id")
    sortable_by = ("created_at",)
    exclude = ("token_hash",)
    actions = ("revoke",)

    def build_search_branches(self, text: str) -> list[Q]:
        terms = term_search.split_terms(text)
        return term_search.build_branches(terms, partial(mean_people, path="user"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [
            path("<int:pk>/revoke/", view, name="accounts_signinlink_revoke"),
            *super().get_urls(),
        ]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return is_owner(request)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: end one link, and go back to where its button was."""
        if request.method != "POST" or not is_owner(request):
            raise PermissionDenied
        link = get_object_or_404(SignInLink, pk=pk)
        self.revoke(request, SignInLink.objects.filter(pk=pk))
        if "person" in request.POST:
            return redirect("admin:accounts_user_change", link.user_id)
        return redirect("admin:accounts_signinlink_changelist")

    @admin.action(description=gettext_lazy("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[SignInLink]) -> None:
        revoked_links = revoke_sign_in_links(links=queryset, now=timezone.now())
        for link in revoked_links:
            self.log_change(request, link.user, _("One-time sign-in link revoked."))
        text = ngettext(
            "{n} link was revoked.", "{n} links were revoked.", len(revoked_links)
        ).format(n=len(revoked_links))
        notice = _("Nothing was revoked: no such link is open.")
        level = messages.SUCCESS if revoked_links else messages.WARNING
        self.message_user(request, text if revoked_links else notice, level)

    @badge_column(
        gettext_lazy("state"),
        {"open": "warning", "used": "success", "revoked": "default", "ended": "default"},
    )
    def state_badge(self, link: SignInLink) -> tuple[str, str]:
        state = link.get_state(timezone.now())
        return state, str(LINK_STATE_TEXTS[state])

    @admin.display(description=gettext_lazy("made by"), ordering="created_by__username")
    def maker(self, link: SignInLink) -> str:
        return link.created_by.username if link.created_by else _("the start of the studio")

    @admin.display(description=gettext_lazy("Revoke"))
    def revoke_button(self, link: SignInLink) -> SafeString | str:
        """A button of the form around the list, which sends its CSRF token."""
        if not link.is_open(timezone.now()):
            return ""
        return format_html(
            '<button type="submit" class="studio-button" formaction="{}" aria-label="{}">'
            "{}</button>",
            reverse("admin:accounts_signinlink_revoke", args=[link.pk]),
            _("Revoke the link of {name}").format(name=link.user.username),
            _("Revoke"),
        )

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        columns: tuple[str, ...] = super().get_list_display(request)
        return columns if is_owner(request) else tuple(n for n in columns if n != "revoke_button")
