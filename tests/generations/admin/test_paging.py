"""The pages of an admin list: every row once, whatever happens in between, at the same cost."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.core import changelist
from evolink_studio.generations.admin.generations import GenerationAdmin
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL

pytestmark = pytest.mark.django_db
COST, CREATED = "10", "11"  # the columns that the list is sorted by
MAX_PAGE_BYTES = 150_000


@pytest.fixture(autouse=True)
def _three_rows_a_page(monkeypatch):
    monkeypatch.setattr(GenerationAdmin, "list_per_page", 3)


@pytest.fixture
def generations() -> list[Generation]:
    """Some created at one moment, some of equal cost, some that cost nothing yet."""
    ada, bob = UserFactory(username="ada"), UserFactory(username="bob")
    return [
        GenerationFactory(
            owner=(ada, bob)[number % 2],
            state=(State.COMPLETED, State.FAILED, State.RUNNING)[number % 3],
            credits_charged=(None, Decimal(5), Decimal("7.5"), Decimal(5))[number % 4],
            created_at=NOW - timedelta(minutes=number // 2),
        )
        for number in range(14)
    ]


def read_page(client, url: str):
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.context["cl"]


def walk(client, start: str, link: str) -> list[int]:
    """The numbers of all rows from the page at `start`, by its links of that name."""
    found: list[int] = []
    page = read_page(client, start)
    for _number in range(20):
        # What is before a row may fill no page: then it is the first page, with rows of the next.
        pks = [row.pk for row in page.result_list if link == "next" or row.pk not in found]
        found = found + pks if link == "next" else pks + found
        url = getattr(page.paginator, link)
        if not url:
            return found
        page = read_page(client, f"{GENERATIONS_URL}{url}")
    raise AssertionError("the pages do not end")


def sort_like_the_list(rows: list[Generation], order: str) -> list[int]:
    is_descending, column = order.startswith("-"), order.removeprefix("-")
    if column == CREATED:
        rows = sorted(rows, key=lambda row: (row.created_at, row.pk), reverse=is_descending)
        return [row.pk for row in rows]
    costly = [row for row in rows if row.credits_charged is not None]
    rest = [row for row in rows if row.credits_charged is None]
    costly.sort(key=lambda row: (row.credits_charged, row.pk), reverse=is_descending)
    rest.sort(key=lambda row: row.pk, reverse=is_descending)
    return [row.pk for row in costly + rest]


@pytest.mark.parametrize("order", [COST, f"-{COST}", CREATED, f"-{CREATED}"])
@pytest.mark.parametrize(
    "query", ["", "&state__exact=completed", "&state__exact=completed&state__exact=running"]
)
def test_the_pages_bring_each_row_once_in_both_directions(staff_client, generations, order, query):
    states = set(re.findall("exact=([a-z]+)", query)) or set(State.values)
    rows = [row for row in generations if row.state in states]
    expected = sort_like_the_list(rows, order)
    start = f"{GENERATIONS_URL}?o={order}{query}"
    assert walk(staff_client, start, "next") == expected
    assert walk(staff_client, f"{start}&p=last", "previous") == expected


def test_the_first_and_the_last_page_are_reached_from_everywhere(staff_client, generations):
    first = read_page(staff_client, GENERATIONS_URL)
    assert not first.paginator.first
    assert not first.paginator.previous
    last = read_page(staff_client, f"{GENERATIONS_URL}{first.paginator.last}")
    assert not last.paginator.next
    assert [row.pk for row in last.result_list] == sort_like_the_list(generations, f"-{CREATED}")[
        -3:
    ]
    again = read_page(staff_client, f"{GENERATIONS_URL}{last.paginator.first}")
    assert [row.pk for row in again.result_list] == [row.pk for row in first.result_list]


def test_what_comes_and_goes_between_two_pages_moves_no_other_row(staff_client, generations):
    expected = sort_like_the_list(generations, f"-{CREATED}")
    first = read_page(staff_client, GENERATIONS_URL)
    next_url = f"{GENERATIONS_URL}{first.paginator.next}"
    GenerationFactory(created_at=NOW + timedelta(hours=1))
    Generation.objects.filter(pk__in=[expected[2], expected[3]]).delete()
    second = read_page(staff_client, next_url)
    assert [row.pk for row in second.result_list] == expected[4:7]


def test_a_page_of_which_nothing_is_left_leads_to_the_one_beside_it(staff_client, generations):
    expected = sort_like_the_list(generations, f"-{CREATED}")
    first = read_page(staff_client, GENERATIONS_URL)
    next_url = f"{GENERATIONS_URL}{first.paginator.next}"
    Generation.objects.filter(pk__in=expected[3:]).delete()
    assert [row.pk for row in read_page(staff_client, next_url).result_list] == expected[:3]


@pytest.mark.parametrize(
    "position",
    [
        *("2", "0", "-1", "next", "after", "after:", "after:[]", "after:{}", "before:null"),
        *("after:[1]", "after:[null, null]", 'after:["x", "y"]', "after:[[], []]"),
        *('after:["2026-01-01", 1e400]', 'after:["2026-01-01", NaN]', "after:[1, 2, 3]"),
        'after:["2026-01-01T00:00:00+00:00", 99999999999999999999999]',
        'after:["0001-01-01T00:00:00+23:59", 1]',
        'after:["9999-12-31T23:59:59-23:59", 1]',
        'after:["2026-01-01T00:00:00+00:00", "1\\u0000"]',
        'after:["\\ud800", 1]',
        "after:" + "[" * 500,
        "after:" + "1" * 5000,
    ],
)
@pytest.mark.parametrize("order", [CREATED, COST])
def test_a_position_that_no_row_has_leads_to_the_start(staff_client, generations, position, order):
    answer = staff_client.get(GENERATIONS_URL, {"p": position, "o": order})
    assert answer.status_code == 200
    rows = [row.pk for row in answer.context["cl"].result_list]
    assert rows == sort_like_the_list(generations, order)[:3]


def test_the_position_keeps_what_is_filtered_and_a_filter_begins_at_the_start(
    staff_client, generations
):
    page = read_page(staff_client, f"{GENERATIONS_URL}?state__exact=completed")
    assert "state__exact=completed" in page.paginator.next
    second = staff_client.get(f"{GENERATIONS_URL}{page.paginator.next}")
    assert {row.state for row in second.context["cl"].result_list} == {State.COMPLETED}
    form = second.content.decode().split('id="changelist-search"')[1].split("</form>")[0]
    assert 'name="p"' not in form


@pytest.mark.parametrize("start", ["", "?p=last"])
def test_no_page_counts_rows_off(staff_client, generations, start):
    page = read_page(staff_client, f"{GENERATIONS_URL}{start}")
    for url in filter(None, (start, page.paginator.next, page.paginator.previous)):
        with CaptureQueriesContext(connection) as queries:
            staff_client.get(f"{GENERATIONS_URL}{url}")
        assert not [q["sql"] for q in queries.captured_queries if "OFFSET" in q["sql"].upper()]


def test_an_action_on_all_means_all_that_is_filtered_from_any_page(owner_client):
    for _number in range(7):
        GenerationFactory(state=State.QUEUED)
    other = GenerationFactory(state=State.QUEUED, charge=Charge.RESERVED)
    url = f"{GENERATIONS_URL}?charge__exact=none"
    page = read_page(owner_client, url)
    second_url = f"{GENERATIONS_URL}{page.paginator.next}"
    chosen = read_page(owner_client, second_url).result_list[0]
    form = {"action": "cancel_unsent", "index": "0", "_selected_action": chosen.pk}
    owner_client.post(second_url, form)
    assert Generation.objects.filter(state=State.CANCELLED).get() == chosen
    owner_client.post(second_url, {**form, "select_across": "1"})
    assert set(Generation.objects.exclude(state=State.CANCELLED)) == {other}


def test_sorting_by_cost_rests_while_several_filters_are_chosen(staff_client, generations):
    query = f"?o=-{COST}&state__exact=completed"
    one = read_page(staff_client, f"{GENERATIONS_URL}{query}")
    assert one.queryset.query.order_by[0] == "-credits_charged"
    two = read_page(staff_client, f"{GENERATIONS_URL}{query}&model=veo3.1-pro")
    assert two.queryset.query.order_by == ("-created_at", "-id")


def test_a_full_page_is_light(staff_client, monkeypatch):
    monkeypatch.setattr(GenerationAdmin, "list_per_page", 40)
    owner = UserFactory()
    for _number in range(45):
        GenerationFactory(owner=owner, state=State.FAILED, prompt="A paper boat " * 20)
    assert len(staff_client.get(GENERATIONS_URL).content) <= MAX_PAGE_BYTES


@pytest.mark.skipif(connection.vendor != "sqlite", reason="explains plans of SQLite")
@pytest.mark.parametrize(
    "query",
    [
        "",
        *(f"state__exact={state}" for state in (State.COMPLETED, State.UNKNOWN)),
        *("charge__exact=charged", "model=veo3.1-pro", "owner__id__exact=1"),
        *("state__exact=failed&charge__exact=charged", "state__exact=failed&owner__id__exact=1"),
        *("created_from=2026-01-01", "accounted_from=2026-01-01", f"o={CREATED}"),
        *(f"o=-{COST}&{it}" for it in ("state__exact=failed", "model=veo3.1-pro")),
    ],
)
def test_each_filter_reads_an_index_in_the_order_of_the_list(
    staff_client, generations, query, monkeypatch
):
    monkeypatch.setattr(changelist, "MAX_FEW", -1)  # as if each filter left many
    middle = json.dumps([NOW.isoformat(), 5])
    positions = ["", "p=last"] if f"-{COST}" in query else ["", "p=last", f"p=after:{middle}"]
    for position in positions:
        with CaptureQueriesContext(connection) as queries:
            staff_client.get(f"{GENERATIONS_URL}?{query}&{position}")
        pages = [q["sql"] for q in queries.captured_queries if "LIMIT 4" in q["sql"]]
        assert pages
        for sql in pages:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}")
                plan = " | ".join(row[3] for row in cursor.fetchall())
            assert "INDEX generation_" in plan, (query, sql, plan)
            assert "TEMP B-TREE FOR ORDER BY" not in plan, (query, sql, plan)
