"""The page on which a person sees their own month and sets a limit of their own."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from evolink_studio.credits.models import Allowance
from tests.factories import GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db
MONTH_URL = "/account/month/"


def make_charged(owner, moment: datetime, credits: str, **fields):
    return GenerationFactory(
        owner=owner,
        state="completed",
        charge="charged",
        credits_charged=Decimal(credits),
        created_at=moment,
        accounted_at=moment,
        **fields,
    )


@time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False)
def test_a_month_counts_ones_own_generations_of_that_month(client):
    ada = UserFactory()
    client.force_login(ada)
    make_charged(ada, datetime(2026, 11, 3, tzinfo=UTC), "12.5")
    make_charged(ada, datetime(2026, 11, 4, tzinfo=UTC), "30")
    make_charged(ada, datetime(2026, 10, 31, 23, 59, tzinfo=UTC), "7")
    make_charged(UserFactory(), datetime(2026, 11, 4, tzinfo=UTC), "99")

    november = client.get(MONTH_URL).context["page"]
    assert (november.title, november.charged_text, november.count_text) == (
        "November 2026",
        "42.5",
        "2 films",
    )
    assert [(line.label, line.percent) for line in november.day_lines] == [
        ("November 4", 100),
        ("November 3", 41),
    ]
    october = client.get(MONTH_URL, {"of": november.previous}).context["page"]
    assert (october.charged_text, october.next) == ("7", "2026-11")
    assert not october.allowance_lines


@time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False)
@pytest.mark.parametrize("text", ["", "2026-13", "9999-01", "0001-01", "x", "2026-11-05", "\0"])
def test_any_month_in_the_address_opens_the_page(client, text):
    client.force_login(UserFactory())
    assert client.get(MONTH_URL, {"of": text}).status_code == 200


def test_an_own_limit_is_stored_shown_and_taken_away(client):
    ada = UserFactory()
    client.force_login(ada)
    assert client.post(MONTH_URL, {"credits_limit": "20.5"}).status_code == 302
    page = client.get(MONTH_URL)
    assert 'value="20.5"' in page.content.decode()
    assert "The limit you set for this month" in page.content.decode()
    assert client.post(MONTH_URL, {"credits_limit": ""}).status_code == 302
    assert not Allowance.objects.filter(user=ada, is_active=True).exists()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("51", "You may spend 50 credits a month: a limit of your own lies below that."),
        ("-1", "greater than or equal to 0"),
        ("much", "Enter a number."),
    ],
)
def test_a_limit_that_makes_no_sense_is_told_at_its_field_and_changes_nothing(client, text, error):
    Allowance.objects.update(credits_limit=Decimal(50))
    client.force_login(UserFactory())
    answer = client.post(MONTH_URL, {"credits_limit": text})
    assert error in answer.content.decode()
    assert f'value="{text}"' in answer.content.decode()
    assert not Allowance.objects.filter(is_own_limit=True).exists()


def test_a_cut_is_named_in_the_persons_language(client):
    ada = UserFactory(language="de")
    make_charged(ada, timezone.now(), "0", model_id="cut")
    client.force_login(ada)
    page = client.get(MONTH_URL).content.decode()
    assert "Schnitt</th>" in page
    assert "Cut</th>" not in page
