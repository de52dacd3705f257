"""Another model with the same wishes: kept where it takes them, the rest named."""

import uuid

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Generation
from tests.catalog.foreign import FOREIGN, TOPAZ
from tests.factories import VEO, AssetFactory
from tests.generations.conftest import fresh
from tests.generations.pressing import press, seen
from tests.page import Page, words

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
EVERY_SPEC = {**SPECS, **FOREIGN}


def switched(tab, old, new, typed, **more) -> Page:
    return Page(press(tab, new, {"from_model": old, **typed}, where="switch", **more))


def test_switching_keeps_what_the_new_model_takes_and_names_the_rest(tab):
    typed = {"prompt": "A dog", "quality": "4k", "aspect_ratio": "9:16"}
    page = switched(tab, VEO, SORA, typed, htmx=True)
    assert page.one("form[@id='generate']").get("data-model") == SORA
    assert (page.value("prompt"), page.value("aspect_ratio")) == ("A dog", "9:16")
    note = words(page.one("*[@data-note]"))
    assert "4k" in note
    assert page.one("*[@data-note]").find(".//a").get("href") == f"/create/{VEO}/"


def test_switching_names_what_stands_there_now(tab):
    page = switched(tab, SEEDANCE, SORA, {"duration": "7"}, htmx=True)
    assert page.value("duration") == "4"
    note = words(page.one("*[@data-note]"))
    assert "7" in note
    assert "4" in note


def test_switching_never_shortens_a_prompt(tab):
    long = "x" * 4000
    page = switched(tab, SORA, VEO, {"prompt": long}, htmx=True)
    assert page.value("prompt") == long
    assert page.all("*[@data-note]") == []


def test_switching_takes_the_pictures_along(tab, ada):
    picture = AssetFactory(owner=ada)
    page = switched(tab, VEO, SEEDANCE, {"image_urls": picture.ref}, htmx=True)
    assert page.value("image_urls") == [picture.ref]


def test_switching_says_where_the_pictures_are_now_and_can_be_undone(tab, ada):
    first, last = AssetFactory(owner=ada), AssetFactory(owner=ada)
    page = switched(tab, VEO, KLING, {"image_urls": [first.ref, last.ref]}, htmx=True)
    assert page.value("image_start") == [first.ref]
    assert page.value("image_end") == [last.ref]
    note = page.one("*[@data-note]")
    assert "Your pictures are now here: First frame, Last frame." in words(note)
    assert note.find(".//a").get("href") == f"/create/{VEO}/"
    assert seen(tab, VEO).value("image_urls") == [first.ref, last.ref]


def test_switching_is_a_new_form_and_the_old_one_waits_as_a_draft(tab):
    key = str(uuid.uuid4())
    page = switched(tab, VEO, SORA, {"prompt": "Mine", "quality": "4k"}, key=key, htmx=True)
    assert page.value("form_key") != key
    assert seen(tab, VEO).value("quality") == "4k"


def test_switching_tells_the_address_bar(tab):
    response = press(tab, SORA, {"from_model": VEO}, where="switch", htmx=True)
    assert response["HX-Push-Url"] == f"/create/{SORA}/"


def test_switching_from_a_model_we_do_not_have_is_not_found(tab):
    assert press(tab, SORA, {"from_model": "gone"}, where="switch").status_code == 404


@pytest.mark.parametrize("old", EVERY_SPEC)
@pytest.mark.parametrize("new", EVERY_SPEC)
def test_every_model_can_be_switched_to_from_every_other(tab, foreign, old, new):
    page = switched(tab, old, new, {}, htmx=True)
    assert page.one("form[@id='generate']").get("data-model") == new
    if new != TOPAZ.id and old != TOPAZ.id:
        assert page.value("prompt") == "A cat playing piano"


def test_every_combination_can_then_be_sent(tab, far, worker):
    """What is carried over can be pressed: the kept values fit the new model."""
    page = switched(tab, VEO, SEEDANCE, {"aspect_ratio": "9:16", "quality": "720p"}, htmx=True)
    assert press(tab, SEEDANCE, page.typed()).status_code == 302
    made = Generation.objects.get()
    worker.clock.now = made.created_at
    worker.send()
    assert fresh(made).state == "running"
    assert far.create.requests[0].json["aspect_ratio"] == "9:16"
