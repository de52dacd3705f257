"""Following: reading tasks, which is free, and writing down what changed."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, OperationalError

from evolink_studio.credits.services import record_key_refused
from evolink_studio.evolink.errors import EvoLinkError, KeyRefused, RateLimited, Unavailable
from evolink_studio.evolink.wire import Task
from evolink_studio.generations.models import Generation
from evolink_studio.generations.moves import Note, note, note_all
from evolink_studio.generations.states import State
from evolink_studio.generations.steps import poison, schedule
from evolink_studio.generations.steps.far import Clock, Far
from evolink_studio.generations.steps.outcome import apply_task

log = structlog.get_logger(__name__)

ROUND = 1.0  # seconds that the quick answers of a batch wait for the slow ones

Answer = Task | Exception
Answers = list[tuple[Generation, Answer]]


async def follow(batch: Sequence[Generation], *, held: uuid.UUID, far: Far, clock: Clock) -> int:
    """Read every task of a claimed batch at once, and keep the answers as they come.

    Returns how many reads were not answered, so that the caller can slow down when EvoLink is away.
    """
    reads = {asyncio.create_task(_read(generation, far)): generation for generation in batch}
    pending, barren = set(reads), 0
    try:
        while pending:
            come, pending = await asyncio.wait(pending, timeout=ROUND)
            answers = [(reads[read], read.result()) for read in reads if read in come]
            if answers:
                await sync_to_async(_keep)(answers, held, far, clock())
            barren += sum(isinstance(answer, Unavailable | RateLimited) for _, answer in answers)
    finally:
        for read in pending:
            read.cancel()
    return barren


async def _read(generation: Generation, far: Far) -> Answer:
    try:
        assert generation.task_id is not None
        return await far.client.read(generation.task_id)
    except Exception as error:  # of ours or of EvoLink: it must not take the others along
        return error


def _keep(answers: Answers, held: uuid.UUID, far: Far, now: datetime) -> None:
    """What touches the book each in a transaction of its own, all else together.

    A move locks purses. Two generations in one transaction could hold a purse that a press waits
    for, while that press holds the feed that the second one needs.
    """
    found = (_learn(generation, answer, held, far, now) for generation, answer in answers)
    notes = [one for one in found if one is not None]
    try:
        if any(isinstance(answer, KeyRefused) for _, answer in answers):
            record_key_refused(far_end=far.name, now=now)
        left = note_all(notes, State.RUNNING, held=held)
    except OperationalError:
        raise  # the database is away: their claims run out, and they are read again
    except Exception:
        left = notes
    for one in left:
        _keep_alone(one, held, now)


def _learn(
    generation: Generation, answer: Answer, held: uuid.UUID, far: Far, now: datetime
) -> Note | None:
    """What is to be noted; None for a generation that has moved on."""
    try:
        if isinstance(answer, Task):
            return apply_task(generation, answer, held=held, now=now, sandboxed=far.sandboxed)
        if not isinstance(answer, EvoLinkError):
            raise answer
        # A read that brought nothing never fails a generation: the film may be on its way.
        outcome = type(answer).__name__
        log.info("read brought nothing", generation=generation.pk, outcome=outcome)
        return _later(generation, now)
    except Exception as error:
        return _put_off(generation, error, now)


def _keep_alone(one: Note, held: uuid.UUID, now: datetime) -> None:
    """Where not even that it is put off can be written, its claim runs out."""
    try:
        _write(one, held)
    except Exception as error:
        try:
            _write(_put_off(one.generation, error, now), held)
        except DatabaseError as trouble:
            reason = type(trouble).__name__
            log.warning("not put off", generation=one.generation.pk, reason=reason)


def _write(one: Note, held: uuid.UUID) -> None:
    note(one.generation, held=held, visible=one.visible, **one.facts)


def _put_off(generation: Generation, error: Exception, now: datetime) -> Note:
    """Further each time."""
    poison.tell(generation, error, step="follow")
    return _later(generation, now, error_code=poison.INTERNAL)


def _later(generation: Generation, now: datetime, **facts: Any) -> Note:
    newly_stalled = not generation.stalled and schedule.is_stalled(generation, now)
    facts |= {
        "due": now + schedule.after_trouble(generation.attempts),
        "attempts": generation.attempts + 1,
        "stalled": generation.moved if newly_stalled else generation.stalled,
    }
    return Note(generation, newly_stalled, facts)
