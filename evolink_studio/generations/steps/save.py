"""Saving: the film is ours only when its bytes are checked and stand in our own library."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction

from evolink_studio.evolink.download import download
from evolink_studio.evolink.errors import EvoLinkError, LinkDead
from evolink_studio.evolink.part import NOTE, take_over
from evolink_studio.generations.models import Charge, Generation, Result
from evolink_studio.generations.moves import move, note
from evolink_studio.generations.states import State
from evolink_studio.generations.steps import poison, schedule
from evolink_studio.generations.steps.far import Clock, Far
from evolink_studio.library.errors import NotTaken
from evolink_studio.library.models import Asset
from evolink_studio.library.services import add_result

log = structlog.get_logger(__name__)

LARGEST = 4 * 1024**3
DEADLINE = 1200.0
# Links die 24 h after completion. Two hours later nothing can bring the film back.
LAST_CHANCE = timedelta(hours=2)


async def save(generation: Generation, *, held: uuid.UUID, far: Far, clock: Clock) -> None:
    """Download, check and keep every film of a generation, then say it is done."""
    try:
        if not generation.result_urls:
            raise LinkDead("There is no link")
        assets = [
            await _fetch(generation, position, url, far, clock)
            for position, url in enumerate(generation.result_urls)
        ]
    except EXPECTED as error:
        log.warning("not saved", generation=generation.pk, reason=type(error).__name__)
        await _try_later(generation, error, held, far, clock)
    except Exception as error:
        poison.tell(generation, error, step="save")
        await _try_later(generation, error, held, far, clock)
    else:
        await sync_to_async(_keep)(generation, assets, held, clock())


async def _fetch(generation: Generation, position: int, url: str, far: Far, clock: Clock) -> Asset:
    path = await sync_to_async(_place, thread_sensitive=False)(generation, position)
    await download(url, path, far_ends=far.addresses, cap=LARGEST, deadline=DEADLINE, resume=True)
    try:
        return await sync_to_async(add_result, thread_sensitive=False)(
            owner_id=generation.owner_id,
            path=path,
            name=f"{generation.model_id}-{generation.pk}-{position + 1}",
            now=clock(),
        )
    finally:
        path.unlink(missing_ok=True)


def _place(generation: Generation, position: int) -> Path:
    """A file of this claim alone, with what an earlier try has brought already.

    A worker that was paused may still be writing to its own: two in one file would spoil it.
    """
    folder = Path(settings.MEDIA_ROOT) / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{generation.pk}-{position}"
    path = folder / f"{name}-{generation.claim}"
    take_over(path, [left for left in folder.glob(f"{name}-*") if left.suffix != NOTE])
    return path


@transaction.atomic
def _keep(generation: Generation, assets: Sequence[Asset], held: uuid.UUID, now: datetime) -> None:
    if not move(generation, State.COMPLETED, now=now, held=held, error_code="", error_text=""):
        return
    Result.objects.bulk_create(
        Result(generation=generation, asset=asset, position=position)
        for position, asset in enumerate(assets)
    )


async def _try_later(
    generation: Generation, error: Exception, held: uuid.UUID, far: Far, clock: Clock
) -> None:
    """Keep trying while there is hope; a dead link is first asked for anew, which is free."""
    now = clock()
    links = await _fresh_links(generation, far) if isinstance(error, LinkDead) else None
    if generation.results_expire and now > generation.results_expire + LAST_CHANCE:
        await sync_to_async(move)(
            generation,
            State.FAILED,
            now=now,
            held=held,
            error_code="film_lost",
            error_text=getattr(error, "words", ""),
            charge=Charge.CHARGED,
        )
        return
    await sync_to_async(note)(
        generation,
        held=held,
        visible=True,
        due=now + schedule.gap(schedule.SAVE_GAPS, generation.attempts),
        attempts=generation.attempts + 1,
        error_code=_problem(error),
        result_urls=links or generation.result_urls,
    )


async def _fresh_links(generation: Generation, far: Far) -> list[str] | None:
    try:
        task = await far.client.read(generation.task_id or "")
    except EvoLinkError:
        return None
    return list(task.results) or None


def _problem(error: Exception) -> str:
    usual = "download_failed" if isinstance(error, EXPECTED) else poison.INTERNAL
    return PROBLEMS.get(type(error).__name__, usual)


EXPECTED = (EvoLinkError, NotTaken, OSError)
# What a card says while the film waits at EvoLink.
PROBLEMS = {"NoSpace": "disk_full", "NotAFilm": "not_a_film", "LinkDead": "link_dead"}
