"""The list of people with what they made and may spend: `accounts` knows of neither."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Count, DecimalField, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.views import ChangeList

from evolink_studio.accounts.admin import UserAdmin
from evolink_studio.accounts.models import User
from evolink_studio.core.admin import coloured
from evolink_studio.core.formatting import credits_text
from evolink_studio.credits.allowances import at_once
from evolink_studio.credits.availability import Standing, standings_of, tightest_of
from evolink_studio.generations.models import Generation
from evolink_studio.generations.usage_report import created_within

admin.site.unregister(User)


class PeopleList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Adds to the people of one page how they stand: three queries, however many there are."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        people = {person.pk: person for person in self.result_list}
        for pk, standings in standings_of(people, timezone.now()).items():
            people[pk].standings = standings


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Of several allowances the one with the least left is shown: it decides."""

    list_display = (
        "username",
        "may_spend",
        "used",
        "reserved",
        "left",
        "afresh",
        "at_once",
        "charged_this_month",
        "made",
        *UserAdmin.list_display[1:],
    )
    list_fullwidth = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PeopleList]:
        return PeopleList

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        theirs = Generation.objects.filter(owner=OuterRef("pk")).order_by().values("owner")
        month = theirs.filter(created_within(timezone.now().date().replace(day=1), None))
        made = Subquery(theirs.annotate(n=Count("pk")).values("n"), output_field=IntegerField())
        charged = Subquery(
            month.annotate(n=Sum("used")).values("n"),
            output_field=DecimalField(max_digits=16, decimal_places=4),
        )
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(made=Coalesce(made, 0), charged=Coalesce(charged, Decimal(0)))

    @admin.display(description=gettext_lazy("generations"), ordering="made")
    def made(self, person: User) -> SafeString | str:
        count = getattr(person, "made", 0)  # annotated by the query
        if not count:
            return "0"
        page = reverse("admin:generations_generation_changelist")
        query = urlencode({"owner__id__exact": person.pk})
        return format_html('<a class="studio-link" href="{}?{}">{}</a>', page, query, count)

    @admin.display(description=gettext_lazy("charged this month"), ordering="charged")
    def charged_this_month(self, person: User) -> str:
        return credits_text(getattr(person, "charged", None))

    @admin.display(description=gettext_lazy("may spend"))
    def may_spend(self, person: User) -> SafeString | str:
        standings = _standings(person)
        if not standings:
            return _("nothing")
        shown = tightest_of(standings)
        if shown is None or shown.limit is None:
            return _("no limit")
        page = reverse("admin:credits_allowance_change", args=[shown.allowance.pk])
        words = _("{amount} {period}").format(
            amount=credits_text(shown.limit), period=shown.allowance.get_period_display()
        )
        return format_html('<a class="studio-link" href="{}">{}</a>', page, words)

    @admin.display(description=gettext_lazy("used"))
    def used(self, person: User) -> str:
        shown = _shown(person)
        return credits_text(shown.charged) if shown else "–"

    @admin.display(description=gettext_lazy("reserved"))
    def reserved(self, person: User) -> str:
        shown = _shown(person)
        return credits_text(shown.reserved) if shown else "–"

    @coloured(gettext_lazy("left"), {"some": "success", "none": "warning", "": "default"})
    def left(self, person: User) -> tuple[str, str]:
        shown = tightest_of(_standings(person))
        if shown is None:
            return "", "–"
        return ("some" if shown.available else "none"), credits_text(shown.available)

    @admin.display(description=gettext_lazy("starts afresh"))
    def afresh(self, person: User) -> str:
        shown = tightest_of(_standings(person))
        return date_format(shown.resets, "SHORT_DATE_FORMAT") if shown and shown.resets else "–"

    @admin.display(description=gettext_lazy("at once"))
    def at_once(self, person: User) -> str:
        limit = at_once(one.allowance for one in _standings(person))
        return "–" if limit is None else str(limit)


def _standings(person: User) -> tuple[Standing, ...]:
    return getattr(person, "standings", ())  # added by the list


def _shown(person: User) -> Standing | None:
    """The one with the least left, or the first where nothing is limited."""
    standings = _standings(person)
    return tightest_of(standings) or next(iter(standings), None)
