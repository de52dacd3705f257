"""The gallery: a person's generations in three tabs, completed, live, and failed or cancelled."""

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
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.generations import queries
from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.cards import present_card, present_video
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State

PAGE_SIZE = 24


@dataclass(frozen=True)
class GalleryTab:
    """One list of the page: its label, its states, and the text for an empty list."""

    name: str
    label: str | Promise
    states: Collection[State]
    empty_text: str | Promise

    @property
    def url(self) -> str:
        return self.url_after({})

    def url_after(self, cursor: Mapping[str, str]) -> str:
        """The URL of the page after this cursor; of the first page for {}."""
        query = {**({"of": self.name} if self.name else {}), **cursor}
        return f"{reverse('films')}?{urlencode(query)}" if query else reverse("films")


COMPLETED_TAB = GalleryTab(
    "", _("Kept"), (State.COMPLETED,), _("No film yet. What you make is kept here.")
)
TABS: Mapping[str, GalleryTab] = {
    tab.name: tab
    for tab in (
        COMPLETED_TAB,
        GalleryTab("making", _("In the making"), LIVE_STATES, _("Nothing is in the making.")),
        GalleryTab(
            "ended",
            _("Failed and cancelled"),
            ENDED_STATES - {State.COMPLETED},
            _("Nothing failed and nothing was cancelled."),
        ),
    )
}


@login_required
@require_safe
def gallery(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A page of cards; `of` names the tab, `before` and `id` are the cursor."""
    now = timezone.now()
    tab = TABS.get(request.GET.get("of", ""), COMPLETED_TAB)
    rows = queries.get_gallery_page(
        request.user, cursor=_parse_cursor(request), limit=PAGE_SIZE + 1, states=tab.states
    )
    positions = queries.get_queue_positions_for(request.user, rows)
    context = {
        "cards": [present_card(row, now=now, positions=positions) for row in rows[:PAGE_SIZE]],
        "next_url": _next_url(tab, rows[PAGE_SIZE - 1]) if len(rows) > PAGE_SIZE else "",
        "tab": tab,
        "tabs": TABS.values(),
        "now": now,
    }
    is_fragment = request.htmx and request.GET.get("before")
    template = "generations/_gallery_items.html" if is_fragment else "generations/gallery.html"
    return render(request, template, context)


@login_required
@require_safe
def results(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """All saved results of one generation, page by page; cards show only the first."""
    generation = queries.get_generation_or_404(request.user, pk)
    first = parse_id(request.GET.get("from", "")) or 0
    rows = queries.list_results(generation, first=first, limit=PAGE_SIZE + 1)
    page_url = reverse("results", args=[pk])
    context = {
        "card": present_card(generation, now=timezone.now()),
        "results": [(row.position + 1, present_video(row.asset)) for row in rows[:PAGE_SIZE]],
        "next_url": f"{page_url}?from={rows[PAGE_SIZE].position}" if len(rows) > PAGE_SIZE else "",
        "first_url": page_url if first else "",
    }
    return render(request, "generations/results.html", context)


def _parse_cursor(request: AuthenticatedHttpRequest) -> tuple[datetime, int] | None:
    try:
        moment = parse_datetime(request.GET.get("before", ""))
    except ValueError:
        return None
    generation_id = parse_id(request.GET.get("id", ""))
    if moment is None or timezone.is_naive(moment) or generation_id is None:
        return None
    return moment, generation_id


def _next_url(tab: GalleryTab, last_row: Generation) -> str:
    return tab.url_after({"before": last_row.created_at.isoformat(), "id": str(last_row.pk)})
