"""Everything a person made and kept, is making, or did not get."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from evolink_studio.accounts.http import PersonRequest
from evolink_studio.core.http import number_in
from evolink_studio.generations import queries
from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.cards import card
from evolink_studio.generations.states import ENDED, LIVE, State

PAGE = 24


@dataclass(frozen=True)
class Shelf:
    """One of the lists of the page: its label, what stands there, and what is said of nothing."""

    name: str
    label: str | Promise
    states: Collection[State]
    empty: str | Promise

    @property
    def url(self) -> str:
        return self.after({})

    def after(self, place: Mapping[str, str]) -> str:
        """The address of its page behind this place; of the first page without one."""
        query = {**({"of": self.name} if self.name else {}), **place}
        return f"{reverse('films')}?{urlencode(query)}" if query else reverse("films")


KEPT = Shelf("", _("Kept"), (State.COMPLETED,), _("No film yet. What you make is kept here."))
SHELVES: Mapping[str, Shelf] = {
    shelf.name: shelf
    for shelf in (
        KEPT,
        Shelf("making", _("In the making"), LIVE, _("Nothing is in the making.")),
        Shelf(
            "ended",
            _("Failed and cancelled"),
            ENDED - {State.COMPLETED},
            _("Nothing failed and nothing was cancelled."),
        ),
    )
}


@login_required
@require_GET
def films(request: PersonRequest) -> HttpResponse:
    """A page of posters; `of` names the shelf, `before` and `id` are the cursor."""
    now = timezone.now()
    shelf = SHELVES.get(request.GET.get("of", ""), KEPT)
    rows = queries.films_page(
        request.user, before=_cursor(request), limit=PAGE + 1, states=shelf.states
    )
    ahead = queries.ahead(request.user, rows)
    context = {
        "cards": [card(row, now=now, ahead=ahead) for row in rows[:PAGE]],
        "next_url": _next(shelf, rows[PAGE - 1]) if len(rows) > PAGE else "",
        "shelf": shelf,
        "shelves": SHELVES.values(),
        "now": now,
    }
    part = request.headers.get("HX-Request") and request.GET.get("before")
    return render(request, f"generations/{'_films' if part else 'films'}.html", context)


def _cursor(request: PersonRequest) -> tuple[datetime, int] | None:
    try:
        moment = parse_datetime(request.GET.get("before", ""))
    except ValueError:
        return None
    number = number_in(request.GET.get("id", ""))
    if moment is None or timezone.is_naive(moment) or number is None:
        return None
    return moment, number


def _next(shelf: Shelf, last: Generation) -> str:
    return shelf.after({"before": last.created.isoformat(), "id": str(last.pk)})
