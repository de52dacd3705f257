"""Settings of django-unfold: colours, styles and the sidebar of the admin pages."""

from collections.abc import Callable
from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _


def _is_below(path: str, url: str) -> bool:
    return path.startswith(url)


def _is_equal(path: str, url: str) -> bool:
    return path == url


def _is_below_except(page: str) -> Callable[[str, str], bool]:
    """Below the address, except on one page there that has an entry of its own."""
    return lambda path, url: path.startswith(url) and not path.endswith(page)


def _sidebar_item(
    title: Any,
    icon: str,
    url_name: str,
    *,
    is_active: Callable[[str, str], bool] = _is_below,
    **extra: str,
) -> dict[str, Any]:
    """An entry as `core.admin_site` reads it. `is_active` takes the page's path and its address.

    `extra`: paths of functions of the request, `badge` (a short text) and `permission`.
    """
    return {
        "title": title,
        "icon": icon,
        "url_name": url_name,
        "is_active": is_active,
        **extra,
    }


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
                    _sidebar_item(
                        _("Overview"),
                        "dashboard",
                        "admin:index",
                        is_active=_is_equal,
                        badge="evolink_studio.generations.admin.dashboard.incident_badge",
                    ),
                    _sidebar_item(
                        _("Generations"),
                        "movie",
                        "admin:generations_generation_changelist",
                        is_active=_is_below_except("/usage/"),
                    ),
                    _sidebar_item(_("Usage"), "bar_chart", "admin:generations_usage"),
                    _sidebar_item(_("Files"), "folder", "admin:library_asset_changelist"),
                    _sidebar_item(
                        _("Exports"),
                        "download",
                        "admin:exports_export_changelist",
                        badge="evolink_studio.exports.admin.export_badge",
                    ),
                ],
            },
            {
                "title": _("Money"),
                "separator": True,
                "items": [
                    _sidebar_item(_("Allowances"), "wallet", "admin:credits_allowance_changelist"),
                    _sidebar_item(
                        _("Credits in use"), "savings", "admin:credits_allowancebalance_changelist"
                    ),
                    _sidebar_item(
                        _("Book of credits"), "menu_book", "admin:credits_ledgerentry_changelist"
                    ),
                    _sidebar_item(
                        _("Prices"),
                        "sell",
                        "admin:credits_ratecard_changelist",
                        is_active=_is_below_except("/off/"),
                    ),
                    _sidebar_item(_("Where prices are off"), "difference", "admin:credits_drift"),
                    _sidebar_item(
                        _("Account at EvoLink"),
                        "account_balance",
                        "admin:credits_provideraccount_changelist",
                    ),
                    _sidebar_item(
                        _("Callbacks"),
                        "call_received",
                        "admin:generations_callbackdelivery_changelist",
                    ),
                ],
            },
            {
                "title": _("People"),
                "separator": True,
                "items": [
                    _sidebar_item(_("People"), "group", "admin:accounts_user_changelist"),
                    _sidebar_item(
                        _("Groups"),
                        "groups",
                        "admin:auth_group_changelist",
                        permission="evolink_studio.core.admin.is_owner",
                    ),
                    _sidebar_item(
                        _("Sign-in links"), "link", "admin:accounts_signinlink_changelist"
                    ),
                    _sidebar_item(
                        _("Security log"),
                        "shield_person",
                        "admin:accounts_securityevent_changelist",
                        permission="evolink_studio.core.admin.is_owner",
                    ),
                ],
            },
            {
                "separator": True,
                "items": [
                    _sidebar_item(
                        _("Back to the studio"), "arrow_back", "home", is_active=_is_equal
                    )
                ],
            },
        ],
    },
}
