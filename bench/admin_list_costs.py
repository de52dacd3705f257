"""What the lists of the admin pages cost in a studio with a history, and how large their pages are.

Runs in a process of its own, on the database of a `HistoryInstance`. Milliseconds of processor of
the whole request; on PostgreSQL those of the server's process are its own and not in them.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from itertools import combinations

from django.db import connection
from django.test import Client

from evolink_studio.accounts.models import User
from evolink_studio.generations.incidents import INCIDENT_TYPES
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State

ROUND_COUNT = 5
GENERATIONS = "/admin/generations/generation/"
FILES = "/admin/library/asset/"
LEDGER = "/admin/credits/ledgerentry/"
OTHER_LISTS = (
    LEDGER,
    "/admin/credits/allowancebalance/",
    "/admin/credits/allowance/",
    "/admin/generations/callbackdelivery/",
    "/admin/accounts/securityevent/",
    "/admin/accounts/signinlink/",
    "/admin/accounts/user/",
)
Query = Mapping[str, str | list[str]]


def measure_pages() -> dict[str, tuple[float, float, str]]:
    """By group: milliseconds and KB of its dearest page, and which that is."""
    connection.ensure_connection()
    client = Client(SERVER_NAME="127.0.0.1")
    owner = User.objects.get(username="person0")
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    costs: dict[str, tuple[float, float, str]] = {}
    for group, path, query in _list_pages():
        milliseconds, kilobytes = _measure_page(client, path, query)
        known = costs.get(group, (0.0, 0.0, ""))
        name = f"{path}?{query}" if milliseconds > known[0] else known[2]
        costs[group] = (max(milliseconds, known[0]), max(kilobytes, known[1]), name)
    return costs


def _list_pages() -> Iterator[tuple[str, str, Query]]:
    middle = Generation.objects.order_by("-pk")[Generation.objects.count() // 2]
    yield "first page", GENERATIONS, {}
    yield "last page", GENERATIONS, {"p": "last"}
    position = f'after:["{middle.created_at.isoformat()}", {middle.pk}]'
    yield "page in the middle", GENERATIONS, {"p": position}
    for order in ("10", "-10", "11", "-11"):
        for page in ("", "last"):
            yield "any order, first and last page", GENERATIONS, {"o": order, "p": page}
    for query in _list_filters():
        yield "any filter", GENERATIONS, query
    for query in _list_several_filters():
        yield "several filters", GENERATIONS, query
    task_id = str(middle.task_id or "task")
    for text in (str(middle.pk), f"#{middle.pk}", task_id):
        yield "search by number, task id", GENERATIONS, {"q": text}
    for text in (
        "paper",
        "boat lake",
        "straßenbahn",
        '"paper boat drifts"',
        "zzzz",
        "person7 boat",
    ):
        yield "search by words", GENERATIONS, {"q": text}
    for query in ({}, {"p": "last"}, {"o": "-7"}, {"kind__exact": "image"}, {"q": "person7"}):
        yield "files", FILES, query
    for path in OTHER_LISTS:
        yield "other lists", path, {}
        yield "other lists", path, {"p": "last"}
    for query in ({"q": "person7"}, {"balance__user__id__exact": "1"}, {"kind__exact": "settle"}):
        yield "other lists", LEDGER, query


def _list_filters() -> Iterator[Query]:
    yield from ({"state__exact": state} for state in State.values)
    yield from ({"charge__exact": charge} for charge in Charge.values)
    yield from ({"look": str(incident_type.name)} for incident_type in INCIDENT_TYPES)
    yield {"state__exact": ["failed", "cancelled"]}
    yield {"model": "veo3.1-pro"}
    yield {"owner__id__exact": "1"}
    yield {"held": "1"}
    yield {"created_from": "2020-01-01"}
    yield {"accounted_from": "2020-01-01"}
    yield {"state__exact": "failed", "o": "-10"}


def _list_several_filters() -> Iterator[Query]:
    """Filters that meet often, rarely and never; in the list's order and by days of account."""
    last_person = str(User.objects.order_by("-pk").values_list("pk", flat=True)[0])
    yield {"look": [str(incident_type.name) for incident_type in INCIDENT_TYPES]}
    days: Query = {"accounted_from": "2020-01-01"}
    filters: tuple[Query, ...] = (
        {"held": "1"},
        {"state__exact": "completed"},
        {"state__exact": "unknown"},
        {"charge__exact": "returned"},
        {"model": "veo3.1-pro"},
        {"owner__id__exact": "1"},
        {"owner__id__exact": last_person},
        {"created_from": "2020-01-01"},
        days,
    )
    for first, second in combinations(filters, 2):
        if not first.keys() & second.keys():
            yield {**first, **second}
    yield {"owner__id__exact": last_person, "model": "veo3.1-pro", **days}
    yield {"state__exact": ["failed", "cancelled"], "owner__id__exact": "1", **days}


def _measure_page(client: Client, path: str, query: Query) -> tuple[float, float]:
    """The median of ROUND_COUNT requests, after one that warms up. Raises RuntimeError."""
    durations = []
    for _number in range(ROUND_COUNT + 1):
        started_at = time.process_time()
        answer = client.get(path, query)
        durations.append((time.process_time() - started_at) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} {query}: {answer.status_code}")
    return statistics.median(durations[1:]), len(answer.content) / 1000
