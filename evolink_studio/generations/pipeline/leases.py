"""Taking due rows, so that two workers never hold the same one.

A claim is a random id on the row and a `due` pushed into the future. A worker that dies simply lets
the row become due again; a worker that was paused finds its claim gone and changes nothing.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.generations.transitions import free

LEASE = timedelta(seconds=120)
# All that a read without an end looks at; of thousands a second, each further column is felt.
LIGHT = (
    *("owner_id", "state", "task_id", "progress", "last_status", "error_code", "attempts"),
    *("moved", "stalled", "expected_seconds"),
)


def claim_due(
    state: State, *, limit: int, now: datetime, light: bool = False
) -> tuple[uuid.UUID, list[Generation]]:
    """Take up to `limit` rows of a state whose time has come, the longest due first.

    `light` ones have what `LIGHT` names; the rest of such a row is looked up when it is asked for.
    """
    claim = uuid.uuid4()
    due = Generation.objects.filter(state=state, due__lte=now).order_by("due")
    with transaction.atomic():
        chosen = free(due[:limit])
        if not chosen:
            return claim, []
        Generation.objects.filter(pk__in=chosen).update(claim=claim, due=now + LEASE)
    rows = Generation.objects.filter(pk__in=chosen, claim=claim)
    return claim, list(rows.only(*LIGHT) if light else rows)


def renew(claims: Sequence[uuid.UUID], *, now: datetime) -> None:
    """Hold on to rows that are still being worked on, such as a long download.

    One that is being written at this moment is about to be given back.
    """
    with transaction.atomic():
        held = free(Generation.objects.filter(claim__in=claims))
        Generation.objects.filter(pk__in=held).update(due=now + LEASE)


def next_due(states: Sequence[State]) -> datetime | None:
    """When the earliest row of these states wants to be looked at."""
    rows = Generation.objects.filter(state__in=states, due__isnull=False).order_by("due")
    return rows.values_list("due", flat=True).first()
