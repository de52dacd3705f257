"""The types can say every AI model of EvoLink's published list, not only the shipped five."""

import json
from pathlib import Path

import pytest

from evolink_studio.catalog import SPECS, Control
from tests.catalog.media_facts import make_audio_file, make_image_file, make_video_file
from tests.catalog.sample_specs import GEMINI, SAMPLE_SPECS, TOPAZ, WAN
from tests.catalog.spec_builder import build_spec, list_leaves, media_kind_of

PUBLISHED_ENTRIES = json.loads(
    (Path(__file__).parents[1] / "video-models.json").read_text("utf-8")
)["models"]
SPEC_CASES = [
    pytest.param(build_spec(entry), entry, id=entry["ids"][0]) for entry in PUBLISHED_ENTRIES
]
MEDIA_FILES = {"image": make_image_file(), "video": make_video_file(), "audio": make_audio_file()}
MEDIA_URLS = {media.ref: f"https://files.example/{media.ref}" for media in MEDIA_FILES.values()}


def full_value(field):
    """As much as a field takes, as a form would send it."""
    maximum = field.maximum or 7
    by_control = {
        Control.PROMPT: lambda: "A cat playing piano",
        Control.TEXT: lambda: "word",
        Control.CHOICE: lambda: str(field.options[-1].value),
        Control.NUMBER: lambda: str(maximum),
        Control.SWITCH: lambda: "on",
        Control.MEDIA: lambda: [MEDIA_FILES[field.media_constraints.kind]] * (field.max_items or 1),
        Control.ROWS: lambda: [{column.name: full_value(column) for column in field.columns}],
        Control.TEXTS: lambda: ["word"],
    }
    return by_control[field.control]()


def matches_schema(schema, value):
    """Whether a value of the body is what the published list says: a small JSON schema."""
    if "oneOf" in schema:
        return sum(matches_schema(member, value) for member in schema["oneOf"]) == 1
    kinds = {
        "string": str,
        "integer": int,
        "number": int | float,
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    is_valid = isinstance(value, kinds[schema["type"]])
    is_valid &= isinstance(value, bool) <= (schema["type"] == "boolean")
    is_valid &= value in schema.get("enum", [value])
    if isinstance(value, int | float):
        is_valid &= schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if isinstance(value, str):
        is_valid &= len(value) <= schema.get("maxLength", len(value))
    if isinstance(value, list):
        is_valid &= schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        is_valid &= all(
            matches_schema(schema["items"], item) for item in value if "items" in schema
        )
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        is_valid &= not properties or value.keys() <= properties.keys()
        is_valid &= value.keys() >= set(schema.get("required", []))
        is_valid &= all(
            matches_schema(properties[key], item) for key, item in value.items() if properties
        )
    return is_valid


def value_at_path(body, path):
    for key in path.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def test_the_list_has_seventy_four():
    assert len(PUBLISHED_ENTRIES) == 74


@pytest.mark.parametrize(("spec", "entry"), SPEC_CASES)
def test_each_parameter_becomes_a_field_that_knows_its_limits(spec, entry):
    leaves = list(list_leaves(entry["params"], entry["required"]))
    assert [field.name for field in spec.fields] == [leaf.name for leaf in leaves]
    for leaf in leaves:
        field, schema = spec.get_field(leaf.name), leaf.schema
        number = schema.get("oneOf", [schema])[0]
        assert (field.minimum, field.maximum) == (
            number.get("minimum"),
            number.get("maximum"),
        )
        assert (field.min_items, field.max_items) == (
            schema.get("minItems"),
            schema.get("maxItems"),
        )
        assert field.max_length == schema.get("maxLength")
        words = schema.get("enum") or [
            word for member in schema.get("oneOf", []) for word in member.get("enum", [])
        ]
        if number["type"] != "boolean":
            assert [option.value for option in field.options] == words
        assert field.is_required is leaf.is_required
        assert field.default == (None if schema.get("default") == [] else schema.get("default"))
        assert field.label
        assert field.help


@pytest.mark.parametrize(("spec", "entry"), SPEC_CASES)
def test_a_full_form_gives_the_body_the_list_describes(spec, entry):
    evaluation = spec.evaluate({field.name: full_value(field) for field in spec.fields})
    assert evaluation.errors == ()
    body = spec.build_payload(evaluation.request, MEDIA_URLS)
    assert body.pop("model") == entry["ids"][0]
    assert matches_schema(
        {"type": "object", "properties": entry["params"], "required": entry["required"]}, body
    )
    leaves = list(list_leaves(entry["params"], entry["required"]))
    assert not [leaf.path for leaf in leaves if value_at_path(body, leaf.path) is None]


@pytest.mark.parametrize(("spec", "entry"), SPEC_CASES)
def test_an_empty_form_gives_the_published_defaults_and_names_what_is_needed(spec, entry):
    leaves = list(list_leaves(entry["params"], entry["required"]))
    needed = {leaf.name for leaf in leaves if leaf.is_required}
    assert {problem.field for problem in spec.evaluate({}).errors} == needed
    body = spec.build_payload(
        spec.evaluate({name: full_value(spec.get_field(name)) for name in needed}).request,
        MEDIA_URLS,
    )
    defaults = {
        leaf.path: leaf.schema["default"]
        for leaf in leaves
        if leaf.schema.get("default") not in (None, [])
    }
    assert {path: value_at_path(body, path) for path in defaults} == defaults


@pytest.mark.parametrize(("spec", "entry"), SPEC_CASES)
def test_beyond_a_published_limit_nothing_is_accepted(spec, entry):
    full_values = {field.name: full_value(field) for field in spec.fields}
    for field in spec.fields:
        excess_value = {
            Control.CHOICE: "something else",
            Control.NUMBER: str(field.maximum + 1) if field.maximum is not None else "much",
            Control.SWITCH: "perhaps",
            Control.MEDIA: "a name",
        }.get(field.control)
        if field.max_length is not None:
            excess_value = "x" * (field.max_length + 1)
        if field.max_items is not None:
            excess_value = full_values[field.name] * (field.max_items + 1)
        if excess_value is not None:
            problems = spec.evaluate(full_values | {field.name: excess_value}).errors
            assert [problem.field for problem in problems] == [field.name]


def test_a_file_is_told_from_a_text_by_its_name():
    link = {"type": "string", "format": "uri"}
    assert media_kind_of("video_urls", link) == "video"
    assert media_kind_of("link_url", link) is None


def test_sounds_and_films_and_a_voice_each_reach_the_body():
    raw = {
        "prompt": "x",
        "video_urls": [make_video_file()],
        "audio_urls": [make_audio_file()],
        "voices": [{"who": "Video 1", "voice": make_audio_file()}, {"who": "", "voice": None}],
        "duration": "2.5",
    }
    body = WAN.build_payload(WAN.evaluate(raw).request, MEDIA_URLS)
    assert body["video_urls"] == [MEDIA_URLS["film"]]
    assert body["audio_urls"] == [MEDIA_URLS["sound"]]
    assert body["model_params"] == {"voice_bindings": {"Video 1": MEDIA_URLS["sound"]}}
    assert body["duration"] == 2.5


def test_a_file_in_a_row_is_judged_too():
    raw = {
        "prompt": "x",
        "image_urls": [make_image_file()],
        "voices": [{"who": "A", "voice": make_audio_file()}] * 2,
    }
    raw["voices"][1] = {"who": "B", "voice": make_audio_file(seconds=11)}
    (problem,) = WAN.evaluate(raw).errors
    assert (problem.field, problem.index, problem.column) == ("voices", 1, "voice")
    assert str(problem.message) == "This runs for 11 s; at most 10 s are accepted."


@pytest.mark.parametrize(
    ("duration", "wire_value"), [("3", 3), ("auto", "auto"), ("", 10), (5, 5), ("7.0", 7)]
)
def test_a_number_or_a_word(duration, wire_value):
    evaluation = GEMINI.evaluate({"prompt": "x", "duration": duration})
    assert GEMINI.build_payload(evaluation.request, {})["duration"] == wire_value


@pytest.mark.parametrize("duration", ["2", "11", "soon", 3.5, True])
def test_a_number_or_a_word_is_nothing_else(duration):
    (problem,) = GEMINI.evaluate({"prompt": "x", "duration": duration}).errors
    assert str(problem.message) == "Choose a number from 3 to 10, or: Automatic."


def test_an_ai_model_without_a_prompt_works_on_a_film():
    assert [problem.field for problem in TOPAZ.evaluate({}).errors] == ["video_urls"]
    body = TOPAZ.build_payload(
        TOPAZ.evaluate({"video_urls": make_video_file()}).request, MEDIA_URLS
    )
    assert body == {
        "model": "topaz-video-upscale",
        "video_urls": [MEDIA_URLS["film"]],
        "model_params": {"upscale_factor": "2"},
    }


def test_the_sample_specs_are_not_shipped():
    assert not SAMPLE_SPECS.keys() & SPECS.keys()
