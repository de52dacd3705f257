"""Prices tried on recent generations, where they are off, the worst case and cheaper settings."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from evolink_studio.accounts.models import User
from evolink_studio.catalog import get_spec
from evolink_studio.core.formatting import credits_to_usd, format_usd
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.price_accuracy import measure_accuracy, preview_prices
from evolink_studio.credits.pricing import (
    Estimate,
    calculate_price,
    estimate_price,
    find_best_cheaper_option,
    find_highest_price,
    list_cheaper_options,
)
from evolink_studio.credits.queries import get_current_rate_card
from evolink_studio.credits.usage_source import UsageSample, register_usage_source
from tests.credits.conftest import NOW, FakeUsageSource, create_allowance

RATE_CARDS_URL = "/admin/credits/ratecard/"
VEO, KLING, SORA = "veo3.1-pro", "kling-o3-image-to-video", "sora-2-preview"
SEEDANCE = "doubao-seedance-1.0-pro-fast"


def make_usage_sample(
    generation_id=1, model_id=SORA, duration=4, estimated="23.04", reserved="23.04", charged=None
):
    def to_decimal(text):
        return None if text is None else Decimal(text)

    return UsageSample(
        generation_id=generation_id,
        model_id=model_id,
        params={"duration": duration, "quality": "720p"},
        created_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        estimated=to_decimal(estimated),
        reserved=to_decimal(reserved),
        charged=to_decimal(charged),
    )


def make_rate_card(model_id=SORA, **fields) -> RateCard:
    values = {
        "unit": "second",
        "credits_per_unit": Decimal(6),
        "minimum_credits": Decimal(0),
        "factors": [],
        **fields,
    }
    return RateCard(model_id=model_id, effective_at=NOW, **values)


def test_a_card_is_tried_without_being_saved():
    previews = preview_prices(
        make_rate_card(), [make_usage_sample(), make_usage_sample(2, duration=8, charged="50")]
    )
    assert [(preview.price, preview.actual, preview.difference) for preview in previews] == [
        (Decimal(24), Decimal("23.04"), Decimal("0.96")),
        (Decimal(48), Decimal(50), Decimal(-2)),
    ]


def test_amounts_that_are_the_same_do_not_differ():
    accuracy = measure_accuracy([make_usage_sample(), make_usage_sample(2, charged="23.04")])
    assert accuracy.differing_samples == ()
    assert [(m.count, m.differing_count, m.difference) for m in accuracy.by_model] == [(2, 0, 0)]


def test_models_that_are_off_most_come_first():
    rows = [
        make_usage_sample(1, charged="20.04"),
        make_usage_sample(2, VEO, estimated="162", reserved="162", charged="200"),
        make_usage_sample(3, VEO, estimated=None, reserved="162"),
        make_usage_sample(4, estimated="23.04", reserved=None),
    ]
    accuracy = measure_accuracy(rows)
    assert [row.generation_id for row in accuracy.differing_samples] == [1, 2]
    assert [(m.model_id, m.difference, m.difference_percent) for m in accuracy.by_model] == [
        (VEO, Decimal(-38), Decimal("-19.0")),
        (SORA, Decimal(3), Decimal("15.0")),
    ]


def test_nothing_charged_has_no_percentage():
    (model,) = measure_accuracy([make_usage_sample(charged="0")]).by_model
    assert model.difference_percent is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model_id", "amount"),
    [
        (VEO, "162"),
        (KLING, "135.027"),  # 5.4 × 15 s × 1.667
        (SORA, "69.12"),
        ("grok-imagine-text-to-video", "13.6"),
        (SEEDANCE, "23.76"),
    ],
)
def test_the_worst_case_is_the_longest_film_at_the_highest_factor(model_id, amount):
    assert find_highest_price(get_current_rate_card(model_id=model_id, now=NOW)) == Decimal(amount)


def test_the_worst_case_of_an_unknown_length_is_not_known():
    assert find_highest_price(make_rate_card("no-such-model")) is None
    assert find_highest_price(make_rate_card("no-such-model", unit="call")) == 6


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model_id", "params", "expected"),
    [
        (SORA, {"duration": 8}, Estimate(Decimal("46.08"))),
        (SORA, {}, Estimate(None, max_credits=Decimal("69.12"))),
        (SORA, {"duration": "auto"}, Estimate(None, max_credits=Decimal("69.12"))),
        (VEO, {}, Estimate(Decimal(162))),
        ("no-such-model", {"duration": 5}, Estimate(None)),
    ],
)
def test_where_the_length_is_open_there_is_a_worst_case_and_no_estimate(model_id, params, expected):
    assert estimate_price(get_current_rate_card(model_id=model_id, now=NOW), params) == expected


def rules_of(model_id, params):
    """Asks the rules of a model whether a field of this form may have another value."""
    spec = get_spec(model_id)
    return partial(spec.allows_value, spec.evaluate(params))


@pytest.mark.django_db
def test_cheaper_settings_are_single_changes_that_the_model_allows():
    kling = get_current_rate_card(model_id=KLING, now=NOW)
    params = {
        "prompt": "A cat",
        "image_start": "asset:1",
        "duration": 5,
        "sound": "on",
        "quality": "1080p",
    }
    options = list_cheaper_options(kling, get_spec(KLING), params, rules_of(KLING, params))
    now = calculate_price(kling, params)
    assert options
    assert all(saving.price + saving.saved_credits == now for saving in options)
    assert [saving.saved_credits for saving in options] == sorted(
        saving.saved_credits for saving in options
    )
    assert ("sound", "off") in [(saving.field_name, saving.value) for saving in options]
    assert {saving.field_name for saving in options} == {"sound", "quality", "duration"}


@pytest.mark.django_db
def test_the_smallest_change_that_fits_is_proposed():
    seedance = get_current_rate_card(model_id=SEEDANCE, now=NOW)
    params = {"prompt": "A cat", "duration": 10, "quality": "1080p"}  # 19.8
    find_best = partial(
        find_best_cheaper_option, seedance, get_spec(SEEDANCE), params, rules_of(SEEDANCE, params)
    )
    assert find_best(max_credits=Decimal(18)).value == 9
    quality = find_best(max_credits=Decimal("9"))
    assert (quality.field_name, quality.value, quality.saved_credits) == (
        "quality",
        "720p",
        Decimal("10.8"),
    )
    assert find_best(max_credits=Decimal(1)) is None


@pytest.mark.django_db
def test_a_price_by_the_call_has_no_cheaper_setting():
    veo = get_current_rate_card(model_id=VEO, now=NOW)
    params = {"prompt": "A cat", "quality": "4k"}
    assert list_cheaper_options(veo, get_spec(VEO), params, rules_of(VEO, params)) == ()


def test_credits_in_dollars(settings):
    settings.CREDITS_PER_USD = Decimal(68)
    assert credits_to_usd(Decimal(162)) == Decimal("2.38")
    settings.CREDITS_PER_USD = 50
    assert format_usd(Decimal(5000)) == "≈ 100.00 $"


@pytest.fixture
def root_client(client, root):
    client.force_login(root)
    return client


def rate_card_form(**changes) -> dict[str, str]:
    return {
        "model_id": SORA,
        "effective_at_0": "2026-11-20",
        "effective_at_1": "12:00:00",
        "unit": "second",
        "credits_per_unit": "6",
        "minimum_credits": "0",
        "factors": "[]",
        "source": "a letter",
        **changes,
    }


def test_an_owner_tries_a_price_before_saving_it(root_client):
    source = FakeUsageSource([make_usage_sample(7)])
    register_usage_source(source)
    answer = root_client.post(f"{RATE_CARDS_URL}add/", {**rate_card_form(), "_try": "1"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert source.requests == [(SORA, 20)]
    assert "#7" in page
    assert "+0.96" in page
    assert 'value="a letter"' in page
    assert "Please correct" not in page
    assert not RateCard.objects.filter(source="a letter").exists()


def test_a_saved_price_is_tried_with_what_was_typed_and_stays_as_it_is(root_client):
    register_usage_source(FakeUsageSource([make_usage_sample(7)]))
    rate_card = RateCard.objects.get(model_id=SORA)
    rate_card.effective_at = timezone.now() + timedelta(days=3)  # only then it can be edited
    rate_card.save()
    page = root_client.post(
        f"{RATE_CARDS_URL}{rate_card.pk}/change/",
        {**rate_card_form(credits_per_unit="9"), "_try": "1"},
    )
    assert "+12.96" in page.content.decode()
    rate_card.refresh_from_db()
    assert rate_card.credits_per_unit == Decimal("5.76")


def test_a_price_with_a_mistake_is_not_tried(root_client):
    register_usage_source(FakeUsageSource([make_usage_sample(7)]))
    page = root_client.post(
        f"{RATE_CARDS_URL}add/", {**rate_card_form(credits_per_unit="-1"), "_try": "1"}
    ).content.decode()
    assert "A price cannot be below 0." in page
    assert "#7" not in page


def test_staff_who_may_not_change_prices_cannot_try_them(client, db):
    client.force_login(User.objects.create_user("helper", is_staff=True))
    rate_card = RateCard.objects.get(model_id=SORA)
    address = f"{RATE_CARDS_URL}{rate_card.pk}/change/"
    assert b'name="_try"' not in client.get(address).content
    assert client.post(address, {**rate_card_form(), "_try": "1"}).status_code == 403


def test_the_page_says_where_prices_are_off(root_client, ada, ledger_driver):
    rows = [make_usage_sample(7, charged="30.04"), make_usage_sample(8)]
    register_usage_source(FakeUsageSource(rows))
    create_allowance(10, user=ada)
    ledger_driver.settle(ledger_driver.reserve(ada, "10"), "12.5")
    page = root_client.get(f"{RATE_CARDS_URL}off/").content.decode()
    assert "Sora 2" in page
    assert 'href="/somewhere/7/"' in page
    assert "/somewhere/8/" not in page
    assert "-7" in page
    assert "2.5" in page


def test_the_page_says_when_there_is_nothing_to_say(root_client):
    page = root_client.get(f"{RATE_CARDS_URL}off/").content.decode()
    assert "Nothing to compare yet." in page
    assert "None." in page


def test_the_list_of_prices_leads_there(root_client):
    assert f'href="{RATE_CARDS_URL}off/"' in root_client.get(RATE_CARDS_URL).content.decode()
