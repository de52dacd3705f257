"""Prices in the admin pages."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from evolink_studio.credits.models import RateCard
from evolink_studio.credits.validators import find_factor_errors

RATE_CARDS_URL = "/admin/credits/ratecard/"
VEO, KLING = "veo3.1-pro", "kling-o3-image-to-video"


def rate_card_form(**changes) -> dict[str, str]:
    return {
        "model_id": KLING,
        "effective_at_0": "2026-11-20",
        "effective_at_1": "12:00:00",
        "unit": "second",
        "credits_per_unit": "6",
        "minimum_credits": "0",
        "factors": '[{"when": {"quality": "1080p"}, "times": "1.5"}]',
        "source": "a letter",
        **changes,
    }


def test_a_price_is_entered(owner_client):
    answer = owner_client.post(f"{RATE_CARDS_URL}add/", rate_card_form())
    assert answer.status_code == 302
    card = RateCard.objects.get(source="a letter")
    assert card.credits_per_unit == Decimal(6)
    assert card.factors == [{"when": {"quality": "1080p"}, "times": "1.5"}]


def test_no_factors_are_an_empty_list(owner_client):
    owner_client.post(f"{RATE_CARDS_URL}add/", rate_card_form(factors=""))
    assert RateCard.objects.get(source="a letter").factors == []


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"factors": "{"}, "factors", "Enter a valid JSON."),
        ({"factors": '{"a": 1}'}, "factors", "Write a list"),
        ({"factors": '[{"when": {"quality": "1080p"}}]'}, "factors", "needs exactly"),
        ({"credits_per_unit": "-1"}, "credits_per_unit", "A price cannot be below 0."),
        ({"model_id": "no-such-model"}, "model_id", "Select a valid choice"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(owner_client, changes, field, words):
    answer = owner_client.post(f"{RATE_CARDS_URL}add/", rate_card_form(**changes))
    assert answer.status_code == 200
    assert words in str(answer.context["adminform"].form.errors[field])
    assert not RateCard.objects.filter(source="a letter").exists()


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        ("text", "Entry 1: needs exactly “when” and “times”."),
        ({"when": {}, "times": "2"}, "Entry 1: “when” needs at least one setting"),
        ({"when": {"sound": "on"}, "times": 2}, "Entry 1: “times” must be a number above 0"),
        ({"when": {"sound": "on"}, "times": "0"}, "must be a number above 0"),
        ({"when": {"sound": "on"}, "times": "NaN"}, "must be a number above 0"),
        ({"when": {"sound": "on"}, "times": "1e999999"}, "must be a number above 0"),
        ({"when": {"sond": "on"}, "times": "2"}, "this model has no setting “sond”"),
        ({"when": {"sound": "loud"}, "times": "2"}, "“sound” cannot be “loud”"),
        ({"when": {"duration": [5]}, "times": "2"}, "“duration” needs one plain value."),
    ],
)
def test_each_mistake_in_the_factors_has_its_own_words(factor, words):
    assert words in " ".join(find_factor_errors([factor], KLING))


def test_a_factor_that_never_counts_is_named():
    wide_rule = {"when": {"sound": "on"}, "times": "1.3"}
    narrow_rule = {"when": {"sound": "on", "quality": "1080p"}, "times": "1.6"}
    assert find_factor_errors([narrow_rule, wide_rule], KLING) == []
    words = "Entry 2 never counts, because entry 1 fits first."
    assert find_factor_errors([wide_rule, narrow_rule], KLING) == [words]


def test_the_prices_that_come_with_the_studio_can_be_saved_again(db):
    for card in RateCard.objects.all():
        assert find_factor_errors(card.factors, card.model_id) == []


def test_the_list_is_newest_first_and_marks_the_price_in_force(staff_client):
    now = timezone.now()
    RateCard.objects.filter(model_id=VEO).delete()
    for days, source in ((-9, "older"), (-1, "current"), (9, "coming")):
        RateCard.objects.create(
            model_id=VEO,
            effective_at=now + timedelta(days=days),
            unit="call",
            credits_per_unit=100,
            source=source,
        )
    answer = staff_client.get(f"{RATE_CARDS_URL}?model_id={VEO}")
    cards = answer.context["cl"].result_list
    assert [card.source for card in cards] == ["coming", "current", "older"]
    table = answer.content.decode()
    table = table[table.index("result_list") :]
    positions = [table.index(word) for word in ("from then on", "in force", "replaced")]
    assert positions == sorted(positions)


def test_the_list_shows_what_the_models_defaults_would_cost(staff_client):
    RateCard.objects.filter(model_id=KLING).delete()
    RateCard.objects.create(
        model_id=KLING, effective_at=timezone.now(), unit="second", credits_per_unit=Decimal("5.4")
    )
    assert "27 credits (Duration: 5" in staff_client.get(RATE_CARDS_URL).content.decode()


def test_a_price_of_a_model_that_left_the_catalogue_can_still_be_read_and_saved(owner_client):
    card = RateCard.objects.create(
        model_id="gone-model",
        effective_at=timezone.now() + timedelta(days=1),
        unit="call",
        credits_per_unit=1,
    )
    assert "gone-model" in owner_client.get(RATE_CARDS_URL).content.decode()
    answer = owner_client.post(
        f"{RATE_CARDS_URL}{card.pk}/change/", rate_card_form(model_id="gone-model")
    )
    assert answer.status_code == 302


def create_rate_card(days: int) -> RateCard:
    return RateCard.objects.create(
        model_id=KLING,
        effective_at=timezone.now() + timedelta(days=days),
        unit="second",
        credits_per_unit=Decimal("5.4321"),
        factors=[{"when": {"sound": "on"}, "times": "1.3"}],
    )


@pytest.mark.parametrize("days", [-9, -1], ids=["replaced", "in force"])
def test_a_price_that_counts_is_replaced_and_not_edited_or_deleted(owner_client, days):
    cards = [create_rate_card(-9), create_rate_card(-1)]
    card = cards[0] if days == -9 else cards[1]
    before = list(RateCard.objects.order_by("pk").values())
    url = f"{RATE_CARDS_URL}{card.pk}"
    page = owner_client.get(f"{url}/change/").content.decode()
    assert owner_client.post(f"{url}/change/", rate_card_form()).status_code == 403
    deletion = owner_client.post(f"{url}/delete/", {"post": "yes"}).content.decode()
    selected = {"action": "delete_selected", "_selected_action": [card.pk], "post": "yes"}
    bulk_deletion = owner_client.post(RATE_CARDS_URL, selected).content.decode()
    replace_url = f"{RATE_CARDS_URL}add/?replaces={card.pk}"
    for text in (page, deletion, bulk_deletion):
        assert f'href="{replace_url}"' in text
    assert "It has counted since" in deletion
    assert "It has counted since" in bulk_deletion
    assert list(RateCard.objects.order_by("pk").values()) == before
    initial = owner_client.get(replace_url).context["adminform"].form.initial
    assert (initial["credits_per_unit"], initial["factors"], initial["model_id"]) == (
        Decimal("5.4321"),
        [{"when": {"sound": "on"}, "times": "1.3"}],
        KLING,
    )


@pytest.mark.parametrize("pk", ["", "0", "x", "9" * 30, "-1"])
def test_a_price_that_is_not_there_replaces_nothing(owner_client, pk):
    assert owner_client.get(f"{RATE_CARDS_URL}add/?replaces={pk}").status_code == 200


def test_a_price_whose_time_has_not_come_is_edited_and_its_history_says_from_what(owner_client):
    card = create_rate_card(9)
    url = f"{RATE_CARDS_URL}{card.pk}"
    assert owner_client.post(f"{url}/change/", rate_card_form()).status_code == 302
    assert "Credits: 5.4321 → 6." in owner_client.get(f"{url}/history/").content.decode()
    card.effective_at = timezone.now() + timedelta(days=9)
    card.save()
    owner_client.post(f"{url}/delete/", {"post": "yes"})
    assert not RateCard.objects.filter(pk=card.pk).exists()


@pytest.mark.parametrize("mistake", [{"credits_per_unit": "-1"}, {"_try": "1"}])
def test_a_coming_price_that_is_typed_with_a_past_date_stays_open(owner_client, mistake):
    url = f"{RATE_CARDS_URL}{create_rate_card(9).pk}/change/"
    page = owner_client.post(url, rate_card_form(effective_at_0="2020-01-01", **mistake))
    assert page.status_code == 200
    assert 'name="credits_per_unit"' in page.content.decode()
    assert 'name="_try"' in page.content.decode()


def test_the_account_at_evolink_is_only_read(owner_client):
    assert owner_client.get("/admin/credits/provideraccount/add/").status_code == 403
