"""Switching the AI model: what stays, what goes, and what a person hears of it."""

from evolink_studio.catalog import DroppedValue, get_spec
from evolink_studio.catalog.conversion import convert_values
from tests.catalog.media_facts import make_image_file
from tests.catalog.sample_specs import GEMINI, SAMPLE_SPECS

GROK = get_spec("grok-imagine-text-to-video")
KLING = get_spec("kling-o3-image-to-video")
SEEDANCE = get_spec("doubao-seedance-1.0-pro-fast")
SORA = get_spec("sora-2-preview")
VEO = get_spec("veo3.1-pro")


def test_values_that_fit_stay_without_a_word():
    raw = {
        "prompt": "A cat",
        "aspect_ratio": "9:16",
        "quality": "720p",
        "image_urls": [make_image_file()],
    }
    carried = convert_values(VEO, raw, SEEDANCE)
    assert carried.values == raw
    assert carried.dropped_values == ()


def test_a_ratio_that_is_not_offered_becomes_the_default_and_is_named():
    carried = convert_values(GROK, {"prompt": "x", "aspect_ratio": "1:1"}, VEO)
    assert carried.values == {"prompt": "x"}
    assert carried.dropped_values == (DroppedValue("aspect_ratio", "Aspect ratio", "1:1", "auto"),)


def test_a_setting_the_new_one_does_not_have_is_named():
    carried = convert_values(GROK, {"prompt": "x", "mode": "fun"}, VEO)
    assert carried.dropped_values == (DroppedValue("mode", "Mood", "fun", None),)


def test_a_default_nobody_chose_goes_without_a_word():
    carried = convert_values(GROK, {"prompt": "x", "duration": "6", "mode": "normal"}, SORA)
    assert carried.values == {"prompt": "x"}
    assert carried.dropped_values == ()


def test_a_prompt_that_is_too_long_keeps_its_beginning_and_is_named():
    prompt = "é" * 3000
    carried = convert_values(SORA, {"prompt": prompt}, VEO)
    assert carried.values == {"prompt": "é" * 2000}
    assert carried.dropped_values == (DroppedValue("prompt", "Prompt", prompt, "é" * 2000),)


def test_of_too_many_pictures_the_first_stay_and_of_wrong_ones_the_right():
    one, two, webp = (
        make_image_file("one"),
        make_image_file("two"),
        make_image_file("three", format="webp"),
    )
    assert convert_values(VEO, {"image_urls": [one, two]}, SEEDANCE).values == {"image_urls": [one]}
    carried = convert_values(VEO, {"image_urls": [webp, one]}, KLING)
    assert carried.values == {"image_start": one}
    assert [dropped.field for dropped in carried.dropped_values] == ["image_urls"]


def test_strings_of_a_form_are_understood_on_the_way():
    carried = convert_values(SEEDANCE, {"prompt": "x", "duration": "12"}, SORA)
    assert carried.values == {"prompt": "x", "duration": 12}


def test_an_option_that_is_blocked_over_there_does_not_stay():
    wan = SAMPLE_SPECS["wan2.7-reference-video"]
    assert (
        convert_values(wan, {"prompt": "x", "aspect_ratio": "4:3"}, SEEDANCE).dropped_values == ()
    )
    raw = {"prompt": "x", "aspect_ratio": "keep_ratio"}
    carried = convert_values(SEEDANCE, raw, SEEDANCE)
    assert carried.values == {"prompt": "x"}
    assert carried.dropped_values == (
        DroppedValue("aspect_ratio", "Aspect ratio", "keep_ratio", "16:9"),
    )


def test_a_prompt_that_rests_is_not_lost():
    raw = {"prompt": "resting", "multi_shot": "on", "image_start": make_image_file()}
    assert convert_values(KLING, raw, KLING).values["prompt"] == "resting"
    assert convert_values(KLING, raw, GROK).values == {"prompt": "resting"}


def test_frames_of_a_list_take_the_single_slots_in_their_order_and_come_back():
    one, two = make_image_file("one"), make_image_file("two")
    there = convert_values(VEO, {"prompt": "x", "image_urls": [one, two]}, KLING)
    assert there.values == {"prompt": "x", "image_start": one, "image_end": two}
    assert there.moved_labels == ("First frame", "Last frame")
    assert there.dropped_values == ()
    back = convert_values(KLING, there.values, VEO)
    assert back.values == {"prompt": "x", "image_urls": [one, two]}
    assert back.moved_labels == ("First and last frame",)
    assert back.dropped_values == ()


def test_one_frame_takes_only_the_first_slot():
    carried = convert_values(SEEDANCE, {"image_urls": [make_image_file()]}, KLING)
    assert carried.values == {"image_start": make_image_file()}
    assert carried.moved_labels == ("First frame",)


def test_frames_under_the_same_name_have_not_moved():
    assert convert_values(VEO, {"image_urls": [make_image_file()]}, SEEDANCE).moved_labels == ()


def test_frames_come_before_references_where_there_is_room_for_one_kind_only():
    start, style = make_image_file("start"), make_image_file("style")
    carried = convert_values(KLING, {"image_start": start, "image_urls": [style]}, SEEDANCE)
    assert carried.values == {"image_urls": [start]}
    assert carried.moved_labels == ("Picture",)
    assert [dropped.label for dropped in carried.dropped_values] == ["Reference pictures"]


def test_references_stay_under_their_name_and_what_they_are_now_is_said():
    carried = convert_values(KLING, {"image_urls": [make_image_file()]}, VEO)
    assert carried.values == {"image_urls": [make_image_file()]}
    assert carried.moved_labels == ("First and last frame",)


def test_a_last_frame_without_a_place_is_named():
    start, end = make_image_file("start"), make_image_file("end")
    carried = convert_values(KLING, {"image_start": start, "image_end": end}, SORA)
    assert carried.values == {"image_urls": [start]}
    assert [dropped.label for dropped in carried.dropped_values] == ["Last frame"]


def test_the_same_picture_at_both_ends_stays_at_both():
    loop = make_image_file("loop")
    carried = convert_values(VEO, {"image_urls": [loop, loop]}, KLING)
    assert carried.values == {"image_start": loop, "image_end": loop}


def test_a_model_without_frames_takes_the_name_alone():
    carried = convert_values(KLING, {"image_start": make_image_file(), "prompt": "x"}, GEMINI)
    assert carried.values == {"prompt": "x"}
    assert [dropped.label for dropped in carried.dropped_values] == ["First frame"]
