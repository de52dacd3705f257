"""Liveness and readiness, for supervisors, load balancers and people."""

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

from evolink_studio.generations.models import MIN_FREE_DISK_BYTES, Heartbeat, is_worker_alive

BYTES_PER_MEGABYTE = 1024 * 1024
NOT_CHECKED = "not asked, because the database is not ready"


@never_cache
@require_safe
def liveness(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all. Checks nothing else; no queries."""
    return HttpResponse("alive\n", content_type="text/plain")


@never_cache
@require_safe
def readiness(request: HttpRequest) -> HttpResponse:
    """200 when the whole studio can work, else 503; each check says "ok" or what is wrong."""
    checks = run_checks(timezone.now())
    is_ready = not any(checks.values())
    results = {name: problem or "ok" for name, problem in checks.items()}
    return JsonResponse({"ready": is_ready, "checks": results}, status=200 if is_ready else 503)


def run_checks(now: datetime) -> dict[str, str]:
    """The problem of each check by its name; "" without one. Three small queries."""
    try:
        applied_migrations = set(MigrationRecorder(connection).applied_migrations())
        missing_count = len(_latest_migrations() - applied_migrations)
        heartbeats = [] if missing_count else list(Heartbeat.objects.all())
    except Error:
        return {
            "database": "does not answer",
            "migrations": NOT_CHECKED,
            "worker": NOT_CHECKED,
            "disk": _check_disk([]),
        }
    return {
        "database": "",
        "migrations": "not applied: run manage.py migrate" if missing_count else "",
        "worker": NOT_CHECKED if missing_count else _check_worker(heartbeats, now),
        "disk": _check_disk(heartbeat for heartbeat in heartbeats if heartbeat.is_alive(now)),
    }


@cache
def _latest_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of every app, as this code has them. Read from the disk once."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _check_worker(heartbeats: Iterable[Heartbeat], now: datetime) -> str:
    last_seen = max((heartbeat.seen_at for heartbeat in heartbeats), default=None)
    if last_seen is None:
        return "none was ever heard of"
    if is_worker_alive(last_seen, now):
        return ""
    return f"silent for {int((now - last_seen).total_seconds())} s"


def _check_disk(heartbeats: Iterable[Heartbeat]) -> str:
    """Check the fullest disk: that of this process, or one that a worker reports."""
    try:
        local_free_bytes = shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return "the data folder cannot be looked at"
    free_bytes = min([local_free_bytes, *(heartbeat.disk_free_bytes for heartbeat in heartbeats)])
    if free_bytes >= MIN_FREE_DISK_BYTES:
        return ""
    free_mb, needed_mb = free_bytes // BYTES_PER_MEGABYTE, MIN_FREE_DISK_BYTES // BYTES_PER_MEGABYTE
    return f"only {free_mb} MB are free of the {needed_mb} MB needed"
