"""Another model with the same values: kept where it takes them, the rest named."""

import uuid

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.generations.models import Generation
from tests.catalog.sample_specs import SAMPLE_SPECS, TOPAZ
from tests.factories import VEO, AssetFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.conftest import reload
from tests.generations.form_client import open_create_page, post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
ALL_SPECS = {**SPECS, **SAMPLE_SPECS}


def switch_model(client, old_model_id, new_model_id, fields, **options) -> ParsedPage:
    return ParsedPage(
        post_form(
            client, new_model_id, {"from_model": old_model_id, **fields}, action="switch", **options
        )
    )


def test_switching_keeps_what_the_new_model_takes_and_names_the_rest(ada_client):
    fields = {"prompt": "A dog", "quality": "4k", "aspect_ratio": "9:16"}
    page = switch_model(ada_client, VEO, SORA, fields, htmx=True)
    assert page.find_one("form[@id='generate']").get("data-model") == SORA
    assert (page.control_value("prompt"), page.control_value("aspect_ratio")) == ("A dog", "9:16")
    note = element_text(page.find_one("*[@data-note]"))
    assert "4k" in note
    assert page.find_one("*[@data-note]").find(".//a").get("href") == f"/create/{VEO}/"


def test_switching_names_what_stands_there_now(ada_client):
    page = switch_model(ada_client, SEEDANCE, SORA, {"duration": "7"}, htmx=True)
    assert page.control_value("duration") == "4"
    note = element_text(page.find_one("*[@data-note]"))
    assert "7" in note
    assert "4" in note


def test_switching_never_shortens_a_prompt(ada_client):
    long_prompt = "x" * 4000
    page = switch_model(ada_client, SORA, VEO, {"prompt": long_prompt}, htmx=True)
    assert page.control_value("prompt") == long_prompt
    assert page.find_all("*[@data-note]") == []


def test_switching_takes_the_pictures_along(ada_client, ada):
    picture = AssetFactory(owner=ada)
    page = switch_model(ada_client, VEO, SEEDANCE, {"image_urls": picture.ref}, htmx=True)
    assert page.control_value("image_urls") == [picture.ref]


def test_switching_says_where_the_pictures_are_now_and_can_be_undone(ada_client, ada):
    first, last = AssetFactory(owner=ada), AssetFactory(owner=ada)
    page = switch_model(ada_client, VEO, KLING, {"image_urls": [first.ref, last.ref]}, htmx=True)
    assert page.control_value("image_start") == [first.ref]
    assert page.control_value("image_end") == [last.ref]
    note = page.find_one("*[@data-note]")
    assert "Your pictures are now here: First frame, Last frame." in element_text(note)
    assert note.find(".//a").get("href") == f"/create/{VEO}/"
    assert open_create_page(ada_client, VEO).control_value("image_urls") == [first.ref, last.ref]


def test_switching_is_a_new_form_and_the_old_one_waits_as_a_draft(ada_client):
    key = str(uuid.uuid4())
    page = switch_model(
        ada_client, VEO, SORA, {"prompt": "Mine", "quality": "4k"}, key=key, htmx=True
    )
    assert page.control_value("form_key") != key
    assert open_create_page(ada_client, VEO).control_value("quality") == "4k"


def test_switching_tells_the_address_bar(ada_client):
    response = post_form(ada_client, SORA, {"from_model": VEO}, action="switch", is_htmx=True)
    assert response["HX-Push-Url"] == f"/create/{SORA}/"


def test_switching_from_a_model_we_do_not_have_is_not_found(ada_client):
    assert post_form(ada_client, SORA, {"from_model": "gone"}, action="switch").status_code == 404


@pytest.mark.parametrize("old_model", ALL_SPECS)
@pytest.mark.parametrize("new_model", ALL_SPECS)
def test_every_model_can_be_switched_to_from_every_other(
    ada_client, sample_specs, old_model, new_model
):
    page = switch_model(ada_client, old_model, new_model, {}, htmx=True)
    assert page.find_one("form[@id='generate']").get("data-model") == new_model
    if new_model != TOPAZ.id and old_model != TOPAZ.id:
        assert page.control_value("prompt") == "A cat playing piano"


def test_every_combination_can_then_be_sent(ada_client, fake_provider, worker):
    """What is carried over can be pressed: the kept values fit the new model."""
    page = switch_model(
        ada_client, VEO, SEEDANCE, {"aspect_ratio": "9:16", "quality": "720p"}, htmx=True
    )
    assert post_form(ada_client, SEEDANCE, page.form_values()).status_code == 302
    generation = Generation.objects.get()
    worker.clock.now = generation.created_at
    worker.dispatch_due()
    assert reload(generation).state == "running"
    assert fake_provider.create.requests[0].json["aspect_ratio"] == "9:16"
