"""What is worth a look before paying: said at its field, and never refused."""

import pytest

from evolink_studio.catalog import SPECS, get_spec
from tests.catalog.media_facts import make_image_file

KLING = get_spec("kling-o3-image-to-video")
PICTURE_MODELS = ["veo3.1-pro", "sora-2-preview", "doubao-seedance-1.0-pro-fast"]
TWO_PICTURES = {"image_start": make_image_file("a"), "image_urls": [make_image_file("b")]}


def find_notices(spec, raw):
    """(field, index, column, sentence) of each notice; sending must stay possible."""
    evaluation = spec.evaluate(raw)
    assert evaluation.request is not None, evaluation.errors
    return [
        (notice.field, notice.index, notice.column, str(notice.message))
        for notice in spec.find_notices(evaluation)
    ]


def find_prompt_notices(prompt, **raw):
    return [
        text for _field, _index, _column, text in find_notices(KLING, {"prompt": prompt, **raw})
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        "<<<image_1>>> walks to <<<image_2>>>",
        "<<<image_2>>>, <<<image_2>>> and <<<element_1>>>",
        "mail a@b.example, 3 < 4 and 5 > 4, a <b> tag, x << y",
        "plain",
    ],
)
def test_what_is_there_may_be_named(prompt):
    assert find_prompt_notices(prompt, **TWO_PICTURES, element_ids="e1") == []


@pytest.mark.parametrize(
    "name",
    ["<<<image_3>>>", "<<<image_0>>>", "<<<image_00>>>", "<<<image_10>>>", "<<<image_" + "9" * 32],
)
def test_a_picture_that_is_not_there_is_named(name):
    name = name if name.endswith(">>>") else name[:25] + ">>>"
    (text,) = find_prompt_notices(f"{name} and again {name}, <<<image_1>>>", **TWO_PICTURES)
    assert text.count(name) == 1
    assert "names a picture that is not here: there are 2" in text


@pytest.mark.parametrize("name", ["<<<element_1>>>", "<<<element_2>>>", "<<<element_0>>>"])
def test_an_element_that_is_not_there_is_named(name):
    (text,) = find_prompt_notices(f"with {name}", **TWO_PICTURES)
    assert f"{name} names an element that is not here: there are 0" in text


@pytest.mark.parametrize(
    "name",
    [
        "<<<image_01>>>",
        "<<<Image_1>>>",
        "<<<image1>>>",
        "<<<image 1>>>",
        "<<<image-1>>>",
        "<<< image_1 >>>",
        "<<<image_１>>>",
        "<<<image_-1>>>",
        "<<<video_1>>>",
        "<<<me>>>",
        "<<image_1>>",
        "<image_1>",
        "[image 1]",
        "{{element_1}}",
        "@image1",
        "@Image_1",
        "@name",
        "@图1",
    ],
)
def test_a_name_in_no_documented_form_is_said_to_be_plain_words(name):
    (text,) = find_prompt_notices(f"A dog, {name}: it runs", **TWO_PICTURES)
    assert text.startswith(f"{name} is sent as plain words.")


def test_each_kind_of_problem_is_one_sentence_however_often():
    prompt = " ".join([*(f"<<<image_{n}>>>" for n in range(3, 40)), "@a", "<<<element_9>>>", "@b"])
    texts = find_prompt_notices(prompt, **TWO_PICTURES)
    assert len(texts) == 3
    assert "<<<image_7>>>, … names" in texts[0]
    assert "@a, @b is sent" in " ".join(texts)


def test_the_prompts_of_shots_are_read_each_at_its_place():
    shots = [
        {"prompt": "<<<image_1>>>", "duration": 2},
        {"prompt": ""},
        {"prompt": "<<<image_9>>>", "duration": 3},
    ]
    raw = {"multi_shot": "on", "shots": [shots[0], shots[2]], "image_start": make_image_file()}
    ((field, index, column, text),) = find_notices(KLING, raw)
    assert (field, index, column) == ("shots", 1, "prompt")
    assert "<<<image_9>>>" in text
    blank_between = {**raw, "shots": [shots[0], {"prompt": " "}, shots[2]]}
    assert find_notices(KLING, blank_between) == find_notices(KLING, raw)


def test_a_prompt_that_rests_and_shots_that_are_off_are_named_as_not_sent():
    shots = [{"prompt": "<<<image_9>>>", "duration": 5}]
    raw = {"prompt": "<<<image_9>>>", "shots": shots, "image_start": make_image_file()}
    assert find_notices(KLING, {**raw, "multi_shot": "on"})[0] == (
        "prompt",
        None,
        None,
        "This is filled in, but will not be sent.",
    )
    assert [n[0] for n in find_notices(KLING, {**raw, "multi_shot": "on"})] == ["prompt", "shots"]
    assert [n[0] for n in find_notices(KLING, {**raw, "multi_shot": "off"})] == ["prompt", "shots"]
    assert "will not be sent" in find_notices(KLING, {**raw, "multi_shot": "off"})[1][3]
    nothing = {**raw, "prompt": " ", "multi_shot": "on", "shots": [{"prompt": "x", "duration": 5}]}
    assert find_notices(KLING, nothing) == []


@pytest.mark.parametrize("model_id", [*PICTURE_MODELS, "grok-imagine-text-to-video"])
@pytest.mark.parametrize("name", ["<<<image_1>>>", "<<<anything>>>", "@image1", "@Element_2"])
def test_a_model_without_references_says_so(model_id, name):
    ((_field, _index, _column, text),) = find_notices(SPECS[model_id], {"prompt": f"A {name}!"})
    assert text == f"{name} is sent as plain words: this model knows no references."
    assert find_notices(SPECS[model_id], {"prompt": "@nasa, a@b.example, [policy], <b>"}) == []


def test_a_long_prompt_of_brackets_is_read_in_linear_steps():
    """Each would take minutes if a run of brackets were tried from every place in it."""
    for text in ("<" * 200_000, "<<<" + "a" * 200_000, "@" * 200_000, "[image" * 40_000):
        evaluation = KLING.evaluate({"prompt": text})
        assert KLING.find_notices(evaluation) is not None


@pytest.mark.parametrize(
    ("width", "height", "format", "sentences"),
    [
        (640, 360, "png", []),
        (640, 360, "webp", ["WEBP may be refused"]),
        (299, 400, "jpeg", ["With a side below 300 it may be refused"]),
        (300, 751, "png", ["Longer than 2.5 to 1 it may be refused"]),
        (751, 300, "png", ["Longer than 2.5 to 1 it may be refused"]),
        (300, 750, "png", []),
        (750, 300, "png", []),
        (100, 900, "webp", ["WEBP", "below 300", "Longer than 2.5"]),
    ],
)
def test_a_reference_picture_beyond_the_frames_limits_is_warned_of(
    width, height, format, sentences
):
    media = make_image_file("b", width, height, format)
    raw = {"prompt": "x", "image_urls": [make_image_file(), media]}
    notices = find_notices(KLING, raw)
    assert [(field, index) for field, index, _column, _text in notices] == [
        ("image_urls", 1) for _ in sentences
    ]
    assert all(s in n[3] for s, n in zip(sentences, notices, strict=True))


def test_the_first_frame_of_which_it_is_documented_is_refused():
    for media in (make_image_file("w", 640, 360, "webp"), make_image_file("s", 299, 400)):
        evaluation = KLING.evaluate({"prompt": "x", "image_start": media})
        assert {error.field for error in evaluation.errors} == {"image_start"}
        assert KLING.find_notices(evaluation) == ()
