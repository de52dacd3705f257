"""Pages of a person with a very large library: milliseconds in the database.

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
from bench.grounds import Grounds
from bench.people import Person, people
from bench.rows import MODEL, kept, running
from bench.sizes import Size
from evolink_studio.generations import queries
from evolink_studio.generations.change_feed import feed_state
from evolink_studio.generations.models import ChangeFeed, Generation
from evolink_studio.generations.pipeline.provider import provider_key
from evolink_studio.generations.views.gallery import PAGE_SIZE

ROUNDS = 9
MOST = 15
DAY = timedelta(days=1)
Asked = list[tuple[str, Any]]


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    with grounds.world() as world, world.database():
        (person,) = people(1)
        _fill(person, size.library)
        pages = _pages(person, size.library)
        asked = {name: _asked(page) for name, page in pages.items()}
        for some in asked.values():  # warm up
            _again(some)
        took: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(ROUNDS):
            for name, some in asked.items():
                took[name].append(_again(some))
    count = f"{size.library:,}".replace(",", " ")
    for name, times in took.items():
        yield Figure(f"{count} films: {name}, in the database", median(times), "ms", most=MOST)


def _fill(person: Person, count: int) -> None:
    """A library, and one generation in the making: without one a page does not poll."""
    now = timezone.now()
    kept(person.user, count, now=now)
    (row,) = running([person.user], 1, now=now, due=DAY, interval=DAY)
    Generation.objects.filter(pk=row.pk).update(
        created_version=count + 1, changed_version=count + 1
    )
    ChangeFeed.objects.filter(pk=person.user.pk).update(version=count + 1)


def _pages(person: Person, count: int) -> dict[str, Callable[[], object]]:
    rows = Generation.objects.order_by("-created_at", "-id").values_list("created_at", "pk")
    known = feed_state(person.user, provider_key()).get_token(timezone.now())
    middle, deep = rows[count // 2], rows[count - 2 * PAGE_SIZE]
    return {
        "films, first page": lambda: _films(person, None),
        "films, middle": lambda: _films(person, middle),
        "films, last but one page": lambda: _films(person, deep),
        "studio page": lambda: person.client.get(f"/create/{MODEL}/"),
        "idle poll": lambda: _poll(person, str(known), 204),
        "poll with one change": lambda: _poll(person, str(replace(known, version=count)), 200),
    }


def _poll(person: Person, since: str, status: int) -> None:
    answer = person.client.get("/live/", {"since": since})
    if answer.status_code != status:
        raise RuntimeError(f"{status} was expected, not {answer.status_code}")


def _films(person: Person, before: Any) -> None:
    found = queries.get_gallery_page(person.user, cursor=before, limit=PAGE_SIZE + 1)
    if len(found) != PAGE_SIZE + 1:
        raise RuntimeError(f"{len(found)} films instead of {PAGE_SIZE + 1}")


def _asked(page: Callable[[], object]) -> Asked:
    """The reads of a page, with their parameters."""
    found: Asked = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        page()
    return found


def _again(asked: Asked) -> float:
    """Milliseconds of all these reads."""
    begin = time.perf_counter()
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(sql, params)
            cursor.fetchall()
    return (time.perf_counter() - begin) * 1000
