"""Several takes of one form: their price on the button, one press for all of them."""

import uuid
from decimal import Decimal

import pytest

from evolink_studio.credits.models import Allowance, RateCard
from evolink_studio.generations.models import Batch, Generation
from tests.factories import VEO
from tests.form_pages import ParsedPage
from tests.generations.form_client import open_create_page, post_form
from tests.generations.test_create_batch import limit_credits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _price() -> None:
    """27 credits a film."""
    RateCard.objects.filter(model_id=VEO).delete()
    RateCard.objects.create(
        model_id=VEO, unit="call", credits_per_unit=Decimal(27), effective_at="2020-01-01T00:00Z"
    )


def read_button(page: ParsedPage) -> tuple[str, bool]:
    """The price that the button names, and whether it can be pressed."""
    button = page.find_one("button[@id='generate-button']")
    return button.get("data-price"), "disabled" not in button.attrib


def read_choice(page: ParsedPage) -> tuple[list[str], str]:
    """The numbers of takes to choose from, and the chosen one."""
    inputs = page.find_all("input[@name='_takes']")
    (chosen,) = [field.get("value") for field in inputs if "checked" in field.attrib]
    return [field.get("value") for field in inputs], chosen


def test_a_page_begins_with_one_take_and_offers_four(ada_client):
    page = open_create_page(ada_client)
    assert read_choice(page) == (["1", "2", "3", "4"], "1")
    assert read_button(page) == ("Generate · 27 credits", True)


def test_another_number_brings_the_price_of_all_takes(ada_client):
    page = ParsedPage(post_form(ada_client, VEO, {"_takes": "4"}, action="refresh", is_htmx=True))
    assert read_choice(page)[1] == "4"
    assert read_button(page) == ("Generate · 4 × 27 = 108 credits", True)


def test_a_press_stores_the_takes_as_one_batch_and_going_back_sends_nothing(ada_client):
    key = uuid.uuid4()
    answers = [post_form(ada_client, VEO, {"_takes": "4"}, form_key=key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {302}
    assert len({answer["Location"] for answer in answers}) == 1
    batch = Batch.objects.get()
    assert list(Generation.objects.values_list("batch", flat=True)) == [batch.pk] * 4


def test_a_press_by_htmx_shows_every_take_and_the_next_one_is_of_one(ada_client):
    entered = {"prompt": "A heron at dawn", "_takes": "3"}
    page = ParsedPage(post_form(ada_client, VEO, entered, is_htmx=True))
    assert page.card_states() == dict.fromkeys(
        Generation.objects.values_list("pk", flat=True), "queued"
    )
    assert read_choice(page)[1] == "1"
    assert read_button(page) == ("Generate · 27 credits", True)
    assert page.find_one("textarea[@name='prompt']").text.strip() == "A heron at dawn"


def test_without_scripts_too_the_next_press_is_of_one_take(ada_client):
    address = post_form(ada_client, VEO, {"_takes": "4"})["Location"]
    page = ParsedPage(ada_client.get(address))
    assert read_choice(page)[1] == "1"
    assert read_button(page) == ("Generate · 27 credits", True)


def test_what_is_left_after_a_press_is_compared_with_one_take(ada_client, ada):
    limit_credits(ada, 100)
    page = ParsedPage(post_form(ada_client, VEO, {"_takes": "3"}, is_htmx=True))
    assert read_button(page) == ("Generate · 27 credits", False)
    assert "This needs 27 credits" in page.text


@pytest.mark.parametrize("is_htmx", [True, False])
def test_a_refused_press_keeps_the_number_of_takes(ada_client, is_htmx):
    refused = {"prompt": "", "_takes": "4"}
    page = ParsedPage(post_form(ada_client, VEO, refused, is_htmx=is_htmx))
    assert read_choice(page)[1] == "4"
    assert not Generation.objects.exists()


def test_one_take_is_no_batch(ada_client):
    post_form(ada_client, VEO, {"_takes": "1"})
    assert Generation.objects.get().batch is None


def test_going_back_and_asking_for_more_takes_is_refused(ada_client):
    key = uuid.uuid4()
    post_form(ada_client, VEO, form_key=key)
    page = ParsedPage(post_form(ada_client, VEO, {"_takes": "2"}, form_key=key))
    assert "sent before" in page.text
    assert Generation.objects.count() == 1


def test_takes_beyond_the_allowance_are_refused_and_the_page_says_how_many_fit(ada_client, ada):
    limit_credits(ada, 100)
    page = ParsedPage(post_form(ada_client, VEO, {"_takes": "4"}))
    assert read_button(page) == ("Generate · 4 × 27 = 108 credits", False)
    assert "This needs 108 credits" in page.text
    assert "enough for 3 takes" in page.text
    assert not Generation.objects.exists()
    assert not Batch.objects.exists()


@pytest.mark.parametrize("number", ["0", "5", "-1", "x", "1e1", "٣"])
def test_a_number_that_no_page_offers_is_refused(ada_client, number):
    page = ParsedPage(post_form(ada_client, VEO, {"_takes": number}))
    assert "1 to 4 takes" in page.text
    assert not Generation.objects.exists()


def test_without_an_allowance_there_is_nothing_to_choose(ada_client):
    Allowance.objects.all().delete()
    page = open_create_page(ada_client)
    assert page.find_all("input[@name='_takes']") == []
