"""What was charged today is one figure, by the day of the charge, wherever it is shown."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import correct_charge, transition
from evolink_studio.generations.usage_report import get_spending
from tests.factories import NOW, VEO, GenerationFactory, UserFactory

MIDNIGHT = NOW.replace(hour=0, minute=0)
YESTERDAY_EVENING, THIS_MORNING = MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5)
MONTH_AGO = NOW - timedelta(days=30)
TODAY_QUERY = f"created_from={NOW:%Y-%m-%d}&created_to={NOW:%Y-%m-%d}"
TODAY_LIST_QUERY = f"accounted_from={NOW:%Y-%m-%d}&accounted_to={NOW:%Y-%m-%d}"


@pytest.fixture(autouse=True)
def _frozen_clock(db) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def root_client(settings) -> Client:
    """The browser of an owner, who also creates videos."""
    settings.METRICS_TOKEN = "a-token"
    client = Client()
    client.force_login(UserFactory(owner=True, username="root"))
    return client


def charge_generation(owner, created_at, charged_at, amount="25.7", *, is_stored=True) -> None:
    """A press, and the moment at which EvoLink said what it took."""
    generation = GenerationFactory(owner=owner, state=State.RUNNING, created_at=created_at)
    transition(
        generation,
        State.SAVING,
        now=charged_at,
        charge=Charge.CHARGED,
        credits_charged=Decimal(amount),
    )
    if is_stored:
        transition(generation, State.COMPLETED, now=charged_at + timedelta(hours=2))


def read_charged_today(client: Client) -> dict[str, Decimal]:
    """The figure at each place that shows it."""
    owner = client.get("/admin/").wsgi_request.user
    dashboard_tiles = client.get("/admin/").context["tiles"]
    usage = dict(
        client.get(f"/admin/generations/generation/usage/?{TODAY_QUERY}").context["totals"]
    )
    csv_answer = client.get(f"/admin/generations/generation/usage/?{TODAY_QUERY}&as=csv")
    csv_lines = b"".join(csv_answer.streaming_content).decode().splitlines()[1:]
    metrics = client.get("/metrics", headers={"authorization": "Bearer a-token"}).content.decode()
    changelist = client.get(f"/admin/generations/generation/?{TODAY_LIST_QUERY}").context["cl"]
    return {
        "badge": get_spending(owner, timezone.now()).charged_today,
        "dashboard": Decimal(
            next(tile.value for tile in dashboard_tiles if tile.label == "Charged today")
        ),
        "usage": Decimal(usage["Charged"]),
        "csv": sum((Decimal(line.split(",")[9]) for line in csv_lines), Decimal(0)),
        "metrics": next(
            Decimal(str(sample.value))
            for family in text_string_to_metric_families(metrics)
            for sample in family.samples
            if sample.name == "studio_credits_charged_today"
        ),
        "list": sum((row.credits_charged or Decimal(0) for row in changelist.queryset), Decimal(0)),
    }


@pytest.mark.parametrize(
    ("created_at", "charged_at", "is_counted"),
    [
        (YESTERDAY_EVENING, THIS_MORNING, True),
        (MONTH_AGO, THIS_MORNING, True),
        (THIS_MORNING, NOW, True),
        (YESTERDAY_EVENING, MIDNIGHT - timedelta(microseconds=1), False),
        (MONTH_AGO, MONTH_AGO + timedelta(minutes=3), False),
    ],
)
@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "being saved"])
def test_every_place_counts_a_charge_for_its_own_day(
    root_client, created_at, charged_at, is_counted, is_stored
):
    root = root_client.get("/admin/").wsgi_request.user
    charge_generation(root, created_at, charged_at, is_stored=is_stored)
    expected = Decimal("25.7") if is_counted else Decimal(0)
    assert set(read_charged_today(root_client).values()) == {expected}


def test_a_charge_that_was_put_right_stays_on_the_day_of_the_charge(root_client):
    root = root_client.get("/admin/").wsgi_request.user
    charge_generation(root, YESTERDAY_EVENING, THIS_MORNING)
    charge_generation(root, MONTH_AGO, YESTERDAY_EVENING)
    for generation in Generation.objects.all():
        corrected_amount = Decimal(20)
        assert correct_charge(
            generation, credits_charged=corrected_amount, actor=root, note="As invoiced", now=NOW
        )
    assert set(read_charged_today(root_client).values()) == {Decimal(20)}


def test_a_charge_that_is_first_named_by_a_correction_is_of_that_day(root_client):
    root = root_client.get("/admin/").wsgi_request.user
    failed_row = GenerationFactory(owner=root, state=State.FAILED, created_at=MONTH_AGO)
    assert correct_charge(
        failed_row, credits_charged=Decimal("9.9"), actor=root, note="Taken after all", now=NOW
    )
    assert set(read_charged_today(root_client).values()) == {Decimal("9.9")}


def test_what_was_not_charged_is_counted_for_the_day_of_its_press(root_client):
    """It costs nothing, and its press still is among the figures of that day."""
    GenerationFactory(model_id=VEO, state=State.FAILED, created_at=THIS_MORNING)
    GenerationFactory(model_id=VEO, state=State.FAILED, created_at=YESTERDAY_EVENING)
    usage = root_client.get(f"/admin/generations/generation/usage/?{TODAY_QUERY}")
    assert dict(usage.context["totals"])["Failed"] == "1"
