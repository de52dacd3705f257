"""The settings that tell the rows of one prompt apart: "9:16 · 2 s · 1080p"."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Field
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.json_field import get_member
from evolink_studio.credits.pricing import DURATION_FIELD
from evolink_studio.generations.models import Generation

MAIN_FIELDS = ("aspect_ratio", DURATION_FIELD, "quality")
MAX_VALUE_CHARACTERS = 40


def describe_format(generation: Generation) -> str:
    """Ratio, length and quality that were asked for; "" for what no model made. No query."""
    spec = SPECS.get(generation.model_id)
    if spec is None:
        return ""
    stored = {name: get_member(generation.params, name) for name in MAIN_FIELDS}
    values = {name: it for name, it in stored.items() if isinstance(it, str | int | float) and it}
    return describe_main_settings(spec, values)


def describe_main_settings(spec: ModelSpec, values: Mapping[str, object]) -> str:
    """Those of a form, in its order."""
    texts = [
        _describe_value(field, values[field.name])
        for field in spec.fields
        if field.name in MAIN_FIELDS and field.name in values
    ]
    fixed = [f"{spec.fixed_seconds} s"] if spec.fixed_seconds is not None else []
    return " · ".join(text for text in (*texts, *fixed) if text)


def _describe_value(field: Field, value: object) -> str:
    for option in field.options:
        if option.value == value:
            return _(option.label) if option.label else ""
    unit = _(field.unit) if field.unit else ""
    return f"{value} {unit}".strip()[:MAX_VALUE_CHARACTERS]
