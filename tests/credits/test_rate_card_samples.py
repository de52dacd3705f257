"""Prices tried on recent generations, where they are off, the worst case and cheaper settings."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from evolink_studio.accounts.models import User
from evolink_studio.catalog import spec_for
from evolink_studio.core.formatting import usd, usd_text
from evolink_studio.credits import price_accuracy
from evolink_studio.credits.models import RateCard
from evolink_studio.credits.price_accuracy import Sample, drift, preview
from evolink_studio.credits.pricing import Bill, bill, cheaper, price, savings, worst
from evolink_studio.credits.queries import current_card
from tests.credits.conftest import NOW, allow

PRICES = "/admin/credits/ratecard/"
VEO, KLING, SORA = "veo3.1-pro", "kling-o3-image-to-video", "sora-2-preview"
SEEDANCE = "doubao-seedance-1.0-pro-fast"


def sample(number=1, model_id=SORA, duration=4, estimated="23.04", reserved="23.04", charged=None):
    def figure(text):
        return None if text is None else Decimal(text)

    return Sample(
        generation=number,
        model_id=model_id,
        params={"duration": duration, "quality": "720p"},
        created=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        estimated=figure(estimated),
        reserved=figure(reserved),
        charged=figure(charged),
    )


def card(model_id=SORA, **more) -> RateCard:
    given = {"unit": "second", "price": Decimal(6), "minimum": Decimal(0), "factors": [], **more}
    return RateCard(model_id=model_id, effective=NOW, **given)


def test_a_card_is_tried_without_being_saved():
    tried = preview(card(), [sample(), sample(2, duration=8, charged="50")])
    assert [(one.price, one.actual, one.off) for one in tried] == [
        (Decimal(24), Decimal("23.04"), Decimal("0.96")),
        (Decimal(48), Decimal(50), Decimal(-2)),
    ]


def test_figures_that_are_the_same_do_not_drift():
    found = drift([sample(), sample(2, charged="23.04")])
    assert found.rows == ()
    assert [(m.count, m.differing, m.off) for m in found.models] == [(2, 0, 0)]


def test_models_that_are_off_most_come_first():
    rows = [
        sample(1, charged="20.04"),
        sample(2, VEO, estimated="162", reserved="162", charged="200"),
        sample(3, VEO, estimated=None, reserved="162"),
        sample(4, estimated="23.04", reserved=None),
    ]
    found = drift(rows)
    assert [row.generation for row in found.rows] == [1, 2]
    assert [(m.model_id, m.off, m.percent) for m in found.models] == [
        (VEO, Decimal(-38), Decimal("-19.0")),
        (SORA, Decimal(3), Decimal("15.0")),
    ]


def test_nothing_charged_has_no_percentage():
    (model,) = drift([sample(charged="0")]).models
    assert model.percent is None


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
    assert worst(current_card(model_id=model_id, now=NOW)) == Decimal(amount)


def test_the_worst_case_of_an_unknown_length_is_not_known():
    assert worst(card("no-such-model")) is None
    assert worst(card("no-such-model", unit="call")) == 6


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model_id", "params", "expected"),
    [
        (SORA, {"duration": 8}, Bill(Decimal("46.08"))),
        (SORA, {}, Bill(None, at_most=Decimal("69.12"))),
        (SORA, {"duration": "auto"}, Bill(None, at_most=Decimal("69.12"))),
        (VEO, {}, Bill(Decimal(162))),
        ("no-such-model", {"duration": 5}, Bill(None)),
    ],
)
def test_where_the_length_is_open_there_is_a_worst_case_and_no_estimate(model_id, params, expected):
    assert bill(current_card(model_id=model_id, now=NOW), params) == expected


@pytest.mark.django_db
def test_cheaper_settings_are_single_changes_that_the_model_allows():
    kling = current_card(model_id=KLING, now=NOW)
    params = {
        "prompt": "A cat",
        "image_start": "asset:1",
        "duration": 5,
        "sound": "on",
        "quality": "1080p",
    }
    found = savings(kling, spec_for(KLING), params)
    now = price(kling, params)
    assert found
    assert all(saving.price + saving.saves == now for saving in found)
    assert [saving.saves for saving in found] == sorted(saving.saves for saving in found)
    assert ("sound", "off") in [(saving.name, saving.value) for saving in found]
    assert {saving.name for saving in found} == {"sound", "quality", "duration"}


@pytest.mark.django_db
def test_the_smallest_change_that_fits_is_proposed():
    seedance = current_card(model_id=SEEDANCE, now=NOW)
    params = {"prompt": "A cat", "duration": 10, "quality": "1080p"}  # 19.8
    spec = spec_for(SEEDANCE)
    assert cheaper(seedance, spec, params, at_most=Decimal(18)).value == 9
    quality = cheaper(seedance, spec, params, at_most=Decimal("9"))
    assert (quality.name, quality.value, quality.saves) == ("quality", "720p", Decimal("10.8"))
    assert cheaper(seedance, spec, params, at_most=Decimal(1)) is None


@pytest.mark.django_db
def test_a_price_by_the_call_has_no_cheaper_setting():
    veo = current_card(model_id=VEO, now=NOW)
    assert savings(veo, spec_for(VEO), {"prompt": "A cat", "quality": "4k"}) == ()


def test_credits_in_dollars(settings):
    settings.CREDITS_PER_USD = Decimal(68)
    assert usd(Decimal(162)) == Decimal("2.38")
    settings.CREDITS_PER_USD = 50
    assert usd_text(Decimal(5000)) == "≈ 100.00 $"


@pytest.fixture
def owner(client, root):
    client.force_login(root)
    return client


def entered(**changed) -> dict[str, str]:
    return {
        "model_id": SORA,
        "effective_0": "2026-11-20",
        "effective_1": "12:00:00",
        "unit": "second",
        "price": "6",
        "minimum": "0",
        "factors": "[]",
        "source": "a letter",
        **changed,
    }


def test_an_owner_tries_a_price_before_saving_it(owner, monkeypatch):
    asked = []
    monkeypatch.setattr(price_accuracy, "provider", lambda *what: asked.append(what) or [sample(7)])
    answer = owner.post(f"{PRICES}add/", {**entered(), "_try": "1"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert asked == [(SORA, 20)]
    assert "#7" in page
    assert "+0.96" in page
    assert 'value="a letter"' in page
    assert "Please correct" not in page
    assert not RateCard.objects.filter(source="a letter").exists()


def test_a_saved_price_is_tried_with_what_was_typed_and_stays_as_it_is(owner, monkeypatch):
    monkeypatch.setattr(price_accuracy, "provider", lambda *what: [sample(7)])
    saved = RateCard.objects.get(model_id=SORA)
    page = owner.post(f"{PRICES}{saved.pk}/change/", {**entered(price="9"), "_try": "1"})
    assert "+12.96" in page.content.decode()
    saved.refresh_from_db()
    assert saved.price == Decimal("5.76")


def test_a_price_with_a_mistake_is_not_tried(owner, monkeypatch):
    monkeypatch.setattr(price_accuracy, "provider", lambda *what: [sample(7)])
    page = owner.post(f"{PRICES}add/", {**entered(price="-1"), "_try": "1"}).content.decode()
    assert "A price cannot be below 0." in page
    assert "#7" not in page


def test_staff_who_may_not_change_prices_cannot_try_them(client, db):
    client.force_login(User.objects.create_user("helper", is_staff=True))
    saved = RateCard.objects.get(model_id=SORA)
    address = f"{PRICES}{saved.pk}/change/"
    assert b'name="_try"' not in client.get(address).content
    assert client.post(address, {**entered(), "_try": "1"}).status_code == 403


def test_the_page_says_where_prices_are_off(owner, ada, desk, monkeypatch):
    rows = [sample(7, charged="30.04"), sample(8)]
    monkeypatch.setattr(price_accuracy, "provider", lambda *what: rows)
    monkeypatch.setattr(price_accuracy, "page_of", lambda pk: f"/somewhere/{pk}/")
    allow(10, person=ada)
    desk.settle(desk.reserve(ada, "10"), "12.5")
    page = owner.get(f"{PRICES}off/").content.decode()
    assert "Sora 2" in page
    assert 'href="/somewhere/7/"' in page
    assert "/somewhere/8/" not in page
    assert "-7" in page
    assert "2.5" in page


def test_the_page_says_when_there_is_nothing_to_say(owner, monkeypatch):
    monkeypatch.setattr(price_accuracy, "provider", None)
    page = owner.get(f"{PRICES}off/").content.decode()
    assert "Nothing to compare yet." in page
    assert "None." in page


def test_the_list_of_prices_leads_there(owner):
    assert f'href="{PRICES}off/"' in owner.get(PRICES).content.decode()
