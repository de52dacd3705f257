"""Finding the task of a generation whose answer was lost. It only reads and never sends again.

A task counts as found when EvoLink, asked with our own key, knows it, it fits, and no other
generation has it: either the one a callback to this generation's secret token named, or the only
one in EvoLink's task list that was created at that time for that model.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from asgiref.sync import sync_to_async
from django.db import OperationalError

from evolink_studio.accounts.models import User
from evolink_studio.evolink.errors import EvoLinkError, NotFoundError
from evolink_studio.evolink.types import Task, TaskSummary
from evolink_studio.generations.models import (
    CallbackDelivery,
    Charge,
    Decision,
    Generation,
    build_scheduled_filter,
)
from evolink_studio.generations.pipeline import schedule, unexpected_errors
from evolink_studio.generations.pipeline.dispatch import record_accepted
from evolink_studio.generations.pipeline.provider import Clock, Provider
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import transition, update_in_state
from evolink_studio.library.models import Asset

log = structlog.get_logger(__name__)

# A POST takes at most 60 s; both clocks may be some seconds off.
MAX_CREATED_BEFORE_SENT = timedelta(seconds=5)
MAX_CREATED_AFTER_SENT = timedelta(seconds=65)
MAX_LIST_PAGES = 3


async def reconcile(
    generation: Generation, *, lease_id: uuid.UUID, provider: Provider, clock: Clock
) -> None:
    """Search once for the task of a leased `unknown` generation; link it, or search again later."""
    task, is_answered = None, True
    named_task_id = generation.candidate_task_id or await sync_to_async(_find_early_callback)(
        generation
    )
    try:
        task = await _find_by_callback(generation, named_task_id, provider) or await _find_in_list(
            generation, provider
        )
    except EvoLinkError as error:
        log.info("task search failed", generation=generation.pk, outcome=type(error).__name__)
        is_answered = isinstance(error, NotFoundError)
    except Exception as error:
        unexpected_errors.log_unexpected_error(generation, error, step="search")
        is_answered = False
    if task is not None:
        await sync_to_async(_record_found)(generation, task, lease_id, provider, clock())
    # A candidate stays until EvoLink has answered about it.
    candidate_task_id = "" if is_answered else named_task_id
    await sync_to_async(_search_later)(generation, candidate_task_id, lease_id, clock())


def _record_found(
    generation: Generation, task: Task, lease_id: uuid.UUID, provider: Provider, now: datetime
) -> None:
    """Link it, and note that the search did, so that an admin can unlink it."""
    record_accepted(generation, task, lease_id, provider, now)
    if Generation.objects.filter(pk=generation.pk, task_id=task.id).exists():
        record_link(generation, task.id, now=now)


def record_link(
    generation: Generation,
    task_id: str,
    *,
    actor: User | None = None,
    reason: str = "",
    now: datetime,
) -> list[Asset]:
    """Note who linked a task, without `actor` the search, so that it can be unlinked.

    Where it was unlinked before, it has a place now. Returns the films that were kept of it.
    """
    decisions = Decision.objects.filter(task_id=task_id, kind=Decision.Kind.UNLINK, needs_look=True)
    films = list(Asset.objects.filter(pk__in=decisions.values("films")).order_by("pk"))
    decisions.update(needs_look=False, closed_at=now)
    Decision.objects.create(
        generation=generation,
        kind=Decision.Kind.LINK,
        actor=actor,
        reason=reason,
        decided_at=now,
        task_id=task_id,
    )
    return films


def _find_early_callback(generation: Generation) -> str:
    """The task id of a callback that came before `unknown`; "" after the first try. One query."""
    if generation.attempts:
        return ""
    deliveries = CallbackDelivery.objects.filter(generation=generation, rejection="").exclude(
        reported_task_id=""
    )
    return (
        deliveries.order_by("received_at").values_list("reported_task_id", flat=True).first() or ""
    )


async def _find_by_callback(
    generation: Generation, task_id: str, provider: Provider
) -> Task | None:
    """The task that a callback or an admin named, if it fits."""
    if not task_id:
        return None
    task = await provider.client.get_task(task_id)
    if not _is_same_model(generation, task.model) or not _can_be_named_task(
        generation, task.created
    ):
        return None
    return task if await sync_to_async(filter_unlinked)([task.id], generation.pk) else None


async def _find_in_list(generation: Generation, provider: Provider) -> Task | None:
    """The only unlinked task of that model and time, unless another generation could own it."""
    tasks = await list_tasks_since(provider, generation.sent_at)
    task_id = await sync_to_async(find_only_match)(generation, tasks)
    return await provider.client.get_task(task_id) if task_id else None


async def list_tasks_since(provider: Provider, moment: datetime | None) -> list[TaskSummary]:
    """The newest tasks of the account, up to MAX_LIST_PAGES, at least back to this moment."""
    found_tasks: list[TaskSummary] = []
    for page in range(1, MAX_LIST_PAGES + 1):
        tasks = await provider.client.list_tasks(page, 50)
        found_tasks += tasks or ()
        if not tasks or _reaches_before(moment, tasks):
            break
    return found_tasks


def find_only_match(generation: Generation, tasks: Iterable[TaskSummary]) -> str:
    """The id of the only unlinked task of that model and time; "" without, or with a rival."""
    matches = [task.id for task in tasks if _matches_generation(generation, task)]
    unlinked_ids = filter_unlinked(matches, generation.pk)
    return unlinked_ids[0] if len(unlinked_ids) == 1 and not _has_rival(generation) else ""


def _matches_generation(generation: Generation, task: TaskSummary) -> bool:
    return _is_same_model(generation, task.model) and _is_in_send_window(
        generation, task.created_at
    )


def _is_same_model(generation: Generation, model: str) -> bool:
    # EvoLink may answer with an alias: veo3.1-pro as veo3.1-pro-beta.
    return model.startswith(generation.model_id)


def _is_in_send_window(generation: Generation, created_at: datetime | None) -> bool:
    sent_at = generation.sent_at
    return bool(
        sent_at
        and created_at
        and sent_at - MAX_CREATED_BEFORE_SENT <= created_at <= sent_at + MAX_CREATED_AFTER_SENT
    )


def _can_be_named_task(generation: Generation, created_at: datetime | None) -> bool:
    """Whether a named task may belong to this generation, by its creation time.

    A row restored from a backup does not know when it was sent, only that it was between its
    creation and the restore. That is enough here, because only that one request carried its token;
    it is not enough for the task list.
    """
    if generation.candidate_confirmed or generation.sent_at:
        return generation.candidate_confirmed or _is_in_send_window(generation, created_at)
    restored_at = generation.progressed_at or generation.created_at
    return bool(
        created_at
        and generation.created_at - MAX_CREATED_BEFORE_SENT
        <= created_at
        <= restored_at + MAX_CREATED_AFTER_SENT
    )


def _reaches_before(moment: datetime | None, tasks: Iterable[TaskSummary]) -> bool:
    return moment is None or any(
        task.created_at and task.created_at < moment - MAX_CREATED_BEFORE_SENT for task in tasks
    )


def filter_unlinked(task_ids: list[str], generation_id: int) -> list[str]:
    """The task ids that no generation has, and that were not unlinked from this one. Two queries.

    What an admin unlinked is not found again by the search.
    """
    linked_ids = set(
        Generation.objects.filter(task_id__in=task_ids).values_list("task_id", flat=True)
    )
    unlinked_decisions = Decision.objects.filter(
        kind=Decision.Kind.UNLINK, generation=generation_id, task_id__in=task_ids
    )
    linked_ids |= set(unlinked_decisions.values_list("task_id", flat=True))
    return [task_id for task_id in dict.fromkeys(task_ids) if task_id not in linked_ids]


def _has_rival(generation: Generation) -> bool:
    """Whether another generation could own the same task: then only a person can decide.

    That is one that is `unknown`, one being sent (EvoLink lists a task before it answers), or one
    that an admin marked as charged without naming its task.
    """
    assert generation.sent_at is not None
    window = MAX_CREATED_BEFORE_SENT + MAX_CREATED_AFTER_SENT
    earliest, latest = generation.sent_at - window, generation.sent_at + window
    return any(
        pk != generation.pk and model_id == generation.model_id and earliest <= sent_at <= latest
        for pk, model_id, sent_at in _list_sent_without_task()
        if sent_at is not None
    )


def _list_sent_without_task() -> Iterable[tuple[int, str, datetime | None]]:
    """(pk, model id, sent at) of what EvoLink may have a task of that nobody has named. One query.

    A union of what indexes find: with "or" the database would read all of a model's generations.
    """
    rows = Generation.objects.filter(accepted_at=None, task_id=None)
    lost_rows = rows.filter(state=State.UNKNOWN, charge=Charge.UNCLEAR)
    charged_rows = rows.filter(state=State.FAILED, charge=Charge.CHARGED)
    sending_rows = Generation.objects.filter(build_scheduled_filter(State.SENDING))
    columns = ("pk", "model_id", "sent_at")
    return lost_rows.values_list(*columns).union(
        charged_rows.values_list(*columns), sending_rows.values_list(*columns), all=True
    )


def _search_later(
    generation: Generation, candidate_task_id: str, lease_id: uuid.UUID, now: datetime
) -> None:
    is_recent = generation.sent_at is not None and now - generation.sent_at < schedule.SEARCH_PERIOD
    # A candidate is read until EvoLink answers about it: that is free.
    is_retried = is_recent or bool(candidate_task_id)
    delay = schedule.get_delay_for_attempt(schedule.SEARCH_RETRY_SECONDS, generation.attempts)
    update_in_state(
        generation,
        lease_id=lease_id,
        is_visible=False,
        next_attempt_at=now + delay if is_retried else None,
        attempts=generation.attempts + 1,
        candidate_task_id=candidate_task_id,
    )


def recover_interrupted_sends(*, now: datetime) -> int:
    """Move rows still `sending` after their POST must have ended to `unknown`.

    Their worker died between the two commits around the POST: EvoLink may or may not have the
    request, so it is never sent again automatically. Returns how many were moved.
    """
    interrupted_rows = Generation.objects.filter(state=State.SENDING, next_attempt_at__lte=now)
    return sum(
        _mark_unknown(row, now)
        for row in interrupted_rows.only("pk", "owner_id", "lease_id", "state")
    )


def _mark_unknown(generation: Generation, now: datetime) -> bool:
    try:
        return transition(
            generation,
            State.UNKNOWN,
            now=now,
            lease_id=generation.lease_id,
            charge=Charge.UNCLEAR,
            next_attempt_at=now,
            attempts=0,
            error_code=ErrorCode.ANSWER_LOST,
        )
    except OperationalError:
        raise
    except Exception:
        # One row that cannot be moved must not keep the others; it is logged each time.
        log.exception("recovery failed", generation=generation.pk)
        return False
