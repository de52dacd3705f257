"""How the admin pages look and what stands in their sidebar, as django-unfold wants it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _entry(title: Any, icon: str, page: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(page), **more}


def _below(path: str, *, but: str) -> Callable[[HttpRequest], bool]:
    """Lit on the pages below a path, except one that has an entry of its own."""
    return lambda request: path in request.path and not request.path.endswith(but)


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "EvoLink Studio",
    "SITE_HEADER": "EvoLink Studio",
    "SITE_SUBHEADER": _("Usage, money and people"),
    "SITE_URL": "/",
    "SITE_ICON": lambda request: static("favicon.svg"),
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")},
    ],
    "STYLES": [lambda request: static("admin-studio.css")],
    "SCRIPTS": [lambda request: static("admin-studio.js")],
    "COLORS": {
        "base": {
            "50": "#fbf9f4",
            "100": "#f3efe6",
            "200": "#e6dfd1",
            "300": "#d8cfbe",
            "400": "#a89c88",
            "500": "#6f6556",
            "600": "#5c5446",
            "700": "#463f34",
            "800": "#2b2620",
            "900": "#1b1814",
            "950": "#12100d",
        },
        "primary": {
            "50": "#fdf6e7",
            "100": "#fbeac6",
            "200": "#f6d894",
            "300": "#f4c868",
            "400": "#f4b440",
            "500": "#e5a02c",
            "600": "#8f5200",
            "700": "#834800",
            "800": "#6b3a00",
            "900": "#4d2a00",
            "950": "#2e1900",
        },
    },
    "DASHBOARD_CALLBACK": "evolink_studio.generations.admin.dashboard.dashboard",
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    _entry(
                        _("Overview"),
                        "dashboard",
                        "admin:index",
                        badge="evolink_studio.generations.admin.dashboard.badge",
                    ),
                    _entry(
                        _("Generations"),
                        "movie",
                        "admin:generations_generation_changelist",
                        active=_below("/generations/generation/", but="/usage/"),
                    ),
                    _entry(_("Usage"), "bar_chart", "admin:generations_usage"),
                    _entry(_("Files"), "folder", "admin:library_asset_changelist"),
                ],
            },
            {
                "title": _("Money"),
                "separator": True,
                "items": [
                    _entry(_("Allowances"), "wallet", "admin:credits_allowance_changelist"),
                    _entry(_("Credits in use"), "savings", "admin:credits_purse_changelist"),
                    _entry(_("Book of credits"), "menu_book", "admin:credits_entry_changelist"),
                    _entry(
                        _("Prices"),
                        "sell",
                        "admin:credits_ratecard_changelist",
                        active=_below("/credits/ratecard/", but="/off/"),
                    ),
                    _entry(_("Where prices are off"), "difference", "admin:credits_drift"),
                    _entry(
                        _("Account at EvoLink"),
                        "account_balance",
                        "admin:credits_faraccount_changelist",
                    ),
                    _entry(
                        _("Callbacks"), "call_received", "admin:generations_delivery_changelist"
                    ),
                ],
            },
            {
                "title": _("People"),
                "separator": True,
                "items": [
                    _entry(_("People"), "group", "admin:accounts_user_changelist"),
                    _entry(
                        _("Groups"),
                        "groups",
                        "admin:auth_group_changelist",
                        permission="evolink_studio.core.admin.is_owner",
                    ),
                ],
            },
            {
                "separator": True,
                "items": [_entry(_("Back to the studio"), "arrow_back", "home", active=False)],
            },
        ],
    },
}
