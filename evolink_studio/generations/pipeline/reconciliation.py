"""Finding the task of a generation whose answer was lost. It only reads, and never sends again.

A task counts as found when EvoLink, asked with our own key, knows it, it fits, and no other
generation has it: either the one a callback named on this generation's secret token (which may be
quicker than the answer that was lost), or the only one in EvoLink's task list that was made at that
moment for that model.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.db.models import Q

from evolink_studio.evolink.errors import EvoLinkError, NotFound
from evolink_studio.evolink.types import Task, TaskSummary
from evolink_studio.generations.models import Charge, Delivery, Generation
from evolink_studio.generations.pipeline import poll_schedule, retry_policy
from evolink_studio.generations.pipeline.dispatch import accepted
from evolink_studio.generations.pipeline.provider import Clock, Far
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import move, note

log = structlog.get_logger(__name__)

# A POST takes at most 60 s; both clocks may be some seconds off.
BEFORE = timedelta(seconds=5)
AFTER = timedelta(seconds=65)
PAGES = 3


async def resolve(generation: Generation, *, held: uuid.UUID, far: Far, clock: Clock) -> None:
    """Look once for the lost task of a claimed generation; link it, or look again later."""
    task, answered = None, True
    named = generation.candidate or await sync_to_async(_named_early)(generation)
    try:
        task = await _named(generation, named, far) or await _listed(generation, far)
    except EvoLinkError as error:
        log.info("search brought nothing", generation=generation.pk, outcome=type(error).__name__)
        answered = isinstance(error, NotFound)
    except Exception as error:
        retry_policy.tell(generation, error, step="search")
        answered = False
    if task is not None:
        await sync_to_async(accepted)(generation, task, held, far, clock())
    # A candidate that EvoLink said nothing about stays one.
    candidate = "" if answered else named
    await sync_to_async(_look_again)(generation, candidate, held, clock())


def _named_early(generation: Generation) -> str:
    """What a callback named while the request was still in the line; looked up at first."""
    if generation.attempts:
        return ""
    early = Delivery.objects.filter(generation=generation, refused="").exclude(task_named="")
    return early.order_by("at").values_list("task_named", flat=True).first() or ""


async def _named(generation: Generation, task_id: str, far: Far) -> Task | None:
    """The task that a callback named, if it fits."""
    if not task_id:
        return None
    task = await far.client.read(task_id)
    if not _same_model(generation, task.model) or not _is_meant(generation, task.created):
        return None
    return task if await sync_to_async(_unlinked)([task.id]) else None


async def _listed(generation: Generation, far: Far) -> Task | None:
    """The only unlinked task of that model and moment, unless another lost one could own it."""
    found: list[TaskSummary] = []
    for page in range(1, PAGES + 1):
        tasks = await far.client.tasks(page, 50)
        found += [task for task in tasks or () if _fits(generation, task)]
        if not tasks or _older(generation, tasks):
            break
    free = await sync_to_async(_unlinked)([task.id for task in found])
    if len(free) != 1 or await sync_to_async(_rivals)(generation):
        return None
    return await far.client.read(free[0])


def _fits(generation: Generation, task: TaskSummary) -> bool:
    return _same_model(generation, task.model) and _in_time(generation, task.created_at)


def _same_model(generation: Generation, model: str) -> bool:
    # EvoLink may answer with an alias: veo3.1-pro as veo3.1-pro-beta.
    return model.startswith(generation.model_id)


def _in_time(generation: Generation, created: datetime | None) -> bool:
    sent = generation.sent
    return bool(sent and created and sent - BEFORE <= created <= sent + AFTER)


def _is_meant(generation: Generation, created: datetime | None) -> bool:
    """Whether the task that was named may be the one of this generation, by its age.

    A row that was restored as waiting does not know when it was sent, only that it can have been
    between its press and the restoring. That is enough here: its token left this machine in that
    one request and nowhere else. It is not for the task list, where nobody vouches for a line.
    """
    if generation.vouched or generation.sent:
        return generation.vouched or _in_time(generation, created)
    restored = generation.moved or generation.created
    return bool(created and generation.created - BEFORE <= created <= restored + AFTER)


def _older(generation: Generation, tasks: Iterable[TaskSummary]) -> bool:
    sent = generation.sent
    return sent is None or any(t.created_at and t.created_at < sent - BEFORE for t in tasks)


def _unlinked(task_ids: list[str]) -> list[str]:
    """Those tasks that no generation has."""
    linked = set(Generation.objects.filter(task_id__in=task_ids).values_list("task_id", flat=True))
    return [task_id for task_id in dict.fromkeys(task_ids) if task_id not in linked]


def _rivals(generation: Generation) -> bool:
    """Whether another generation could own the same task: then only a person can tell.

    Another lost one; one that is being sent, as EvoLink lists a task before it has answered; or
    one of which an admin said that it was charged, without naming its task.
    """
    assert generation.sent is not None
    span = BEFORE + AFTER
    waiting = Q(state__in=[State.UNKNOWN, State.SENDING])
    settled = Q(state=State.FAILED, task_id=None, charge=Charge.CHARGED)
    return (
        Generation.objects.filter(waiting | settled, model_id=generation.model_id)
        .filter(sent__gte=generation.sent - span, sent__lte=generation.sent + span)
        .exclude(pk=generation.pk)
        .exists()
    )


def _look_again(generation: Generation, candidate: str, held: uuid.UUID, now: datetime) -> None:
    lately = generation.sent is not None and now - generation.sent < poll_schedule.SEARCH_PATIENCE
    # What was named is asked for until EvoLink says something: that costs nothing.
    patient = lately or bool(candidate)
    gap = poll_schedule.gap(poll_schedule.SEARCH_GAPS, generation.attempts)
    note(
        generation,
        held=held,
        visible=False,
        due=now + gap if patient else None,
        attempts=generation.attempts + 1,
        candidate=candidate,
    )


def sweep(*, now: datetime) -> int:
    """Rows still `sending` long after their POST must have ended become `unknown`.

    Their worker died between the two commits around the POST: EvoLink may or may not have the
    request, so it is never sent again by itself. Returns how many were found.
    """
    left = Generation.objects.filter(state=State.SENDING, due__lte=now)
    return sum(_tell(row, now) for row in left.only("pk", "owner_id", "claim", "state"))


def _tell(generation: Generation, now: datetime) -> bool:
    try:
        return move(
            generation,
            State.UNKNOWN,
            now=now,
            held=generation.claim,
            charge=Charge.UNCLEAR,
            due=now,
            attempts=0,
            error_code="answer_lost",
        )
    except OperationalError:
        raise
    except Exception:
        # One row that cannot be moved hides no other one; it is told of at every sweep.
        log.exception("not swept", generation=generation.pk)
        return False
