"""Several filters at once: the rows that fit all of them, found without walking through others."""

from datetime import timedelta
from itertools import combinations, cycle

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from evolink_studio.core.changelist import hide_from_indexes
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State
from tests.factories import NOW, VEO, GenerationFactory, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL

DAY = timedelta(days=1)
MAKER_ID = 90_001
SINCE = (NOW - 5 * DAY).date()
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
FILTERS = {
    "owner": ({"owner__id__exact": f"{MAKER_ID}"}, Q(owner_id=MAKER_ID)),
    "model": ({"model": VEO}, Q(model_id=VEO)),
    "state": ({"state__exact": "completed"}, Q(state="completed")),
    "states": ({"state__exact": ["failed", "completed"]}, Q(state__in=["failed", "completed"])),
    "charge": ({"charge__exact": "charged"}, Q(charge="charged")),
    "held": ({"held": "1"}, Q(credits_held__isnull=False)),
    "look": ({"look": "unknown"}, Q(state="unknown", charge="unclear")),
    "created": ({"created_from": f"{SINCE}"}, Q(created_at__gte=MIDNIGHT - 5 * DAY)),
    "accounted": ({"accounted_from": f"{SINCE}"}, Q(accounted_at__gte=MIDNIGHT - 5 * DAY)),
    "words": ({"q": "boat"}, Q(prompt__contains="boat")),
}
# Both ask for states.
PAIRS = [pair for pair in combinations(FILTERS, 2) if pair != ("state", "states")]


@pytest.fixture
def rows(db) -> None:
    people = [UserFactory(pk=pk, username=f"maker{pk}") for pk in (MAKER_ID, 90_002)]
    charges = {
        State.COMPLETED: Charge.CHARGED,
        State.FAILED: Charge.RETURNED,
        State.UNKNOWN: Charge.UNCLEAR,
    }
    choices = zip(cycle(people), cycle(State), cycle(("a boat", "a kite", "a boat")), strict=False)
    for number, (owner, state, prompt) in zip(range(48), choices, strict=False):
        created_at = NOW - number % 11 * DAY - number * timedelta(minutes=1)
        GenerationFactory(
            owner=owner,
            state=state,
            charge=charges.get(state, Charge.NONE),
            prompt=prompt,
            created_at=created_at,
            accounted_at=created_at + number % 3 * DAY,
            credits_held=5 if number % 4 < 2 else None,
            model_id=VEO if number % 5 < 3 else "sora-2-preview",
        )


def list_rows(client, *names: str) -> list[int]:
    query = {name: value for key in names for name, value in FILTERS[key][0].items()}
    return [row.pk for row in client.get(GENERATIONS_URL, query).context["cl"].result_list]


@pytest.mark.parametrize("max_few", [0, 1000])
def test_two_filters_show_what_fits_both_in_the_order_of_the_list(
    staff_client, rows, monkeypatch, max_few
):
    monkeypatch.setattr("evolink_studio.core.changelist.MAX_FEW", max_few)
    for pair in PAIRS:
        order = ["-created_at", "-pk"]
        if "accounted" in pair:
            order = ["-accounted_at", "-pk"]
        if "words" in pair:
            order = ["-pk"]
        found = Generation.objects.filter(FILTERS[pair[0]][1], FILTERS[pair[1]][1])
        expected = list(found.order_by(*order).values_list("pk", flat=True)[:40])
        assert list_rows(staff_client, *pair) == expected, pair


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - {"owner"}))
def test_a_person_that_is_left_open_asks_for_nothing(staff_client, rows, monkeypatch, name):
    monkeypatch.setattr("evolink_studio.core.changelist.MAX_FEW", 0)
    query = FILTERS[name][0]
    answer = staff_client.get(GENERATIONS_URL, {**query, "owner__id__exact": ""})
    assert answer.status_code == 200
    assert {row.pk for row in answer.context["cl"].result_list} == set(
        list_rows(staff_client, name)
    )


sqlite_only = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL plans by how many rows there are"
)


def explain_page_query(client, *names: str) -> str:
    """The plan of the statement that finds the rows of a page."""
    with CaptureQueriesContext(connection) as queries:
        list_rows(client, *names)
    (sql,) = (
        q["sql"] for q in queries if "LIMIT 41" in q["sql"] and "generations_generation" in q["sql"]
    )
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(line for *_, line in cursor.fetchall())


@sqlite_only
@pytest.mark.parametrize("pair", [("held", "state"), ("model", "state"), ("look", "owner")])
def test_rows_of_a_filter_that_leaves_few_are_found_first(staff_client, rows, pair):
    assert "USING INTEGER PRIMARY KEY" in explain_page_query(staff_client, *pair).splitlines()[0]


@sqlite_only
@pytest.mark.parametrize("name", ["charge", "held"])
def test_days_of_account_are_walked_in_their_order_beside_another_filter(
    staff_client, rows, monkeypatch, name
):
    monkeypatch.setattr("evolink_studio.core.changelist.MAX_FEW", 0)
    plan = explain_page_query(staff_client, name, "accounted")
    assert "generation_accounted" in plan
    assert "FOR ORDER BY" not in plan


@pytest.mark.django_db
def test_what_is_hidden_from_indexes_means_the_same():
    found = GenerationFactory(state=State.FAILED)
    GenerationFactory(state=State.RUNNING)
    condition = ~Q(state="running") & (Q(owner=found.owner_id) | Q(owner__in=[0]))
    rows = Generation.objects.filter(condition, created_at__lte=found.created_at)
    hidden = hide_from_indexes(rows, but=("created_at",))
    assert list(hidden) == list(rows) == [found]
