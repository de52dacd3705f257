"""The films page: generations in three tabs, completed, live, and failed or cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.calendar import get_local_day
from evolink_studio.core.database import parse_id
from evolink_studio.films import queries
from evolink_studio.films.film_list import Cursor, FilmCount, FilmList
from evolink_studio.films.filters import TABS, FilmFilters, parse_filters
from evolink_studio.films.presenters import gallery as presenters
from evolink_studio.films.presenters.select_bar import build_select_context
from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.workspace import build_usage_badge
from evolink_studio.generations.queries import (
    get_current_provider_account,
    get_queue_positions_for,
)

FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
PAGE_SIZE = 24
MORE_SIZE = 48  # what a list is lengthened by: its first page is light, then few steps lead far
MAX_DEPTH = 10 * PAGE_SIZE  # films; with more, a page answers slowly to whoever presses a key
COUNT_TARGET = "show-count"  # the element that shows how many films the chosen filters leave


@dataclass(frozen=True)
class GalleryPage:
    """Some films of a list, newest first. URLs are "" where nothing more follows.

    `last_day` is that of the film before the first one, where it stands on the page already.
    `is_full`: what follows comes on a page of its own.
    """

    rows: list[Generation]
    newer_url: str = ""
    next_url: str = ""
    is_full: bool = False
    last_day: date | None = None


@login_required
@require_safe
def gallery(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A page of tiles; `before` and `id` are the cursor, all else in the address filters.

    `through` and `id` instead: everything from the newest to that one, as far as MAX_DEPTH. It is
    the address of a list that was lengthened, so that Back leads to the same films. A request that
    lengthens it says in `shown` how many films stand there. `at` is a day: the page begins there.
    """
    films = FilmList(request.user, parse_filters(request.GET))
    if request.htmx and request.htmx.target == COUNT_TARGET:
        return render(request, "films/_show_count.html", {"count_text": _count_films(films)})
    page = _load_page(request, films)
    if not (request.htmx and request.GET.get("before")):
        context = {**_build_items_context(films, page), **_build_page_context(films, page)}
        return render(request, "films/gallery.html", context)
    response = render(request, "films/_gallery_items.html", _build_items_context(films, page))
    if page.rows:
        last_place = _cursor_of(page.rows[-1], "through")
        response["HX-Replace-Url"] = films.filters.build_url(last_place)
    return response


def _build_items_context(films: FilmList, page: GalleryPage) -> dict[str, object]:
    """At most six queries."""
    now = timezone.now()
    others = {} if films.owner_id == films.user.pk else queries.list_people()
    return {
        "tiles": presenters.present_films(
            page.rows,
            filters=films.filters,
            now=now,
            positions=get_queue_positions_for(films.user, page.rows),
            takes=queries.get_take_numbers(page.rows),
            others={pk: name for pk, name in others.items() if pk != films.user.pk},
            last_day=page.last_day,
        ),
        "next_url": page.next_url,
        "is_full": page.is_full,
    }


def _build_page_context(films: FilmList, page: GalleryPage) -> dict[str, object]:
    """What stands around the films. Some fifteen queries; of an empty list some more."""
    filters, now = films.filters, timezone.now()
    names = presenters.load_filter_names(films)
    tabs = presenters.present_tabs(films)
    is_narrowed = bool(filters.active_names)
    can_select = bool(page.rows) and films.owner_id == films.user.pk
    return {
        **(_build_select_context(films, page) if can_select else {}),
        "can_select": can_select,
        "newer_url": page.newer_url,
        "filters": filters,
        "tab": TABS[filters.tab],
        "tabs": tabs,
        "other_tabs": [link for link in tabs if link.has_films and not link.is_current],
        "tab_url": filters.build_url(),
        "query": filters.build_query(),
        "query_pairs": filters.list_parameters(),
        "groups": presenters.present_groups(films, names),
        "starred_count": presenters.present_starred_count(films),
        "chips": presenters.present_chips(films, names),
        "clear_url": FilmFilters(tab=filters.tab, person=filters.person).build_url(),
        "blame": [] if page.rows or not is_narrowed else presenters.present_blame(films, names),
        "count_text": _count_films(films),
        "saved_views": queries.list_saved_views(films.user),
        "usage_badge": build_usage_badge(films.user, get_current_provider_account(), now),
        "now": now,
    }


def _build_select_context(films: FilmList, page: GalleryPage) -> dict[str, object]:
    """All that match are offered where they are not all here. Three queries."""
    is_part = bool(page.next_url or page.newer_url)
    return build_select_context(
        films.user,
        match_query=films.filters.build_query(),
        match_text=presenters.format_count(films.count()) if is_part else "",
    )


def _count_films(films: FilmList) -> str:
    count: FilmCount = films.count()
    return presenters.format_film_count(count)


def _load_page(request: AuthenticatedHttpRequest, films: FilmList) -> GalleryPage:
    """At most seven queries, with `through` eleven."""
    filters = films.filters
    shown_before = (parse_id(request.GET.get("shown", "")) or 0) if request.htmx else 0
    cursor = _parse_cursor(request, "through")
    if cursor is not None:
        newest_rows = queries.load_page_through(films, cursor=cursor, limit=MAX_DEPTH + 1)
        rows = newest_rows[-MAX_DEPTH:]
        has_more = bool(films.read_ids(cursor, 1))
        return GalleryPage(
            rows,
            newer_url=filters.build_url() if len(newest_rows) > MAX_DEPTH else "",
            next_url=_next_url(filters, rows[-1], shown=len(rows)) if has_more and rows else "",
            is_full=len(rows) >= MAX_DEPTH,
        )
    cursor = _parse_cursor(request, "before") or _find_day_cursor(request, films)
    limit = _choose_limit(shown_before)
    rows = queries.load_page(films, cursor=cursor, limit=limit + 1)
    has_more = len(rows) > limit
    shown = shown_before + limit
    return GalleryPage(
        rows[:limit],
        newer_url=filters.build_url() if cursor else "",
        next_url=_next_url(filters, rows[limit - 1], shown=shown) if has_more else "",
        is_full=shown >= MAX_DEPTH,
        last_day=get_local_day(cursor[0]) if cursor and request.htmx else None,
    )


def _choose_limit(shown_before: int) -> int:
    """How many films come to those that stand on the page already, so that it ends just full."""
    if not shown_before:
        return PAGE_SIZE
    return min(MORE_SIZE, max(MAX_DEPTH - shown_before, PAGE_SIZE))


def _find_day_cursor(request: AuthenticatedHttpRequest, films: FilmList) -> Cursor | None:
    """Where the page of a day begins. At most one query."""
    try:
        day = parse_date(request.GET.get("at", ""))
    except ValueError:
        return None
    return queries.find_day_cursor(films, day) if day else None


def _parse_cursor(request: AuthenticatedHttpRequest, name: str) -> Cursor | None:
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
