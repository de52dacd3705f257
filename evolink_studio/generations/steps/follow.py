"""Following: reading tasks, which is free, and writing down what changed."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, OperationalError, transaction

from evolink_studio.credits.services import record_key_refused
from evolink_studio.evolink.errors import EvoLinkError, KeyRefused, RateLimited, Unavailable
from evolink_studio.evolink.wire import Task
from evolink_studio.generations.models import Generation
from evolink_studio.generations.moves import note
from evolink_studio.generations.steps import poison, schedule
from evolink_studio.generations.steps.far import Clock, Far
from evolink_studio.generations.steps.outcome import apply_task, moves

log = structlog.get_logger(__name__)

Answer = Task | Exception


async def follow(batch: Sequence[Generation], *, held: uuid.UUID, far: Far, clock: Clock) -> int:
    """Read every task of a claimed batch at once, then keep the answers in one transaction.

    Returns how many reads were not answered, so that the caller can slow down when EvoLink is away.
    """
    answers = await asyncio.gather(*(_read(generation, far) for generation in batch))
    await sync_to_async(_keep)(list(zip(batch, answers, strict=True)), held, far, clock())
    return sum(isinstance(answer, Unavailable | RateLimited) for answer in answers)


async def _read(generation: Generation, far: Far) -> Answer:
    try:
        assert generation.task_id is not None
        return await far.client.read(generation.task_id)
    except Exception as error:  # of ours or of EvoLink: it must not take the others along
        return error


def _keep(
    answers: list[tuple[Generation, Answer]], held: uuid.UUID, far: Far, now: datetime
) -> None:
    """News that only move a bar in one transaction; what touches the book each in its own.

    A move locks purses. Two generations in one transaction could hold a purse that a press waits
    for, while that press holds the feed that the second one needs.
    """
    ends = [pair for pair in answers if _ends(pair[1])]
    others = [pair for pair in answers if not _ends(pair[1])]
    # Feeds are locked in the same order by everybody, so two workers never wait for each other.
    others.sort(key=lambda pair: pair[0].owner_id)
    try:
        _keep_together(others, held, far, now)
    except OperationalError:
        raise
    except Exception:
        ends += others
    for answer in ends:
        _keep_alone(answer, held, far, now)


def _ends(answer: Answer) -> bool:
    return isinstance(answer, Task) and moves(answer)


def _keep_alone(
    answer: tuple[Generation, Answer], held: uuid.UUID, far: Far, now: datetime
) -> None:
    try:
        _keep_together([answer], held, far, now)
    except Exception as error:
        _put_off(answer[0], error, held, now)


def _put_off(generation: Generation, error: Exception, held: uuid.UUID, now: datetime) -> None:
    """Further each time. Where even that cannot be written its claim runs out."""
    poison.tell(generation, error, step="follow")
    try:
        _later(generation, held, now, error_code=poison.INTERNAL)
    except DatabaseError as trouble:
        log.warning("not put off", generation=generation.pk, reason=type(trouble).__name__)


@transaction.atomic
def _keep_together(
    answers: Sequence[tuple[Generation, Answer]], held: uuid.UUID, far: Far, now: datetime
) -> None:
    for generation, answer in answers:
        if isinstance(answer, Task):
            apply_task(generation, answer, held=held, now=now, sandboxed=far.sandboxed)
        elif isinstance(answer, EvoLinkError):
            _look_again_later(generation, answer, held, far, now)
        else:
            _put_off(generation, answer, held, now)


def _look_again_later(
    generation: Generation, error: EvoLinkError, held: uuid.UUID, far: Far, now: datetime
) -> None:
    """A read that brought nothing never fails a generation: the film may be on its way."""
    log.info("read brought nothing", generation=generation.pk, outcome=type(error).__name__)
    if isinstance(error, KeyRefused):
        record_key_refused(far_end=far.name, now=now)
    _later(generation, held, now)


def _later(generation: Generation, held: uuid.UUID, now: datetime, **facts: object) -> None:
    newly_stalled = not generation.stalled and schedule.is_stalled(generation, now)
    note(
        generation,
        held=held,
        visible=newly_stalled,
        due=now + schedule.after_trouble(generation.attempts),
        attempts=generation.attempts + 1,
        stalled=generation.moved if newly_stalled else generation.stalled,
        **facts,
    )
