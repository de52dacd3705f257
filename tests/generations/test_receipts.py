"""What the button says it will cost, and why it may not be pressed."""

from decimal import Decimal

import pytest

from evolink_studio.credits.models import Allowance, LedgerEntry, ProviderAccount, RateCard
from evolink_studio.credits.services import record_balance, record_key_rejected, record_unreachable
from evolink_studio.generations.models import MIN_FREE_DISK_BYTES, Generation
from evolink_studio.generations.pipeline.provider import provider_key
from evolink_studio.generations.services import record_heartbeat
from tests.factories import NOW, VEO, AssetFactory, UserFactory
from tests.generations.pressing import press
from tests.page import Page, words

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"


def balance(amount) -> None:
    record_balance(provider_key=provider_key(), credits_available=Decimal(amount), now=NOW)


def button(page) -> str:
    return words(page.one("button[@data-action='generate']"))


def seen(tab, model=VEO) -> Page:
    return Page(tab.get(f"/create/{model}/"))


def changed(tab, model, **typed) -> Page:
    return Page(press(tab, model, typed, where="refresh", htmx=True))


def blocked(page) -> bool:
    return page.one("button[@data-action='generate']").get("disabled") is not None


def test_the_button_names_the_price_and_what_will_be_left(tab):
    balance("1095.3996")
    page = seen(tab)
    assert "162 credits" in button(page)
    assert "933.4 left" in button(page)
    assert "confirms" in words(page.one("*[@id='quote-note']"))
    assert not blocked(page)


def test_before_the_balance_was_read_only_the_price_is_named(tab):
    assert "162 credits" in button(seen(tab))
    assert "left" not in button(seen(tab))


def test_the_price_follows_the_settings(tab, ada):
    start = AssetFactory(owner=ada, width=400, height=400).ref
    cheap = changed(tab, KLING, duration="5", image_start=start)
    dear = changed(tab, KLING, duration="10", sound="on", quality="1080p", image_start=start)
    assert "27 credits" in button(cheap)
    assert "90.02 credits" in button(dear)


def test_what_is_stored_is_what_the_button_said(tab):
    press(tab, "doubao-seedance-1.0-pro-fast", {"duration": "10", "quality": "480p"})
    assert Generation.objects.get().credits_estimated == Decimal("4.05")


def test_too_few_credits_are_a_warning_and_evolink_decides(tab):
    balance("100")
    page = seen(tab)
    assert "162 credits" in button(page)
    assert "fewer credits" in words(page.one("*[@id='quote-note']"))
    assert press(tab, VEO).status_code == 302


def held() -> Decimal:
    """What the one generation has reserved in the book."""
    return LedgerEntry.objects.get(generation_id=Generation.objects.get().pk).credits_reserved_delta


def by_the_second() -> None:
    """A price that depends on how long the film gets, which this model does not let choose."""
    RateCard.objects.filter(model_id=VEO).update(unit="second", credits_per_unit=Decimal("2.5"))


def test_without_a_price_the_button_says_what_is_reserved_and_that_is_reserved(tab):
    RateCard.objects.filter(model_id=VEO).delete()
    page = seen(tab)
    assert "at most 200 credits" in button(page)
    note = words(page.one("*[@id='quote-note']"))
    assert "No price is known" in note
    assert "Until then 200 credits are reserved." in note
    press(tab, VEO)
    assert Generation.objects.get().credits_estimated is None
    assert held() == 200


def test_where_the_length_is_open_the_worst_case_stands_on_the_button_and_is_reserved(tab):
    by_the_second()
    page = seen(tab)
    assert "at most 20 credits" in button(page)
    assert "How long the film gets is open" in words(page.one("*[@id='quote-note']"))
    press(tab, VEO)
    assert Generation.objects.get().credits_estimated is None
    assert held() == 20


@pytest.mark.parametrize("open_by", [by_the_second, lambda: RateCard.objects.all().delete()])
def test_an_allowance_that_refuses_open_prices_refuses_them(tab, open_by):
    open_by()
    Allowance.objects.update(unknown_price_credits=None)
    page = seen(tab)
    assert blocked(page)
    assert "is not known beforehand" in words(page.one("*[@id='quote-note']"))
    press(tab, VEO)
    assert not Generation.objects.exists()


def test_an_open_price_that_is_taken_as_nothing_names_no_credits(tab):
    RateCard.objects.filter(model_id=VEO).delete()
    Allowance.objects.update(unknown_price_credits=0)
    assert button(seen(tab)) == "Generate"


def test_the_worst_case_must_fit_into_what_is_left(tab, ada):
    by_the_second()
    Allowance.objects.create(user=ada, credits_limit=Decimal("19.9999"), unknown_price_credits=1)
    assert blocked(seen(tab))
    press(tab, VEO)
    assert not Generation.objects.exists()


def standing(page) -> str:
    return words(page.one("details[@id='allowance-statuses']"))


def test_a_person_sees_where_they_stand_when_it_starts_afresh_and_whom_to_ask(tab, ada):
    UserFactory(username="olga", owner=True)
    Allowance.objects.create(user=ada, credits_limit=1000, period="none")
    Allowance.objects.create(user=ada, credits_limit=400, period="month")
    said = standing(seen(tab))
    assert said.startswith("Your allowance this month: 400 of 400 left")
    assert "1000 of 1000" in said.replace(",", "")
    assert "afresh on" in said
    assert "Ask olga to change that." in said
    assert "With this" not in seen(tab).text


def test_near_a_limit_it_warns_and_names_the_setting_that_saves_most(tab, ada):
    Allowance.objects.create(user=ada, credits_limit=20)
    page = changed(tab, SEEDANCE, duration="10", quality="1080p")
    assert "With this, 80 % of your allowance is used." in page.text
    assert "Duration 2 s saves 15.84 credits." in standing(page)
    page = changed(tab, SEEDANCE, duration="2", quality="480p")
    assert "With this" not in page.text
    assert "saves" not in standing(page)


@pytest.mark.parametrize("limit", ["amount", "per_generation"])
def test_what_does_not_fit_says_why_and_which_change_would(tab, ada, limit):
    Allowance.objects.create(user=ada, **{"credits_limit": 500, limit: 9})
    page = changed(tab, SEEDANCE, duration="10", quality="1080p")
    assert blocked(page)
    note = words(page.one("*[@id='quote-note']"))
    assert "This needs 19.8 credits" in note
    assert "720p saves 10.8 credits." in note
    assert "Ask the owner of this studio" in note
    assert "look at your films" in note


def test_who_has_no_limit_is_shown_none(tab):
    assert not seen(tab).all("details[@id='allowance-statuses']")


def test_with_a_refused_key_nothing_can_be_sent_and_nothing_typed_is_lost(tab):
    record_key_rejected(provider_key=provider_key(), now=NOW)
    assert blocked(seen(tab))
    page = Page(press(tab, VEO, {"prompt": "A dog"}))
    assert "does not accept this studio's key" in page.text
    assert page.value("prompt") == "A dog"
    assert not Generation.objects.exists()

    balance("1000")
    assert not blocked(seen(tab))


def test_on_a_full_disk_nothing_is_sent_because_no_film_could_be_kept(tab):
    record_heartbeat(worker="here", disk_free_bytes=MIN_FREE_DISK_BYTES - 1, now=NOW)
    assert "disk is nearly full" in Page(press(tab, VEO)).text
    assert not Generation.objects.exists()
    record_heartbeat(worker="here", disk_free_bytes=MIN_FREE_DISK_BYTES, now=NOW)
    assert press(tab, VEO).status_code == 302


def test_while_evolink_is_away_wishes_are_still_taken(tab):
    balance("1000")
    record_unreachable(provider_key=provider_key(), error_name="Unavailable", now=NOW)
    page = seen(tab)
    assert "cannot be reached" in page.text
    assert not blocked(page)
    assert press(tab, VEO).status_code == 302


def test_the_balance_of_another_account_is_not_ours(tab):
    ProviderAccount.objects.create(
        provider_key="https://elsewhere#1", credits_available=5, read_at=NOW, tried_at=NOW
    )
    assert "left" not in button(seen(tab))


def test_no_page_ever_asks_evolink(tab, far, settings):
    settings.EVOLINK_API_URL = far.url
    for path in ("/", f"/create/{VEO}/", "/films/", "/live/"):
        tab.get(path)
    press(tab, VEO)
    press(tab, VEO, where="refresh")
    assert far.received == []
