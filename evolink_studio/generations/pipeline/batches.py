"""Stops batches: what of them waits is cancelled, as nothing of it was sent or charged."""

from datetime import datetime
from functools import cache

import structlog
from django.db import transaction
from django.db.models import Count

from evolink_studio.core.prepared_query import PreparedQuery
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
    stopped in one of its own. One query when nothing of a batch waits, else three.
    """
    batch_ids = [batch_id for (batch_id,) in _waiting_query().fetch({})]
    if not batch_ids:
        return
    failed_rows = Generation.objects.filter(batch__in=batch_ids, state=State.FAILED)
    failed_counts = dict(failed_rows.order_by().values_list("batch_id").annotate(count=Count("pk")))
    for batch in Batch.objects.filter(pk__in=batch_ids):
        has_failed = batch.max_failures and failed_counts.get(batch.pk, 0) >= batch.max_failures
        if has_failed or batch.stopped_at:
            count = stop_batch(batch, now=now)
            log.info("batch stopped", batch=batch.pk, cancelled=count)


@cache
def _waiting_query() -> PreparedQuery:
    """The batches of which something waits."""
    waiting_rows = Generation.objects.filter(
        build_scheduled_filter(State.QUEUED), batch__isnull=False
    )
    return PreparedQuery(waiting_rows.order_by().values_list("batch_id").distinct())
