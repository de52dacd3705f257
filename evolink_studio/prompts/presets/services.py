"""All writes to presets. Nothing here starts a generation."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.prompts.exceptions import InputRejected
from evolink_studio.prompts.models import Preset

MAX_PRESETS = 200  # of one person: a page shows all of them
MAX_NAME_LENGTH = 80


class PresetRejected(InputRejected):
    """Why a preset is not kept."""


def create_preset(
    *,
    owner: User,
    name: str,
    model_id: str,
    values: Mapping[str, object],
    is_shared: bool = False,
    now: datetime,
) -> Preset:
    """Keep the values of a form, as a draft has them. Raises PresetRejected.

    A name that the person has already is refused, so that no preset is lost by a second one.
    """
    if Preset.objects.filter(owner=owner).count() >= MAX_PRESETS:
        raise PresetRejected(
            "name", _("You have {limit} presets. Delete one of them first."), limit=MAX_PRESETS
        )
    preset = Preset(
        owner=owner, model_id=model_id, values=dict(values), is_shared=is_shared, created_at=now
    )
    _set_name(preset, name)
    _save(preset)
    return preset


def rename_preset(*, preset: Preset, name: str) -> None:
    """Raises PresetRejected for a name that is missing, too long or taken."""
    _set_name(preset, name)
    _save(preset, ["name"])


def share_preset(*, preset: Preset, is_shared: bool) -> None:
    """Let everybody in the studio use it, or nobody else any more. Its pictures stay private."""
    Preset.objects.filter(pk=preset.pk).update(is_shared=is_shared)


def delete_preset(*, preset: Preset) -> None:
    """Delete the name and its values; films made with it, and its pictures, stay."""
    Preset.objects.filter(pk=preset.pk).delete()


def _set_name(preset: Preset, name: str) -> None:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise PresetRejected("name", _("Give it a name."))
    if len(name) > MAX_NAME_LENGTH:
        raise PresetRejected(
            "name", _("A name has at most {limit} characters."), limit=MAX_NAME_LENGTH
        )
    preset.name = name


def _save(preset: Preset, update_fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            preset.save(update_fields=update_fields)
    except IntegrityError as error:
        raise PresetRejected(
            "name",
            _("You have a preset “{name}” already. Choose another name."),
            name=preset.name,
        ) from error
