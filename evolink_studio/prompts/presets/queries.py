"""Reads of presets. One query each, where nothing else is said."""

from django.http import Http404

from evolink_studio.accounts.models import User
from evolink_studio.prompts.models import Preset

MAX_SHARED_PRESETS = 200  # shown of other people


def list_presets(user: User) -> list[Preset]:
    """A person's own by name, then what others share. Two queries: each has an index."""
    shared = Preset.objects.filter(is_shared=True).exclude(owner_id=user.pk)
    shared = shared.select_related("owner").order_by("name", "pk")[:MAX_SHARED_PRESETS]
    own = Preset.objects.filter(owner_id=user.pk).select_related("owner").order_by("name", "pk")
    return [*own, *shared]


def get_own_preset_or_404(user: User, pk: int) -> Preset:
    """A preset of this person, who may change it. Raises Http404 otherwise."""
    preset = Preset.objects.filter(owner_id=user.pk, pk=pk).first()
    if preset is None:
        raise Http404
    return preset


def find_usable_preset(user: User, pk: int) -> Preset | None:
    """A preset that this person may use: their own, or a shared one. None if there is none."""
    preset = Preset.objects.filter(pk=pk).select_related("owner").first()
    is_usable = preset is not None and (preset.is_shared or preset.owner_id == user.pk)
    return preset if is_usable else None
