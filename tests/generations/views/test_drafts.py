"""Drafts are for coming back: each open page keeps its own text, whatever other pages do."""

import uuid

import pytest

from evolink_studio.generations.models import Draft
from evolink_studio.generations.services import MAX_DRAFTS_PER_MODEL
from evolink_studio.generations.states import State
from tests.factories import NOW, VEO, GenerationFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import open_create_page, post_form

pytestmark = pytest.mark.django_db

SORA = "sora-2-preview"


def refresh_page(client, page: ParsedPage, **fields) -> ParsedPage:
    """Something was changed on this page."""
    values = {**page.form_values(), **fields}
    return ParsedPage(post_form(client, VEO, values, action="refresh", is_htmx=True))


def press_on(client, page: ParsedPage, **fields) -> ParsedPage:
    values = {**page.form_values(), **fields}
    return ParsedPage(post_form(client, VEO, values, form_key=values["form_key"], is_htmx=True))


def test_two_pages_of_one_model_keep_their_own_text(ada_client):
    first, second = open_create_page(ada_client), open_create_page(ada_client)
    first = refresh_page(ada_client, first, prompt="A cat")
    second = refresh_page(ada_client, second, prompt="A dog")
    first = refresh_page(ada_client, first, quality="1080p")
    assert (first.control_value("prompt"), second.control_value("prompt")) == ("A cat", "A dog")
    assert {draft.values["prompt"] for draft in Draft.objects.all()} == {"A cat", "A dog"}
    assert open_create_page(ada_client).control_value("prompt") == "A cat"  # written last


def test_a_press_on_one_page_leaves_the_draft_of_the_other(ada_client):
    first, second = open_create_page(ada_client), open_create_page(ada_client)
    first = refresh_page(ada_client, first, prompt="A cat")
    refresh_page(ada_client, second, prompt="A dog")
    press_on(ada_client, first)
    assert open_create_page(ada_client).control_value("prompt") == "A dog"


def test_a_page_opened_from_a_draft_goes_on_with_it(ada_client):
    refresh_page(ada_client, open_create_page(ada_client), prompt="A cat")
    page = refresh_page(ada_client, open_create_page(ada_client), prompt="A cat and a dog")
    assert Draft.objects.get().values["prompt"] == "A cat and a dog"
    press_on(ada_client, page)
    assert not Draft.objects.exists()


def test_a_draft_sent_as_it_was_opened_is_a_draft_no_more(ada_client):
    refresh_page(ada_client, open_create_page(ada_client), prompt="A cat")
    press_on(ada_client, open_create_page(ada_client))
    assert not Draft.objects.exists()


def test_what_is_begun_afresh_takes_the_place_of_what_was_left(ada_client):
    refresh_page(ada_client, open_create_page(ada_client), prompt="A cat")
    note = open_create_page(ada_client).find_one("*[@data-note]")
    page = ParsedPage(ada_client.get(note.find(".//a").get("href")))
    assert open_create_page(ada_client).control_value("prompt") == "A cat"
    page = refresh_page(ada_client, page, prompt="A whale")
    press_on(ada_client, page)
    assert open_create_page(ada_client).control_value("prompt") == ""


def test_there_are_never_many_drafts_of_one_model(ada_client):
    for number in range(MAX_DRAFTS_PER_MODEL + 3):
        key = uuid.uuid4()
        fields = {"prompt": f"Number {number}", "_page": str(key)}
        post_form(ada_client, VEO, fields, action="refresh")
        post_form(ada_client, SORA, fields, action="refresh")
    for model in (VEO, SORA):
        prompts = {draft.values["prompt"] for draft in Draft.objects.filter(model_id=model)}
        assert prompts == {f"Number {number}" for number in range(3, 3 + MAX_DRAFTS_PER_MODEL)}


@pytest.mark.parametrize("page_key", ["", "x", "0", "a b c d", "\0", "9" * 5000, "{}"])
def test_a_key_that_makes_no_sense_is_no_key(ada_client, page_key):
    fields = {"prompt": "A cat", "_page": page_key}
    assert post_form(ada_client, VEO, fields, action="refresh").status_code == 200
    page = open_create_page(ada_client, query=f"?draft={uuid.uuid4()}")
    assert page.control_value("prompt") == "A cat"


# --- the settings of an earlier film -----------------------------------------------------------


def test_settings_of_a_film_leave_what_was_typed_one_step_away(ada_client, ada):
    film = GenerationFactory(owner=ada, prompt="A whale", state=State.COMPLETED)
    GenerationFactory(owner=ada, state=State.COMPLETED)  # a newer one
    refresh_page(ada_client, open_create_page(ada_client), prompt="Half a thought")
    page = open_create_page(ada_client, query=f"?from={film.pk}")
    assert page.control_value("prompt") == "A whale"
    assert page.find_one("section[@id='stage']/article").get("data-generation") == str(film.pk)
    note = page.find_one("*[@data-note]")
    assert "kept" in element_text(note)
    refresh_page(ada_client, page, prompt="A whale at dawn")  # Undo still means the same
    undone = ParsedPage(ada_client.get(note.find(".//a").get("href")))
    assert undone.control_value("prompt") == "Half a thought"


@pytest.mark.parametrize("query", ["from", "recipe"])
def test_undo_leads_to_the_page_that_the_person_came_from(ada_client, ada, query):
    film = GenerationFactory(owner=ada, model_id=VEO, state=State.COMPLETED)
    for model, prompt in ((SORA, "Of this page"), (VEO, "Of a page somewhere else")):
        key = uuid.uuid4()
        post_form(ada_client, model, {"prompt": prompt, "_page": str(key)}, action="refresh")
        if model == SORA:
            own_key = key
    address = {"from": f"?from={film.pk}", "recipe": "?recipe=3"}[query]
    page = open_create_page(ada_client, query=f"{address}&unsent={own_key}")
    undo_url = page.find_one("*[@data-note]").find(".//a").get("href")
    assert undo_url == f"/create/{SORA}/?draft={own_key}"
    assert ParsedPage(ada_client.get(undo_url)).control_value("prompt") == "Of this page"


def test_nothing_is_offered_back_where_nothing_was_typed(ada_client, ada):
    film = GenerationFactory(owner=ada, state=State.COMPLETED)
    Draft.objects.create(owner=ada, model_id=VEO, values={"prompt": ""}, saved_at=NOW)
    Draft.objects.create(owner=ada, model_id="gone", values={"prompt": "x"}, saved_at=NOW)
    assert open_create_page(ada_client, query=f"?from={film.pk}").find_all("*[@data-note]") == []


def test_drafts_of_others_are_not_opened(ada_client, eve, client):
    key = uuid.uuid4()
    post_form(ada_client, VEO, {"prompt": "Mine", "_page": str(key)}, action="refresh")
    client.force_login(eve)
    film = GenerationFactory(owner=eve, state=State.COMPLETED)
    for query in (f"?draft={key}", f"?afresh={key}", f"?from={film.pk}&unsent={key}"):
        assert "Mine" not in open_create_page(client, query=query).text
