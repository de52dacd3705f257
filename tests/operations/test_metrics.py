"""Figures for Prometheus: who may read them, and that they are those of the rows."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from evolink_studio.credits.services import record_balance
from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import State
from tests.factories import GenerationFactory

TOKEN = "a-token-for-prometheus"


@pytest.fixture(autouse=True)
def _metrics_token(settings):
    settings.METRICS_TOKEN = TOKEN


def get_metrics(client, token=TOKEN, **headers):
    return client.get("/metrics", headers={"authorization": f"Bearer {token}", **headers})


def read_samples(client) -> dict[tuple[str, ...], float]:
    """Every value, under its name and its labels."""
    answer = get_metrics(client)
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix("studio_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}]
)
def test_without_the_token_there_is_no_such_page(client, db, headers):
    assert client.get("/metrics", headers=headers).status_code == 404


def test_without_the_setting_there_is_no_such_page(client, db, settings):
    settings.METRICS_TOKEN = ""
    assert get_metrics(client, "").status_code == 404


def test_an_empty_studio_has_metrics(client, db):
    samples = read_samples(client)
    assert samples["generations", "queued"] == 0
    assert samples["credits_reserved",] == 0
    assert samples["disk_free_bytes",] > 0
    assert samples["database_bytes",] > 100_000


def test_the_queue_is_counted_with_its_lateness(client, ada):
    now = timezone.now()
    GenerationFactory(owner=ada, created_at=now - timedelta(seconds=40))
    GenerationFactory(owner=ada, created_at=now, next_attempt_at=now + timedelta(seconds=60))
    GenerationFactory(owner=ada, created_at=now, state=State.RUNNING, attempts=2)
    samples = read_samples(client)
    assert samples["generations", "queued"] == 2
    assert samples["due", "queued"] == 1
    assert 40 <= samples["lateness_seconds", "queued"] < 60
    assert samples["retried", "running"] == 1


def test_money_is_told(client, ada):
    now = timezone.now()
    GenerationFactory(
        owner=ada, created_at=now, state=State.RUNNING, credits_reserved=Decimal("25.5")
    )
    GenerationFactory(
        owner=ada, created_at=now, state=State.COMPLETED, credits_charged=Decimal("12.25")
    )
    GenerationFactory(owner=ada, created_at=now, state=State.SAVING, credits_charged=Decimal("3"))
    GenerationFactory(owner=ada, created_at=now, state=State.UNKNOWN)
    samples = read_samples(client)
    assert samples["credits_reserved",] == 187.5  # 162 of them for the lost answer
    assert samples["credits_charged_today",] == 15.25
    assert samples["unsaved_films",] == 1
    assert samples["attention", "unknown"] == 1


def test_the_account_is_told_with_its_age(client, db):
    read_at = timezone.now() - timedelta(minutes=3)
    record_balance(provider_key=get_provider_key(), credits_available=Decimal("812.5"), now=read_at)
    samples = read_samples(client)
    assert samples["balance_credits",] == 812.5
    assert 180 <= samples["balance_age_seconds",] < 200
    assert samples["key_refused",] == 0


def test_a_balance_that_was_never_read_is_not_told_as_zero(client, db):
    assert ("balance_credits",) not in read_samples(client)


def test_outcomes_of_the_last_day_are_told(client, ada):
    now = timezone.now()
    GenerationFactory.create_batch(2, owner=ada, created_at=now, state=State.COMPLETED)
    GenerationFactory(owner=ada, created_at=now, state=State.FAILED)
    GenerationFactory(owner=ada, created_at=now - timedelta(hours=25), state=State.FAILED)
    samples = read_samples(client)
    assert (samples["ended_24h", "completed"], samples["ended_24h", "failed"]) == (2, 1)
    assert samples["ended_24h", "cancelled"] == 0


def test_every_worker_is_told(client, db):
    record_heartbeat(
        worker="anvil", disk_free_bytes=5_000, now=timezone.now() - timedelta(seconds=20)
    )
    record_heartbeat(worker="bellows", disk_free_bytes=7_000, now=timezone.now())
    samples = read_samples(client)
    assert samples["heartbeat_age_seconds", "anvil"] >= 20
    assert samples["worker_disk_free_bytes", "bellows"] == 7_000


def test_the_number_of_questions_does_not_grow_with_the_studio(
    client, ada, django_assert_max_num_queries
):
    for state in State:
        GenerationFactory.create_batch(3, owner=ada, state=state)
    with django_assert_max_num_queries(8):
        get_metrics(client)


def test_nothing_of_people_or_keys_is_told(client, ada, settings):
    settings.EVOLINK_API_KEY = "sk-evo-hidden"
    GenerationFactory(owner=ada, prompt="a secret garden", state=State.UNKNOWN)
    page = get_metrics(client).content.decode()
    assert not any(word in page for word in ("garden", "ada", "sk-evo", TOKEN))


def test_a_scraper_that_asks_for_openmetrics_gets_it(client, db):
    answer = get_metrics(client, accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


def test_while_the_database_is_away_the_page_says_so(client, db):
    def raise_unavailable(*_):
        raise OperationalError

    with connection.execute_wrapper(raise_unavailable):
        assert get_metrics(client).status_code == 503


def test_what_is_settled_is_not_held_against_the_studio(client, ada):
    GenerationFactory(owner=ada, state=State.FAILED, charge=Charge.RETURNED)
    assert Generation.objects.count() == 1
    assert read_samples(client)["attention", "held"] == 0
