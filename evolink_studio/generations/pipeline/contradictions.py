"""Decisions of people, held against what EvoLink says afterwards. Nothing here changes money.

What speaks against a decision makes it an incident: a person looks, and takes it back or keeps it.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from asgiref.sync import sync_to_async
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from evolink_studio.credits.fields import ZERO_CREDITS
from evolink_studio.credits.queries import measure_use_since
from evolink_studio.evolink.errors import EvoLinkError
from evolink_studio.evolink.types import TaskSummary
from evolink_studio.generations.models import (
    OPEN_CHARGES,
    Charge,
    Decision,
    DecisionQuerySet,
    Generation,
    build_scheduled_filter,
)
from evolink_studio.generations.pipeline import reconciliation
from evolink_studio.generations.pipeline.provider import Provider
from evolink_studio.generations.states import State

log = structlog.get_logger(__name__)

CHECK_PERIOD = timedelta(days=3)  # so long a decision is held against EvoLink's figures
MAX_CHECKED_DECISIONS = 50
# The price may be lower than the estimate, so half of it missing is enough to look.
MIN_MISSING_SHARE = Decimal("0.5")


def record_contradicting_callback(
    generation_id: int, *, status: str, task_id: str, now: datetime
) -> None:
    """A callback on its secret address named another task than was decided. At most four queries.

    That it was charged without a film is only contradicted by a task that ended with one.
    """
    is_contradicted = Q(kind=Decision.Kind.NEVER_TAKEN) | Q(kind=Decision.Kind.LINK)
    if status == "completed":
        is_contradicted |= Q(kind=Decision.Kind.CHARGED)
    decisions = Decision.objects.filter(is_contradicted, generation=generation_id, closed_at=None)
    decisions = decisions.exclude(task_id=task_id)
    if decisions.exists() and reconciliation.filter_unlinked([task_id], generation_id):
        _contradict(decisions, Decision.Contradiction.CALLBACK, now, task_id)


async def check_decisions(provider: Provider, *, now: datetime) -> None:
    """Hold "EvoLink never took it" against the balance and the task list; free reads only.

    One query while nothing was decided in the last CHECK_PERIOD.
    """
    decisions = await sync_to_async(_list_unchecked)(now)
    if not decisions:
        return
    await sync_to_async(_check_balance)(decisions, provider.provider_key, now)
    try:
        tasks = await reconciliation.list_tasks_since(
            provider, min(decision.generation.created_at for decision in decisions)
        )
    except EvoLinkError as error:
        log.info("decisions not compared", outcome=type(error).__name__)
        return
    await sync_to_async(_check_tasks)(decisions, tasks, now)


def _list_unchecked(now: datetime) -> list[Decision]:
    decisions = Decision.objects.filter(
        kind=Decision.Kind.NEVER_TAKEN,
        decided_at__gte=now - CHECK_PERIOD,
        closed_at=None,
        contradicted_at=None,
        generation__state=State.FAILED,
    )
    return list(decisions.select_related("generation")[:MAX_CHECKED_DECISIONS])


def _check_balance(decisions: list[Decision], provider_key: str, now: datetime) -> None:
    for decision in decisions:
        generation = decision.generation
        amount = generation.credits_estimated
        use = measure_use_since(
            provider_key=provider_key, moment=generation.sent_at or generation.created_at
        )
        if not amount or use is None:
            continue
        since, taken = use
        if taken - _sum_explained(since) >= amount * MIN_MISSING_SHARE:
            _contradict(
                Decision.objects.filter(pk=decision.pk), Decision.Contradiction.BALANCE, now
            )


def _sum_explained(since: datetime) -> Decimal:
    """What the studio knows of that EvoLink took since then, rather too much. Two queries."""
    charged = Generation.objects.filter(charge=Charge.CHARGED, accounted_at__gt=since)
    open_rows = Generation.objects.filter(
        Q(charge__in=OPEN_CHARGES) | build_scheduled_filter(State.SENDING)
    )
    amount = Coalesce(F("credits_reserved"), F("credits_estimated"))
    return (charged.aggregate(n=Sum("credits_charged"))["n"] or ZERO_CREDITS) + (
        open_rows.aggregate(n=Sum(amount))["n"] or ZERO_CREDITS
    )


def _check_tasks(decisions: list[Decision], tasks: list[TaskSummary], now: datetime) -> None:
    for decision in decisions:
        task_id = reconciliation.find_only_match(decision.generation, tasks)
        if task_id:
            rows = Decision.objects.filter(pk=decision.pk)
            _contradict(rows, Decision.Contradiction.TASK, now, task_id)


def _contradict(
    decisions: DecisionQuerySet,
    contradiction: Decision.Contradiction,
    now: datetime,
    task_id: str = "",
) -> None:
    count = decisions.contradict(contradiction, now=now, task_id=task_id)
    if count:
        log.warning("decision contradicted", by=contradiction.value, count=count)
