"""What the button says it will cost, and why it may not be pressed."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from evolink_studio.core.formatting import format_credits
from evolink_studio.credits.models import (
    Allowance,
    BalanceError,
    LedgerEntry,
    ProviderAccount,
    RateCard,
)
from evolink_studio.credits.services import record_balance, record_key_rejected, record_unreachable
from evolink_studio.generations.models import MIN_FREE_DISK_BYTES, Generation
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.pipeline.queue import mark_waiting_for_disk
from evolink_studio.generations.queries import has_disk_space
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.generations.states import ErrorCode
from tests.factories import NOW, VEO, AssetFactory, GenerationFactory, UserFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"


def set_balance(amount) -> None:
    record_balance(provider_key=get_provider_key(), credits_available=Decimal(amount), now=NOW)


def button_text(page) -> str:
    return element_text(page.find_one("button[@data-action='generate']"))


def open_create_page(client, model_id=VEO) -> ParsedPage:
    return ParsedPage(client.get(f"/create/{model_id}/"))


def refresh_form(client, model_id, **fields) -> ParsedPage:
    return ParsedPage(post_form(client, model_id, fields, action="refresh", is_htmx=True))


def is_button_disabled(page) -> bool:
    return page.find_one("button[@data-action='generate']").get("disabled") is not None


def test_the_button_names_the_price_and_what_will_be_left(ada_client):
    set_balance("1095.3996")
    page = open_create_page(ada_client)
    assert "162 credits" in button_text(page)
    assert "933.3996 left" in button_text(page)
    assert "confirms" in element_text(page.find_one("*[@id='quote-note']"))
    assert not is_button_disabled(page)


@pytest.mark.parametrize(
    ("state", "sent_after_reading", "left"),
    [
        ("queued", None, "676"),  # EvoLink takes its credits when it is sent
        ("sending", -1, "676"),
        ("sending", 1, "676"),
        ("unknown", -1, "838"),  # whatever was taken for it, the reading shows
        ("unknown", 1, "676"),
        ("running", -1, "838"),  # taken before the reading
        ("running", 1, "812.3"),  # taken since
        ("completed", -1, "838"),
        ("completed", 1, "812.3"),
        ("failed", -1, "838"),
        ("cancelled", None, "838"),
    ],
)
def test_what_is_left_counts_whatever_is_reserved_exactly_once(
    ada_client, state, sent_after_reading, left
):
    """Of 1000 credits this press takes 162; the film of somebody else takes 162 until EvoLink
    accepts it, then 25.7."""
    set_balance("1000")
    moment = NOW + timedelta(seconds=sent_after_reading or 0)
    GenerationFactory(owner=UserFactory(), state=state, created_at=moment)
    assert f"you will have {left} left" in button_text(open_create_page(ada_client))


@pytest.mark.parametrize("is_htmx", [True, False])
def test_each_press_leaves_less_though_evolink_has_taken_nothing_yet(ada_client, is_htmx):
    set_balance("1000")
    for left in ("676", "514"):
        answer = post_form(ada_client, VEO, is_htmx=is_htmx)
        page = ParsedPage(answer) if is_htmx else open_create_page(ada_client)
        assert f"you will have {left} left" in button_text(page)


def test_credits_that_wait_to_be_taken_are_warned_of(ada_client):
    set_balance("400")
    GenerationFactory.create_batch(2, state="queued")
    page = open_create_page(ada_client)
    assert "left" not in button_text(page)
    note = element_text(page.find_one("*[@id='quote-note']"))
    assert "fewer credits than this and what waits need" in note
    assert not is_button_disabled(page)


def test_before_the_balance_was_read_only_the_price_is_named(ada_client):
    assert "162 credits" in button_text(open_create_page(ada_client))
    assert "left" not in button_text(open_create_page(ada_client))


def test_the_price_follows_the_settings(ada_client, ada):
    start = AssetFactory(owner=ada, width=400, height=400).ref
    cheap_page = refresh_form(ada_client, KLING, duration="5", image_start=start)
    dear_page = refresh_form(
        ada_client, KLING, duration="10", sound="on", quality="1080p", image_start=start
    )
    assert "27 credits" in button_text(cheap_page)
    assert "90.018 credits" in button_text(dear_page)


def test_what_is_stored_is_what_the_button_said(ada_client):
    post_form(ada_client, "doubao-seedance-1.0-pro-fast", {"duration": "10", "quality": "480p"})
    assert Generation.objects.get().credits_estimated == Decimal("4.05")


def test_too_few_credits_are_a_warning_and_evolink_decides(ada_client):
    set_balance("100")
    page = open_create_page(ada_client)
    assert "162 credits" in button_text(page)
    assert "fewer credits" in element_text(page.find_one("*[@id='quote-note']"))
    assert post_form(ada_client, VEO).status_code == 302


def reserved_credits() -> Decimal:
    """What the one generation has reserved in the ledger."""
    return LedgerEntry.objects.get(generation_id=Generation.objects.get().pk).credits_reserved_delta


def price_by_the_second() -> None:
    """A price that depends on how long the film gets, which this model does not let choose."""
    RateCard.objects.filter(model_id=VEO).update(unit="second", credits_per_unit=Decimal("2.5"))


def test_without_a_price_the_button_says_what_is_reserved_and_that_is_reserved(ada_client):
    RateCard.objects.filter(model_id=VEO).delete()
    page = open_create_page(ada_client)
    assert "at most 200 credits" in button_text(page)
    note = element_text(page.find_one("*[@id='quote-note']"))
    assert "No price is known" in note
    assert "Until then 200 credits are reserved." in note
    post_form(ada_client, VEO)
    assert Generation.objects.get().credits_estimated is None
    assert reserved_credits() == 200


def test_where_the_length_is_open_the_worst_case_stands_on_the_button_and_is_reserved(ada_client):
    price_by_the_second()
    page = open_create_page(ada_client)
    assert "at most 20 credits" in button_text(page)
    assert "How long the film gets is open" in element_text(page.find_one("*[@id='quote-note']"))
    post_form(ada_client, VEO)
    assert Generation.objects.get().credits_estimated is None
    assert reserved_credits() == 20


@pytest.mark.parametrize("open_by", [price_by_the_second, lambda: RateCard.objects.all().delete()])
def test_an_allowance_that_refuses_open_prices_refuses_them(ada_client, open_by):
    open_by()
    Allowance.objects.update(unknown_price_credits=None)
    page = open_create_page(ada_client)
    assert is_button_disabled(page)
    assert "is not known beforehand" in element_text(page.find_one("*[@id='quote-note']"))
    post_form(ada_client, VEO)
    assert not Generation.objects.exists()


def test_an_open_price_that_is_taken_as_nothing_names_no_credits(ada_client):
    RateCard.objects.filter(model_id=VEO).delete()
    Allowance.objects.update(unknown_price_credits=0)
    assert button_text(open_create_page(ada_client)) == "Generate"


def test_the_worst_case_must_fit_into_what_is_left(ada_client, ada):
    price_by_the_second()
    Allowance.objects.create(user=ada, credits_limit=Decimal("19.9999"), unknown_price_credits=1)
    assert is_button_disabled(open_create_page(ada_client))
    post_form(ada_client, VEO)
    assert not Generation.objects.exists()


def allowance_text(page) -> str:
    return element_text(page.find_one("details[@id='allowance-statuses']"))


def test_a_person_sees_where_they_stand_when_it_starts_afresh_and_whom_to_ask(ada_client, ada):
    UserFactory(username="olga", owner=True)
    Allowance.objects.create(user=ada, credits_limit=1000, period="none")
    Allowance.objects.create(user=ada, credits_limit=400, period="month")
    text = allowance_text(open_create_page(ada_client))
    assert text.startswith("Your allowance this month: 400 of 400 left")
    assert "1000 of 1000" in text.replace(",", "")
    assert "afresh on" in text
    assert "Ask olga to change that." in text
    assert "With this" not in open_create_page(ada_client).text


def test_near_a_limit_it_warns_and_names_the_setting_that_saves_most(ada_client, ada):
    Allowance.objects.create(user=ada, credits_limit=20)
    page = refresh_form(ada_client, SEEDANCE, duration="10", quality="1080p")
    assert "With this, 80 % of your allowance is used." in page.text
    assert "Duration 2 s saves 15.84 credits." in allowance_text(page)
    page = refresh_form(ada_client, SEEDANCE, duration="2", quality="480p")
    assert "With this" not in page.text
    assert "saves" not in allowance_text(page)


@pytest.mark.parametrize("limit", ["credits_limit", "max_credits_per_generation"])
def test_what_does_not_fit_says_why_and_which_change_would(ada_client, ada, limit):
    Allowance.objects.create(user=ada, **{"credits_limit": 500, limit: 9})
    page = refresh_form(ada_client, SEEDANCE, duration="10", quality="1080p")
    assert is_button_disabled(page)
    note = element_text(page.find_one("*[@id='quote-note']"))
    assert "This needs 19.8 credits" in note
    assert "720p saves 10.8 credits." in note
    help_text = allowance_text(page)
    assert help_text.startswith("What you can do")
    assert "Ask the owner of this studio" in help_text
    assert "look at your films" in help_text


def test_who_has_no_limit_is_shown_none(ada_client):
    assert not open_create_page(ada_client).find_all("details[@id='allowance-statuses']")


def test_with_a_refused_key_nothing_can_be_sent_and_nothing_typed_is_lost(ada_client):
    record_key_rejected(provider_key=get_provider_key(), now=NOW)
    assert is_button_disabled(open_create_page(ada_client))
    page = ParsedPage(post_form(ada_client, VEO, {"prompt": "A dog"}))
    assert "does not accept this studio's key" in page.text
    assert page.control_value("prompt") == "A dog"
    assert not Generation.objects.exists()

    set_balance("1000")
    assert not is_button_disabled(open_create_page(ada_client))


def test_on_a_full_disk_nothing_is_sent_because_no_film_could_be_kept(ada_client):
    now = timezone.now()
    record_heartbeat(worker="here", disk_free_bytes=MIN_FREE_DISK_BYTES - 1, now=now)
    assert "disk is nearly full" in ParsedPage(post_form(ada_client, VEO)).text
    assert not Generation.objects.exists()
    record_heartbeat(worker="here", disk_free_bytes=MIN_FREE_DISK_BYTES, now=now)
    assert post_form(ada_client, VEO).status_code == 302


@pytest.mark.parametrize(
    ("heartbeats", "has_space"),
    [
        ([], True),
        ([(0, 0)], False),
        ([(0, 0), (10, 0)], False),
        ([(20, MIN_FREE_DISK_BYTES), (0, 0)], True),
        ([(0, MIN_FREE_DISK_BYTES), (20, 0)], True),
        ([(31, MIN_FREE_DISK_BYTES), (0, 0)], False),
        ([(31, 0)], True),
    ],
    ids=str,
)
def test_the_disk_of_any_live_worker_is_enough(db, heartbeats, has_space):
    """The last heartbeat of a dead worker says nothing."""
    for number, (age_seconds, free_bytes) in enumerate(heartbeats):
        seen_at = NOW - timedelta(seconds=age_seconds)
        record_heartbeat(worker=f"w{number}", disk_free_bytes=free_bytes, now=seen_at)
    assert has_disk_space(NOW) == has_space


@pytest.mark.parametrize("other_free_bytes", [0, MIN_FREE_DISK_BYTES])
def test_the_queue_waits_for_a_disk_exactly_when_the_button_says_so(db, other_free_bytes):
    record_heartbeat(worker="full", disk_free_bytes=0, now=NOW)
    record_heartbeat(worker="other", disk_free_bytes=other_free_bytes, now=NOW)
    generation = GenerationFactory()
    mark_waiting_for_disk(now=NOW)
    generation.refresh_from_db()
    assert (generation.error_code == ErrorCode.DISK_FULL) == (not has_disk_space(NOW))


def test_while_evolink_is_unavailable_generations_are_still_accepted(ada_client):
    set_balance("1000")
    record_unreachable(provider_key=get_provider_key(), error=BalanceError.UNAVAILABLE, now=NOW)
    page = open_create_page(ada_client)
    assert "cannot be reached" in page.text
    assert not is_button_disabled(page)
    assert post_form(ada_client, VEO).status_code == 302


def test_the_balance_of_another_account_is_not_ours(ada_client):
    ProviderAccount.objects.create(
        provider_key="https://elsewhere#1", credits_available=5, read_at=NOW, tried_at=NOW
    )
    assert "left" not in button_text(open_create_page(ada_client))


def test_no_page_ever_asks_evolink(ada_client, fake_provider, settings):
    settings.EVOLINK_API_URL = fake_provider.url
    for path in ("/", f"/create/{VEO}/", "/films/", "/live/"):
        ada_client.get(path)
    post_form(ada_client, VEO)
    post_form(ada_client, VEO, action="refresh")
    assert fake_provider.received_requests == []


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("2.025", "2.025"),
        ("2.0250", "2.025"),
        ("0.0001", "0.0001"),
        ("1095.3996", "1,095.3996"),
        ("162", "162"),
        ("1000.0000", "1,000"),
        ("0", "0"),
        ("-0.5000", "-0.5"),
        ("999999999999.9999", "999,999,999,999.9999"),
    ],
)
def test_an_amount_is_shown_as_exactly_as_it_is_booked(amount, text):
    assert format_credits(Decimal(amount)) == text


def test_a_price_is_the_same_to_the_last_digit_wherever_it_stands(ada_client, ada, client):
    set_balance("1095.3996")
    fields = {"duration": "5", "quality": "480p", "prompt": "A cat"}
    page = refresh_form(ada_client, SEEDANCE, **fields)
    assert "Generate · 2.025 credits" in button_text(page)
    assert "1,093.3746 left" in button_text(page)
    assert post_form(ada_client, SEEDANCE, fields).status_code == 302
    generation = Generation.objects.get()
    assert generation.credits_estimated == reserved_credits() == Decimal("2.025")
    assert "2.025" in element_text(open_create_page(ada_client, SEEDANCE).find_card(generation.pk))
    models_page = ada_client.get(reverse("models")).content.decode()
    assert "4.5 credits" in models_page  # 5 s at 720p
    client.force_login(UserFactory(owner=True))
    for path in (
        "/admin/generations/generation/",
        f"/admin/generations/generation/{generation.pk}/change/",
        "/admin/generations/generation/usage/",
    ):
        text = client.get(path).content.decode()
        assert "2.025" in text, path
        assert not re.search(r"\b2\.0[23]\b", text), path
