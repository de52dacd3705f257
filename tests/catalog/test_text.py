"""What counts as a text: nothing to be seen is nothing, and all else stays as it was typed."""

import pytest

from evolink_studio.catalog import SPECS, Control, get_spec
from evolink_studio.catalog.text import is_visible, normalize_text
from tests.catalog.media_facts import make_image_file

KLING = get_spec("kling-o3-image-to-video")
GROK = get_spec("grok-imagine-text-to-video")

INVISIBLE_TEXTS = {
    "blanks": " \t\r\n\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "marks without a letter": "\u0301\u0308\u20dd\u0903",
    "a mark on a blank": " \u0301 \u00a0\u0327",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "Braille blank": "\u2800",
    "controls": "\x00\x01\x07\x1b\x1f\x7f\x80\x9f",
    "directions": "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2069",
    "soft hyphen": "\u00ad",
    "variation selectors": "\ufe00\ufe0e\ufe0f\U000e0100\u180b",
    "tags": "\U000e0001\U000e0020\U000e0041\U000e007f",
    "grapheme joiner": "\u034f",
    "Khmer vowels that are not shown": "\u17b4\u17b5",
    "Mongolian separator": "\u180e",
    "musical": "\U0001d159\U0001d173\U0001d17a",
    "shorthand format": "\U0001bca0",
    "blank hieroglyphs": "\U00013441\U00013442",
    "interlinear and object": "\ufff9\ufffa\ufffb\ufffc",
    "unassigned": "\u0378\U0001fbfa\U000e0fff\uffff",
    "private use": "\ue000\U000f0000\U0010fffd",
}
VISIBLE_TEXTS = ["x", ".", "٣", "猫", "é", "e\u0301", "👩\u200d👩\u200d👧", "❤\ufe0f", "€", "½"]
VISIBLE_TEXTS += ["क\u094d\u200dष", "\U0001fae8", "\u200bx", "\ufffd", "한", "\u3164ㅏ", "◌"]
VISIBLE_TEXTS += ["#\ufe0f\u20e3"]


@pytest.mark.parametrize("text", INVISIBLE_TEXTS.values(), ids=INVISIBLE_TEXTS)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_prompt_of_which_nothing_can_be_seen_is_no_prompt(spec, text):
    raw = {"prompt": text, "image_start": make_image_file()}
    empty_raw = {**raw, "prompt": ""}
    errors = [error for error in spec.evaluate(raw).errors if error.field == "prompt"]
    assert errors == [error for error in spec.evaluate(empty_raw).errors if error.field == "prompt"]
    assert errors


@pytest.mark.parametrize("text", INVISIBLE_TEXTS.values(), ids=INVISIBLE_TEXTS)
def test_nor_is_it_one_of_a_shot_or_an_element(text):
    shots = [{"prompt": text, "duration": "5"}]
    raw = {"image_start": make_image_file(), "multi_shot": "on", "shots": shots}
    (error,) = KLING.evaluate(raw).errors
    assert (error.field, error.index, error.column) == ("shots", 0, "prompt")
    raw = {"prompt": "x", "element_ids": [text, "e1", text], "image_start": make_image_file()}
    assert KLING.evaluate(raw).request.element_ids == ["e1"]


@pytest.mark.parametrize("text", VISIBLE_TEXTS)
def test_what_can_be_seen_stays_exactly_as_it_was_typed(text):
    assert is_visible(text)
    assert GROK.evaluate({"prompt": f"  {text}\n"}).request.prompt == text
    shots = [{"prompt": f"\t{text} ", "duration": 5}]
    raw = {"image_start": make_image_file(), "multi_shot": "on", "shots": shots}
    assert KLING.evaluate(raw).request.shots[0].prompt == text


def test_blanks_around_a_text_are_those_that_a_browser_trims():
    """What ECMAScript calls white space and line ends, and neighbours that it does not."""
    trimmed = "\t\n\v\f\r \u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
    left = "\x1c\x1f\x85\u180e\u200b\u2060"
    for blank in trimmed:
        assert normalize_text(f"{blank}a{blank}b{blank}") == f"a{blank}b".replace("\r", "\n")
    for character in left:
        assert normalize_text(f"{character}a{character}") == f"{character}a{character}"


@pytest.mark.parametrize("blanks", [" " * 3000, "\u3000" * 2001, "\ufeff\n" * 1500])
def test_blanks_around_a_prompt_do_not_count(blanks):
    spec = get_spec("veo3.1-pro")
    assert spec.evaluate({"prompt": f"{blanks}{'x' * 2000}{blanks}"}).request.prompt == "x" * 2000
    (error,) = spec.evaluate({"prompt": f"{blanks}{'x' * 2001}{blanks}"}).errors
    assert str(error.message) == "At most 2000 characters; this has 2001."


def list_text_fields(fields):
    for field in fields:
        if field.control in (Control.PROMPT, Control.TEXT, Control.TEXTS):
            yield field
        yield from list_text_fields(field.columns)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_text_and_every_list_has_an_upper_bound(spec):
    assert [field.name for field in list_text_fields(spec.fields) if not field.max_length] == []
    assert [f.name for f in spec.fields if f.is_multiple and not f.max_items] == []


def test_a_bound_of_our_own_is_said_at_its_field():
    prompt = GROK.get_field("prompt")
    assert str(prompt.max_length) in prompt.help
    (error,) = GROK.evaluate({"prompt": "🎬" * (prompt.max_length + 1)}).errors
    assert str(error.message) == "At most 10000 characters; this has 10001."
    elements = KLING.get_field("element_ids")
    assert str(elements.max_length) in elements.help
    raw = {"prompt": "x", "image_start": make_image_file(), "element_ids": ["e1", "e" * 129]}
    (error,) = KLING.evaluate(raw).errors
    assert (error.field, error.index) == ("element_ids", 1)
    assert str(error.message) == "At most 128 characters; this has 129."


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("written", ["{}", " {} ", "+{}", "{}.0", "{}.000", "0{}"])
def test_a_whole_number_is_the_same_however_it_is_written(spec, written):
    if "duration" not in {field.name for field in spec.fields}:
        assert spec.fixed_seconds
        return
    field = spec.get_field("duration")
    seconds = field.options[0].value if field.options else int(field.minimum) + 1
    raw = {"prompt": "x", "image_start": make_image_file(), "duration": written.format(seconds)}
    request = spec.evaluate(raw).request
    assert request is not None
    assert (request.duration, type(request.duration)) == (seconds, int)
    assert spec.evaluate({**raw, "duration": float(seconds)}).request.duration == seconds
