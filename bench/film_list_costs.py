"""What lists of films cost in the database, for one person who has all of a history.

Runs in a process of its own, on the database of a `HistoryInstance`. The reads of each list are
noted while it is made once, then done again by themselves, with all rows: milliseconds, the least
of ROUND_COUNT. On SQLite of this thread's processor, of which the database is a part; on PostgreSQL
of the clock.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.db import connection
from django.http import QueryDict

from evolink_studio.accounts.models import User
from evolink_studio.films import queries
from evolink_studio.films.film_list import Cursor, FilmList
from evolink_studio.films.filters import parse_filters
from evolink_studio.films.presenters.gallery import present_tabs
from evolink_studio.films.views.gallery import MAX_DEPTH, PAGE_SIZE
from evolink_studio.generations.models import Generation

ROUND_COUNT = 9
RARE = "length=6-10&ratio=9:16&sound=with&starred=1"
# By the name of a figure: the query of the list.
PAGE_QUERIES = {
    "all": "",
    "failed": "of=ended",
    "one model": "model=veo3.1-pro",
    "with sound": "sound=with",
    "starred": "starred=1",
    "rare combination": RARE,
    "a project": "project=1",
}
SEARCH_QUERIES = {
    "a frequent word": "q=camera",
    "a frequent word, rare combination": f"q=camera&{RARE}",
    "a rare word": "q=98765",
    "words that never meet": "q=lighthouse+lemons",
    "no word": "q=zebra",
    "two letters": "q=by",
    "accents": "q=Stra%C3%9Fenb%C3%A4hn",
}


def measure_costs() -> dict[str, float]:
    """Milliseconds in the database by name; names begin with page, search or counts."""
    person = User.objects.get(username="person0")
    figures = {
        f"{kind}, {name}": _measure(partial(_read_page, person, query))
        for kind, lists in (("page", PAGE_QUERIES), ("search", SEARCH_QUERIES))
        for name, query in lists.items()
    }
    middle, oldest = _find_places(person)
    figures |= {
        "page, middle": _measure(lambda: _read_page(person, "", middle)),
        "page, deep": _measure(lambda: _read_page(person, "", oldest)),
        "page, rare combination, middle": _measure(lambda: _read_page(person, RARE, middle)),
        "page, jump to a day": _measure(lambda: _jump(person, middle)),
        "page, the way back": _measure(lambda: _read_back(person, middle)),
        "counts, all": _measure(lambda: _count(person, "")),
        "counts, rare combination": _measure(lambda: _count(person, RARE)),
    }
    return figures


def _read_page(person: User, query: str, cursor: Cursor | None = None) -> None:
    films = FilmList(person, parse_filters(QueryDict(query)))
    queries.load_page(films, cursor=cursor, limit=PAGE_SIZE + 1)


def _jump(person: User, place: Cursor) -> None:
    films = FilmList(person, parse_filters(QueryDict("")))
    cursor = queries.find_day_cursor(films, place[0].date())
    queries.load_page(films, cursor=cursor, limit=PAGE_SIZE + 1)


def _read_back(person: User, place: Cursor) -> None:
    films = FilmList(person, parse_filters(QueryDict("")))
    queries.load_page_through(films, cursor=place, limit=MAX_DEPTH + 1)


def _count(person: User, query: str) -> None:
    films = FilmList(person, parse_filters(QueryDict(query)))
    present_tabs(films)
    for name in ("model_ids", "ratios", "lengths", "sounds", "is_starred", "project_id"):
        films.count_options(name)


def _find_places(person: User) -> tuple[Cursor, Cursor]:
    """A film in the middle and one near the end, by their moments."""
    films = Generation.objects.filter(owner=person, state="completed")
    rows = films.order_by("created_at", "pk").values_list("created_at", "pk")
    oldest, newest = rows[2 * PAGE_SIZE], rows.reverse()[0]
    moment = oldest[0] + (newest[0] - oldest[0]) / 2
    middle = rows.filter(created_at__gte=moment)[0]
    return middle, oldest


def _measure(read: Callable[[], None]) -> float:
    noted: list[tuple[str, Any]] = []

    def note(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]
    ) -> Any:
        noted.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        read()
    return min(_time(noted) for _ in range(ROUND_COUNT))


def _time(noted: list[tuple[str, Any]]) -> float:
    read_clock = time.thread_time if connection.vendor == "sqlite" else time.perf_counter
    begin = read_clock()
    with connection.cursor() as cursor:
        for sql, params in noted:
            cursor.execute(sql, params)
            cursor.fetchall()
    return round((read_clock() - begin) * 1000, 2)
