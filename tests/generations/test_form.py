"""The form of an AI model: drawn from its rules alone."""

from dataclasses import replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from evolink_studio.catalog import SPECS, Lifecycle
from evolink_studio.catalog.fields import Control
from evolink_studio.generations.models import Generation
from tests.catalog.foreign import FOREIGN, GEMINI, TOPAZ, WAN
from tests.factories import VEO, AssetFactory
from tests.generations.pressing import numbered, press, seen
from tests.library.footage import film, sound
from tests.page import Page, words

pytestmark = pytest.mark.django_db

KLING = "kling-o3-image-to-video"
SEEDANCE = "doubao-seedance-1.0-pro-fast"
SORA = "sora-2-preview"
EVERY_SPEC = {**SPECS, **FOREIGN}


@pytest.mark.parametrize("spec", EVERY_SPEC.values(), ids=EVERY_SPEC)
def test_every_field_of_a_model_has_its_control_and_its_place_for_what_is_wrong(tab, foreign, spec):
    page = seen(tab, spec.id)
    assert page.one("form[@id='generate']").get("data-model") == spec.id
    for field in spec.fields:
        assert page.error(field.name) == ""
        control = page.one(f"*[@id='field-{field.name}']")
        if control.get("data-disabled") is None:
            by_name = field.name if field.control != Control.ROWS else "_do"
            assert page.named(by_name), field.name
        if field.options and field.control == Control.CHOICE:
            offered = [chip.get("value") for chip in page.named(field.name)]
            missing = {str(option.value) for option in field.options} - set(offered)
            assert not missing


@pytest.mark.parametrize("spec", EVERY_SPEC.values(), ids=EVERY_SPEC)
def test_a_form_begins_with_the_documented_defaults(tab, foreign, spec):
    page = seen(tab, spec.id)
    for name, default in spec.defaults({}).items():
        if spec.get_field(name).control in (Control.CHOICE, Control.NUMBER):
            assert float_or_text(page.value(name)) == float_or_text(default)
        if spec.get_field(name).control == Control.SWITCH:
            assert page.value(name) == str(default).lower()


def float_or_text(value):
    try:
        return float(value)
    except ValueError:
        return str(value)


@pytest.mark.parametrize("spec", EVERY_SPEC.values(), ids=EVERY_SPEC)
def test_nothing_is_marked_wrong_before_anything_was_pressed(tab, foreign, spec):
    assert seen(tab, spec.id).errors() == {}


def test_a_model_that_takes_no_pictures_asks_for_none(tab):
    page = seen(tab, "grok-imagine-text-to-video")
    assert page.all("input[@type='file']") == []


def test_a_model_we_do_not_have_is_not_found(tab):
    assert tab.get("/create/no-such-model/").status_code == 404
    for where in ("", "refresh", "switch"):
        assert press(tab, "no-such-model", where=where).status_code == 404


def test_a_number_or_a_word_is_sent_as_what_it_is(tab, foreign, far, worker):
    for duration in ("auto", "7"):
        assert press(tab, GEMINI.id, {"duration": duration}).status_code == 302
    worker.clock.now = Generation.objects.latest("created_at").created_at
    worker.send()
    sent = [request.json for request in far.create.requests]
    assert sorted((one["duration"] for one in sent), key=str) == [7, "auto"]
    assert {one["model"] for one in sent} == {GEMINI.id}


def test_a_film_can_be_an_input_and_no_prompt_is_needed(tab, foreign, far, worker, tmp_path):
    clip = SimpleUploadedFile("clip.mp4", film(tmp_path / "clip.mp4").read_bytes(), "video/mp4")
    response = press(tab, TOPAZ.id, {"upscale_factor": "4"}, video_urls=clip)
    assert response.status_code == 302
    worker.clock.now = Generation.objects.get().created_at
    worker.send()
    (request,) = far.create.requests
    assert request.json["model_params"] == {"upscale_factor": "4"}
    assert len(request.json["video_urls"]) == 1
    assert b"ftyp" in far.upload.requests[0].body


def test_sounds_fractions_and_advanced_numbers_are_read(tab, foreign, far, worker, tmp_path):
    noise = SimpleUploadedFile("a.mp3", sound(tmp_path / "a.mp3").read_bytes(), "audio/mpeg")
    typed = {"duration": "2.5", "seed": "77", "negative_prompt": "rain", "prompt_extend": "true"}
    files = {"audio_urls": noise, "image_urls": numbered(1, 400, 400)}
    assert press(tab, WAN.id, typed, **files).status_code == 302
    worker.clock.now = Generation.objects.get().created_at
    worker.send()
    sent = far.create.requests[0].json
    assert (sent["duration"], sent["seed"], sent["prompt_extend"]) == (2.5, 77, True)
    assert len(sent["audio_urls"]) == len(sent["image_urls"]) == 1


def test_the_rules_of_a_foreign_model_are_said_at_its_fields(tab, foreign):
    page = Page(press(tab, WAN.id, {"seed": "0"}))
    assert page.errors().keys() == {"image_urls", "seed"}
    assert "Add a picture or a film" in page.error("image_urls")


def chip(page, name, value):
    return page.one(f"input[@name='{name}'][@value='{value}']")


def test_an_option_that_needs_a_picture_is_disabled_and_says_so(tab, ada):
    sentence = "picture"
    without = seen(tab, SEEDANCE)
    assert chip(without, "aspect_ratio", "adaptive").get("disabled") is not None
    assert sentence in words(without.one("*[@id='field-aspect_ratio']")).lower()

    picture = AssetFactory(owner=ada)
    with_one = Page(press(tab, SEEDANCE, {"image_urls": picture.ref}, where="refresh", htmx=True))
    assert chip(with_one, "aspect_ratio", "adaptive").get("disabled") is None
    assert with_one.value("aspect_ratio") == "adaptive"


def test_a_control_that_plays_no_part_is_disabled_and_says_why(tab):
    page = seen(tab, KLING)
    assert page.one("*[@id='field-shots']").get("data-disabled") is not None
    assert "Several shots" in words(page.one("*[@id='field-shots']"))
    assert "needs a first frame" in words(page.one("*[@id='field-image_end']"))


def test_what_is_blocked_is_refused_with_the_same_sentence(tab, ada):
    page = seen(tab, KLING)
    said = words(page.one("*[@id='field-image_end']"))
    refused = Page(press(tab, KLING, {"image_end": AssetFactory(owner=ada).ref}))
    assert refused.error("image_end") in said


def test_a_file_that_does_not_fit_is_named_at_once_without_pressing(tab, ada):
    small = AssetFactory(owner=ada, width=64, height=64)
    page = Page(press(tab, KLING, {"image_start": small.ref}, where="refresh", htmx=True))
    assert page.one("*[@data-check='bad']") is not None
    assert "image_start" in page.errors()
    assert "prompt" not in page.errors()

    good = AssetFactory(owner=ada, width=400, height=400)
    page = Page(press(tab, KLING, {"image_start": good.ref}, where="refresh", htmx=True))
    assert page.one("*[@data-check='good']") is not None


def test_a_model_that_has_ended_says_so_and_cannot_be_used(tab, monkeypatch):
    retired = replace(SPECS[VEO], lifecycle=Lifecycle.RETIRED)
    monkeypatch.setitem(SPECS, VEO, retired)
    page = seen(tab)
    assert page.one("button[@data-action='generate']").get("disabled") is not None
    assert Page(press(tab, VEO)).text.count("This model is retired") >= 1
    assert not Generation.objects.exists()
