"""The gallery: a person's generations in three tabs, completed, live, and failed or cancelled."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

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
from evolink_studio.generations.presenters.cards import (
    present_card,
    present_gallery_item,
    present_video,
)
from evolink_studio.generations.states import ENDED_STATES, LIVE_STATES, State

FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
PAGE_SIZE = 24
MAX_DEPTH = 10 * PAGE_SIZE  # films; with more, a page answers slowly to whoever presses a key


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


@dataclass(frozen=True)
class GalleryPage:
    """Some films of a tab, newest first. URLs are "" where nothing more follows.

    `is_full`: what follows comes on a page of its own.
    """

    rows: list[Generation]
    newer_url: str = ""
    next_url: str = ""
    is_full: bool = False


@login_required
@require_safe
def gallery(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A page of cards; `of` names the tab, `before` and `id` are the cursor.

    `through` and `id` instead: everything from the newest to that one, as far as MAX_DEPTH. It is
    the address of a list that was lengthened, so that Back leads to the same films. A request that
    lengthens it says in `shown` how many films stand there.
    """
    now = timezone.now()
    tab = TABS.get(request.GET.get("of", ""), COMPLETED_TAB)
    page = _load_page(request, tab)
    positions = queries.get_queue_positions_for(request.user, page.rows)
    context = {
        "cards": [present_gallery_item(row, now=now, positions=positions) for row in page.rows],
        "newer_url": page.newer_url,
        "next_url": page.next_url,
        "is_full": page.is_full,
        "tab": tab,
        "tabs": TABS.values(),
        "now": now,
    }
    if not (request.htmx and request.GET.get("before")):
        return render(request, "generations/gallery.html", context)
    response = render(request, "generations/_gallery_items.html", context)
    if page.rows:
        response["HX-Replace-Url"] = tab.url_after(_cursor_of(page.rows[-1], "through"))
    return response


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


def _load_page(request: AuthenticatedHttpRequest, tab: GalleryTab) -> GalleryPage:
    """Two queries, or four with `through`."""
    cursor = _parse_cursor(request, "through")
    if cursor is not None:
        newest_rows = queries.get_gallery_page_through(
            request.user, cursor=cursor, limit=MAX_DEPTH + 1, states=tab.states
        )
        rows = newest_rows[-MAX_DEPTH:]
        more_rows = queries.get_gallery_page(
            request.user, cursor=cursor, limit=1, states=tab.states
        )
        return GalleryPage(
            rows,
            newer_url=tab.url if len(newest_rows) > MAX_DEPTH else "",
            next_url=_next_url(tab, rows[-1], shown=len(rows)) if more_rows and rows else "",
            is_full=len(rows) >= MAX_DEPTH,
        )
    cursor = _parse_cursor(request, "before")
    rows = queries.get_gallery_page(
        request.user, cursor=cursor, limit=PAGE_SIZE + 1, states=tab.states
    )
    has_more = len(rows) > PAGE_SIZE
    shown = PAGE_SIZE + ((parse_id(request.GET.get("shown", "")) or 0) if request.htmx else 0)
    return GalleryPage(
        rows[:PAGE_SIZE],
        newer_url=tab.url if cursor else "",
        next_url=_next_url(tab, rows[PAGE_SIZE - 1], shown=shown) if has_more else "",
        is_full=shown >= MAX_DEPTH,
    )


def _parse_cursor(request: AuthenticatedHttpRequest, name: str) -> tuple[datetime, int] | None:
    try:
        moment = parse_datetime(request.GET.get(name, ""))
    except ValueError:
        return None
    generation_id = parse_id(request.GET.get("id", ""))
    if moment is None or timezone.is_naive(moment) or generation_id is None:
        return None
    return _to_utc(moment), generation_id


def _to_utc(moment: datetime) -> datetime:
    """In UTC; the first or last moment there is for one beyond it."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return FIRST_MOMENT if moment.year == FIRST_MOMENT.year else LAST_MOMENT


def _next_url(tab: GalleryTab, last_row: Generation, *, shown: int) -> str:
    return tab.url_after({**_cursor_of(last_row, "before"), "shown": str(shown)})


def _cursor_of(row: Generation, name: str) -> dict[str, str]:
    return {name: row.created_at.isoformat(), "id": str(row.pk)}
