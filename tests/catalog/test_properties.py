"""What holds for any input at all: garbage never breaks a spec, and what it accepts can be sent."""

import json

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from evolink_studio.catalog import SPECS, Control, MediaFile
from evolink_studio.catalog.conversion import convert_values
from tests.catalog.media_facts import make_audio_file, make_image_file, make_video_file
from tests.catalog.sample_specs import SAMPLE_SPECS

ALL_SPECS = SPECS | SAMPLE_SPECS
FILES = [
    make_image_file(),
    make_image_file("small", 200, 900),
    make_image_file("portrait", 720, 1280, "webp"),
    make_image_file("unknown", None, None, "gif", 99_000_000),
    make_video_file(),
    make_video_file("long", 400),
    make_audio_file(),
    MediaFile(ref="bare", kind="audio", format="", bytes=0),
]
URLS = {media.ref: f"https://files.example/{media.ref}" for media in FILES}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**30, max_value=10**40)
    | st.floats()
    | st.text()
    | st.text(st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF))
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.sampled_from(FILES)
    | st.just(object())
)
garbage_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=9)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.sampled_from(["prompt", "duration", "ref"]), inner)
    ),
    max_leaves=8,
)


def valid_values(field):
    """What a person who reads the form would enter."""
    files = [
        media
        for media in FILES
        if field.media_constraints and not field.media_constraints.find_violations(media)
    ]
    max_count = min(field.max_items or 4, 4)
    minimum, maximum = field.minimum or 1, field.maximum or 15
    by_control = {
        Control.PROMPT: st.sampled_from(["A cat", "Line\r\nline", "🎬 <b>", "  x  "]),
        Control.TEXT: st.sampled_from(["", "word"]),
        Control.CHOICE: st.sampled_from(["", *(str(option.value) for option in field.options)]),
        Control.NUMBER: st.integers(minimum, min(maximum, minimum + 20)).map(str) | st.just(""),
        Control.SWITCH: st.sampled_from(["on", "off", "", True, False]),
        Control.MEDIA: st.lists(st.sampled_from(files or [None]), max_size=max_count),
        Control.TEXTS: st.lists(st.sampled_from(["e1", "e2", ""]), max_size=3),
    }
    if field.control is Control.ROWS:
        columns = {column.name: valid_values(column) for column in field.columns}
        return st.lists(st.fixed_dictionaries(columns), max_size=3)
    if not field.is_multiple and field.control is Control.MEDIA:
        return st.sampled_from([None, *files])
    return by_control[field.control]


def raw_forms(spec):
    """Forms filled in rightly, rightly but for one field, and not at all sensibly."""
    fields = {field.name: valid_values(field) for field in spec.fields}
    one_wrong = st.dictionaries(
        st.sampled_from(sorted(fields)), garbage_values, min_size=1, max_size=1
    )
    return (
        st.fixed_dictionaries(fields)
        | st.tuples(st.fixed_dictionaries(fields), one_wrong).map(lambda pair: pair[0] | pair[1])
        | st.dictionaries(
            st.sampled_from([*sorted(fields), "", "unknown"]), garbage_values, max_size=6
        )
    )


RAW_FORMS = {spec.id: raw_forms(spec) for spec in ALL_SPECS.values()}
each_spec = pytest.mark.parametrize("spec", ALL_SPECS.values(), ids=ALL_SPECS)
few_examples = settings(deadline=None, max_examples=40)


def field_errors(spec, raw):
    """Problems that are not of a rule."""
    rule_messages = {rule.message.msgid for rule in spec.rules}
    return [
        error for error in spec.evaluate(raw).errors if error.message.msgid not in rule_messages
    ]


@each_spec
@few_examples
@given(data=st.data())
def test_nothing_that_is_entered_breaks_a_spec(spec, data):
    raw = data.draw(RAW_FORMS[spec.id])
    names = {field.name for field in spec.fields}
    evaluation = spec.evaluate(raw)
    assert (evaluation.request is None) == bool(evaluation.errors)
    assert all(str(problem.message) for problem in evaluation.errors)
    assert {problem.field for problem in evaluation.errors} <= names
    assert all(str(block.message) for block in evaluation.disabled_options)
    assert evaluation.required_fields <= names
    assert evaluation.defaults.keys() <= names


@each_spec
@few_examples
@given(data=st.data())
def test_whatever_is_accepted_can_be_sent_and_stored_as_json(spec, data):
    evaluation = spec.evaluate(data.draw(RAW_FORMS[spec.id]))
    event(f"accepted: {evaluation.request is not None}")
    if evaluation.request is not None:
        payload = spec.build_payload(evaluation.request, URLS)
        wire_body = json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
        assert json.loads(wire_body) == payload
        assert payload["model"] == spec.id
        restored_request = spec.request_class.model_validate_json(
            evaluation.request.model_dump_json()
        )
        assert spec.build_payload(restored_request, URLS) == payload


@each_spec
@few_examples
@given(data=st.data())
def test_what_another_ai_model_takes_over_is_right_by_itself(spec, data):
    raw = data.draw(RAW_FORMS[spec.id])
    target_spec = data.draw(st.sampled_from(list(ALL_SPECS.values())))
    conversion = convert_values(spec, raw, target_spec)
    assert (
        not {problem.field for problem in field_errors(target_spec, conversion.values)}
        & conversion.values.keys()
    )
    assert all(dropped_value.label for dropped_value in conversion.dropped_values)


@each_spec
@few_examples
@given(data=st.data())
def test_an_ai_model_takes_over_from_itself_all_that_it_accepts(spec, data):
    raw = data.draw(RAW_FORMS[spec.id])
    evaluation = spec.evaluate(raw)
    if evaluation.request is not None:
        assert spec.evaluate(convert_values(spec, raw, spec).values).request == evaluation.request
