"""Switching the AI model: what stays, what goes, and what a person hears of it."""

from evolink_studio.catalog import Dropped, spec_for
from tests.catalog.files import picture
from tests.catalog.foreign import FOREIGN

GROK = spec_for("grok-imagine-text-to-video")
KLING = spec_for("kling-o3-image-to-video")
SEEDANCE = spec_for("doubao-seedance-1.0-pro-fast")
SORA = spec_for("sora-2-preview")
VEO = spec_for("veo3.1-pro")


def test_values_that_fit_stay_without_a_word():
    raw = {"prompt": "A cat", "aspect_ratio": "9:16", "quality": "720p", "image_urls": [picture()]}
    carried = VEO.carry(raw, SEEDANCE)
    assert carried.kept == raw
    assert carried.dropped == ()


def test_a_ratio_that_is_not_offered_becomes_the_default_and_is_named():
    carried = GROK.carry({"prompt": "x", "aspect_ratio": "1:1"}, VEO)
    assert carried.kept == {"prompt": "x"}
    assert carried.dropped == (Dropped("aspect_ratio", "Aspect ratio", "1:1", "auto"),)


def test_a_setting_the_new_one_does_not_have_is_named():
    carried = GROK.carry({"prompt": "x", "mode": "fun"}, VEO)
    assert carried.dropped == (Dropped("mode", "Mood", "fun", None),)


def test_a_default_nobody_chose_goes_without_a_word():
    carried = GROK.carry({"prompt": "x", "duration": "6", "mode": "normal"}, SORA)
    assert carried.kept == {"prompt": "x"}
    assert carried.dropped == ()


def test_a_prompt_that_is_too_long_keeps_its_beginning_and_is_named():
    prompt = "é" * 3000
    carried = SORA.carry({"prompt": prompt}, VEO)
    assert carried.kept == {"prompt": "é" * 2000}
    assert carried.dropped == (Dropped("prompt", "Prompt", prompt, "é" * 2000),)


def test_of_too_many_pictures_the_first_stay_and_of_wrong_ones_the_right():
    one, two, webp = picture("one"), picture("two"), picture("three", format="webp")
    assert VEO.carry({"image_urls": [one, two]}, SEEDANCE).kept == {"image_urls": [one]}
    carried = VEO.carry({"image_urls": [webp, one]}, KLING)
    assert carried.kept == {"image_urls": [one]}
    assert [dropped.field for dropped in carried.dropped] == ["image_urls"]


def test_strings_of_a_form_are_understood_on_the_way():
    carried = SEEDANCE.carry({"prompt": "x", "duration": "12"}, SORA)
    assert carried.kept == {"prompt": "x", "duration": 12}


def test_an_option_that_is_blocked_over_there_does_not_stay():
    wan = FOREIGN["wan2.7-reference-video"]
    assert wan.carry({"prompt": "x", "aspect_ratio": "4:3"}, SEEDANCE).dropped == ()
    raw = {"prompt": "x", "aspect_ratio": "keep_ratio"}
    carried = SEEDANCE.carry(raw, SEEDANCE)
    assert carried.kept == {"prompt": "x"}
    assert carried.dropped == (Dropped("aspect_ratio", "Aspect ratio", "keep_ratio", "16:9"),)


def test_a_prompt_that_rests_is_not_lost():
    raw = {"prompt": "resting", "multi_shot": "on", "image_start": picture()}
    assert KLING.carry(raw, KLING).kept["prompt"] == "resting"
    assert KLING.carry(raw, GROK).kept == {"prompt": "resting"}
