"""Saving: the film is ours only when its bytes are checked and stand in our own library."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction

from evolink_studio.core.http import number_in
from evolink_studio.evolink.download import download
from evolink_studio.evolink.errors import EvoLinkError, LinkDead
from evolink_studio.evolink.partial_file import NOTE, WHOLE, take_over, whole_of
from evolink_studio.generations.models import Charge, Generation, Result
from evolink_studio.generations.pipeline import poll_schedule, retry_policy
from evolink_studio.generations.pipeline.provider import Clock, Far
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import move, note
from evolink_studio.library.exceptions import NotAFilm, NotTaken
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import kept_result
from evolink_studio.library.services import add_result

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


log = structlog.get_logger(__name__)

LARGEST = 4 * 1024**3
DEADLINE = 1200.0
# Links die 24 h after completion. Two hours later nothing can bring the film back.
LAST_CHANCE = timedelta(hours=2)
LOST = "film_lost"

# A film in the library, or what kept it away.
Found = Asset | Exception


async def save(generation: Generation, *, held: uuid.UUID, far: Far, clock: Clock) -> None:
    """Download, check and keep every film of a generation, then say it is done."""
    had_copy = await sync_to_async(is_here, thread_sensitive=False)(generation)
    found = await _all(generation, far, clock)
    for error in _troubles(found):
        _tell(generation, error)
    if _troubles(found):
        await _try_later(generation, found, had_copy, held, far, clock)
    else:
        await sync_to_async(_keep)(generation, found, held, clock())


def _troubles(found: Iterable[Found]) -> list[Exception]:
    return [one for one in found if isinstance(one, Exception)]


async def _all(generation: Generation, far: Far, clock: Clock) -> list[Found]:
    """Every film, or what keeps it away. None waits for another: its link may end meanwhile."""
    try:
        links = list(enumerate(generation.result_urls))
    except TypeError as error:
        return [error]
    found = [await _tried(generation, position, url, far, clock) for position, url in links]
    return found or [LinkDead("There is no link")]


async def _tried(generation: Generation, position: int, url: str, far: Far, clock: Clock) -> Found:
    try:
        return await _fetch(generation, position, url, far, clock)
    except Exception as error:
        return error


async def _fetch(generation: Generation, position: int, url: str, far: Far, clock: Clock) -> Asset:
    """Bring it here, unless an earlier try has, and give it to the library.

    What is whole stays here until the library has it: by then the link may have ended.
    """
    name = f"{generation.model_id}-{generation.pk}-{position + 1}"
    known = await sync_to_async(kept_result)(
        owner_id=generation.owner_id, name=name, since=generation.moved or generation.created
    )
    if known is not None:
        await sync_to_async(clear, thread_sensitive=False)(generation, position)
        return known
    path = await sync_to_async(place, thread_sensitive=False)(generation, position)
    whole = whole_of(path)
    if not whole.exists():
        await download(
            url, path, far_ends=far.addresses, cap=LARGEST, deadline=DEADLINE, resume=True
        )
        path.replace(whole)
    try:
        return await sync_to_async(add_result, thread_sensitive=False)(
            owner_id=generation.owner_id, path=whole, name=name, now=clock()
        )
    except NotAFilm:
        whole.unlink(missing_ok=True)
        raise


def _tell(generation: Generation, error: Exception) -> None:
    if isinstance(error, EXPECTED):
        cause = type(error.__cause__).__name__
        reason = type(error).__name__
        log.warning("not saved", generation=generation.pk, reason=reason, cause=cause)
    else:
        retry_policy.tell(generation, error, step="save")


def _keep(
    generation: Generation,
    found: Sequence[Found],
    held: uuid.UUID,
    now: datetime,
    missing: str = "",
) -> None:
    """It is done, with every film that was found; `missing` says why one was not."""
    facts: dict[str, Any] = {"error_code": missing, "error_text": "", "parked": None}
    with transaction.atomic():
        if not move(generation, State.COMPLETED, now=now, held=held, **facts):
            return
        Result.objects.bulk_create(
            Result(generation=generation, asset=film, position=position)
            for position, film in enumerate(found)
            if isinstance(film, Asset)
        )
    clear(generation)


async def _try_later(
    generation: Generation,
    found: Sequence[Found],
    had_copy: bool,
    held: uuid.UUID,
    far: Far,
    clock: Clock,
) -> None:
    """Keep trying while there is hope; a dead link is first asked for anew, which is free."""
    now, troubles = clock(), _troubles(found)
    dead = any(isinstance(error, LinkDead) for error in troubles)
    links = await _fresh_links(generation, far) if dead else None
    here = await sync_to_async(is_here, thread_sensitive=False)(generation)
    # What another machine saw counts, unless it was our own copy, which is gone now.
    copy = now if here else None if had_copy else generation.parked
    if _is_over(generation, now) and not lately(copy, now):
        await sync_to_async(_give_up)(generation, found, held, now)
        return
    await sync_to_async(note)(
        generation,
        held=held,
        visible=True,
        due=now + poll_schedule.gap(poll_schedule.SAVE_GAPS, generation.attempts),
        attempts=generation.attempts + 1,
        error_code=_problem(troubles[0]),
        result_urls=links or generation.result_urls,
        parked=copy,
    )


def _is_over(generation: Generation, now: datetime) -> bool:
    expire = generation.results_expire
    return expire is not None and now > expire + LAST_CHANCE


def _give_up(
    generation: Generation, found: Sequence[Found], held: uuid.UUID, now: datetime
) -> None:
    """What is not here by now never will be. The films that are here are kept all the same."""
    troubles = _troubles(found)
    if len(troubles) < len(found):
        _keep(generation, found, held, now, missing=LOST)
        return
    ended = move(
        generation,
        State.FAILED,
        now=now,
        held=held,
        error_code=LOST,
        error_text=getattr(troubles[0], "words", ""),
        charge=Charge.CHARGED,
        parked=None,
    )
    if ended:
        clear(generation)


async def _fresh_links(generation: Generation, far: Far) -> list[str] | None:
    try:
        task = await far.client.read(generation.task_id or "")
    except EvoLinkError:
        return None
    return list(task.results) or None


def _problem(error: Exception) -> str:
    usual = "download_failed" if isinstance(error, EXPECTED) else retry_policy.INTERNAL
    return PROBLEMS.get(type(error).__name__, usual)


EXPECTED = (EvoLinkError, NotTaken, OSError)
# What a card says while the film waits at EvoLink, or on this machine.
PROBLEMS = {
    "NoSpace": "disk_full",
    "NotReached": "not_stored",
    "NotAFilm": "not_a_film",
    "LinkDead": "link_dead",
}
