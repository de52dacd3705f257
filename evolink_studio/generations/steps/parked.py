"""Films on this machine's disk: those on their way, and whole ones that the library did not take.

A whole copy outlives EvoLink's link. It waits here while its generation is saving, for whichever
claim of this machine comes next, and is never fetched twice. Workers on other machines do not see
it: they fetch their own while the link lives. Afterwards they know by `Generation.parked`, the last
moment when somebody saw a copy, that the film is not lost, and leave it to the one who has it. Only
when nobody has seen one for so long (`PATIENCE`) do they give it up; admins were told long before.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from evolink_studio.evolink.part import NOTE, WHOLE, take_over
from evolink_studio.generations.models import Generation
from evolink_studio.generations.numbers import number_in
from evolink_studio.generations.states import State

PATIENCE = timedelta(days=14)


def place(generation: Generation, position: int) -> Path:
    """A file of this claim alone, with what an earlier try has brought already.

    A worker that was paused may still be writing to its own: two in one file would spoil it.
    """
    _folder().mkdir(parents=True, exist_ok=True)
    path = _folder() / f"{generation.pk}-{position}-{generation.claim}"
    take_over(path, [left for left in _left(f"{generation.pk}-{position}-") if left.suffix != NOTE])
    return path


def is_here(generation: Generation) -> bool:
    """Whether a whole film of this generation lies on this machine."""
    return any(left.suffix == WHOLE for left in _left(f"{generation.pk}-"))


def lately(seen: datetime | None, now: datetime) -> bool:
    """Whether a whole copy was seen so lately that its film is not lost."""
    return seen is not None and now - seen < PATIENCE


def clear(generation: Generation, position: int | None = None) -> None:
    """The library has it, or all of it has ended: what lies here of it is needed no more."""
    one = "" if position is None else f"{position}-"
    for left in _left(f"{generation.pk}-{one}"):
        left.unlink(missing_ok=True)


def needed(names: Collection[str]) -> set[str]:
    """Those of these names whose generation is still saving. One query."""
    numbers = {name: number_in(name.partition("-")[0]) for name in names}
    asked = [number for number in numbers.values() if number is not None]
    saving = Generation.objects.filter(pk__in=asked, state=State.SAVING)
    found = set(saving.values_list("pk", flat=True))
    return {name for name, number in numbers.items() if number in found}


def _left(beginning: str) -> list[Path]:
    return list(_folder().glob(f"{beginning}*"))


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "incoming"
