"""Pages of a person with very many films: milliseconds in the database.

The reads of a page are noted while it is made once, then done again by themselves, with all rows.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from bench.figures import Figure, median
from bench.generation_rows import MODEL_ID, create_completed, create_running
from bench.instances import InstanceFactory
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.films import queries
from evolink_studio.films.film_list import FilmList
from evolink_studio.films.filters import FilmFilters
from evolink_studio.films.views.gallery import PAGE_SIZE
from evolink_studio.generations.change_feed import get_feed_state
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline.provider import get_provider_key

ROUND_COUNT = 9
MAX_QUERY_MS = 15
DAY = timedelta(days=1)
RecordedQueries = list[tuple[str, Any]]


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance, instance.use_database():
        (user,) = create_signed_in_users(1)
        _create_library(user, size.library_size)
        pages = _build_pages(user, size.library_size)
        queries_by_page = {name: _record_queries(page) for name, page in pages.items()}
        for page_queries in queries_by_page.values():  # warm up
            _time_queries(page_queries)
        durations: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(ROUND_COUNT):
            for name, page_queries in queries_by_page.items():
                durations[name].append(_time_queries(page_queries))
    count = f"{size.library_size:,}".replace(",", " ")
    for name, times in durations.items():
        yield Figure(
            f"{count} films: {name}, in the database", median(times), "ms", at_most=MAX_QUERY_MS
        )


def _create_library(user: SignedInUser, count: int) -> None:
    """A library, and one generation in the making: without one a page does not poll."""
    now = timezone.now()
    create_completed(user.user, count, now=now)
    (row,) = create_running([user.user], 1, now=now, first_poll_delay=DAY, interval=DAY)
    Generation.objects.filter(pk=row.pk).update(
        created_version=count + 1, changed_version=count + 1
    )
    ChangeFeed.objects.filter(pk=user.user.pk).update(version=count + 1)


def _build_pages(user: SignedInUser, count: int) -> dict[str, Callable[[], object]]:
    rows = Generation.objects.order_by("-created_at", "-id").values_list("created_at", "pk")
    token = get_feed_state(user.user, get_provider_key()).get_token(timezone.now())
    middle, deep = rows[count // 2], rows[count - 2 * PAGE_SIZE]
    return {
        "films, first page": lambda: _check_films_page(user, None),
        "films, middle": lambda: _check_films_page(user, middle),
        "films, last but one page": lambda: _check_films_page(user, deep),
        "studio page": lambda: user.client.get(f"/create/{MODEL_ID}/"),
        "idle poll": lambda: _check_poll(user, str(token), 204),
        "poll with one change": lambda: _check_poll(user, str(replace(token, version=count)), 200),
    }


def _check_poll(user: SignedInUser, since: str, status: int) -> None:
    answer = user.client.get("/live/", {"since": since})
    if answer.status_code != status:
        raise RuntimeError(f"{status} was expected, not {answer.status_code}")


def _check_films_page(user: SignedInUser, cursor: Any) -> None:
    films = queries.load_page(
        FilmList(user.user, FilmFilters()), cursor=cursor, limit=PAGE_SIZE + 1
    )
    if len(films) != PAGE_SIZE + 1:
        raise RuntimeError(f"{len(films)} films instead of {PAGE_SIZE + 1}")


def _record_queries(page: Callable[[], object]) -> RecordedQueries:
    """The reads of a page, with their parameters."""
    read_queries: RecordedQueries = []

    def record_query(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if sql.startswith("SELECT"):
            read_queries.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record_query):
        page()
    return read_queries


def _time_queries(read_queries: RecordedQueries) -> float:
    """Milliseconds of all these reads."""
    begin = time.perf_counter()
    with connection.cursor() as cursor:
        for sql, params in read_queries:
            cursor.execute(sql, params)
            cursor.fetchall()
    return (time.perf_counter() - begin) * 1000
