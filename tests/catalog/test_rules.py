"""Every rule of every spec, broken once and obeyed once."""

from dataclasses import dataclass, replace

import pytest

from evolink_studio.catalog import SPECS, Control, Message, get_spec
from evolink_studio.catalog.rules import IgnoredWhen, RequiresField
from tests.catalog.media_facts import make_image_file, make_video_file
from tests.catalog.sample_specs import SAMPLE_SPECS

SEEDANCE_VALUES = {"prompt": "x", "image_urls": [make_image_file()]}
KLING_VALUES = {"prompt": "x", "image_start": make_image_file()}
SHOT_VALUES = {"prompt": "a", "duration": 5}
MULTI_SHOT_VALUES = {"image_start": make_image_file(), "multi_shot": True, "shots": [SHOT_VALUES]}


@dataclass(frozen=True)
class RuleExample:
    """`broken` breaks the rule and no other, at `field`; `valid` keeps them all."""

    broken: dict
    valid: dict
    field: str


# In the order of the rules of each spec. For a rule that ignores, `broken` is what it ignores.
RULE_EXAMPLES: dict[str, list[RuleExample]] = {
    "doubao-seedance-1.0-pro-fast": [
        RuleExample({"prompt": "x", "aspect_ratio": "keep_ratio"}, SEEDANCE_VALUES, "aspect_ratio"),
    ],
    "veo3.1-pro": [
        RuleExample(
            {"prompt": "x", "generation_type": "FIRST&LAST"},
            SEEDANCE_VALUES | {"generation_type": "FIRST&LAST"},
            "generation_type",
        ),
        RuleExample(
            SEEDANCE_VALUES | {"generation_type": "TEXT"},
            {"prompt": "x", "generation_type": "TEXT"},
            "generation_type",
        ),
    ],
    "kling-o3-image-to-video": [
        RuleExample(KLING_VALUES | {"prompt": " "}, KLING_VALUES, "prompt"),
        RuleExample(MULTI_SHOT_VALUES | {"prompt": "y" * 9999}, KLING_VALUES, "prompt"),
        RuleExample(KLING_VALUES | {"shots": [{"prompt": ""}, "?"]}, MULTI_SHOT_VALUES, "shots"),
        RuleExample(MULTI_SHOT_VALUES | {"shots": []}, MULTI_SHOT_VALUES, "shots"),
        RuleExample(
            MULTI_SHOT_VALUES | {"duration": 6},
            MULTI_SHOT_VALUES | {"shots": [SHOT_VALUES, SHOT_VALUES], "duration": 10},
            "shots",
        ),
        RuleExample({"prompt": "x"}, {"prompt": "x", "element_ids": ["e"]}, "image_start"),
        RuleExample(
            {"prompt": "x", "image_end": make_image_file()},
            KLING_VALUES | {"image_end": make_image_file()},
            "image_end",
        ),
        RuleExample(
            KLING_VALUES | {"image_end": make_image_file(), "image_urls": [make_image_file()]},
            KLING_VALUES | {"image_urls": [make_image_file()] * 3},
            "image_end",
        ),
        RuleExample(
            KLING_VALUES | {"element_ids": ["a", "b", "c", "d"]},
            {"prompt": "x", "element_ids": ["a", "b", "c", "d"]},
            "element_ids",
        ),
        RuleExample(
            KLING_VALUES | {"image_urls": [make_image_file()] * 7},
            KLING_VALUES | {"image_urls": [make_image_file()] * 3, "element_ids": ["a", "b", "c"]},
            "image_urls",
        ),
    ],
    "sora-2-preview": [
        RuleExample(
            {"prompt": "x", "image_urls": [make_image_file(width=1281)]},
            {"prompt": "x", "image_urls": [make_image_file(width=720, height=1280)]},
            "image_urls",
        ),
    ],
    "grok-imagine-text-to-video": [],
    "wan2.7-reference-video": [
        RuleExample({"prompt": "x"}, SEEDANCE_VALUES, "image_urls"),
        RuleExample(
            SEEDANCE_VALUES
            | {"image_urls": [make_image_file()] * 3, "video_urls": [make_video_file()] * 3},
            SEEDANCE_VALUES
            | {"image_urls": [make_image_file()] * 3, "video_urls": [make_video_file()] * 2},
            "video_urls",
        ),
    ],
}

ALL_SPECS = SPECS | SAMPLE_SPECS
RULE_CASES = [
    pytest.param(spec, rule, example, id=f"{spec.id}: {type(rule).__name__} {index}")
    for spec in ALL_SPECS.values()
    for index, (rule, example) in enumerate(
        zip(spec.rules, RULE_EXAMPLES.get(spec.id, []), strict=True), 1
    )
]
REFUSING_CASES = [case for case in RULE_CASES if not isinstance(case.values[1], IgnoredWhen)]
IGNORING_CASES = [case for case in RULE_CASES if isinstance(case.values[1], IgnoredWhen)]
RAW_FORMS = [
    pytest.param(ALL_SPECS[model], raw, id=f"{model} {index}")
    for model, examples in RULE_EXAMPLES.items()
    for index, raw in enumerate(
        [r for example in examples for r in (example.broken, example.valid)]
    )
]


def error_msgids(spec, raw, field):
    return [error.message.msgid for error in spec.evaluate(raw).errors if error.field == field]


@pytest.mark.parametrize(("spec", "rule", "example"), REFUSING_CASES)
def test_a_broken_rule_says_its_own_sentence_at_its_field_and_nothing_else(spec, rule, example):
    evaluation = spec.evaluate(example.broken)
    errors = [(problem.field, problem.message.msgid) for problem in evaluation.errors]
    assert errors == [(example.field, rule.message.msgid)]
    assert evaluation.request is None


@pytest.mark.parametrize(("spec", "rule", "example"), RULE_CASES)
def test_a_kept_rule_says_nothing(spec, rule, example):
    assert spec.evaluate(example.valid).errors == ()


@pytest.mark.parametrize(("spec", "rule", "example"), IGNORING_CASES)
def test_what_a_rule_ignores_is_disabled_with_its_sentence_and_neither_checked_nor_sent(
    spec, rule, example
):
    assert [
        block.message
        for block in spec.evaluate(example.broken).disabled_options
        if block.field == rule.field
    ] == [rule.message]
    evaluation = spec.evaluate(example.broken)
    assert evaluation.errors == ()
    assert rule.field not in spec.build_payload(
        evaluation.request, {"picture": "https://x.example/1"}
    )


@pytest.mark.parametrize(("spec", "rule", "example"), IGNORING_CASES)
def test_what_a_rule_ignored_comes_back_with_the_mode(spec, rule, example):
    assert rule.message not in [
        block.message for block in spec.evaluate(example.valid).disabled_options
    ]


def test_an_ignored_value_is_not_sent_even_if_the_request_has_it():
    kling = get_spec("kling-o3-image-to-video")
    request = kling.evaluate(MULTI_SHOT_VALUES).request.model_copy(update={"prompt": "resting"})
    assert "prompt" not in kling.build_payload(request, {"picture": "https://x.example/1"})


@pytest.mark.parametrize(("spec", "raw"), RAW_FORMS)
def test_an_option_is_disabled_exactly_when_choosing_it_is_refused_with_the_same_sentence(
    spec, raw
):
    blocks = {
        (block.field, block.option): block.message.msgid
        for block in spec.evaluate(raw).disabled_options
        if block.option is not None
    }
    rule_msgids = {rule.message.msgid for rule in spec.rules}
    for field in spec.fields:
        for option in field.options:
            refusal_msgids = (
                set(error_msgids(spec, raw | {field.name: option.value}, field.name)) & rule_msgids
            )
            blocked = blocks.get((field.name, option.value))
            assert refusal_msgids == ({blocked} if blocked else set())


@pytest.mark.parametrize(("spec", "raw"), RAW_FORMS)
def test_a_control_is_disabled_exactly_when_filling_it_is_refused_or_has_no_effect(spec, raw):
    ignored_msgids = {rule.message.msgid for rule in spec.rules if isinstance(rule, IgnoredWhen)}
    for block in spec.evaluate(raw).disabled_options:
        if block.option is None and block.message.msgid not in ignored_msgids:
            raw_with_image = raw | {block.field: make_image_file()}
            assert block.message.msgid in error_msgids(spec, raw_with_image, block.field)


@pytest.mark.parametrize(("spec", "raw"), RAW_FORMS)
def test_every_sentence_reads_without_gaps(spec, raw):
    evaluation = spec.evaluate(raw)
    messages = [problem.message for problem in evaluation.errors]
    messages += [block.message for block in evaluation.disabled_options]
    assert not [text for text in map(str, messages) if "{" in text or not text.endswith(".")]


@pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
def test_each_rule_of_a_spec_has_a_sentence_of_its_own(spec):
    sentences = [rule.message.msgid for rule in spec.rules]
    assert len(set(sentences)) == len(sentences)


def test_a_rule_about_a_field_that_does_not_exist_is_found_at_once():
    grok = get_spec("grok-imagine-text-to-video")
    rule = RequiresField(field="seed", other_field="prompt", message=Message("Never."))
    with pytest.raises(ValueError, match="seed"):
        replace(grok, rules=(rule,))


def test_a_rule_is_silent_while_a_field_it_reads_is_wrong_by_itself():
    evaluation = get_spec("kling-o3-image-to-video").evaluate(
        MULTI_SHOT_VALUES | {"duration": "soon"}
    )
    assert [problem.field for problem in evaluation.errors] == ["duration"]


def test_a_form_is_told_what_must_be_filled_in_as_things_stand():
    kling = get_spec("kling-o3-image-to-video")
    assert kling.evaluate(KLING_VALUES).required_fields == {"prompt"}
    assert kling.evaluate(MULTI_SHOT_VALUES).required_fields == {"shots"}
    assert get_spec("veo3.1-pro").evaluate({}).required_fields == {"prompt"}


def test_the_default_ratio_of_seedance_follows_the_picture():
    seedance = get_spec("doubao-seedance-1.0-pro-fast")
    assert seedance.evaluate({}).defaults["aspect_ratio"] == "16:9"
    assert seedance.evaluate(SEEDANCE_VALUES).defaults["aspect_ratio"] == "adaptive"


@pytest.mark.parametrize(
    ("ratio", "size", "is_accepted"),
    [
        ("", (1280, 720), True),
        ("", (720, 1280), True),
        ("", (1080, 1080), False),
        ("16:9", (1280, 720), True),
        ("16:9", (720, 1280), False),
        ("9:16", (720, 1280), True),
        ("1280x720", (1280, 720), True),
        ("1280x720", (720, 1280), False),
        ("720x1280", (720, 1280), True),
        ("9:16", (None, None), True),
    ],
)
def test_sora_wants_the_very_pixels_of_the_format(ratio, size, is_accepted):
    media = make_image_file(width=size[0], height=size[1])
    raw = {"prompt": "x", "aspect_ratio": ratio, "image_urls": [media]}
    assert (get_spec("sora-2-preview").evaluate(raw).request is not None) is is_accepted


def test_choices_of_the_rules_are_options_of_their_fields():
    for spec in ALL_SPECS.values():
        for rule in spec.rules:
            options = getattr(rule, "options", ())
            offered_values = [
                option.value for option in spec.get_field(rule.field_names[0]).options
            ]
            assert set(options) <= set(offered_values)
            assert not options or spec.get_field(rule.field_names[0]).control is Control.CHOICE
