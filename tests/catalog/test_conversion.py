"""Switching the AI model: what stays, what goes, and what a person is told."""

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
    conversion = convert_values(VEO, raw, SEEDANCE)
    assert conversion.values == raw
    assert conversion.dropped_values == ()


def test_a_ratio_that_is_not_offered_becomes_the_default_and_is_named():
    conversion = convert_values(GROK, {"prompt": "x", "aspect_ratio": "1:1"}, VEO)
    assert conversion.values == {"prompt": "x"}
    assert conversion.dropped_values == (
        DroppedValue("aspect_ratio", "Aspect ratio", "1:1", "auto"),
    )


def test_a_setting_the_new_one_does_not_have_is_named():
    conversion = convert_values(GROK, {"prompt": "x", "mode": "fun"}, VEO)
    assert conversion.dropped_values == (DroppedValue("mode", "Mood", "fun", None),)


def test_a_default_nobody_chose_goes_without_a_word():
    conversion = convert_values(GROK, {"prompt": "x", "duration": "6", "mode": "normal"}, SORA)
    assert conversion.values == {"prompt": "x"}
    assert conversion.dropped_values == ()


def test_a_prompt_that_is_too_long_keeps_its_beginning_and_is_named():
    prompt = "é" * 3000
    conversion = convert_values(SORA, {"prompt": prompt}, VEO)
    assert conversion.values == {"prompt": "é" * 2000}
    assert conversion.dropped_values == (DroppedValue("prompt", "Prompt", prompt, "é" * 2000),)


def test_of_too_many_pictures_the_first_stay_and_of_wrong_ones_the_right():
    first_image, second_image, webp = (
        make_image_file("one"),
        make_image_file("two"),
        make_image_file("three", format="webp"),
    )
    assert convert_values(VEO, {"image_urls": [first_image, second_image]}, SEEDANCE).values == {
        "image_urls": [first_image]
    }
    conversion = convert_values(VEO, {"image_urls": [webp, first_image]}, KLING)
    assert conversion.values == {"image_start": first_image}
    assert [value.field for value in conversion.dropped_values] == ["image_urls"]


def test_strings_of_a_form_are_understood_on_the_way():
    conversion = convert_values(SEEDANCE, {"prompt": "x", "duration": "12"}, SORA)
    assert conversion.values == {"prompt": "x", "duration": 12}


def test_an_option_that_is_blocked_over_there_does_not_stay():
    wan = SAMPLE_SPECS["wan2.7-reference-video"]
    assert (
        convert_values(wan, {"prompt": "x", "aspect_ratio": "4:3"}, SEEDANCE).dropped_values == ()
    )
    raw = {"prompt": "x", "aspect_ratio": "keep_ratio"}
    conversion = convert_values(SEEDANCE, raw, SEEDANCE)
    assert conversion.values == {"prompt": "x"}
    assert conversion.dropped_values == (
        DroppedValue("aspect_ratio", "Aspect ratio", "keep_ratio", "16:9"),
    )


def test_a_prompt_that_rests_is_not_lost():
    raw = {"prompt": "resting", "multi_shot": "on", "image_start": make_image_file()}
    assert convert_values(KLING, raw, KLING).values["prompt"] == "resting"
    assert convert_values(KLING, raw, GROK).values == {"prompt": "resting"}


def test_frames_of_a_list_take_the_single_slots_in_their_order_and_come_back():
    first_image, second_image = make_image_file("one"), make_image_file("two")
    kling_conversion = convert_values(
        VEO, {"prompt": "x", "image_urls": [first_image, second_image]}, KLING
    )
    assert kling_conversion.values == {
        "prompt": "x",
        "image_start": first_image,
        "image_end": second_image,
    }
    assert kling_conversion.moved_labels == ("First frame", "Last frame")
    assert kling_conversion.dropped_values == ()
    veo_conversion = convert_values(KLING, kling_conversion.values, VEO)
    assert veo_conversion.values == {"prompt": "x", "image_urls": [first_image, second_image]}
    assert veo_conversion.moved_labels == ("First and last frame",)
    assert veo_conversion.dropped_values == ()


def test_one_frame_takes_only_the_first_slot():
    conversion = convert_values(SEEDANCE, {"image_urls": [make_image_file()]}, KLING)
    assert conversion.values == {"image_start": make_image_file()}
    assert conversion.moved_labels == ("First frame",)


def test_frames_under_the_same_name_have_not_moved():
    assert convert_values(VEO, {"image_urls": [make_image_file()]}, SEEDANCE).moved_labels == ()


def test_frames_come_before_references_where_there_is_room_for_one_kind_only():
    start, style = make_image_file("start"), make_image_file("style")
    conversion = convert_values(KLING, {"image_start": start, "image_urls": [style]}, SEEDANCE)
    assert conversion.values == {"image_urls": [start]}
    assert conversion.moved_labels == ("Picture",)
    assert [value.label for value in conversion.dropped_values] == ["Reference pictures"]


def test_references_stay_under_their_name_and_what_they_are_now_is_said():
    conversion = convert_values(KLING, {"image_urls": [make_image_file()]}, VEO)
    assert conversion.values == {"image_urls": [make_image_file()]}
    assert conversion.moved_labels == ("First and last frame",)


def test_a_last_frame_without_a_place_is_named():
    start, end = make_image_file("start"), make_image_file("end")
    conversion = convert_values(KLING, {"image_start": start, "image_end": end}, SORA)
    assert conversion.values == {"image_urls": [start]}
    assert [value.label for value in conversion.dropped_values] == ["Last frame"]


def test_the_same_picture_at_both_ends_stays_at_both():
    loop = make_image_file("loop")
    conversion = convert_values(VEO, {"image_urls": [loop, loop]}, KLING)
    assert conversion.values == {"image_start": loop, "image_end": loop}


def test_a_model_without_frames_takes_the_name_alone():
    conversion = convert_values(KLING, {"image_start": make_image_file(), "prompt": "x"}, GEMINI)
    assert conversion.values == {"prompt": "x"}
    assert [value.label for value in conversion.dropped_values] == ["First frame"]
