"""Sweeping: what a killed worker left behind, told as it is."""

from datetime import datetime

import structlog
from django.db import OperationalError

from evolink_studio.generations.models import Charge, Generation
from evolink_studio.generations.moves import move
from evolink_studio.generations.states import State

log = structlog.get_logger(__name__)


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
