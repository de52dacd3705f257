"""The types can say every AI model of EvoLink's published list, not only the shipped five."""

import json
from pathlib import Path

import pytest

from evolink_studio.catalog import SPECS, Control
from tests.catalog.builder import file_kind, leaves, spec_of
from tests.catalog.files import film, picture, sound
from tests.catalog.foreign import FOREIGN, GEMINI, TOPAZ, WAN

ENTRIES = json.loads((Path(__file__).parents[1] / "video-models.json").read_text("utf-8"))["models"]
BUILT = [pytest.param(spec_of(entry), entry, id=entry["ids"][0]) for entry in ENTRIES]
FILES = {"image": picture(), "video": film(), "audio": sound()}
URLS = {media.ref: f"https://files.example/{media.ref}" for media in FILES.values()}


def filled(field):
    """As much as a field takes, as a form would send it."""
    number = field.maximum or 7
    by_control = {
        Control.PROMPT: lambda: "A cat playing piano",
        Control.TEXT: lambda: "word",
        Control.CHOICE: lambda: str(field.options[-1].value),
        Control.NUMBER: lambda: str(number),
        Control.SWITCH: lambda: "on",
        Control.MEDIA: lambda: [FILES[field.media_constraints.kind]] * (field.max_items or 1),
        Control.ROWS: lambda: [{column.name: filled(column) for column in field.columns}],
        Control.TEXTS: lambda: ["word"],
    }
    return by_control[field.control]()


def conforms(schema, value):
    """Whether a value of the body is what the published list says: a small JSON schema."""
    if "oneOf" in schema:
        return sum(conforms(member, value) for member in schema["oneOf"]) == 1
    kinds = {
        "string": str,
        "integer": int,
        "number": int | float,
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    within = isinstance(value, kinds[schema["type"]])
    within &= isinstance(value, bool) <= (schema["type"] == "boolean")
    within &= value in schema.get("enum", [value])
    if isinstance(value, int | float):
        within &= schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if isinstance(value, str):
        within &= len(value) <= schema.get("maxLength", len(value))
    if isinstance(value, list):
        within &= schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        within &= all(conforms(schema["items"], item) for item in value if "items" in schema)
    if isinstance(value, dict):
        inside = schema.get("properties", {})
        within &= not inside or value.keys() <= inside.keys()
        within &= value.keys() >= set(schema.get("required", []))
        within &= all(conforms(inside[key], item) for key, item in value.items() if inside)
    return within


def at(body, path):
    for key in path.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def test_the_list_has_seventy_four():
    assert len(ENTRIES) == 74


@pytest.mark.parametrize(("spec", "entry"), BUILT)
def test_each_parameter_becomes_a_field_that_knows_its_limits(spec, entry):
    published = list(leaves(entry["params"], entry["required"]))
    assert [field.name for field in spec.fields] == [leaf.name for leaf in published]
    for leaf in published:
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
        assert field.is_required is leaf.required
        assert field.default == (None if schema.get("default") == [] else schema.get("default"))
        assert field.label
        assert field.help


@pytest.mark.parametrize(("spec", "entry"), BUILT)
def test_a_full_form_gives_the_body_the_list_describes(spec, entry):
    checked = spec.check({field.name: filled(field) for field in spec.fields})
    assert checked.errors == ()
    body = spec.build_payload(checked.request, URLS)
    assert body.pop("model") == entry["ids"][0]
    assert conforms(
        {"type": "object", "properties": entry["params"], "required": entry["required"]}, body
    )
    published = list(leaves(entry["params"], entry["required"]))
    assert not [leaf.path for leaf in published if at(body, leaf.path) is None]


@pytest.mark.parametrize(("spec", "entry"), BUILT)
def test_an_empty_form_gives_the_published_defaults_and_names_what_is_needed(spec, entry):
    published = list(leaves(entry["params"], entry["required"]))
    needed = {leaf.name for leaf in published if leaf.required}
    assert {problem.field for problem in spec.check({}).errors} == needed
    body = spec.build_payload(
        spec.check({name: filled(spec.get_field(name)) for name in needed}).request, URLS
    )
    defaults = {
        leaf.path: leaf.schema["default"]
        for leaf in published
        if leaf.schema.get("default") not in (None, [])
    }
    assert {path: at(body, path) for path in defaults} == defaults


@pytest.mark.parametrize(("spec", "entry"), BUILT)
def test_beyond_a_published_limit_nothing_is_accepted(spec, entry):
    full = {field.name: filled(field) for field in spec.fields}
    for field in spec.fields:
        beyond = {
            Control.CHOICE: "something else",
            Control.NUMBER: str(field.maximum + 1) if field.maximum is not None else "much",
            Control.SWITCH: "perhaps",
            Control.MEDIA: "a name",
        }.get(field.control)
        if field.max_length is not None:
            beyond = "x" * (field.max_length + 1)
        if field.max_items is not None:
            beyond = full[field.name] * (field.max_items + 1)
        if beyond is not None:
            problems = spec.check(full | {field.name: beyond}).errors
            assert [problem.field for problem in problems] == [field.name]


def test_a_file_is_told_from_a_text_by_its_name():
    link = {"type": "string", "format": "uri"}
    assert file_kind("video_urls", link) == "video"
    assert file_kind("link_url", link) is None


def test_sounds_and_films_and_a_voice_each_reach_the_body():
    raw = {
        "prompt": "x",
        "video_urls": [film()],
        "audio_urls": [sound()],
        "voices": [{"who": "Video 1", "voice": sound()}, {"who": "", "voice": None}],
        "duration": "2.5",
    }
    body = WAN.build_payload(WAN.check(raw).request, URLS)
    assert body["video_urls"] == [URLS["film"]]
    assert body["audio_urls"] == [URLS["sound"]]
    assert body["model_params"] == {"voice_bindings": {"Video 1": URLS["sound"]}}
    assert body["duration"] == 2.5


def test_a_file_in_a_row_is_judged_too():
    raw = {"prompt": "x", "image_urls": [picture()], "voices": [{"who": "A", "voice": sound()}] * 2}
    raw["voices"][1] = {"who": "B", "voice": sound(seconds=11)}
    (problem,) = WAN.check(raw).errors
    assert (problem.field, problem.index, problem.column) == ("voices", 1, "voice")
    assert str(problem.message) == "This runs for 11 s; at most 10 s are accepted."


@pytest.mark.parametrize(
    ("duration", "sent"), [("3", 3), ("auto", "auto"), ("", 10), (5, 5), ("7.0", 7)]
)
def test_a_number_or_a_word(duration, sent):
    checked = GEMINI.check({"prompt": "x", "duration": duration})
    assert GEMINI.build_payload(checked.request, {})["duration"] == sent


@pytest.mark.parametrize("duration", ["2", "11", "soon", 3.5, True])
def test_a_number_or_a_word_is_nothing_else(duration):
    (problem,) = GEMINI.check({"prompt": "x", "duration": duration}).errors
    assert str(problem.message) == "Choose a number from 3 to 10, or: Automatic."


def test_an_ai_model_without_a_prompt_works_on_a_film():
    assert [problem.field for problem in TOPAZ.check({}).errors] == ["video_urls"]
    body = TOPAZ.build_payload(TOPAZ.check({"video_urls": film()}).request, URLS)
    assert body == {
        "model": "topaz-video-upscale",
        "video_urls": [URLS["film"]],
        "model_params": {"upscale_factor": "2"},
    }


def test_the_foreign_specs_are_not_shipped():
    assert not FOREIGN.keys() & SPECS.keys()
