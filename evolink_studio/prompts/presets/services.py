"""All writes to presets. Nothing here starts a generation."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop as _

from evolink_studio.accounts.models import User
from evolink_studio.prompts.exceptions import InputRejected
from evolink_studio.prompts.models import Preset
from evolink_studio.prompts.undo import open_row, seal_row

MAX_PRESETS = 200  # of one person: a page shows all of them
MAX_NAME_LENGTH = 80
_RESTORED_FIELDS = ("id", "name", "model_id", "values", "is_shared")


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
    _check_count(owner)
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


def delete_preset(*, preset: Preset) -> str:
    """Delete the name and its values; films made with it, and its pictures, stay.

    Returns the sealed preset, for `restore_preset`.
    """
    Preset.objects.filter(pk=preset.pk).delete()
    return seal_row(preset, _RESTORED_FIELDS)


def restore_preset(*, owner: User, sealed: str) -> Preset:
    """The deleted preset again, as it was and under the same address. Raises PresetRejected."""
    preset = open_row(Preset, sealed, owner=owner)
    if preset is None:
        raise PresetRejected("name", _("This can no longer be taken back."))
    _check_count(owner)
    _save(preset, force_insert=True)
    return preset


def _check_count(owner: User) -> None:
    if Preset.objects.filter(owner=owner).count() >= MAX_PRESETS:
        raise PresetRejected(
            "name", _("You have {limit} presets. Delete one of them first."), limit=MAX_PRESETS
        )


def _set_name(preset: Preset, name: str) -> None:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise PresetRejected("name", _("Give it a name."))
    if len(name) > MAX_NAME_LENGTH:
        raise PresetRejected(
            "name", _("A name has at most {limit} characters."), limit=MAX_NAME_LENGTH
        )
    preset.name = name


def _save(
    preset: Preset, update_fields: list[str] | None = None, *, force_insert: bool = False
) -> None:
    try:
        with transaction.atomic():
            preset.save(update_fields=update_fields, force_insert=force_insert)
    except IntegrityError as error:
        raise PresetRejected(
            "name",
            _("You have a preset “{name}” already. Choose another name."),
            name=preset.name,
        ) from error
