"""What a generation will probably cost: the price feed of 2026-10-10, to the last place."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.pricing import calculate_price, find_lowest_unit_price
from evolink_studio.credits.queries import get_current_rate_card, get_current_rate_cards
from tests.credits.conftest import NOW, VEO

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SORA = "sora-2-preview"
GROK = "grok-imagine-text-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"

# Credits by hand from the feed: unit price × seconds × factor, at least the minimum.
PRICES = [
    (VEO, {}, "162"),
    (VEO, {"quality": "4k", "duration": 8}, "162"),
    (KLING, {"duration": 5, "sound": "off", "quality": "720p"}, "27"),
    (KLING, {"duration": 5, "sound": "off", "quality": "1080p"}, "36.018"),
    (KLING, {"duration": 5, "sound": "on", "quality": "720p"}, "36.018"),
    (KLING, {"duration": 5, "sound": "on", "quality": "1080p"}, "45.009"),
    (KLING, {"duration": 15, "sound": "on", "quality": "1080p"}, "135.027"),
    (KLING, {"duration": 5, "sound": "off"}, "27"),
    (KLING, {"duration": 3, "sound": "off", "quality": "720p"}, "16.2"),
    (KLING, {"duration": 3, "sound": "on", "quality": "720p"}, "21.6108"),
    (KLING, {"sound": "off"}, "16.2"),
    (SORA, {"duration": 4}, "23.04"),
    (SORA, {"duration": 8}, "46.08"),
    (SORA, {"duration": 12}, "69.12"),
    (SORA, {}, "23.04"),
    (GROK, {"duration": 6}, "8.16"),
    (GROK, {"duration": 10}, "13.6"),
    (GROK, {}, "8.16"),
    (SEEDANCE, {"duration": 5, "quality": "480p"}, "2.025"),
    (SEEDANCE, {"duration": 5, "quality": "720p"}, "4.5"),
    (SEEDANCE, {"duration": 5, "quality": "1080p"}, "9.9"),
    (SEEDANCE, {"duration": 12, "quality": "1080p"}, "23.76"),
    (SEEDANCE, {"duration": 2, "quality": "480p"}, "0.9"),
    (SEEDANCE, {}, "0.9"),
]


def estimate_price(*, model_id, params, now) -> Decimal | None:
    """By the rate card of that day; None when there is none."""
    card = get_current_rate_card(model_id=model_id, now=now)
    return calculate_price(card, params) if card else None


@pytest.mark.parametrize(("model", "params", "credits_"), PRICES, ids=str)
def test_every_multiplier_and_minimum_of_the_feed(model, params, credits_):
    assert estimate_price(model_id=model, params=params, now=NOW) == Decimal(credits_)


@pytest.mark.parametrize("duration", ["5", 5, Decimal(5)])
def test_a_duration_counts_however_it_was_written(duration):
    assert (
        estimate_price(model_id=SEEDANCE, params={"duration": duration, "quality": "720p"}, now=NOW)
        == 4.5
    )


@pytest.mark.parametrize("duration", [None, "", "auto", "-5", "x", [], True, "5s"])
def test_a_duration_that_is_no_number_is_one_minimum_charge(duration):
    assert estimate_price(model_id=SORA, params={"duration": duration}, now=NOW) == Decimal("23.04")


def test_every_model_we_ship_has_its_price():
    assert get_current_rate_cards(now=NOW).keys() >= SPECS.keys()


@pytest.mark.parametrize(
    ("model", "least"),
    [(VEO, "162"), (KLING, "5.4"), (SORA, "5.76"), (GROK, "1.36"), (SEEDANCE, "0.405")],
)
def test_from_so_many_credits_is_the_lowest_unit_price(model, least):
    assert find_lowest_unit_price(get_current_rate_cards(now=NOW)[model]) == Decimal(least)


def test_the_first_factor_that_fits_counts():
    factors = [
        {"when": {"sound": "on", "quality": "1080p"}, "times": "3"},
        {"when": {"sound": "on"}, "times": "2"},
    ]
    card = RateCard(
        unit="call", credits_per_unit=Decimal(10), minimum_credits=Decimal(0), factors=factors
    )
    assert calculate_price(card, {"sound": "on", "quality": "1080p"}) == 30
    assert calculate_price(card, {"sound": "on", "quality": "720p"}) == 20
    assert calculate_price(card, {"quality": "1080p"}) == 10


def test_amounts_are_exact_to_four_places():
    card = RateCard(
        unit="second", credits_per_unit=Decimal("0.3333"), minimum_credits=Decimal(0), factors=[]
    )
    assert calculate_price(card, {"duration": 3}) == Decimal("0.9999")
    half_price_card = RateCard(
        unit="call", credits_per_unit=Decimal("0.00005"), minimum_credits=Decimal(0), factors=[]
    )
    assert str(calculate_price(half_price_card, {})) == "0.0001"


# --- from a day on ----------------------------------------------------------------------------


def create_rate_card(effective_at, amount, model=VEO) -> RateCard:
    return RateCard.objects.create(
        model_id=model,
        effective_at=effective_at,
        unit="call",
        credits_per_unit=Decimal(amount),
        factors=[],
    )


def test_a_price_counts_from_its_moment_on_and_not_before():
    create_rate_card(NOW, "200")
    before = NOW - timedelta(microseconds=1)
    assert estimate_price(model_id=VEO, params={}, now=before) == 162
    assert estimate_price(model_id=VEO, params={}, now=NOW) == 200


def test_of_several_the_newest_that_has_begun_counts():
    create_rate_card(NOW - timedelta(days=1), "100")
    create_rate_card(NOW - timedelta(days=2), "300")
    create_rate_card(NOW + timedelta(days=1), "900")
    assert estimate_price(model_id=VEO, params={}, now=NOW) == 100
    assert get_current_rate_cards(now=NOW)[VEO] == get_current_rate_card(model_id=VEO, now=NOW)


def test_before_any_price_and_for_an_unknown_model_there_is_none():
    assert estimate_price(model_id=VEO, params={}, now=NOW - timedelta(days=365)) is None
    assert estimate_price(model_id="nobody", params={}, now=NOW) is None
