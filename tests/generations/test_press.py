"""Pressing Generate: once, twice, after going back, beside a film that plays."""

import uuid

import pytest

from evolink_studio.generations.models import Generation
from tests.factories import VEO, GenerationFactory
from tests.generations.pressing import press
from tests.page import Page

pytestmark = pytest.mark.django_db


def test_a_press_leads_to_the_new_card_and_a_form_ready_for_the_next(tab):
    response = tab.post(
        f"/create/{VEO}/", {"prompt": "A dog", "form_key": uuid.uuid4()}, follow=True
    )
    made = Generation.objects.get()
    page = Page(response)
    assert page.cards() == {made.pk: "queued"}
    assert page.value("prompt") in ("", "A dog")


def test_a_press_by_htmx_brings_the_form_again_and_the_new_card(tab):
    key = str(uuid.uuid4())
    page = Page(press(tab, VEO, {"prompt": "A dog", "quality": "4k"}, key=key, htmx=True))
    made = Generation.objects.get()
    assert page.cards() == {made.pk: "queued"}
    assert (page.value("prompt"), page.value("quality")) == ("A dog", "4k")
    assert page.value("form_key") != key
    assert page.one("*[@id='poller']").get("hx-get")


def test_going_back_and_sending_again_is_the_same_generation(tab):
    key = uuid.uuid4()
    first = press(tab, VEO, key=key)
    again = press(tab, VEO, key=key)
    assert first["Location"] == again["Location"]
    assert Generation.objects.count() == 1


def test_going_back_and_sending_something_else_is_refused_with_a_fresh_key(tab):
    key = str(uuid.uuid4())
    press(tab, VEO, key=key)
    page = Page(press(tab, VEO, {"prompt": "Something else"}, key=key))
    assert "sent before" in page.text
    assert page.value("form_key") != key
    assert page.value("prompt") == "Something else"
    assert Generation.objects.count() == 1

    for _ in range(2):
        assert press(tab, VEO, page.typed()).status_code == 302
    assert Generation.objects.filter(prompt="Something else").count() == 1


@pytest.mark.parametrize("key", ["", "not-a-key", "x" * 5000])
def test_a_form_without_a_sound_key_is_a_wish_of_its_own(tab, key):
    assert tab.post(f"/create/{VEO}/", {"prompt": "x", "form_key": key}).status_code == 302
    assert Generation.objects.count() == 1


@pytest.mark.parametrize("keep", ["0", "999999", "x", ""])
def test_what_stands_on_the_stage_cannot_spoil_the_answer_to_a_press(tab, keep):
    response = press(tab, VEO, {"keep": keep}, htmx=True)
    assert response.status_code == 200
    assert Page(response).cards() == {Generation.objects.get().pk: "queued"}


def test_a_film_that_plays_stays_on_the_stage(tab, ada):
    playing = GenerationFactory(owner=ada, state="completed")
    page = Page(press(tab, VEO, {"keep": str(playing.pk)}, htmx=True))
    staged = page.one("section[@id='stage']").findall(".//*[@data-generation]")
    assert [card.get("data-generation") for card in staged] == [str(playing.pk)]
    assert len(page.cards()) == 2
