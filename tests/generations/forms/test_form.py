"""The form of an AI model: drawn from its rules alone."""

from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evolink_studio.catalog import SPECS, Lifecycle
from evolink_studio.catalog.fields import Control
from evolink_studio.generations.models import Generation
from tests.catalog.sample_specs import GEMINI, SAMPLE_SPECS, TOPAZ, WAN
from tests.factories import VEO, AssetFactory
from tests.form_pages import ParsedPage, element_text
from tests.generations.form_client import make_numbered_image, open_create_page, post_form
from tests.sample_videos import make_audio, make_video

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
ALL_SPECS = {**SPECS, **SAMPLE_SPECS}


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_every_field_of_a_model_has_its_control_and_its_place_for_what_is_wrong(
    ada_client, sample_specs, spec
):
    page = open_create_page(ada_client, spec.id)
    assert page.find_one("form[@id='generate']").get("data-model") == spec.id
    for field in spec.fields:
        assert page.error_text(field.name) == ""
        control = page.find_one(f"*[@id='field-{field.name}']")
        if control.get("data-disabled") is None:
            by_name = field.name if field.control != Control.ROWS else "_do"
            assert page.find_controls(by_name), field.name
        if field.options and field.control == Control.CHOICE:
            offered_values = [chip.get("value") for chip in page.find_controls(field.name)]
            missing = {str(option.value) for option in field.options} - set(offered_values)
            assert not missing


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_a_form_begins_with_the_documented_defaults(ada_client, sample_specs, spec):
    page = open_create_page(ada_client, spec.id)
    for name, default in spec.evaluate({}).defaults.items():
        if spec.get_field(name).control in (Control.CHOICE, Control.NUMBER):
            assert to_float_or_text(page.control_value(name)) == to_float_or_text(default)
        if spec.get_field(name).control == Control.SWITCH:
            assert page.control_value(name) == str(default).lower()


def to_float_or_text(value):
    try:
        return float(value)
    except ValueError:
        return str(value)


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_nothing_is_marked_wrong_before_anything_was_pressed(ada_client, sample_specs, spec):
    assert open_create_page(ada_client, spec.id).error_texts() == {}


def test_a_model_that_takes_no_pictures_asks_for_none(ada_client):
    page = open_create_page(ada_client, "grok-imagine-text-to-video")
    assert page.find_all("input[@type='file']") == []


def test_a_model_we_do_not_have_is_not_found(ada_client):
    assert ada_client.get("/create/no-such-model/").status_code == 404
    for action in ("", "refresh", "switch"):
        assert post_form(ada_client, "no-such-model", action=action).status_code == 404


def test_a_number_or_a_word_is_sent_as_what_it_is(ada_client, sample_specs, fake_provider, worker):
    for duration in ("auto", "7"):
        assert post_form(ada_client, GEMINI.id, {"duration": duration}).status_code == 302
    worker.clock.now = Generation.objects.latest("created_at").created_at
    worker.dispatch_due()
    wire_bodies = [request.json for request in fake_provider.create.requests]
    assert sorted((body["duration"] for body in wire_bodies), key=str) == [7, "auto"]
    assert {body["model"] for body in wire_bodies} == {GEMINI.id}


def test_a_film_can_be_an_input_and_no_prompt_is_needed(
    ada_client, sample_specs, fake_provider, worker, tmp_path
):
    clip = SimpleUploadedFile(
        "clip.mp4", make_video(tmp_path / "clip.mp4").read_bytes(), "video/mp4"
    )
    response = post_form(ada_client, TOPAZ.id, {"upscale_factor": "4"}, video_urls=clip)
    assert response.status_code == 302
    worker.clock.now = Generation.objects.get().created_at
    worker.dispatch_due()
    (request,) = fake_provider.create.requests
    assert request.json["model_params"] == {"upscale_factor": "4"}
    assert len(request.json["video_urls"]) == 1
    assert b"ftyp" in fake_provider.upload.requests[0].body


def test_sounds_fractions_and_advanced_numbers_are_read(
    ada_client, sample_specs, fake_provider, worker, tmp_path
):
    audio_file = SimpleUploadedFile(
        "a.mp3", make_audio(tmp_path / "a.mp3").read_bytes(), "audio/mpeg"
    )
    fields = {"duration": "2.5", "seed": "77", "negative_prompt": "rain", "prompt_extend": "true"}
    files = {"audio_urls": audio_file, "image_urls": make_numbered_image(1, 400, 400)}
    assert post_form(ada_client, WAN.id, fields, **files).status_code == 302
    worker.clock.now = Generation.objects.get().created_at
    worker.dispatch_due()
    wire_bodies = fake_provider.create.requests[0].json
    assert (wire_bodies["duration"], wire_bodies["seed"], wire_bodies["prompt_extend"]) == (
        2.5,
        77,
        True,
    )
    assert len(wire_bodies["audio_urls"]) == len(wire_bodies["image_urls"]) == 1


def test_the_rules_of_a_sample_model_are_said_at_its_fields(ada_client, sample_specs):
    page = ParsedPage(post_form(ada_client, WAN.id, {"seed": "0"}))
    assert page.error_texts().keys() == {"image_urls", "seed"}
    assert "Add a picture or a film" in page.error_text("image_urls")


def find_option(page, name, value):
    return page.find_one(f"input[@name='{name}'][@value='{value}']")


def test_an_option_that_needs_a_picture_is_disabled_and_says_so(ada_client, ada):
    sentence = "picture"
    empty_page = open_create_page(ada_client, SEEDANCE)
    assert find_option(empty_page, "aspect_ratio", "adaptive").get("disabled") is not None
    assert sentence in element_text(empty_page.find_one("*[@id='field-aspect_ratio']")).lower()

    picture = AssetFactory(owner=ada)
    page_with_image = ParsedPage(
        post_form(ada_client, SEEDANCE, {"image_urls": picture.ref}, action="refresh", is_htmx=True)
    )
    assert find_option(page_with_image, "aspect_ratio", "adaptive").get("disabled") is None
    assert page_with_image.control_value("aspect_ratio") == "adaptive"


def test_a_control_that_plays_no_part_is_disabled_and_says_why(ada_client):
    page = open_create_page(ada_client, KLING)
    assert page.find_one("*[@id='field-shots']").get("data-disabled") is not None
    assert "Several shots" in element_text(page.find_one("*[@id='field-shots']"))
    assert "needs a first frame" in element_text(page.find_one("*[@id='field-image_end']"))


def test_what_is_blocked_is_refused_with_the_same_sentence(ada_client, ada):
    page = open_create_page(ada_client, KLING)
    message = element_text(page.find_one("*[@id='field-image_end']"))
    refused_page = ParsedPage(
        post_form(ada_client, KLING, {"image_end": AssetFactory(owner=ada).ref})
    )
    assert refused_page.error_text("image_end") in message


def test_a_file_that_does_not_fit_is_named_at_once_without_pressing(ada_client, ada):
    small_asset = AssetFactory(owner=ada, width=64, height=64)
    page = ParsedPage(
        post_form(
            ada_client, KLING, {"image_start": small_asset.ref}, action="refresh", is_htmx=True
        )
    )
    assert page.find_one("*[@data-check='bad']") is not None
    assert "image_start" in page.error_texts()
    assert "prompt" not in page.error_texts()

    good_asset = AssetFactory(owner=ada, width=400, height=400)
    page = ParsedPage(
        post_form(
            ada_client, KLING, {"image_start": good_asset.ref}, action="refresh", is_htmx=True
        )
    )
    assert page.find_one("*[@data-check='good']") is not None


def test_a_model_that_has_ended_says_so_and_cannot_be_used(ada_client, monkeypatch):
    retired = replace(SPECS[VEO], lifecycle=Lifecycle.RETIRED)
    monkeypatch.setitem(SPECS, VEO, retired)
    page = open_create_page(ada_client)
    assert page.find_one("button[@data-action='generate']").get("disabled") is not None
    assert ParsedPage(post_form(ada_client, VEO)).text.count("This model is retired") >= 1
    assert not Generation.objects.exists()
