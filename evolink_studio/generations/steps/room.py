"""Without room for a film nothing is sent, and what waits says why."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from evolink_studio.generations.models import Generation, Heartbeat
from evolink_studio.generations.moves import bump
from evolink_studio.generations.news import WORKER_SILENT
from evolink_studio.generations.queries import LOW_DISK
from evolink_studio.generations.states import State

NO_ROOM = "disk_full"


def hold(*, now: datetime) -> None:
    """Wishes that wait say that the disk is full, unless another worker has room and sends them."""
    lively = Heartbeat.objects.filter(seen__gte=now - WORKER_SILENT)
    if lively.filter(disk_free__gte=LOW_DISK).exists():
        release()
        return
    waiting = Generation.objects.filter(state=State.QUEUED, claim=None)
    _tell(waiting.exclude(error_code=NO_ROOM), NO_ROOM)


def release() -> None:
    """There is room again: they wait for nothing but their turn."""
    _tell(Generation.objects.filter(state=State.QUEUED, error_code=NO_ROOM), "")


def _tell(rows: "QuerySet[Generation]", why: str) -> None:
    for owner_id in list(rows.order_by().values_list("owner_id", flat=True).distinct()):
        with transaction.atomic():
            version = bump(owner_id, money=False)
            rows.filter(owner_id=owner_id).update(error_code=why, version=version)
