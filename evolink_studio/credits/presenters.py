"""What a person may spend, and what EvoLink's account leaves, as texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.allowances import get_sharing_scope
from evolink_studio.credits.availability import AllowanceStatus, Availability
from evolink_studio.credits.exceptions import SharingScope, build_owner_contact_text
from evolink_studio.credits.models import ProviderAccount
from evolink_studio.credits.periods import Period
from evolink_studio.credits.queries import list_owner_names

_OWN_TITLES = {
    Period.DAY: gettext_lazy("Your allowance today"),
    Period.WEEK: gettext_lazy("Your allowance this week"),
    Period.MONTH: gettext_lazy("Your allowance this month"),
    Period.NONE: gettext_lazy("Your allowance"),
}


@dataclass(frozen=True)
class AllowanceLine:
    """One allowance. `used_percent` is at most 100; None without a limit."""

    title: str
    remaining_text: str
    used_percent: int | None
    reset_text: str


@dataclass(frozen=True)
class AllowanceSummary:
    """The most restrictive allowance, then every allowance, and whom to ask.

    `is_near_limit`: half of an allowance or more is used once the form is sent.
    """

    title: str
    remaining_text: str
    lines: list[AllowanceLine]
    contact_text: str
    is_near_limit: bool


def summarize_allowances(availability: Availability) -> AllowanceSummary | None:
    """The summary; None for a person without a limit. One query."""
    if availability.most_restrictive is None:
        return None
    (strictest_line,) = build_allowance_lines([availability.most_restrictive])
    return AllowanceSummary(
        title=strictest_line.title,
        remaining_text=strictest_line.remaining_text,
        lines=build_allowance_lines(availability.statuses),
        contact_text=build_owner_contact_text(list_owner_names()),
        is_near_limit=bool(availability.alert_percents),
    )


def describe_shortage(account: ProviderAccount, credits_needed: Decimal) -> str:
    """That EvoLink's own account has too little, by itself or for what waits as well; "" if not."""
    if account.credits_available is None or account.credits_free is None:
        return ""
    if credits_needed > account.credits_available:
        return _("EvoLink's account has fewer credits than this needs; it may refuse.")
    if credits_needed > account.credits_free:
        return _(
            "EvoLink's account has fewer credits than this and what waits need; it may refuse."
        )
    return ""


def build_allowance_lines(statuses: Iterable[AllowanceStatus]) -> list[AllowanceLine]:
    """Every allowance of a person as a page shows it."""
    return [
        AllowanceLine(
            title=_line_title(status),
            remaining_text=_remaining_text(status),
            used_percent=None if status.used_percent is None else min(100, status.used_percent),
            reset_text=_reset_text(status),
        )
        for status in statuses
    ]


def _line_title(status: AllowanceStatus) -> str:
    scope, group_name = get_sharing_scope(status.allowance)
    if scope is SharingScope.SELF:
        return _("The limit you set for this month")
    if scope is SharingScope.GROUP:
        return _("Shared by “{group}”").format(group=group_name)
    if scope is SharingScope.STUDIO:
        return _("Shared by the whole studio")
    return str(_OWN_TITLES[Period(status.allowance.period)])


def _remaining_text(status: AllowanceStatus) -> str:
    if status.limit is None or status.available is None:
        return _("{used} used, no limit").format(used=format_credits(status.used))
    return _("{left} of {limit} left").format(
        left=format_credits(status.available),
        limit=format_credits(status.limit),
    )


def _reset_text(status: AllowanceStatus) -> str:
    if status.limit is None or status.resets_at is None:
        return ""
    return _("afresh on {date}").format(date=date_format(status.resets_at, "DATE_FORMAT"))
