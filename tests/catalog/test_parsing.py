"""What people enter, how it is understood, and what they are told when it is not."""

from dataclasses import replace
from typing import Annotated

import pytest
from pydantic import Field as PydanticField

from evolink_studio.catalog import FieldError, MediaFile, Message, VideoRequest, get_spec
from tests.catalog.media_facts import make_image_file

GROK = get_spec("grok-imagine-text-to-video")
KLING = get_spec("kling-o3-image-to-video")
SEEDANCE = get_spec("doubao-seedance-1.0-pro-fast")
VEO = get_spec("veo3.1-pro")


class OddParsingRequest(VideoRequest):
    three_states: bool | None = None
    half: Annotated[float, PydanticField(ge=1, multiple_of=0.5)] = 1
    up_to: Annotated[int, PydanticField(le=9)] = 1
    any_number: float = 1
    any_whole: int = 1
    code: Annotated[str, PydanticField(min_length=3)] = "abc"
    two: Annotated[list[str], PydanticField(min_length=2)] = []
    file: Annotated[MediaFile, "anything"] | None = None


ODD_SPEC = replace(VEO, id="odd", request_class=OddParsingRequest, rules=())


def error_texts(spec, **raw):
    return [(error.field, str(error.message)) for error in spec.evaluate(raw).errors]


@pytest.mark.parametrize("prompt", ["", "   ", "\r\n", None])
def test_nothing_but_blanks_is_no_prompt(prompt):
    assert error_texts(VEO, prompt=prompt) == [("prompt", "Write what the video should show.")]


def test_a_prompt_is_kept_as_it_was_written():
    prompt = " Line one\r\nline <two>\rlast “line” 🎬\0 "
    assert VEO.evaluate({"prompt": prompt}).request.prompt == "Line one\nline <two>\nlast “line” 🎬"


def test_characters_are_counted_as_people_count_them():
    assert VEO.evaluate({"prompt": "🎬" * 2000}).request is not None
    assert VEO.evaluate({"prompt": "a\r\n" * 1000}).request is not None
    assert error_texts(VEO, prompt="🎬" * 2001) == [
        ("prompt", "At most 2000 characters; this has 2001.")
    ]


def test_text_that_no_body_can_carry_is_refused():
    assert error_texts(VEO, prompt="broken \ud800") == [
        ("prompt", "This cannot be read. Please enter it again.")
    ]


@pytest.mark.parametrize("duration", ["7", " 7 ", "+7", 7, 7.0, "7.0"])
def test_a_number_is_understood_as_people_write_it(duration):
    assert SEEDANCE.evaluate({"prompt": "x", "duration": duration}).request.duration == 7


@pytest.mark.parametrize(
    "duration", ["1", "13", "7.5", "seven", True, "1e1", "٧", 10**30, "9" * 5000, float("nan")]
)
def test_what_is_no_number_of_the_range_is_told_the_range(duration):
    assert error_texts(SEEDANCE, prompt="x", duration=duration) == [
        ("duration", "Choose a whole number from 2 to 12.")
    ]


def test_a_number_too_long_to_be_printed_is_refused_like_any_other():
    (problem,) = ODD_SPEC.evaluate({"any_whole": 10**5000}).errors
    assert str(problem.message) == "Enter a whole number."


@pytest.mark.parametrize("duration", ["10", 10, " 10 "])
def test_an_option_is_understood_as_text_and_as_value(duration):
    assert GROK.evaluate({"prompt": "x", "duration": duration}).request.duration == 10


@pytest.mark.parametrize("duration", ["7", 7, True, ["6"], "6s"])
def test_what_is_no_option_is_told_the_options(duration):
    assert error_texts(GROK, prompt="x", duration=duration) == [
        ("duration", "This is not offered here. Choose one of: 6 s, 10 s.")
    ]


@pytest.mark.parametrize(
    ("raw_value", "parsed_value"),
    [("on", True), ("True", True), ("1", True), (True, True), ("off", False), ("false", False)],
)
def test_a_switch_is_understood(raw_value, parsed_value):
    request = VEO.evaluate({"prompt": "x", "enhance_prompt": raw_value}).request
    assert request.enhance_prompt is parsed_value


def test_a_switch_left_out_has_its_default():
    assert VEO.evaluate({"prompt": "x"}).request.enhance_prompt is True


def test_a_switch_takes_nothing_else():
    assert error_texts(VEO, prompt="x", enhance_prompt="perhaps") == [
        ("enhance_prompt", "This can only be on or off.")
    ]


def test_unknown_names_are_left_alone():
    raw = {"prompt": "x", "csrfmiddlewaretoken": "y", "model": "z", "callback_url": "http://me"}
    assert VEO.build_payload(VEO.evaluate(raw).request, {})["model"] == "veo3.1-pro"
    assert "callback_url" not in VEO.build_payload(VEO.evaluate(raw).request, {})


def test_one_file_is_as_good_as_a_list_of_one():
    raw = {
        "prompt": "x",
        "image_start": [make_image_file()],
        "image_urls": make_image_file("other"),
    }
    request = KLING.evaluate(raw).request
    assert request.image_start == make_image_file()
    assert request.image_urls == [make_image_file("other")]


def test_two_files_where_one_fits_are_refused():
    assert error_texts(KLING, prompt="x", image_start=[make_image_file(), make_image_file()]) == [
        ("image_start", "This needs a picture.")
    ]


def test_too_many_files_are_counted():
    assert error_texts(VEO, prompt="x", image_urls=[make_image_file()] * 3) == [
        ("image_urls", "Too many: at most 2 fit here, and this has 3.")
    ]


def test_lines_of_a_text_are_a_list_and_empty_ones_are_not_there():
    raw = {"prompt": "x", "element_ids": " e1 \r\n\r\ne2 "}
    assert KLING.evaluate(raw).request.element_ids == ["e1", "e2"]
    raw["element_ids"] = ["e1", "", None, "e2"]
    assert KLING.evaluate(raw).request.element_ids == ["e1", "e2"]


def test_each_cell_of_a_row_gets_its_own_sentence():
    shots = [
        {"prompt": "a", "duration": "5"},
        {"prompt": "", "duration": ""},
        {"prompt": "", "duration": "3"},
        {"prompt": "y" * 513, "duration": "16"},
        "no row",
    ]
    raw = {"multi_shot": "on", "image_start": make_image_file(), "shots": shots}
    assert KLING.evaluate(raw).errors == (
        FieldError("shots", Message("Write what the video should show."), 1, "prompt"),
        FieldError(
            "shots",
            Message("At most {limit} characters; this has {count}.", {"limit": 512, "count": 513}),
            2,
            "prompt",
        ),
        FieldError(
            "shots",
            Message(
                "Choose a whole number from {minimum} to {maximum}.", {"minimum": 1, "maximum": 15}
            ),
            2,
            "duration",
        ),
        FieldError("shots", Message("This cannot be read. Please enter it again."), 3),
    )


def test_everything_wrong_is_told_at_once_in_the_order_of_the_form():
    raw = {"prompt": "", "quality": "8k", "duration": "99", "aspect_ratio": "keep_ratio"}
    fields = [problem.field for problem in SEEDANCE.evaluate(raw).errors]
    assert fields == ["prompt", "duration", "quality", "aspect_ratio"]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"half": "1.3"}, "Choose a number in steps of 0.5."),
        ({"half": "0.5"}, "Choose a number of at least 1."),
        ({"up_to": "10"}, "Choose a number of at most 9."),
        ({"any_number": "x"}, "Enter a number."),
        ({"any_whole": "x"}, "Enter a whole number."),
        ({"code": "ab"}, "At least 3 characters; this has 2."),
        ({"two": ["a"]}, "Too few: at least 2 are needed, and this has 1."),
        ({"three_states": "maybe"}, "This is not offered here. Choose one of: On, Off."),
        ({"file": "name.png"}, "Add a file here."),
    ],
)
def test_every_kind_of_mistake_has_a_plain_sentence(raw, sentence):
    assert [text for _field, text in error_texts(ODD_SPEC, **raw)] == [sentence]


@pytest.mark.parametrize(
    ("raw_value", "parsed_value"), [("on", True), ("False", False), ("", None)]
)
def test_a_switch_with_three_states(raw_value, parsed_value):
    assert ODD_SPEC.evaluate({"three_states": raw_value}).request.three_states is parsed_value


def test_a_sentence_is_translated_with_its_words():
    german = {
        "Choose one of: {options}.": "Wählen Sie eines: {options}.",
        "Fun": "Lustig",
        "Normal": "Normal",
    }
    sentence = Message("Choose one of: {options}.", {"options": ("Normal", "Fun")})
    assert sentence.render(german.__getitem__) == "Wählen Sie eines: Normal, Lustig."
    assert str(sentence) == "Choose one of: Normal, Fun."
