"""Presets as the page and the menu of a form show them. No queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.fields import Control
from evolink_studio.catalog.spec import ModelSpec
from evolink_studio.core.json_field import get_member
from evolink_studio.prompts.models import Preset

MAX_SHOWN_SETTINGS = 5
MAX_SHOWN_CHARACTERS = 300
_SHOWN_CONTROLS = (Control.CHOICE, Control.SWITCH, Control.NUMBER)


@dataclass(frozen=True)
class PresetItem:
    """One preset. `use_url` is "" when its model is offered no more; `owner_name` of one's own."""

    pk: int
    name: str
    model_label: str
    prompt: str
    settings_text: str
    is_own: bool
    is_shared: bool
    owner_name: str
    use_url: str


def present_presets(user: User, presets: Iterable[Preset]) -> list[PresetItem]:
    """Whatever their values are: what cannot be read is left out."""
    return [_present(user, preset) for preset in presets]


def _present(user: User, preset: Preset) -> PresetItem:
    spec = SPECS.get(preset.model_id)
    is_own = preset.owner_id == user.pk
    prompt = get_member(preset.values, "prompt")
    url = f"{reverse('create', args=[preset.model_id])}?preset={preset.pk}" if spec else ""
    return PresetItem(
        pk=preset.pk,
        name=preset.name,
        model_label=_(spec.label) if spec else preset.model_id,
        prompt=prompt[:MAX_SHOWN_CHARACTERS] if isinstance(prompt, str) else "",
        settings_text=_describe_settings(spec, preset.values) if spec else "",
        is_own=is_own,
        is_shared=preset.is_shared,
        owner_name="" if is_own else preset.owner.get_username(),
        use_url=url,
    )


def _describe_settings(spec: ModelSpec, values: object) -> str:
    """The first settings that were chosen, and how many pictures there are."""
    if not isinstance(values, Mapping):
        return ""
    texts = [
        f"{_(field.label)} {text}"
        for field in spec.fields
        if field.control in _SHOWN_CONTROLS and (text := _read_text(values.get(field.name)))
    ]
    shown = texts[:MAX_SHOWN_SETTINGS]
    pictures = sum(
        _count(values.get(field.name)) for field in spec.fields if field.control is Control.MEDIA
    )
    if pictures:
        shown.append(ngettext("{n} file", "{n} files", pictures).format(n=pictures))
    return " · ".join(shown)


def _read_text(value: object) -> str:
    return str(value)[:40] if isinstance(value, str | int | float) else ""


def _count(value: object) -> int:
    return len(value) if isinstance(value, list) else int(isinstance(value, str) and bool(value))
