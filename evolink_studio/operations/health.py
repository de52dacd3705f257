"""Whether the studio lives and is ready: for supervisors, load balancers and people."""

import shutil
from collections.abc import Iterable
from datetime import datetime
from functools import cache

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from evolink_studio.generations.models import MAX_HEARTBEAT_AGE, MIN_FREE_DISK_BYTES, Heartbeat

MEGABYTE = 1024 * 1024
NOT_ASKED = "not asked, because the database is not ready"


@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all. Nothing else is asked, the database neither."""
    return HttpResponse("alive\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 when the whole studio can work, else 503; each check says "ok" or what is wrong."""
    checks = readiness(timezone.now())
    good = not any(checks.values())
    told = {name: wrong or "ok" for name, wrong in checks.items()}
    return JsonResponse({"ready": good, "checks": told}, status=200 if good else 503)


def readiness(now: datetime) -> dict[str, str]:
    """Each check with what is wrong, "" when nothing is. Three small queries."""
    try:
        applied = set(MigrationRecorder(connection).applied_migrations())
        missing = len(_newest_migrations() - applied)
        beats = [] if missing else list(Heartbeat.objects.all())
    except Error:
        return {
            "database": "does not answer",
            "migrations": NOT_ASKED,
            "worker": NOT_ASKED,
            "disk": _disk([]),
        }
    return {
        "database": "",
        "migrations": "not applied: run manage.py migrate" if missing else "",
        "worker": NOT_ASKED if missing else _worker(beats, now),
        "disk": _disk(beat for beat in beats if _fresh(beat, now)),
    }


@cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of every app, as this code has them. Read from the disk once."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _fresh(beat: Heartbeat, now: datetime) -> bool:
    return now - beat.seen_at <= MAX_HEARTBEAT_AGE


def _worker(beats: Iterable[Heartbeat], now: datetime) -> str:
    seen = max((beat.seen_at for beat in beats), default=None)
    if seen is None:
        return "none was ever heard of"
    silent = now - seen
    return f"silent for {int(silent.total_seconds())} s" if silent > MAX_HEARTBEAT_AGE else ""


def _disk(workers: Iterable[Heartbeat]) -> str:
    """The fullest disk: that of this process, and those the workers tell of."""
    try:
        own = shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return "the data folder cannot be looked at"
    free = min([own, *(beat.disk_free_bytes for beat in workers)])
    if free >= MIN_FREE_DISK_BYTES:
        return ""
    return f"only {free // MEGABYTE} MB are free of the {MIN_FREE_DISK_BYTES // MEGABYTE} MB needed"
