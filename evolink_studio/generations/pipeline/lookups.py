"""Reading the tasks that admins named, so that they see what a task is before they link it."""

from datetime import datetime, timedelta

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from evolink_studio.evolink.errors import EvoLinkError, NotFoundError, RequestRejected
from evolink_studio.evolink.types import Task
from evolink_studio.generations.models import Generation, TaskLookup
from evolink_studio.generations.pipeline.provider import Clock, Provider

log = structlog.get_logger(__name__)

MAX_LOOKUPS = 5  # in one round
LOOKUP_PERIOD = timedelta(minutes=5)  # so long EvoLink is asked while it does not answer


async def read_named_tasks(*, provider: Provider, clock: Clock) -> int:
    """Read every task that waits for it, and store what EvoLink says. Returns how many."""
    lookups = await sync_to_async(_list_waiting)()
    for lookup in lookups:
        outcome, task = await _read(lookup, provider, clock())
        if outcome is not None:
            log.info("named task read", task=lookup.task_id, outcome=outcome)
            await sync_to_async(_store)(lookup, outcome, task, clock())
    return len(lookups)


def has_waiting_lookups() -> bool:
    """Whether a task waits to be read. One query."""
    return TaskLookup.objects.filter(answered_at__isnull=True).exists()


async def _read(
    lookup: TaskLookup, provider: Provider, now: datetime
) -> tuple[TaskLookup.Outcome | None, Task | None]:
    try:
        return TaskLookup.Outcome.FOUND, await provider.client.get_task(lookup.task_id)
    except NotFoundError:
        return TaskLookup.Outcome.NOT_FOUND, None
    except RequestRejected:
        return TaskLookup.Outcome.REFUSED, None
    except EvoLinkError:
        is_over = now - lookup.requested_at > LOOKUP_PERIOD
        return (TaskLookup.Outcome.UNANSWERED if is_over else None), None


def _list_waiting() -> list[TaskLookup]:
    lookups = TaskLookup.objects.filter(answered_at__isnull=True).order_by("requested_at")
    return list(lookups.select_related("generation", "requested_by")[:MAX_LOOKUPS])


def _store(
    lookup: TaskLookup, outcome: TaskLookup.Outcome, task: Task | None, now: datetime
) -> None:
    """Store the answer, and note it in the history of the generation in the asking admin's name."""
    waiting = TaskLookup.objects.filter(pk=lookup.pk, answered_at__isnull=True)
    with transaction.atomic():
        is_first = waiting.update(
            outcome=outcome, answered_at=now, reply=task.to_json() if task else None
        )
        if is_first and lookup.generation is not None:
            with translation.override(lookup.requested_by.language or settings.LANGUAGE_CODE):
                text = _("Asked EvoLink about task {task}: {answer}.").format(
                    task=lookup.task_id, answer=outcome.label
                )
            LogEntry.objects.create(
                user=lookup.requested_by,
                content_type=ContentType.objects.get_for_model(Generation),
                object_id=str(lookup.generation.pk),
                object_repr=str(lookup.generation),
                action_flag=CHANGE,
                change_message=text,
            )
