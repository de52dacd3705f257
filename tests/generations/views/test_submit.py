"""Pressing Generate: once, twice, after going back, beside a film that plays."""

import uuid

import pytest
from django.test import Client

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Generation
from tests.factories import VEO, GenerationFactory
from tests.form_pages import ParsedPage
from tests.generations.form_client import make_numbered_image, open_create_page, post_form

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


# --- a page that shows more than its form holds ------------------------------------------------


@pytest.mark.parametrize("is_htmx", [True, False])
@pytest.mark.parametrize("model_id", SPECS)
@pytest.mark.parametrize("pending", [["image_urls"], ["image_urls", "image_urls"], ["nonsense"]])
def test_a_form_whose_file_is_still_under_way_is_not_sent(ada_client, model_id, pending, is_htmx):
    answer = post_form(ada_client, model_id, {"_pending": pending}, is_htmx=is_htmx)
    page = ParsedPage(answer)
    assert [text for text in page.error_texts().values() if "still being added" in text]
    assert page.control_value("prompt") == "A cat playing piano"
    assert Generation.objects.count() == 0


def test_a_form_that_lacks_a_file_under_way_is_only_refused_when_it_is_pressed(ada_client):
    page = ParsedPage(post_form(ada_client, VEO, {"_pending": "image_urls"}, action="refresh"))
    assert page.error_texts() == {}


# --- a page that was open too long, without scripts -------------------------------------------


def test_a_press_with_an_old_token_is_one_step_away_from_its_form(ada):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    values = open_create_page(client).form_values() | {
        "prompt": 'A "cat" <b>in a box</b>\r\non two lines',
        "aspect_ratio": "9:16",
        "csrfmiddlewaretoken": "o" * 64,
    }
    files = {"image_urls": [make_numbered_image(1)]}
    refusal = client.post(f"/create/{VEO}/", values | files)
    assert refusal.status_code == 403
    assert b"nothing was sent" in refusal.content
    form = ParsedPage(refusal).find_one(f"form[@action='/create/{VEO}/refresh/']")
    entered = {field.get("name"): field.get("value") for field in form.iter("input")}
    page = ParsedPage(client.post(form.get("action"), entered))
    assert page.control_value("prompt").split() == values["prompt"].split()
    assert page.control_value("aspect_ratio") == "9:16"
    assert page.control_value("form_key") == values["form_key"]
    assert Generation.objects.count() == 0


def test_other_refused_forms_and_strangers_get_nothing_to_send_again(ada):
    stranger = Client(enforce_csrf_checks=True)
    ada_client = Client(enforce_csrf_checks=True)
    ada_client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    for client, path in [
        (stranger, f"/create/{VEO}/"),
        (ada_client, "/account/preferences/"),
    ]:
        refusal = client.post(path, {"prompt": "A cat", "password": "secret"})
        assert refusal.status_code == 403
        assert b"A cat" not in refusal.content
        assert b"secret" not in refusal.content
