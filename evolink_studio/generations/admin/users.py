"""The user list with usage and allowances; `accounts` may not import either."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.accounts.admin import UserAdmin
from evolink_studio.accounts.models import User
from evolink_studio.core.admin import badge_column
from evolink_studio.core.calendar import get_day, get_month_start
from evolink_studio.core.changelist import KeysetChangeList, RowCount
from evolink_studio.core.deletion import MAX_COUNT, DeletionObstacle
from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.allowances import find_concurrency_limit
from evolink_studio.credits.availability import (
    AllowanceStatus,
    find_most_restrictive,
    get_allowance_statuses_by_user,
)
from evolink_studio.credits.fields import ZERO_CREDITS
from evolink_studio.generations.models import UsageRollup

admin.site.unregister(User)


class UserChangeList(KeysetChangeList):
    """Adds to the users of one page what they spend and make. Four queries."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        now = timezone.now()
        users = {user.pk: user for user in self.result_list}
        for pk, statuses in get_allowance_statuses_by_user(users, now).items():
            users[pk].allowance_statuses = statuses
        this_month = Q(starts_on=get_month_start(get_day(now)))
        months = UsageRollup.objects.filter(owner__in=users, period=UsageRollup.Period.MONTH)
        figures = months.values_list("owner").annotate(
            count=Sum("generation_count"), charged=Sum("credits_charged", filter=this_month)
        )
        for user in self.result_list:
            user.generation_total, user.charged_credits = 0, ZERO_CREDITS
        for pk, count, credits_charged in figures:
            users[pk].generation_total = count
            users[pk].charged_credits = credits_charged or ZERO_CREDITS


@admin.register(User)
class UserUsageAdmin(UserAdmin):
    """Shows the allowance with the least left of several, because it is the limit."""

    list_display = (
        "username",
        "spending_limit",
        "used_credits",
        "reserved_credits",
        "remaining_credits",
        "next_reset",
        "max_concurrent",
        "charged_this_month",
        "generation_count",
        *UserAdmin.list_display[1:],
    )
    list_fullwidth = True
    search_fields = (
        "username__folded",
        "first_name__folded",
        "last_name__folded",
        "email__folded",
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[UserChangeList]:
        return UserChangeList

    def find_obstacles(self, row: Model, selected: Sequence[Model]) -> list[DeletionObstacle]:
        # Django would delete what this person did in the admin pages along with them.
        entries = LogEntry.objects.filter(user=row.pk).order_by().values_list("pk", flat=True)
        count = len(entries[: MAX_COUNT + 1])
        history = [DeletionObstacle(_("Changes they made in the admin pages"), count)]
        return [*super().find_obstacles(row, selected), *(history if count else [])]

    def get_deletion_links(self, row: Model) -> list[tuple[str, str]]:
        films_url = reverse("admin:generations_generation_changelist")
        return [
            *super().get_deletion_links(row),
            (_("Their generations"), f"{films_url}?{urlencode({'owner__id__exact': row.pk})}"),
        ]

    # Sorted by these two, the list would need the figures of everybody: the usage page has them.
    @admin.display(description=gettext_lazy("generations"))
    def generation_count(self, user: User) -> SafeString | str:
        count = getattr(user, "generation_total", 0)  # added by the list
        if not count:
            return "0"
        text = RowCount(count).text
        list_url = reverse("admin:generations_generation_changelist")
        query = urlencode({"owner__id__exact": user.pk})
        return format_html('<a class="studio-link" href="{}?{}">{}</a>', list_url, query, text)

    @admin.display(description=gettext_lazy("charged this month"))
    def charged_this_month(self, user: User) -> str:
        return format_credits(getattr(user, "charged_credits", ZERO_CREDITS))

    @admin.display(description=gettext_lazy("may spend"))
    def spending_limit(self, user: User) -> SafeString | str:
        statuses = _allowance_statuses(user)
        if not statuses:
            return _("nothing")
        status = find_most_restrictive(statuses)
        if status is None or status.limit is None:
            return _("no limit")
        allowance_url = reverse("admin:credits_allowance_change", args=[status.allowance.pk])
        text = _("{amount} {period}").format(
            amount=format_credits(status.limit), period=status.allowance.get_period_display()
        )
        return format_html('<a class="studio-link" href="{}">{}</a>', allowance_url, text)

    @admin.display(description=gettext_lazy("charged"))
    def used_credits(self, user: User) -> str:
        status = _shown_status(user)
        return format_credits(status.charged) if status else "–"

    @admin.display(description=gettext_lazy("reserved"))
    def reserved_credits(self, user: User) -> str:
        status = _shown_status(user)
        return format_credits(status.reserved) if status else "–"

    @badge_column(gettext_lazy("left"), {"some": "success", "none": "warning", "": "default"})
    def remaining_credits(self, user: User) -> tuple[str, str]:
        status = find_most_restrictive(_allowance_statuses(user))
        if status is None:
            return "", "–"
        return ("some" if status.available else "none"), format_credits(status.available)

    @admin.display(description=gettext_lazy("starts afresh"))
    def next_reset(self, user: User) -> str:
        status = find_most_restrictive(_allowance_statuses(user))
        return (
            date_format(status.resets_at, "SHORT_DATE_FORMAT")
            if status and status.resets_at
            else "–"
        )

    @admin.display(description=gettext_lazy("at once"))
    def max_concurrent(self, user: User) -> str:
        limit = find_concurrency_limit(status.allowance for status in _allowance_statuses(user))
        return "–" if limit is None else str(limit)


def _allowance_statuses(user: User) -> tuple[AllowanceStatus, ...]:
    return getattr(user, "allowance_statuses", ())  # added by the list


def _shown_status(user: User) -> AllowanceStatus | None:
    """The status with the least left, or the first one if none is limited."""
    statuses = _allowance_statuses(user)
    return find_most_restrictive(statuses) or next(iter(statuses), None)
