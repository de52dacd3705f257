"""Stops batches: what of them waits is cancelled, as nothing of it was sent or charged."""

from datetime import datetime
from functools import cache

import structlog
from django.db import transaction
from django.db.models import Count, F, Q

from evolink_studio.core.prepared_query import PreparedObjects
from evolink_studio.generations.models import Batch, Generation, build_scheduled_filter
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import increment_feed_version, transition

log = structlog.get_logger(__name__)


def stop_batch(batch: Batch, *, now: datetime) -> int:
    """Cancel what of a batch waits, and note when it was first stopped. Returns how many.

    What is at EvoLink goes on. One that comes back into the queue later is cancelled by
    `stop_failing_batches`.
    """
    with transaction.atomic():
        increment_feed_version(batch.owner_id)  # locks the feed before any generation
        Batch.objects.filter(pk=batch.pk, stopped_at=None).update(stopped_at=now)
        waiting_rows = Generation.objects.filter(batch_id=batch.pk, state=State.QUEUED)
        rows = list(waiting_rows.only("pk", "owner_id", "state").order_by("pk"))
        return sum(transition(row, State.CANCELLED, now=now) for row in rows)


def stop_failing_batches(*, now: datetime) -> None:
    """Stop the batches with something waiting that failed as often as they may, or were stopped.

    For the worker, before it leases what it sends; not inside a transaction, as each batch is
    stopped in one of its own. One query when there is none.
    """
    for batch in _failing_query().fetch({}):
        count = stop_batch(batch, now=now)
        log.info("batch stopped", batch=batch.pk, cancelled=count)


@cache
def _failing_query() -> PreparedObjects[Batch]:
    waiting_rows = Generation.objects.filter(
        build_scheduled_filter(State.QUEUED), batch__isnull=False
    )
    batches = Batch.objects.filter(pk__in=waiting_rows.order_by().values("batch_id"))
    failed_count = Count("generations", filter=Q(generations__state=State.FAILED))
    is_failing = Q(failed_count__gte=F("max_failures")) | Q(stopped_at__isnull=False)
    return PreparedObjects(batches.annotate(failed_count=failed_count).filter(is_failing))
