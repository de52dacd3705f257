"""Where a frame of a film may go: slots of all models, and the form that takes it. Reads only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from evolink_studio.accounts.models import User
from evolink_studio.catalog import SPECS
from evolink_studio.catalog.slots import PictureSlot, SlotRole, find_slot, list_picture_slots
from evolink_studio.catalog.spec import Lifecycle, ModelSpec
from evolink_studio.films.presenters.film_settings import ROLE_LABELS
from evolink_studio.generations.models import Generation
from evolink_studio.library.models import Asset

RECENT_MODELS_LIMIT = 50  # so many of a person's generations are looked at
LAST_SECOND = Decimal(86_400)  # beyond any film: its last frame


@dataclass(frozen=True)
class FrameSlot:
    """A slot of a model: `model_id:field`, or `model_id:field.2` for its second place."""

    model_id: str
    slot: PictureSlot

    @property
    def value(self) -> str:
        return f"{self.model_id}:{self.slot.name}"


@dataclass(frozen=True)
class SlotChoice:
    """A slot in the list of a form."""

    value: str
    label: str
    is_chosen: bool


def list_frame_slots() -> list[FrameSlot]:
    """Every slot of every model that can still be used, in the order of the catalogue."""
    return [
        FrameSlot(spec.id, slot)
        for spec in _list_usable_specs()
        for slot in list_picture_slots(spec)
    ]


def find_frame_slot(value: str) -> FrameSlot | None:
    """The slot of this value; None for anything else."""
    return next((slot for slot in list_frame_slots() if slot.value == value), None)


def choose_first_frame_slot(user: User, generation: Generation) -> FrameSlot | None:
    """Where a shot goes on: the film's own model if it takes a first frame, else the one that the
    person used last, else the first of the catalogue. At most one query."""
    slots = {
        spec.id: FrameSlot(spec.id, slot)
        for spec in _list_usable_specs()
        if (slot := find_slot(spec, SlotRole.FIRST)) is not None
    }
    if not slots or generation.model_id in slots:
        return slots.get(generation.model_id)
    recent = Generation.objects.filter(owner_id=user.pk).order_by("-created_at", "-id")
    for model_id in recent.values_list("model_id", flat=True)[:RECENT_MODELS_LIMIT]:
        if model_id in slots:
            return slots[model_id]
    return next(iter(slots.values()))


def present_frame_slots(chosen: FrameSlot | None) -> list[tuple[str, Sequence[SlotChoice]]]:
    """(model, its slots) for a list. No query."""
    groups: dict[str, list[SlotChoice]] = {}
    for slot in list_frame_slots():
        choice = SlotChoice(
            slot.value, str(ROLE_LABELS[slot.slot.role]), chosen is not None and slot == chosen
        )
        groups.setdefault(_(SPECS[slot.model_id].label), []).append(choice)
    return list(groups.items())


def build_next_shot_url(generation: Generation, slot: FrameSlot, frame: Asset) -> str:
    """The form of the slot's model with the film's settings and the frame in its slot."""
    query = urlencode({"from": str(generation.pk), "put": f"{slot.slot.name}:{frame.pk}"})
    return f"{reverse('create', args=[slot.model_id])}?{query}"


def _list_usable_specs() -> Iterator[ModelSpec]:
    return (spec for spec in SPECS.values() if spec.lifecycle is not Lifecycle.RETIRED)
