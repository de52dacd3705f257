"""The places of an AI model that take a picture: its first frame, its last, its references."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from evolink_studio.catalog.fields import Control, Field
from evolink_studio.catalog.spec import ModelSpec


class SlotRole(StrEnum):
    """What a picture in a slot is to the video."""

    FIRST = "first"
    LAST = "last"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class PictureSlot:
    """A place for a picture. `number`: its place in the field, from 1; of references the next."""

    field: Field
    role: SlotRole
    number: int = 1

    @property
    def name(self) -> str:
        """As an address says it: the field, and beyond the first picture its number."""
        return self.field.name if self.number == 1 else f"{self.field.name}.{self.number}"


def list_picture_slots(spec: ModelSpec) -> tuple[PictureSlot, ...]:
    """Every slot of a model, in the order of its form; none for a model that takes no pictures."""
    fields = [
        field
        for field in spec.fields
        if field.control is Control.MEDIA and field.media_kind == "image"
    ]
    frame_slots = list(_list_frame_slots([field for field in fields if field.is_frame]))
    slots = frame_slots + [
        PictureSlot(field, SlotRole.REFERENCE) for field in fields if not field.is_frame
    ]
    return tuple(sorted(slots, key=lambda slot: fields.index(slot.field)))


def find_slot(spec: ModelSpec, role: SlotRole) -> PictureSlot | None:
    """The first slot of this role."""
    return next((slot for slot in list_picture_slots(spec) if slot.role is role), None)


def _list_frame_slots(frame_fields: list[Field]) -> Iterator[PictureSlot]:
    """Over all frame fields the first picture is where the video starts, the second its end."""
    roles = iter((SlotRole.FIRST, SlotRole.LAST))
    for field in frame_fields:
        for number in range(1, (field.max_items or 1) + 1):
            if (role := next(roles, None)) is None:
                return
            yield PictureSlot(field, role, number)
