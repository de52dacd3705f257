"""The totals above the list of generations: the same figures, whatever they are taken from."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evolink_studio.generations.admin.generations import GenerationAdmin
from evolink_studio.generations.admin.list_totals import find_usage_filter, sum_up_to
from evolink_studio.generations.admin.usage_charts import label_totals
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.usage_report import UsageFilter, UsageTotals, sum_usage
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.generations.admin.conftest import GENERATIONS_URL

KLING = "kling-o3-image-to-video"
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, UsageFilter()),
        ({"p": ["3"], "o": ["-1"], "q": [""]}, UsageFilter()),
        ({"owner__id__exact": ["7"]}, UsageFilter(owner_id=7)),
        (
            {"model": [KLING, "x"], "state__exact": ["failed", "saving"]},
            UsageFilter(model_ids=[KLING, "x"], states=["failed", "saving"]),
        ),
        (
            {"accounted_from": ["2026-11-01"], "accounted_to": ["2026-11-30"]},
            UsageFilter(date(2026, 11, 1), date(2026, 11, 30)),
        ),
        ({"q": ["cat"]}, None),
        ({"created_from": ["2026-11-01"]}, None),
        ({"created_at__year": ["2026"]}, None),
        ({"look": ["unknown"]}, None),
        ({"held": ["1"], "state__exact": ["failed"]}, None),
        ({"charge__exact": ["charged"]}, None),
    ],
)
def test_the_rollup_answers_what_it_counts_by_and_nothing_else(query, expected):
    assert find_usage_filter(query) == expected


QUERIES = [
    "",
    "state__exact=completed",
    "state__exact=completed&state__exact=failed",
    f"model={KLING}",
    f"model={KLING}&state__exact=running",
    "accounted_from=2026-11-19",
    "accounted_to=2026-11-19&state__exact=completed",
    "created_from=2026-11-19",
    "created_at__year=2026&created_at__month=11",
    "charge__exact=charged",
    "held=1",
    "q=piano",
    "owner__id__exact={owner}",
    "owner__id__exact={owner}&o=-10&p=1",
]


@pytest.mark.parametrize("query", QUERIES)
def test_the_totals_are_those_of_the_rows_that_are_listed(staff_client, query):
    ada, bob = UserFactory(), UserFactory()
    for number, state in enumerate(State):
        for owner in (ada, bob):
            GenerationFactory(
                owner=owner,
                state=state,
                model_id=KLING if number % 2 else "veo3.1-pro",
                created_at=NOW - timedelta(days=number % 3),
                credits_charged=Decimal(number) + Decimal("0.0001"),
            )
    url = f"{GENERATIONS_URL}?{query.format(owner=ada.pk)}"
    changelist = staff_client.get(url).context["cl"]
    rows = list(changelist.queryset)
    assert rows
    assert changelist.totals == label_totals(
        UsageTotals(
            len(rows),
            sum(row.state == State.FAILED for row in rows),
            sum(row.credits_estimated for row in rows),
            sum((row.credits_held or Decimal(0) for row in rows), Decimal(0)),
            sum(row.credits_charged for row in rows),
        )
    )


def test_the_whole_list_is_added_up_without_reading_a_generation():
    GenerationFactory()
    usage_filter = find_usage_filter({})
    assert usage_filter is not None
    with CaptureQueriesContext(connection) as queries:
        assert sum_usage(usage_filter).count == 1
    assert [query["sql"] for query in queries if "generations_generation" in query["sql"]] == []


def test_a_list_that_is_too_long_is_counted_no_further(staff_client, monkeypatch):
    for _number in range(4):
        GenerationFactory(state=State.FAILED)
    rows = Generation.objects.all()
    assert sum_up_to(4, rows).is_complete
    assert not sum_up_to(3, rows).is_complete
    assert sum_up_to(3, rows).totals.count == 3
    monkeypatch.setattr(GenerationAdmin, "list_per_page", 2)
    monkeypatch.setattr("evolink_studio.core.changelist.MAX_COUNT", 3)
    monkeypatch.setattr("evolink_studio.generations.admin.changelist.MAX_COUNT", 3)
    changelist = staff_client.get(f"{GENERATIONS_URL}?q=piano").context["cl"]
    assert changelist.totals == [("Generations", "more than 3")]
    monkeypatch.setattr("evolink_studio.core.changelist.MAX_COUNT", 1000)
    monkeypatch.setattr("evolink_studio.generations.admin.changelist.MAX_COUNT", 1000)
    several_pages = staff_client.get(f"{GENERATIONS_URL}?q=piano").context["cl"].totals
    monkeypatch.setattr(GenerationAdmin, "list_per_page", 40)
    one_page = staff_client.get(f"{GENERATIONS_URL}?q=piano").context["cl"].totals
    assert one_page == several_pages
    assert staff_client.get(GENERATIONS_URL).context["cl"].totals[1] == ("Generations", "4")
