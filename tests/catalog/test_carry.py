"""Switching the AI model: what stays, what goes, and what a person hears of it."""

from evolink_studio.catalog import Dropped, spec_for
from tests.catalog.files import picture
from tests.catalog.foreign import FOREIGN, GEMINI

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
    assert carried.kept == {"image_start": one}
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


def test_frames_of_a_list_take_the_single_slots_in_their_order_and_come_back():
    one, two = picture("one"), picture("two")
    there = VEO.carry({"prompt": "x", "image_urls": [one, two]}, KLING)
    assert there.kept == {"prompt": "x", "image_start": one, "image_end": two}
    assert there.moved == ("First frame", "Last frame")
    assert there.dropped == ()
    back = KLING.carry(there.kept, VEO)
    assert back.kept == {"prompt": "x", "image_urls": [one, two]}
    assert back.moved == ("First and last frame",)
    assert back.dropped == ()


def test_one_frame_takes_only_the_first_slot():
    carried = SEEDANCE.carry({"image_urls": [picture()]}, KLING)
    assert carried.kept == {"image_start": picture()}
    assert carried.moved == ("First frame",)


def test_frames_under_the_same_name_have_not_moved():
    assert VEO.carry({"image_urls": [picture()]}, SEEDANCE).moved == ()


def test_frames_come_before_references_where_there_is_room_for_one_kind_only():
    start, style = picture("start"), picture("style")
    carried = KLING.carry({"image_start": start, "image_urls": [style]}, SEEDANCE)
    assert carried.kept == {"image_urls": [start]}
    assert carried.moved == ("Picture",)
    assert [dropped.label for dropped in carried.dropped] == ["Reference pictures"]


def test_references_stay_under_their_name_and_what_they_are_now_is_said():
    carried = KLING.carry({"image_urls": [picture()]}, VEO)
    assert carried.kept == {"image_urls": [picture()]}
    assert carried.moved == ("First and last frame",)


def test_a_last_frame_without_a_place_is_named():
    start, end = picture("start"), picture("end")
    carried = KLING.carry({"image_start": start, "image_end": end}, SORA)
    assert carried.kept == {"image_urls": [start]}
    assert [dropped.label for dropped in carried.dropped] == ["Last frame"]


def test_the_same_picture_at_both_ends_stays_at_both():
    loop = picture("loop")
    carried = VEO.carry({"image_urls": [loop, loop]}, KLING)
    assert carried.kept == {"image_start": loop, "image_end": loop}


def test_a_model_without_frames_takes_the_name_alone():
    carried = KLING.carry({"image_start": picture(), "prompt": "x"}, GEMINI)
    assert carried.kept == {"prompt": "x"}
    assert [dropped.label for dropped in carried.dropped] == ["First frame"]
