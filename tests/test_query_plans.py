"""No page, list or step of the worker walks through a table that grows with what was made.

Everything is visited: every address, every filter and order of every list, every step and duty of
the worker. What they ask is shown to the planner of the database, so a new query is looked at too.
"""

import asyncio
import re
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evolink_studio.accounts.models import User
from evolink_studio.accounts.services import delete_expired
from evolink_studio.core.changelist import PageLinks
from evolink_studio.films.models import Collection, Cut, FilmChange, SavedView
from evolink_studio.films.services import (
    add_tags,
    add_to_collection,
    create_collection,
    move_to_project,
)
from evolink_studio.films.trash import empty_trash, move_to_trash
from evolink_studio.films.views.actions import ACTIONS
from evolink_studio.generations.models import Batch, CallbackDelivery, Generation, TaskLookup
from evolink_studio.generations.pipeline.downloading import filter_needed_files
from evolink_studio.generations.pipeline.queue import mark_waiting_for_disk
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from evolink_studio.library.services import delete_orphans
from evolink_studio.projects.models import Project
from evolink_studio.projects.services import create_project
from evolink_studio.sharing import services as sharing
from evolink_studio.sharing.models import Comment, Share
from evolink_studio.worker.periodic import DONE_CACHE_KEY
from evolink_studio.worker.worker import Worker
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory
from tests.history import analyze, fill_history
from tests.manual_worker import ManualWorker
from tests.query_plans import StatementLog, Walk, list_growing_tables
from tests.test_access import (
    ACCESS_TABLE,
    ADMIN_PATTERNS,
    METHOD_NOT_ALLOWED,
    STUDIO_PATTERNS,
    fill_pattern,
)

# SQLite plans the same for any number of rows; PostgreSQL looks how many there are.
HISTORY_LENGTH, OTHER_COUNT = (50, 1) if connection.vendor == "sqlite" else (200, 9)
MAX_VISITS = 1_000


@dataclass(frozen=True)
class Exemption:
    """What may walk, and why. A walk fits that has this place, source and piece of its SQL.

    `database`: only there it is known to walk; both if empty. Without `is_certain` it depends on
    the sample of rows that the planner took.
    """

    reason: str
    place: str = ""
    source: str = ""
    sql: str = ""
    database: str = ""
    is_certain: bool = True

    def fits(self, walk: Walk) -> bool:
        return (
            walk.place.startswith(self.place)
            and walk.source.startswith(self.source)
            and self.sql in walk.sql
        )


LINK_REASON = "sign-in links are made by hand and kept for 180 days; which are open no index knows"
ADMIN_EXEMPTIONS = (
    Exemption(LINK_REASON, place="/admin/accounts/signinlink/", database="sqlite"),
    Exemption(
        "the report compares the newest films with their estimates, whoever made them",
        place="/admin/credits/ratecard/off/",
        source="generations/usage_source.py:list_usage_samples",
    ),
    Exemption(
        "balances over their limit are few among all, and no index knows which",
        place="/admin/credits/ratecard/off/",
        source="credits/admin/price_accuracy.py",
    ),
    Exemption("an export has everything", place="/admin/credits/ledgerentry/csv/"),
    # PostgreSQL plans by what there is, and here that is little. Beside a million generations it
    # takes another index for each of these, or is at its limit after some hundred rows.
    *(
        Exemption(
            "few rows in their order are cheaper than those of an index",
            place=place,
            source=source,
            sql=sql,
            database="postgresql",
            is_certain=False,
        )
        for place, source, sql in (
            ("/admin/credits/allowancebalance/", "core/changelist.py", ""),
            ("/admin/credits/ledgerentry/", "credits/admin/ledger.py:_list_entries_of", ""),
            ("/admin/generations/generation/", "core/keyset.py", '"credits_charged" IS NULL'),
            ("/admin/generations/generation/", "core/keyset.py", '"search_text" LIKE'),
            ("/admin/generations/generation/", "core/keyset.py", '"owner_id" = %s ORDER BY 1'),
            ("/admin/generations/generation/usage/", "generations/usage_export.py", '"id" IN ('),
            ("/admin/generations/generation/usage/", "generations/usage_report.py", '"id" IN ('),
            ("/admin/library/asset/", "core/keyset.py", '"search_text" LIKE'),
            ("/admin/generations/generation/0/change/", "generations/admin/generations.py", ""),
            ("/admin/generations/generation/lookup/0/", "generations/admin/generations.py", ""),
        )
    ),
)


# PostgreSQL plans by what there is: of these tables the test has a page of rows, which it reads.
FEW_ROWS_EXEMPTIONS = (
    *(
        Exemption("a page of rows is read whole", sql=f'"{table}"', is_certain=False)
        for table in (
            "films_collection",
            "films_collection_generations",
            "films_cut",
            "films_filmchange",
            "films_tag",
            "generations_generation_inputs",
            "projects_project",
            "prompts_castmember",
            "prompts_preset",
            "prompts_prompttemplate",
        )
        if connection.vendor == "postgresql"
    ),
)


@pytest.fixture
def person(db) -> User:
    """Somebody with a long history, and something in every state; the owner of the studio."""
    now = timezone.now()
    person = UserFactory(username="person", owner=True)
    for owner in (person, *(UserFactory() for _ in range(OTHER_COUNT))):
        fill_history(owner, HISTORY_LENGTH, until=now)
    for state in State:
        row = GenerationFactory(owner=person, state=state, created_at=now, sent_at=now)
        CallbackDelivery.objects.create(
            generation=row, received_at=now, size_bytes=1, rejection="other_task"
        )
    Batch.objects.bulk_create(
        Batch(owner=person, kind="table", form_key=uuid.uuid4(), created_at=now)
        for _ in range(HISTORY_LENGTH)
    )
    # With the number that every address is opened with.
    batch, _ = Batch.objects.update_or_create(
        pk=row.pk,
        defaults={
            "owner": person,
            "kind": "table",
            "form_key": uuid.uuid4(),
            "created_at": now,
            "max_failures": 1,
        },
    )
    Generation.objects.filter(owner=person, created_at=now).update(batch=batch)
    AssetFactory(owner=person)
    order_films(person, now)
    analyze()
    return person


def order_films(person: User, now: datetime) -> None:
    """A tag, a collection, a project, and something in the trash."""
    film_ids = list(
        Generation.objects.filter(owner=person, state=State.COMPLETED)
        .order_by("-pk")
        .values_list("pk", flat=True)[:20]
    )
    collection = create_collection(owner=person, name="Show reel", now=now)
    project = create_project(owner=person, name="Job", is_shared=True, now=now)
    add_tags(owner=person, film_ids=film_ids, names="Hero", now=now)
    add_to_collection(owner=person, film_ids=film_ids, collection=collection, now=now)
    move_to_project(owner=person, film_ids=film_ids, project=project, now=now)
    move_to_trash(owner=person, film_ids=film_ids[10:], now=now)


@pytest.fixture
def client(client, person) -> Client:
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return client


def assert_no_walks(log: StatementLog, exemptions: Sequence[Exemption] = ()) -> None:
    """None but the exempt ones; and no exemption outlives what it was made for."""
    walks = log.find_walks()
    unexpected = [walk for walk in walks if not any(it.fits(walk) for it in exemptions)]
    assert not unexpected, "\n\n".join(map(str, unexpected))
    outlived = [
        it
        for it in exemptions
        if it.is_certain
        and it.database in ("", connection.vendor)
        and not any(it.fits(walk) for walk in walks)
    ]
    assert not outlived, f"these no longer walk, so their exemptions can go: {outlived}"


# --- the visit --------------------------------------------------------------------------------

HREF_PATTERN = re.compile(r"(?:href|hx-get)=\"([^\"#]+)")
# Parameters that say where a page of a list begins; of the admin lists' only the direction counts.
POSITION_NAMES = frozenset({"before", "through", "id", "page", "since"})
POSITION_KEY_PATTERN = re.compile(r"(?:(?<=^after)|(?<=^before)):.*")
# Not followed: they would end the visit.
LEAVING_PATHS = ("/admin/logout/", "/account/logout/")


def find_links(path: str, response) -> Iterator[str]:
    """Where a page leads; of a list also every filter and order.

    From a page with a parameter only those links without: no filters of filters.
    """
    if response.streaming or not response["Content-Type"].startswith("text/html"):
        return
    base, query = urlsplit(path)[2:4]
    for link in HREF_PATTERN.findall(response.content.decode()):
        parts = urlsplit(link.replace("&amp;", "&"))
        if not parts.netloc and not parts.scheme and not (query and parts.query):
            yield f"{parts.path or base}{'?' + parts.query if parts.query else ''}"
    changelist = (response.context or {}).get("cl") if response.context else None
    if changelist is not None and "?" not in path:
        yield from list_changelist_links(path, changelist)


def list_changelist_links(path: str, changelist) -> Iterator[str]:
    """Every choice of every filter, every order, the last page, and searches of every kind."""
    for filter_spec in changelist.filter_specs:
        for choice in filter_spec.choices(changelist):
            if "query_string" in choice:
                yield f"{path}{choice['query_string']}"
    is_growing = changelist.model._meta.db_table in list_growing_tables()
    for number, name in enumerate(changelist.list_display):
        if not is_growing or not changelist.get_ordering_field(name):
            continue  # in the list's own order, or of few rows
        for order in (f"o={number}", f"o=-{number}"):
            yield from (f"{path}?{order}", f"{path}?{order}&p=last")
    links = changelist.paginator
    if isinstance(links, PageLinks):
        yield from (f"{path}{url}" for url in (links.next, links.last) if url)
    for term in ("1", "task-00000001", "person", "cat piano", "nothing-like-this"):
        yield f"{path}?{urlencode({'q': term})}"


def visit_key(url: str) -> str:
    """Equal for addresses that ask the same: of another row, or after another one."""
    parts = urlsplit(url)
    names = [
        name if name in POSITION_NAMES else f"{name}={POSITION_KEY_PATTERN.sub('', value)}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return f"{re.sub(r'[0-9]+', '0', parts.path)}?{'&'.join(sorted(names))}"


def visit_all(
    client: Client, log: StatementLog, starts: list[str], is_wanted: Callable[[str], bool]
) -> list[str]:
    """Open these pages and all they lead to. Returns the addresses, each opened once."""
    seen: dict[str, str] = {}
    waiting = deque(starts)
    while waiting:
        url = waiting.popleft()
        key = visit_key(url)
        if key in seen or not is_wanted(url) or url.startswith(LEAVING_PATHS):
            continue
        seen[key] = url
        assert len(seen) < MAX_VISITS, list(seen)
        log.place = urlsplit(key).path
        response = client.get(url)
        if response.status_code == 200:
            waiting.extend(find_links(url, response))
    return list(seen.values())


FILTERED_URLS = (
    f"/films/?model={VEO}&ratio=16:9&length=0-5&sound=with&starred=1&project=1",
    "/films/?q=piano&of=ended",
    "/films/?q=ca",
    "/films/?q=nothing+like+this",
    "/films/?q=task-00000001",
    "/films/?tag=1&collection=1",
    "/films/?collection=1&q=cat",
    "/films/?batch={batch}",
    "/films/?batch={batch}&of=making",
    "/films/?batch={batch}&q=cat&starred=1",
    "/films/?q=task-00000001&batch={batch}",
    "/films/?from=2020-01-01&to=2099-01-01",
    "/films/?at=2026-01-01",
)


def list_start_urls(patterns: list[str]) -> list[str]:
    """Every address, with a number in every place: that of a row that is there."""
    pk = str(Generation.objects.order_by("-pk").values_list("pk", flat=True)[0])
    return [fill_pattern(pattern).replace("/1/", f"/{pk}/") for pattern in patterns]


def find_own_rows(person: User) -> dict[str, str]:
    """Arguments of addresses: a share with its token and an answer, and a cut."""
    share = Share.objects.filter(owner=person).latest("pk")
    return {
        "share": str(share.pk),
        "share_token": sharing.renew_link(share=share, now=timezone.now()),
        "comment": str(Comment.objects.filter(share=share).latest("pk").pk),
        "cut": str(Cut.objects.filter(owner=person).latest("pk").pk),
    }


def test_no_page_of_a_guest_walks_through_a_table_that_grows(client, person):
    token = find_own_rows(person)["share_token"]
    names = [name for name, row in ACCESS_TABLE.items() if row.args[:1] == ("share_token",)]
    with StatementLog() as log:
        for name in names:
            args = [token if it == "share_token" else it for it in ACCESS_TABLE[name].args]
            client.get(reverse(name, args=args))
            client.post(reverse(name, args=args))
        client.get("/s/unknown/")
    assert_no_walks(log)


def test_no_page_of_a_person_walks_through_a_table_that_grows(client, person):
    start_urls = list_start_urls([pattern for pattern, _ in STUDIO_PATTERNS])
    batch = Batch.objects.filter(owner=person).latest("pk")
    with StatementLog() as log:
        visited = visit_all(
            client,
            log,
            [
                f"/create/{VEO}/",
                "/films/?of=ended",
                "/pictures/?q=boat&kind=image",
                "/pictures/?origin=edit",
                "/prompts/?q=cat",
                "/prompts/?q=ca",
                f"/create/{VEO}/menu/history/",
                f"/create/{VEO}/menu/templates/",
                "/library/picker?q=boat&kind=image",
                *(url.format(batch=batch.pk) for url in FILTERED_URLS),
                *start_urls,
            ],
            lambda url: not url.startswith("/admin/"),
        )
    assert {"/films/?of=making", "/films/"} <= set(visited)
    assert_no_walks(log, FEW_ROWS_EXEMPTIONS)


def test_no_press_and_no_poll_walks_through_a_table_that_grows(client, person):
    running = Generation.objects.get(owner=person, state=State.RUNNING)
    asset = Asset.objects.filter(owner=person, kind="image").latest("pk")
    batch = Batch.objects.filter(owner=person).latest("pk")
    arguments = {
        "batch": str(batch.pk),
        "generation": str(running.pk),
        "clip": str(Asset.objects.filter(owner=person, kind="video").latest("pk").pk),
        "image": str(asset.pk),
        "cast_member": "0",
        "preset": "0",
        "template": "0",
        "token": running.callback_token,
        "collection": str(Collection.objects.get(owner=person).pk),
        "project": str(Project.objects.get(owner=person).pk),
        **find_own_rows(person),
        "view": str(SavedView.objects.create(owner=person, name="All", created_at=NOW).pk),
    }
    with StatementLog() as log:
        for films in (
            {"id": arguments["generation"]},
            {"all": "1", "query": "project=1&q=cat"},
            {"all": "1", "query": f"batch={batch.pk}"},
        ):
            for action in (*ACTIONS, "zip"):
                data = {"action": action, "tag": "hero", "collection": "Reel", **films}
                client.post(reverse("film_action"), data)
            for change in FilmChange.objects.filter(owner=person):
                client.post(reverse("undo_change", args=[change.pk]))
        client.post(reverse("delete_films"), {"all": "1"})
        client.post(reverse("delete_films"), {"all": "1", "confirmed": "1"})
        for name, row in ACCESS_TABLE.items():
            if row.post != METHOD_NOT_ALLOWED and not name.startswith("account_"):
                url = reverse(name, args=[arguments.get(it, it) for it in row.args])
                client.post(url, row.data)
                client.post(url, row.data, headers={"HX-Request": "true"})
        callback = reverse("callback", args=[running.callback_token])
        client.post(callback, {"id": "task-other"}, content_type="application/json")
        client.get("/live/?since=0.0.0", headers={"HX-Request": "true"})
        client.post("/files/delete/", {"files": [asset.pk]})
    assert_no_walks(log, FEW_ROWS_EXEMPTIONS)


PROJECT_USAGE_URLS = [
    f"/admin/generations/generation/usage/?created_from=2026-01-01&created_to=2026-12-31&{query}"
    for query in ("project=1", "project=0", "project=1&as=csv", "project=0&as=csv")
]


def test_no_admin_page_walks_through_a_table_that_grows(client):
    start_urls = ["/admin/", *PROJECT_USAGE_URLS, *list_start_urls(ADMIN_PATTERNS)]
    with StatementLog() as log:
        visited = visit_all(
            client,
            log,
            start_urls,
            lambda url: url.startswith("/admin/") and "procrastinate" not in url,
        )
    assert "/admin/generations/generation/?o=11&p=last" in visited
    assert_no_walks(log, ADMIN_EXEMPTIONS)


def test_what_is_read_for_machines_walks_through_no_table_that_grows(client, settings):
    settings.METRICS_TOKEN = "a-token"
    with StatementLog() as log:
        answer = client.get("/metrics", headers={"Authorization": "Bearer a-token"})
        client.get("/readyz")
    assert answer.status_code == 200
    assert_no_walks(log)


class OneRoundWorker(Worker):
    """Does once what a worker does again and again, and all of it, due or not."""

    async def _run_every(self, name, seconds, action, *, run_immediately=True) -> None:
        await action()

    async def _run_when_due(self, loop) -> None:
        await loop.start()

    async def _look_for_work(self) -> None:
        await self._announce_due()


def test_no_step_of_the_worker_walks_through_a_table_that_grows(person, fake_provider):
    now = timezone.now()
    cache.set(DONE_CACHE_KEY, now, timeout=None)  # its parts are run below, in this connection
    TaskLookup.objects.create(task_id="task-9", requested_by=person, requested_at=now)
    worker = ManualWorker(fake_provider.url, timezone.now)
    Generation.objects.filter(state=State.UNKNOWN).update(next_attempt_at=now)

    async def run_one_round() -> None:
        provider = worker.build_provider()
        async with provider.client, asyncio.timeout(30):
            await OneRoundWorker(provider, timezone.now).run()

    log = StatementLog()
    for _ in range(3):
        with log:
            async_to_sync(run_one_round)()
        Generation.objects.exclude(next_attempt_at=None).update(next_attempt_at=now)
    with log:
        mark_waiting_for_disk(now=now + timedelta(days=1))
        delete_orphans(now=now, still_needed=filter_needed_files)
        delete_expired(now=now)
        empty_trash(now=now + timedelta(days=31))
    assert any("lease_next" in source for _, source, _ in log.statements)
    assert_no_walks(log, FEW_ROWS_EXEMPTIONS)
