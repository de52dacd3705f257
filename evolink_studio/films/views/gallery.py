"""The films page: generations in three tabs, completed, live, and failed or cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.films import queries
from evolink_studio.films.filters import TABS, FilmFilters, parse_filters
from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.cards import present_gallery_item
from evolink_studio.generations.queries import get_queue_positions_for

FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
PAGE_SIZE = 24
MAX_DEPTH = 10 * PAGE_SIZE  # films; with more, a page answers slowly to whoever presses a key


@dataclass(frozen=True)
class GalleryPage:
    """Some films of a list, newest first. URLs are "" where nothing more follows.

    `is_full`: what follows comes on a page of its own.
    """

    rows: list[Generation]
    newer_url: str = ""
    next_url: str = ""
    is_full: bool = False


@login_required
@require_safe
def gallery(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A page of cards; `before` and `id` are the cursor, all else in the address filters.

    `through` and `id` instead: everything from the newest to that one, as far as MAX_DEPTH. It is
    the address of a list that was lengthened, so that Back leads to the same films. A request that
    lengthens it says in `shown` how many films stand there.
    """
    now = timezone.now()
    filters = parse_filters(request.GET)
    page = _load_page(request, filters)
    positions = get_queue_positions_for(request.user, page.rows)
    context = {
        "cards": [present_gallery_item(row, now=now, positions=positions) for row in page.rows],
        "newer_url": page.newer_url,
        "next_url": page.next_url,
        "is_full": page.is_full,
        "tab": TABS[filters.tab],
        "tabs": [(tab, FilmFilters(tab=tab.name).build_url()) for tab in TABS.values()],
        "tab_url": filters.build_url(),
        "now": now,
    }
    if not (request.htmx and request.GET.get("before")):
        return render(request, "films/gallery.html", context)
    response = render(request, "films/_gallery_items.html", context)
    if page.rows:
        response["HX-Replace-Url"] = filters.build_url(_cursor_of(page.rows[-1], "through"))
    return response


def _load_page(request: AuthenticatedHttpRequest, filters: FilmFilters) -> GalleryPage:
    """Two queries, or four with `through`."""
    cursor = _parse_cursor(request, "through")
    if cursor is not None:
        newest_rows = queries.load_page_through(
            request.user, filters, cursor=cursor, limit=MAX_DEPTH + 1
        )
        rows = newest_rows[-MAX_DEPTH:]
        more_rows = queries.load_page(request.user, filters, cursor=cursor, limit=1)
        return GalleryPage(
            rows,
            newer_url=filters.build_url() if len(newest_rows) > MAX_DEPTH else "",
            next_url=_next_url(filters, rows[-1], shown=len(rows)) if more_rows and rows else "",
            is_full=len(rows) >= MAX_DEPTH,
        )
    cursor = _parse_cursor(request, "before")
    rows = queries.load_page(request.user, filters, cursor=cursor, limit=PAGE_SIZE + 1)
    has_more = len(rows) > PAGE_SIZE
    shown = PAGE_SIZE + ((parse_id(request.GET.get("shown", "")) or 0) if request.htmx else 0)
    return GalleryPage(
        rows[:PAGE_SIZE],
        newer_url=filters.build_url() if cursor else "",
        next_url=_next_url(filters, rows[PAGE_SIZE - 1], shown=shown) if has_more else "",
        is_full=shown >= MAX_DEPTH,
    )


def _parse_cursor(request: AuthenticatedHttpRequest, name: str) -> queries.Cursor | None:
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


def _next_url(filters: FilmFilters, last_row: Generation, *, shown: int) -> str:
    return filters.build_url({**_cursor_of(last_row, "before"), "shown": str(shown)})


def _cursor_of(row: Generation, name: str) -> Mapping[str, str]:
    return {name: row.created_at.isoformat(), "id": str(row.pk)}
