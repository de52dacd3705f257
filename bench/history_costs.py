"""What taking the next, a press and the pages cost in a studio with a history.

Runs in a process of its own, on the database of a `HistoryInstance`. Milliseconds of processor of
this process: on SQLite the database is a part of it, on PostgreSQL it is not.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone

from bench.generation_rows import MODEL_ID, PROMPT
from bench.measures.submit import PageInputs
from evolink_studio.accounts.models import User
from evolink_studio.generations.change_feed import get_feed_state
from evolink_studio.generations.models import ChangeFeed, Generation, Heartbeat
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.services import cancel
from evolink_studio.generations.states import State

ROUND_COUNT = 15
WARM_UP_COUNT = 3
WAITING_COUNT = 20
RUNNING_COUNT = 100
DAY = timedelta(days=1)
HTMX_HEADERS = {"HX-Request": "true"}
FORM = {
    "from_model": MODEL_ID,
    "prompt": PROMPT,
    "duration": "5",
    "quality": "480p",
    "aspect_ratio": "16:9",
}


def measure_costs() -> dict[str, float]:
    """Milliseconds by name, each the least of ROUND_COUNT: what others take is not ours."""
    person = User.objects.get(username="person0")
    now = timezone.now()
    Heartbeat.objects.update(seen_at=now + timedelta(hours=1))
    # At least one of those who wait is their own.
    waiting = Generation.objects.filter(state=State.QUEUED, next_attempt_at__isnull=False)
    own_waiting = waiting.filter(owner=person).first()
    if own_waiting is None or waiting.count() != WAITING_COUNT:
        raise RuntimeError("the history has another queue than is measured")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    token = get_feed_state(person, get_provider_key()).get_token(now)
    news = replace(token, version=_make_news(own_waiting))
    poll_url = f"/live/?since={news}&for={person.pk}"  # as a page asks
    middle, deep = _find_cursors(person)
    page = PageInputs()
    return {
        "taking the next 8": _measure(lambda: _lease(now, 8)),
        "taking the next, none fits": _measure(lambda: _lease(now, 8, ConcurrencyLimits(1, 1, 1))),
        "press": _measure(lambda: _press(client, page), after=lambda: _cancel_newest(person)),
        "create page": _measure(lambda: _get(client, f"/create/{MODEL_ID}/")),
        "poll with news": _measure(lambda: _get(client, poll_url, HTMX_HEADERS)),
        "in the making": _measure(lambda: _get(client, "/films/?of=making")),
        "films page, first": _measure(lambda: _get(client, "/films/")),
        "films page, middle": _measure(lambda: _get(client, middle)),
        "films page, deep": _measure(lambda: _get(client, deep)),
        "films page, failed": _measure(lambda: _get(client, "/films/?of=ended")),
    }


def prepare_rhythm(interval: int) -> str:
    """Let those running be due within the interval, as fresh ones; the owner's session key.

    Whatever else is under way stays out of it: its far end is not there.
    """
    now = timezone.now()
    live = Generation.objects.filter(next_attempt_at__isnull=False)
    live.exclude(state__in=[State.RUNNING, State.QUEUED]).update(next_attempt_at=now + DAY)
    live.filter(state=State.QUEUED).update(next_attempt_at=now)
    running_ids = list(live.filter(state=State.RUNNING).values_list("pk", flat=True))
    if len(running_ids) != RUNNING_COUNT:
        raise RuntimeError(f"{len(running_ids)} generations are running")
    for number, pk in enumerate(running_ids):
        due_at = now + timedelta(seconds=interval * number / len(running_ids))
        Generation.objects.filter(pk=pk).update(
            progressed_at=now, next_attempt_at=due_at, stalled_since=None
        )
    client = Client()
    client.force_login(
        User.objects.get(username="person0"), "django.contrib.auth.backends.ModelBackend"
    )
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _measure(step: Callable[[], object], after: Callable[[], object] = lambda: None) -> float:
    durations = []
    for _ in range(WARM_UP_COUNT + ROUND_COUNT):
        begin = time.process_time()
        step()
        durations.append(time.process_time() - begin)
        after()
    return min(durations[WARM_UP_COUNT:]) * 1000


def _lease(now: datetime, limit: int, limits: ConcurrencyLimits | None = None) -> None:
    """As the worker does, but nothing of it is kept."""
    with transaction.atomic():
        _, rows = lease_next(limit=limit, now=now, limits=limits or ConcurrencyLimits())
        if len(rows) != (0 if limits else limit):
            raise RuntimeError(f"{len(rows)} rows were leased")
        transaction.set_rollback(True)


def _press(client: Client, page: PageInputs) -> None:
    """As a page does that shows its earlier ones."""
    data: dict[str, object] = {**FORM, "form_key": str(uuid.uuid4())}
    if page.since is not None:
        data |= {"_since": page.since, "_rail": page.listed_ids}
    answer = client.post(f"/create/{MODEL_ID}/", data, headers=HTMX_HEADERS)
    if answer.status_code != 200 or b"data-generation" not in answer.content:
        raise RuntimeError(f"the press was answered with {answer.status_code}")
    page.update_from(answer.content.decode())


def _cancel_newest(person: User) -> None:
    newest = Generation.objects.filter(owner=person).latest("created_at")
    if not cancel(generation=newest, now=timezone.now()):
        raise RuntimeError("nothing was pressed")


def _get(client: Client, url: str, headers: dict[str, str] | None = None) -> None:
    answer = client.get(url, headers=headers)
    if answer.status_code != 200:
        raise RuntimeError(f"{url} was answered with {answer.status_code}")


def _make_news(row: Generation) -> int:
    """Change one card; the version before it."""
    feed = ChangeFeed.objects.get(pk=row.owner_id)
    Generation.objects.filter(pk=row.pk).update(changed_version=feed.version + 1)
    ChangeFeed.objects.filter(pk=row.owner_id).update(version=feed.version + 1)
    return feed.version


def _find_cursors(person: User) -> tuple[str, str]:
    """Addresses in the middle and near the end of a person's films."""
    films = Generation.objects.filter(owner=person, state=State.COMPLETED)
    rows = films.order_by("-created_at", "-id")
    count = films.count()
    urls = []
    for position in (count // 2, count - 40):
        row = rows[position]
        urls.append(f"/films/?before={row.created_at:%Y-%m-%dT%H:%M:%S.%fZ}&id={row.pk}")
    return urls[0], urls[1]
