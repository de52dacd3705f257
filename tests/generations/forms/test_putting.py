"""Pictures that an address puts into a form."""

import pytest

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.slots import list_picture_slots
from evolink_studio.generations.states import State
from tests.factories import VEO, AssetFactory, GenerationFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
GROK = "grok-imagine-text-to-video"


def open_form(client, model_id, query) -> ParsedPage:
    return ParsedPage(client.get(f"/create/{model_id}/?{query}"))


def test_the_slots_of_a_model_are_its_frames_and_references():
    slots = {
        model_id: [(slot.name, slot.role.value) for slot in list_picture_slots(spec)]
        for model_id, spec in SPECS.items()
    }
    assert slots[VEO] == [("image_urls", "first"), ("image_urls.2", "last")]
    assert slots[KLING] == [
        ("image_start", "first"),
        ("image_end", "last"),
        ("image_urls", "reference"),
    ]
    assert slots["sora-2-preview"] == [("image_urls", "first")]
    assert slots[GROK] == []


def test_a_first_frame_takes_the_place_of_the_frames_and_leaves_the_references(ada_client, ada):
    first, last, reference, frame = (AssetFactory(owner=ada) for _ in range(4))
    params = {
        "prompt": "A dog",
        "image_start": first.ref,
        "image_end": last.ref,
        "image_urls": [reference.ref],
    }
    row = GenerationFactory(owner=ada, model_id=KLING, params=params, state=State.COMPLETED)
    page = open_form(ada_client, KLING, f"from={row.pk}&put=image_start:{frame.pk}")
    assert page.control_value("image_start") == [frame.ref]
    assert page.control_value("image_end") in (None, [], "")
    assert page.control_value("image_urls") == [reference.ref]


def test_a_last_frame_and_a_reference_stand_beside_what_is_there(ada_client, ada):
    first, reference = AssetFactory(owner=ada), AssetFactory(owner=ada)
    row = GenerationFactory(owner=ada, params={"prompt": "A dog", "image_urls": [first.ref]})
    page = open_form(ada_client, VEO, f"from={row.pk}&put=image_urls.2:{reference.pk}")
    assert page.control_value("image_urls") == [first.ref, reference.ref]
    page = open_form(ada_client, KLING, f"put=image_start:{first.pk},image_urls:{reference.pk}")
    assert page.control_value("image_start") == [first.ref]
    assert page.control_value("image_urls") == [reference.ref]


def test_settings_of_another_model_become_those_of_this_one(ada_client, ada):
    frame = AssetFactory(owner=ada)
    params = {"prompt": "A dog", "duration": 6, "mode": "fun", "aspect_ratio": "3:2"}
    row = GenerationFactory(owner=ada, model_id=GROK, params=params, state=State.COMPLETED)
    page = open_form(ada_client, VEO, f"from={row.pk}&put=image_urls:{frame.pk}")
    assert page.control_value("prompt") == "A dog"
    assert page.control_value("image_urls") == [frame.ref]
    assert "Not offered by this model" in page.text


def test_a_choice_that_the_picture_rules_out_follows_it(ada_client, ada):
    frame = AssetFactory(owner=ada)
    params = {"prompt": "A dog", "generation_type": "TEXT"}
    row = GenerationFactory(owner=ada, params=params, state=State.COMPLETED)
    page = open_form(ada_client, VEO, f"from={row.pk}&put=image_urls:{frame.pk}")
    assert page.control_value("image_urls") == [frame.ref]
    assert page.error_text("generation_type") == ""


@pytest.mark.parametrize("put", ["nowhere:{pk}", "image_urls:{foreign}", "image_urls", ":,x:y,::"])
def test_what_cannot_be_put_is_left_out_with_a_note(ada_client, ada, eve, put):
    own, foreign = AssetFactory(owner=ada), AssetFactory(owner=eve)
    query = f"put={put.format(pk=own.pk, foreign=foreign.pk)}"
    page = open_form(ada_client, VEO, query)
    assert page.text.count("A picture that was to go into this form was not found.") == 1
    assert page.control_value("image_urls") in (None, [], "")


def test_a_first_change_takes_the_pictures_out_of_the_address(ada_client, ada):
    answer = ada_client.post(
        f"/create/{VEO}/refresh/",
        {"prompt": "A dog"},
        headers={
            "HX-Request": "true",
            "HX-Current-URL": f"http://x/create/{VEO}/?put=image_urls:5",
        },
    )
    assert answer["HX-Replace-Url"] == f"/create/{VEO}/"
