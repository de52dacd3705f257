"""What a model does not take rests on a detour, is never sent, and comes back later."""

import json

import pytest

from evolink_studio.generations.models import Draft, Generation
from tests.factories import VEO, AssetFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import open_create_page, post_form

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
GROK = "grok-imagine-text-to-video"


def open_filled(client, model_id, **fields) -> ParsedPage:
    return ParsedPage(post_form(client, model_id, fields, action="refresh", is_htmx=True))


def switch_page(client, page: ParsedPage, model_id, **fields) -> ParsedPage:
    values = {**page.form_values(), **fields}
    return ParsedPage(post_form(client, model_id, values, action="switch", is_htmx=True))


def travel(client, page: ParsedPage, *model_ids: str) -> ParsedPage:
    for model_id in model_ids:
        page = switch_page(client, page, model_id)
    return page


@pytest.mark.parametrize("way", [[SORA], [GROK], [SORA, GROK, SORA], [SORA, GROK]])
def test_pictures_come_back_after_a_detour_over_models_without(ada_client, ada, way):
    first, last = AssetFactory(owner=ada), AssetFactory(owner=ada)
    start = open_filled(ada_client, KLING, image_start=first.ref, image_end=last.ref)
    page = travel(ada_client, start, *way, KLING)
    assert page.control_value("image_start") == [first.ref]
    assert page.control_value("image_end") == [last.ref]
    assert page.find_all("*[@data-resting]") == []


MEDIA_MODELS = [
    (VEO, {"image_urls": 2}),
    (KLING, {"image_start": 1, "image_end": 1}),
    (KLING, {"image_start": 1, "image_urls": 1}),
    (KLING, {"image_start": 1, "image_end": 1, "image_urls": 3}),
    (KLING, {"image_urls": 3}),
    (SEEDANCE, {"image_urls": 1}),
    (SORA, {"image_urls": 1}),
]
WAYS = [
    [VEO],
    [KLING],
    [SEEDANCE],
    [SORA],
    [GROK],
    [SORA, GROK],
    [SORA, SEEDANCE],
    [SORA, VEO],
    [VEO, SORA],
]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
@pytest.mark.parametrize(("model_id", "counts"), MEDIA_MODELS)
def test_every_picture_of_every_model_comes_back_to_its_place(
    ada_client, ada, model_id, counts, way
):
    refs = {
        name: [AssetFactory(owner=ada).ref for _ in range(count)] for name, count in counts.items()
    }
    page = travel(ada_client, open_filled(ada_client, model_id, **refs), *way, model_id)
    assert {name: page.control_value(name) for name in counts} == refs


def test_a_picture_changed_on_the_way_replaces_none_of_another_field(ada_client, ada):
    start, reference, other = (AssetFactory(owner=ada).ref for _ in range(3))
    page = open_filled(ada_client, KLING, image_start=start, image_urls=reference)
    page = switch_page(ada_client, page, SORA)
    page = switch_page(ada_client, page, KLING, image_urls=other)
    assert page.control_value("image_start") == [other]
    assert page.control_value("image_urls") == [reference]


@pytest.mark.parametrize(
    ("model_id", "fields", "way"),
    [
        (VEO, {"quality": "4k", "aspect_ratio": "9:16"}, [SORA]),
        (KLING, {"element_ids": "12\r\n13", "sound": "on", "watermark": "true"}, [GROK, VEO]),
        (SEEDANCE, {"duration": "7", "quality": "480p"}, [SORA]),
        (SEEDANCE, {"duration": "11", "aspect_ratio": "21:9"}, [SORA, VEO, GROK]),
        (GROK, {"mode": "spicy", "aspect_ratio": "3:2", "duration": "6"}, [VEO]),
        (KLING, {"multi_shot": "true", "shots-0-prompt": "one", "shots-0-duration": "3",
                 "shots-1-prompt": "two", "shots-1-duration": "4"}, [SORA, VEO]),
    ],
)  # fmt: skip
def test_choices_come_back(ada_client, model_id, fields, way):
    page = open_filled(ada_client, model_id, **fields)
    before = {name: page.control_value(name) for name in fields}
    after = travel(ada_client, page, *way, model_id)
    assert {name: after.control_value(name) for name in fields} == before


def test_what_was_chosen_on_the_way_is_not_undone(ada_client):
    page = open_filled(ada_client, SEEDANCE, duration="7", aspect_ratio="1:1")
    page = switch_page(ada_client, page, SORA)
    page = switch_page(ada_client, page, SEEDANCE, duration="8", aspect_ratio="9:16")
    assert page.control_value("duration") == "8"
    assert page.control_value("aspect_ratio") == "9:16"
    assert page.find_all("*[@data-resting]") == []


def test_pictures_that_were_too_many_come_back_unless_they_were_taken_out(ada_client, ada):
    refs = [AssetFactory(owner=ada).ref for _ in range(2)]
    fields = {"image_urls": refs}
    page = switch_page(ada_client, open_filled(ada_client, VEO, **fields), SEEDANCE)
    assert page.control_value("image_urls") == refs[:1]
    assert switch_page(ada_client, page, VEO).control_value("image_urls") == refs
    values = {name: value for name, value in page.form_values().items() if name != "image_urls"}
    taken_out = ParsedPage(post_form(ada_client, VEO, values, action="switch", is_htmx=True))
    assert taken_out.control_value("image_urls") is None


def test_what_rests_is_named_and_never_sent(ada_client, ada):
    picture = AssetFactory(owner=ada)
    page = switch_page(ada_client, open_filled(ada_client, KLING, image_start=picture.ref), GROK)
    assert "First frame (1 file)" in element_text(page.find_one("*[@data-resting]"))
    values = page.form_values()
    assert post_form(ada_client, GROK, values, form_key=values["form_key"]).status_code == 302
    generation = Generation.objects.get()
    assert picture.ref not in json.dumps(generation.params)
    assert list(generation.inputs.all()) == []


def test_what_rests_goes_on_resting_through_changes_and_presses(ada_client, ada):
    picture = AssetFactory(owner=ada)
    page = switch_page(ada_client, open_filled(ada_client, KLING, image_start=picture.ref), GROK)
    page = ParsedPage(
        post_form(ada_client, GROK, page.form_values(), action="refresh", is_htmx=True)
    )
    page = ParsedPage(post_form(ada_client, GROK, page.form_values(), is_htmx=True))
    assert travel(ada_client, page, KLING).control_value("image_start") == [picture.ref]


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_rests_survives_a_reload_on_the_way(ada_client, ada, is_changed):
    picture = AssetFactory(owner=ada)
    page = switch_page(ada_client, open_filled(ada_client, KLING, image_start=picture.ref), GROK)
    if is_changed:
        post_form(
            ada_client, GROK, page.form_values() | {"prompt": "x"}, action="refresh", is_htmx=True
        )
    reloaded = open_create_page(ada_client, GROK)
    assert "First frame" in element_text(reloaded.find_one("*[@data-resting]"))
    assert travel(ada_client, reloaded, KLING).control_value("image_start") == [picture.ref]


def test_without_scripts_each_model_opens_with_what_was_left_there(ada_client, ada):
    picture = AssetFactory(owner=ada)
    fields = {"image_start": picture.ref, "prompt": "A dog"}
    post_form(ada_client, KLING, fields, action="refresh")
    open_create_page(ada_client, SORA)
    page = open_create_page(ada_client, KLING)
    assert page.control_value("image_start") == [picture.ref]
    assert page.control_value("prompt") == "A dog"


def test_somebody_elses_picture_does_not_come_out_of_a_forged_field(ada_client, eve):
    foreign = AssetFactory(owner=eve)
    forged = json.dumps([{"model": KLING, "values": {"image_start": [foreign.ref]}, "now": {}}])
    fields = {"from_model": SORA, "_resting": forged}
    page = ParsedPage(post_form(ada_client, KLING, fields, action="switch", is_htmx=True))
    assert page.control_value("image_start") is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "{}", "null", "1", '"x"', "[[]]", "[1]", "[{}]", "[" * 99_000),
        *('[{"model": 1}]', '[{"model": []}]', '[{"model": "gone", "values": {}}]'),
        f'[{{"model": "{KLING}", "values": {{"seed": {"9" * 400}}}, "now": {{"seed": 1e999}}}}]',
        f'[{{"model": "{KLING}", "values": {{"image_start": [[], {{}}, 7, "asset:x"]}}}}]',
        f'[{{"model": "{KLING}", "values": {{"shots": [7, {{"prompt": [1]}}], "x": 1}}}}]',
        f'[{{"model": "{KLING}", "values": "x", "now": []}}]',
        f'[{{"model": "{VEO}", "values": {{"prompt": "\\ud800", "seed": "\\u0000"}}}}]',
    ],
)
@pytest.mark.parametrize("action", ["refresh", "switch", ""])
def test_a_field_that_makes_no_sense_breaks_nothing(ada_client, text, action):
    fields = {"from_model": SORA, "_resting": text}
    model_id = KLING if action == "switch" else SORA
    response = post_form(ada_client, model_id, fields, action=action, is_htmx=True)
    assert response.status_code == 200
    for model_id in (SORA, KLING):
        assert open_create_page(ada_client, model_id).find_one("form[@id='generate']") is not None
    assert Draft.objects.count() <= 2
