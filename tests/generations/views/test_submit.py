"""Pressing Generate: once, twice, after going back, beside a film that plays."""

import uuid

import pytest

from evolink_studio.generations.models import Generation
from tests.factories import VEO, GenerationFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import post_form

pytestmark = pytest.mark.django_db


def test_a_press_leads_to_the_new_card_and_a_form_ready_for_the_next(ada_client):
    response = ada_client.post(
        f"/create/{VEO}/", {"prompt": "A dog", "form_key": uuid.uuid4()}, follow=True
    )
    generation = Generation.objects.get()
    page = ParsedPage(response)
    assert page.card_states() == {generation.pk: "queued"}
    assert page.control_value("prompt") in ("", "A dog")


def test_a_press_by_htmx_brings_the_form_again_and_the_new_card(ada_client):
    key = str(uuid.uuid4())
    page = ParsedPage(
        post_form(ada_client, VEO, {"prompt": "A dog", "quality": "4k"}, form_key=key, is_htmx=True)
    )
    generation = Generation.objects.get()
    assert page.card_states() == {generation.pk: "queued"}
    assert (page.control_value("prompt"), page.control_value("quality")) == ("A dog", "4k")
    assert page.control_value("form_key") != key
    assert page.find_one("*[@id='poller']").get("hx-get")


def test_going_back_and_sending_again_is_the_same_generation(ada_client):
    key = uuid.uuid4()
    first = post_form(ada_client, VEO, form_key=key)
    second_answer = post_form(ada_client, VEO, form_key=key)
    assert first["Location"] == second_answer["Location"]
    assert Generation.objects.count() == 1


def test_going_back_and_sending_something_else_is_refused_with_a_fresh_key(ada_client):
    key = str(uuid.uuid4())
    post_form(ada_client, VEO, form_key=key)
    page = ParsedPage(post_form(ada_client, VEO, {"prompt": "Something else"}, form_key=key))
    assert "sent before" in page.text
    assert page.control_value("form_key") != key
    assert page.control_value("prompt") == "Something else"
    assert Generation.objects.count() == 1

    for _ in range(2):
        assert post_form(ada_client, VEO, page.form_values()).status_code == 302
    assert Generation.objects.filter(prompt="Something else").count() == 1


@pytest.mark.parametrize("key", ["", "not-a-key", "x" * 5000])
def test_a_form_without_a_valid_key_is_a_generation_of_its_own(ada_client, key):
    assert ada_client.post(f"/create/{VEO}/", {"prompt": "x", "form_key": key}).status_code == 302
    assert Generation.objects.count() == 1


@pytest.mark.parametrize("kept_card", ["0", "999999", "x", ""])
def test_the_selected_card_cannot_break_the_answer_to_a_press(ada_client, kept_card):
    response = post_form(ada_client, VEO, {"keep": kept_card}, is_htmx=True)
    assert response.status_code == 200
    assert ParsedPage(response).card_states() == {Generation.objects.get().pk: "queued"}


def test_a_film_that_plays_stays_selected(ada_client, ada):
    playing_row = GenerationFactory(owner=ada, state="completed")
    page = ParsedPage(post_form(ada_client, VEO, {"keep": str(playing_row.pk)}, is_htmx=True))
    staged_cards = page.find_one("section[@id='stage']").findall(".//*[@data-generation]")
    assert [card.get("data-generation") for card in staged_cards] == [str(playing_row.pk)]
    assert len(page.card_states()) == 2
