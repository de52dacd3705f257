"""The site of the admin pages: the theme's, without what that makes afresh for every page.

The theme copies the sidebar, and resolves each of its addresses three times, for every page; and it
lists all apps, which no page of ours shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from unfold.sites import UnfoldAdminSite


@dataclass(frozen=True)
class SidebarItem:
    """A link of the sidebar; `badge` is a short text beside it, or ""."""

    title: str
    icon: str
    url: str
    is_active: bool
    badge: str


@dataclass(frozen=True)
class SidebarGroup:
    """Links below a title, which may be ""."""

    title: str
    has_separator: bool
    items: list[SidebarItem]


class StudioAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Reads the sidebar from `UNFOLD["SIDEBAR"]["navigation"]`, see `admin_theme`."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Made only when a page shows it."""
        make_list = super().get_app_list
        return SimpleLazyObject(lambda: make_list(request, app_label))

    def get_sidebar_list(self, request: HttpRequest) -> list[SidebarGroup]:
        """The links that this person may follow, with their badges."""
        return [
            SidebarGroup(
                title=str(group.get("title", "")),
                has_separator=group.get("separator", False),
                items=[
                    _build_item(item, request)
                    for item in group["items"]
                    if "permission" not in item or _import(item["permission"])(request)
                ],
            )
            for group in settings.UNFOLD["SIDEBAR"]["navigation"]
        ]


class StudioAdminConfig(SimpleAdminConfig):
    """Django's admin with this site; the admin modules are imported by `urls`."""

    default_site = "evolink_studio.core.admin_site.StudioAdminSite"


def _build_item(item: Mapping[str, Any], request: HttpRequest) -> SidebarItem:
    url = _find_url(item["url_name"], get_script_prefix())
    return SidebarItem(
        title=str(item["title"]),
        icon=item["icon"],
        url=url,
        is_active=request.path == url or item["is_active"](request.path, url),
        badge=_import(item["badge"])(request) if "badge" in item else "",
    )


@cache
def _find_url(name: str, script_prefix: str) -> str:
    """The address of a view without arguments below this prefix."""
    return reverse(name)


@cache
def _import(path: str) -> Callable[[HttpRequest], Any]:
    imported: Callable[[HttpRequest], Any] = import_string(path)
    return imported
