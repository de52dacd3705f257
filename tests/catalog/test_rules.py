"""Every rule of every spec, broken once and kept once."""

from dataclasses import dataclass, replace

import pytest

from evolink_studio.catalog import SPECS, Control, Message, get_spec
from evolink_studio.catalog.rules import IgnoredWhen, RequiresField
from tests.catalog.files import film, picture
from tests.catalog.foreign import FOREIGN

ONE = {"prompt": "x", "image_urls": [picture()]}
START = {"prompt": "x", "image_start": picture()}
SHOT = {"prompt": "a", "duration": 5}
SHOTS = {"image_start": picture(), "multi_shot": True, "shots": [SHOT]}


@dataclass(frozen=True)
class Example:
    """`bad` breaks the rule and no other, at the field `at`; `good` keeps them all."""

    bad: dict
    good: dict
    at: str


# In the order of the rules of each spec. For a rule that ignores, `bad` is what it ignores.
EXAMPLES: dict[str, list[Example]] = {
    "doubao-seedance-1.0-pro-fast": [
        Example({"prompt": "x", "aspect_ratio": "keep_ratio"}, ONE, "aspect_ratio"),
    ],
    "veo3.1-pro": [
        Example(
            {"prompt": "x", "generation_type": "FIRST&LAST"},
            ONE | {"generation_type": "FIRST&LAST"},
            "generation_type",
        ),
        Example(
            ONE | {"generation_type": "TEXT"},
            {"prompt": "x", "generation_type": "TEXT"},
            "generation_type",
        ),
    ],
    "kling-o3-image-to-video": [
        Example(START | {"prompt": " "}, START, "prompt"),
        Example(SHOTS | {"prompt": "y" * 9999}, START, "prompt"),
        Example(START | {"shots": [{"prompt": ""}, "?"]}, SHOTS, "shots"),
        Example(SHOTS | {"shots": []}, SHOTS, "shots"),
        Example(SHOTS | {"duration": 6}, SHOTS | {"shots": [SHOT, SHOT], "duration": 10}, "shots"),
        Example({"prompt": "x"}, {"prompt": "x", "element_ids": ["e"]}, "image_start"),
        Example(
            {"prompt": "x", "image_end": picture()}, START | {"image_end": picture()}, "image_end"
        ),
        Example(
            START | {"image_end": picture(), "image_urls": [picture()]},
            START | {"image_urls": [picture()] * 3},
            "image_end",
        ),
        Example(
            START | {"element_ids": ["a", "b", "c", "d"]},
            {"prompt": "x", "element_ids": ["a", "b", "c", "d"]},
            "element_ids",
        ),
        Example(
            START | {"image_urls": [picture()] * 7},
            START | {"image_urls": [picture()] * 3, "element_ids": ["a", "b", "c"]},
            "image_urls",
        ),
    ],
    "sora-2-preview": [
        Example(
            {"prompt": "x", "image_urls": [picture(width=1281)]},
            {"prompt": "x", "image_urls": [picture(width=720, height=1280)]},
            "image_urls",
        ),
    ],
    "grok-imagine-text-to-video": [],
    "wan2.7-reference-video": [
        Example({"prompt": "x"}, ONE, "image_urls"),
        Example(
            ONE | {"image_urls": [picture()] * 3, "video_urls": [film()] * 3},
            ONE | {"image_urls": [picture()] * 3, "video_urls": [film()] * 2},
            "video_urls",
        ),
    ],
}

ALL = SPECS | FOREIGN
RULES = [
    pytest.param(spec, rule, example, id=f"{spec.id}: {type(rule).__name__} {place}")
    for spec in ALL.values()
    for place, (rule, example) in enumerate(
        zip(spec.rules, EXAMPLES.get(spec.id, []), strict=True), 1
    )
]
REFUSING = [case for case in RULES if not isinstance(case.values[1], IgnoredWhen)]
IGNORING = [case for case in RULES if isinstance(case.values[1], IgnoredWhen)]
RAWS = [
    pytest.param(ALL[model], raw, id=f"{model} {place}")
    for model, examples in EXAMPLES.items()
    for place, raw in enumerate([r for example in examples for r in (example.bad, example.good)])
]


def texts_at(spec, raw, field):
    return [found.message.msgid for found in spec.check(raw).errors if found.field == field]


@pytest.mark.parametrize(("spec", "rule", "example"), REFUSING)
def test_a_broken_rule_says_its_own_sentence_at_its_field_and_nothing_else(spec, rule, example):
    checked = spec.check(example.bad)
    found = [(problem.field, problem.message.msgid) for problem in checked.errors]
    assert found == [(example.at, rule.message.msgid)]
    assert checked.request is None


@pytest.mark.parametrize(("spec", "rule", "example"), RULES)
def test_a_kept_rule_says_nothing(spec, rule, example):
    assert spec.check(example.good).errors == ()


@pytest.mark.parametrize(("spec", "rule", "example"), IGNORING)
def test_what_a_rule_ignores_is_disabled_with_its_sentence_and_neither_checked_nor_sent(
    spec, rule, example
):
    assert [
        block.message for block in spec.disabled_options(example.bad) if block.field == rule.field
    ] == [rule.message]
    checked = spec.check(example.bad)
    assert checked.errors == ()
    assert rule.field not in spec.build_payload(checked.request, {"picture": "https://x.example/1"})


@pytest.mark.parametrize(("spec", "rule", "example"), IGNORING)
def test_what_a_rule_ignored_comes_back_with_the_mode(spec, rule, example):
    assert rule.message not in [block.message for block in spec.disabled_options(example.good)]


def test_an_ignored_value_is_not_sent_even_if_the_request_holds_it():
    kling = get_spec("kling-o3-image-to-video")
    request = kling.check(SHOTS).request.model_copy(update={"prompt": "resting"})
    assert "prompt" not in kling.build_payload(request, {"picture": "https://x.example/1"})


@pytest.mark.parametrize(("spec", "raw"), RAWS)
def test_an_option_is_disabled_exactly_when_choosing_it_is_refused_with_the_same_sentence(
    spec, raw
):
    blocks = {
        (block.field, block.option): block.message.msgid
        for block in spec.disabled_options(raw)
        if block.option is not None
    }
    of_rules = {rule.message.msgid for rule in spec.rules}
    for field in spec.fields:
        for option in field.options:
            said = set(texts_at(spec, raw | {field.name: option.value}, field.name)) & of_rules
            blocked = blocks.get((field.name, option.value))
            assert said == ({blocked} if blocked else set())


@pytest.mark.parametrize(("spec", "raw"), RAWS)
def test_a_control_is_disabled_exactly_when_filling_it_is_refused_or_has_no_effect(spec, raw):
    resting = {rule.message.msgid for rule in spec.rules if isinstance(rule, IgnoredWhen)}
    for block in spec.disabled_options(raw):
        if block.option is None and block.message.msgid not in resting:
            anyway = raw | {block.field: picture()}
            assert block.message.msgid in texts_at(spec, anyway, block.field)


@pytest.mark.parametrize(("spec", "raw"), RAWS)
def test_a_field_that_drives_nothing_changes_nothing_elsewhere(spec, raw):
    def picture_of_the_form(entered):
        defaults = spec.defaults(entered)
        return spec.disabled_options(entered), defaults, spec.required_fields(entered)

    for name in raw.keys() - spec.trigger_fields:
        without = {key: value for key, value in raw.items() if key != name}
        assert picture_of_the_form(without) == picture_of_the_form(raw)


@pytest.mark.parametrize(("spec", "raw"), RAWS)
def test_every_sentence_reads_without_gaps(spec, raw):
    said = [problem.message for problem in spec.check(raw).errors]
    said += [block.message for block in spec.disabled_options(raw)]
    assert not [text for text in map(str, said) if "{" in text or not text.endswith(".")]


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL)
def test_each_rule_of_a_spec_has_a_sentence_of_its_own(spec):
    sentences = [rule.message.msgid for rule in spec.rules]
    assert len(set(sentences)) == len(sentences)


def test_a_rule_about_a_field_that_does_not_exist_is_found_at_once():
    grok = get_spec("grok-imagine-text-to-video")
    rule = RequiresField(field="seed", other_field="prompt", message=Message("Never."))
    with pytest.raises(ValueError, match="seed"):
        replace(grok, rules=(rule,))


def test_a_rule_is_silent_while_a_field_it_reads_is_wrong_by_itself():
    checked = get_spec("kling-o3-image-to-video").check(SHOTS | {"duration": "soon"})
    assert [problem.field for problem in checked.errors] == ["duration"]


def test_a_form_hears_what_must_be_filled_in_as_things_stand():
    kling = get_spec("kling-o3-image-to-video")
    assert kling.required_fields(START) == {"prompt"}
    assert kling.required_fields(SHOTS) == {"shots"}
    assert get_spec("veo3.1-pro").required_fields({}) == {"prompt"}


def test_the_default_ratio_of_seedance_follows_the_picture():
    seedance = get_spec("doubao-seedance-1.0-pro-fast")
    assert seedance.defaults({})["aspect_ratio"] == "16:9"
    assert seedance.defaults(ONE)["aspect_ratio"] == "adaptive"


@pytest.mark.parametrize(
    ("ratio", "size", "fits"),
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
def test_sora_wants_the_very_pixels_of_the_format(ratio, size, fits):
    media = picture(width=size[0], height=size[1])
    raw = {"prompt": "x", "aspect_ratio": ratio, "image_urls": [media]}
    assert (get_spec("sora-2-preview").check(raw).request is not None) is fits


def test_choices_of_the_rules_are_options_of_their_fields():
    for spec in ALL.values():
        for rule in spec.rules:
            options = getattr(rule, "options", ())
            offered = [option.value for option in spec.get_field(rule.field_names[0]).options]
            assert set(options) <= set(offered)
            assert not options or spec.get_field(rule.field_names[0]).control is Control.CHOICE
