"""Reads for the films page: pages of any depth, newest first, and what stands beside a film."""

from datetime import datetime

from django.db.models import Q, QuerySet

from evolink_studio.accounts.models import User
from evolink_studio.films.filters import FilmFilters, filter_films
from evolink_studio.generations.models import Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS, load_results
from evolink_studio.generations.states import LIVE_STATES

Cursor = tuple[datetime, int]  # moment and number of the film that a page begins after
HIDDEN_FILM_COLUMNS = (*HIDDEN_COLUMNS, "label_text")


def load_page(
    user: User, filters: FilmFilters, *, cursor: Cursor | None, limit: int
) -> list[Generation]:
    """Films that the filters leave, newest first, after a cursor, with their results."""
    rows = _filter_listed(user, filters)
    if cursor:
        rows = rows.filter(_is_older(cursor))
    return _load_films(rows.order_by("-created_at", "-id")[:limit])


def load_page_through(
    user: User, filters: FilmFilters, *, cursor: Cursor, limit: int
) -> list[Generation]:
    """The cursor's film and the next newer ones, newest first, with their results."""
    moment, pk = cursor
    rows = _filter_listed(user, filters).filter(created_at__gte=moment)
    rows = rows.exclude(created_at=moment, id__lt=pk)
    return _load_films(rows.order_by("created_at", "id")[:limit])[::-1]


def find_neighbours(
    user: User, filters: FilmFilters, generation: Generation
) -> tuple[int | None, int | None]:
    """The films before and after one in a list: the next newer and the next older. Two queries."""
    cursor = (generation.created_at, generation.pk)
    rows = _filter_listed(user, filters).values_list("pk", flat=True)
    newer_rows = rows.filter(created_at__gte=generation.created_at)
    newer_rows = newer_rows.exclude(created_at=generation.created_at, id__lte=generation.pk)
    older_rows = rows.filter(_is_older(cursor)).order_by("-created_at", "-id")
    return newer_rows.order_by("created_at", "id").first(), older_rows.first()


def _filter_listed(user: User, filters: FilmFilters) -> "QuerySet[Generation]":
    rows = filter_films(user, filters)
    if LIVE_STATES.issuperset(filters.states):
        # Few of very many: selected by state first, or the whole library would be read.
        rows = Generation.objects.filter(pk__in=rows.values("pk"))
    return rows


def _is_older(cursor: Cursor) -> Q:
    """What follows a film in the list. Its first part lets an index start there, at any depth."""
    moment, pk = cursor
    return Q(created_at__lte=moment) & ~Q(created_at=moment, id__gte=pk)


def _load_films(rows: "QuerySet[Generation]") -> list[Generation]:
    """Two queries."""
    return load_results(rows.defer(*HIDDEN_FILM_COLUMNS))
