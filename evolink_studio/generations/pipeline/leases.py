"""Leasing due rows, so that two workers never work on the same one.

A lease is a random `lease_id` on the row, and `next_attempt_at` moved into the future. If a worker
dies the row becomes due again; a worker that was paused finds its lease gone and changes nothing.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache

from django.db import transaction

from evolink_studio.core.prepared_query import PreparedQuery
from evolink_studio.generations.models import Generation, build_scheduled_filter
from evolink_studio.generations.states import LIVE_STATES, State
from evolink_studio.generations.transitions import lock_available

LEASE_DURATION = timedelta(seconds=120)
# All that polling needs: it loads thousands of rows a second, so each further column costs.
POLL_COLUMNS = (
    *("owner_id", "state", "task_id", "progress", "last_status", "error_code", "attempts"),
    *("progressed_at", "stalled_since", "expected_seconds"),
)


def lease_due(
    state: State, *, limit: int, now: datetime, only_poll_columns: bool = False
) -> tuple[uuid.UUID, list[Generation]]:
    """Lease up to `limit` due rows of a state, the longest due first. Three queries.

    `only_poll_columns`: load only `POLL_COLUMNS`; other columns are deferred.
    """
    lease_id = uuid.uuid4()
    due_rows = Generation.objects.filter(state=state, next_attempt_at__lte=now).order_by(
        "next_attempt_at"
    )
    with transaction.atomic():
        generation_ids = lock_available(due_rows[:limit])
        if not generation_ids:
            return lease_id, []
        Generation.objects.filter(pk__in=generation_ids).update(
            lease_id=lease_id, next_attempt_at=now + LEASE_DURATION
        )
    rows = Generation.objects.filter(pk__in=generation_ids, lease_id=lease_id)
    return lease_id, list(rows.only(*POLL_COLUMNS) if only_poll_columns else rows)


def renew_leases(lease_ids: Sequence[uuid.UUID], *, now: datetime) -> None:
    """Extend the leases of rows still being worked on, such as a long download.

    Rows locked at this moment are skipped: their lease is about to be released.
    """
    with transaction.atomic():
        leased_rows = Generation.objects.filter(
            build_scheduled_filter(*LIVE_STATES), lease_id__in=lease_ids
        )
        generation_ids = lock_available(leased_rows)
        Generation.objects.filter(pk__in=generation_ids).update(
            next_attempt_at=now + LEASE_DURATION
        )


_STATE = "?"  # a placeholder


@cache
def _next_due_query() -> PreparedQuery:
    rows = Generation.objects.filter(state=_STATE, next_attempt_at__isnull=False)
    return PreparedQuery(
        rows.order_by("next_attempt_at").values_list("next_attempt_at", flat=True)[:1]
    )


def find_due_times(states: Iterable[State]) -> dict[State, datetime]:
    """When the earliest row of each state is due, without states that have none.

    One query a state, of one row of an index: an idle worker asks this every few seconds.
    """
    answers = {state: _next_due_query().fetch({_STATE: state.value}) for state in states}
    return {state: rows[0][0] for state, rows in answers.items() if rows}
