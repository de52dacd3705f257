"""What a film was made with: title, settings and pictures, as pages show them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from evolink_studio.catalog import SPECS, get_label
from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.slots import SlotRole, list_picture_slots
from evolink_studio.core.json_field import get_member
from evolink_studio.generations.models import Generation
from evolink_studio.generations.params import FormData, load_form_data
from evolink_studio.library.models import Asset

MAX_TITLE_WORDS = 10
MAX_VALUE_CHARACTERS = 300
ROLE_LABELS = {
    SlotRole.FIRST: gettext_lazy("First frame"),
    SlotRole.LAST: gettext_lazy("Last frame"),
    SlotRole.REFERENCE: gettext_lazy("Reference picture"),
}
_OWN_PLACE = (Control.PROMPT, Control.MEDIA)  # shown by themselves


@dataclass(frozen=True)
class Setting:
    """One setting: the name of its field, its label and its value as text."""

    name: str
    label: str
    text: str


@dataclass(frozen=True)
class InputFile:
    """A file that a film was made from. `asset` is None when it was deleted."""

    label: str
    asset: Asset | None


def build_title(generation: Generation) -> str:
    """The person's own title, else the first words of the prompt, else its model. No query."""
    if generation.title:
        return generation.title
    words = Truncator(build_prompt(generation).replace("\n", " ")).words(MAX_TITLE_WORDS)
    return words or f"{get_label(generation.model_id)} · {generation.pk}"


def build_prompt(generation: Generation) -> str:
    """The prompt; of a film of several shots one line for each. No query."""
    if generation.prompt:
        return generation.prompt
    shots = get_member(generation.params, "shots")
    prompts = [get_member(row, "prompt") for row in shots] if isinstance(shots, list) else []
    return "\n".join(prompt for prompt in prompts if isinstance(prompt, str))


def load_settings(generation: Generation) -> FormData:
    """What was chosen, as far as the catalogue still knows it. One query; none without a spec."""
    spec = SPECS.get(generation.model_id)
    if spec is None:
        return FormData()
    return load_form_data(spec, generation.params, generation.owner_id)


def present_settings(generation: Generation, values: Mapping[str, object]) -> list[Setting]:
    """Every setting that has a value, in the order of the form. No query."""
    spec = SPECS.get(generation.model_id)
    fields = spec.fields if spec else ()
    settings = [
        Setting(field.name, _(field.label), _format_value(field, values.get(field.name)))
        for field in fields
        if field.control not in _OWN_PLACE
    ]
    return [setting for setting in settings if setting.text]


def list_inputs(generation: Generation, form_data: FormData) -> list[InputFile]:
    """The files of a generation in the order of its form, with what they are to it. No query."""
    spec = SPECS.get(generation.model_id)
    if spec is None:
        return []
    roles = {(slot.field.name, slot.number): slot.role for slot in list_picture_slots(spec)}
    inputs = []
    for field in spec.fields:
        if field.control is not Control.MEDIA:
            continue
        for number, ref in enumerate(_list_refs(generation, field.name), 1):
            role = roles.get((field.name, number if field.is_frame else 1))
            label = str(ROLE_LABELS[role]) if role else _(field.label)
            inputs.append(InputFile(label, form_data.assets.get(ref)))
    return inputs


def _list_refs(generation: Generation, name: str) -> list[str]:
    value = get_member(generation.params, name)
    items = value if isinstance(value, list) else [value]
    return [item for item in items[:50] if isinstance(item, str) and item]


def _format_value(field: Field, value: object) -> str:
    if value is None or value in ("", []):
        return ""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, list):
        return "\n".join(_format_items(field, value))[:MAX_VALUE_CHARACTERS]
    label = next((_(option.label) for option in field.options if option.value == value), "")
    if label:
        return label
    return f"{value} {field.unit}".strip()[:MAX_VALUE_CHARACTERS]


def _format_items(field: Field, items: list[object]) -> Iterator[str]:
    for number, item in enumerate(items, 1):
        if not isinstance(item, Mapping):
            yield str(item)
            continue
        cells = [_format_value(column, item.get(column.name)) for column in field.columns]
        yield f"{number}. {' · '.join(cell for cell in cells if cell)}"
