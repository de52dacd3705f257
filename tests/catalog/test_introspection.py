"""What a form knows of each parameter."""

from typing import Annotated, Literal

import pytest
from annotated_types import MaxLen
from pydantic import Field as PydanticField

from evolink_studio.catalog import (
    SPECS,
    Control,
    MediaFile,
    UnknownModelError,
    VideoRequest,
    get_spec,
)
from evolink_studio.catalog.fields import Param
from evolink_studio.catalog.introspection import build_fields
from tests.catalog.media_facts import make_image_file

# Name, control, default, options or bounds: the documentation as stated on 2026-11-20.
DOCUMENTED = {
    "veo3.1-pro": [
        ("prompt", Control.PROMPT, None, 2000),
        ("image_urls", Control.MEDIA, None, 2),
        ("generation_type", Control.CHOICE, None, ["TEXT", "FIRST&LAST"]),
        ("aspect_ratio", Control.CHOICE, "auto", ["auto", "16:9", "9:16"]),
        ("quality", Control.CHOICE, "720p", ["720p", "1080p", "4k"]),
        ("enhance_prompt", Control.SWITCH, True, None),
    ],
    "kling-o3-image-to-video": [
        ("prompt", Control.PROMPT, None, 2500),
        ("image_start", Control.MEDIA, None, None),
        ("image_end", Control.MEDIA, None, None),
        ("image_urls", Control.MEDIA, None, 7),
        ("duration", Control.NUMBER, 5, (3, 15, 1)),
        ("aspect_ratio", Control.CHOICE, None, ["16:9", "9:16", "1:1"]),
        ("quality", Control.CHOICE, None, ["720p", "1080p"]),
        ("sound", Control.CHOICE, "off", ["off", "on"]),
        ("multi_shot", Control.SWITCH, False, None),
        ("shots", Control.ROWS, None, 6),
        ("element_ids", Control.TEXTS, None, 7),
        ("watermark", Control.SWITCH, False, None),
    ],
    "sora-2-preview": [
        ("prompt", Control.PROMPT, None, 5000),
        ("image_urls", Control.MEDIA, None, 1),
        ("duration", Control.CHOICE, 4, [4, 8, 12]),
        ("aspect_ratio", Control.CHOICE, None, ["16:9", "9:16", "1280x720", "720x1280"]),
    ],
    "grok-imagine-text-to-video": [
        ("prompt", Control.PROMPT, None, 10_000),  # the studio's own limit
        ("duration", Control.CHOICE, 6, [6, 10]),
        ("mode", Control.CHOICE, "normal", ["normal", "fun", "spicy"]),
        ("aspect_ratio", Control.CHOICE, "16:9", ["16:9", "9:16", "1:1", "3:2", "2:3"]),
    ],
    "doubao-seedance-1.0-pro-fast": [
        ("prompt", Control.PROMPT, None, 2000),
        ("image_urls", Control.MEDIA, None, 1),
        ("duration", Control.NUMBER, 5, (2, 12, 1)),
        ("quality", Control.CHOICE, "1080p", ["480p", "720p", "1080p"]),
        (
            "aspect_ratio",
            Control.CHOICE,
            "16:9",
            ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive", "keep_ratio"],
        ),
    ],
}
DOCUMENTED_FIELDS = [
    pytest.param(get_spec(model), *row, id=f"{model} {row[0]}")
    for model, rows in DOCUMENTED.items()
    for row in rows
]


def field_limits(field):
    if field.control is Control.NUMBER:
        return field.minimum, field.maximum, field.step
    return (
        [option.value for option in field.options]
        or (not field.is_multiple and field.max_length)
        or field.max_items
    )


@pytest.mark.parametrize(("spec", "name", "control", "default", "limit"), DOCUMENTED_FIELDS)
def test_a_field_is_as_documented(spec, name, control, default, limit):
    field = spec.get_field(name)
    assert (field.control, field.default, field_limits(field)) == (control, default, limit)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_has_the_documented_fields_and_no_other(spec):
    assert [field.name for field in spec.fields] == [row[0] for row in DOCUMENTED[spec.id]]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_field_and_option_has_its_words(spec):
    fields = [*spec.fields, *(column for field in spec.fields for column in field.columns)]
    assert all(field.label and field.help.endswith(".") for field in fields)
    assert all(option.label and option.help for field in fields for option in field.options)


def test_the_rows_of_kling_have_columns():
    prompt, duration = get_spec("kling-o3-image-to-video").get_field("shots").columns
    assert (prompt.control, prompt.min_length, prompt.max_length) == (Control.PROMPT, 1, 512)
    assert (duration.control, duration.minimum, duration.unit) == (Control.NUMBER, 1, "s")


@pytest.mark.parametrize(
    ("model", "seconds"),
    [
        ("veo3.1-pro", (8, 8)),
        ("kling-o3-image-to-video", (3, 15)),
        ("sora-2-preview", (4, 12)),
        ("grok-imagine-text-to-video", (6, 10)),
        ("doubao-seedance-1.0-pro-fast", (2, 12)),
    ],
)
def test_the_shortest_and_longest_video_are_known(model, seconds):
    assert get_spec(model).duration_range == seconds


def test_an_unknown_ai_model_is_named():
    with pytest.raises(UnknownModelError, match="veo9"):
        get_spec("veo9")


def test_sora_warns_and_does_not_come_first():
    sora = get_spec("sora-2-preview")
    assert sora.lifecycle == "preview"
    assert "24 September 2026" in str(sora.notice)
    assert next(iter(SPECS)) != sora.id


class OddFieldsRequest(VideoRequest):
    """Parameters that none of the five models has."""

    undescribed: int = 1
    by_pydantic: Annotated[str, PydanticField(max_length=3)] = ""
    three_states: bool | None = None
    names: list[Annotated[str, MaxLen(4)]] = []
    needed: Annotated[MediaFile, Param("File", "Any file.")]
    fifth: Annotated[float, PydanticField(ge=1, multiple_of=0.5)] = 1
    several: Annotated[Literal["a", "b"], Param("Several", "Letters.")] | None = None


ODD_FIELDS = {field.name: field for field in build_fields(OddFieldsRequest)}


def test_a_parameter_nobody_described_is_shown_plainly():
    field = ODD_FIELDS["undescribed"]
    assert (field.label, field.control, field.is_integer) == ("Undescribed", Control.NUMBER, True)
    assert field.help


def test_a_switch_that_may_be_left_open_is_a_choice():
    field = ODD_FIELDS["three_states"]
    assert (field.control, field.default) == (Control.CHOICE, None)
    assert [option.label for option in field.options] == ["On", "Off"]


def test_bounds_are_found_wherever_they_stand():
    assert ODD_FIELDS["by_pydantic"].max_length == 3
    assert (ODD_FIELDS["names"].max_length, ODD_FIELDS["names"].max_items) == (4, None)
    assert (ODD_FIELDS["fifth"].minimum, ODD_FIELDS["fifth"].step) == (1, 0.5)
    assert ODD_FIELDS["needed"].is_required
    assert not ODD_FIELDS["several"].is_required


def test_a_type_without_a_control_is_found_at_once():
    class Impossible(VideoRequest):
        colour: complex = 1j

    with pytest.raises(TypeError, match="colour"):
        build_fields(Impossible)


def test_a_file_without_a_url_cannot_be_sent():
    spec = get_spec("veo3.1-pro")
    request = spec.evaluate(
        {"prompt": "A cat playing piano", "image_urls": [make_image_file()]}
    ).request
    assert request is not None
    with pytest.raises(KeyError):
        spec.build_payload(request, {})
