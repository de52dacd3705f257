"""What happens to an export: asked for, leased, made or failed, downloaded, deleted."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction

from evolink_studio.accounts.models import User
from evolink_studio.exports.models import Export
from evolink_studio.exports.sources import ExportSource
from evolink_studio.library import storage

log = structlog.get_logger(__name__)

FOLDER = "exports"
KEPT_FOR = timedelta(days=7)
LEASE_DURATION = timedelta(seconds=60)
# Moving the file into the store, which nothing can interrupt to say that it still goes on.
STORING_DURATION = timedelta(minutes=30)
MAX_ATTEMPTS = 5  # begun and never ended: the process was killed each time
RETRY_DELAY = timedelta(minutes=5)  # when the store could not be reached
MAX_RETRY_TIME = timedelta(hours=1)


def request_export(
    *, user: User, source: ExportSource, query: str, language: str, now: datetime
) -> tuple[Export, bool]:
    """Ask for a file. (export, whether it is new): the same one twice is made once."""
    with transaction.atomic():
        # Whoever presses twice at once waits here for the first press.
        User.objects.select_for_update().get(pk=user.pk)
        pending_exports = Export.objects.filter(
            requested_by=user, source=source.name, query=query, next_attempt_at__isnull=False
        )
        if (pending_export := pending_exports.first()) is not None:
            return pending_export, False
        export = Export.objects.create(
            requested_by=user,
            source=source.name,
            query=query,
            language=language,
            filename=source.build_filename(query),
            requested_at=now,
            next_attempt_at=now,
        )
    return export, True


def lease_next(*, now: datetime) -> Export | None:
    """The export that waits longest, leased. One query while nothing is due."""
    due_exports = Export.objects.filter(next_attempt_at__lte=now).order_by("next_attempt_at")
    export = due_exports.select_related("requested_by").first()
    if export is None:
        return None
    if export.attempts >= MAX_ATTEMPTS:
        fail(export, Export.Failure.BROKEN, now=now)
        return None
    changes: dict[str, Any] = {
        "state": Export.State.RUNNING,
        "lease_id": uuid.uuid4(),
        "next_attempt_at": now + LEASE_DURATION,
        "attempts": export.attempts + 1,
        "written_count": 0,
    }
    # Another worker may have been first: then this is no longer the row that was read.
    unchanged = Export.objects.filter(
        pk=export.pk, lease_id=export.lease_id, next_attempt_at=export.next_attempt_at
    )
    if not unchanged.update(**changes):
        return None
    _apply(export, changes)
    return export


def report_progress(export: Export, *, now: datetime, duration: timedelta = LEASE_DURATION) -> bool:
    """Store how far it is and renew the lease. False when it was deleted, or is another's now."""
    return _update_leased(
        export,
        row_count=export.row_count,
        written_count=export.written_count,
        next_attempt_at=now + duration,
    )


def finish(export: Export, *, file: str, sha256: str, size_bytes: int, now: datetime) -> bool:
    """It lies in the store. False when it was deleted, or is another's now."""
    return _update_leased(
        export,
        state=Export.State.READY,
        file=file,
        sha256=sha256,
        size_bytes=size_bytes,
        row_count=export.written_count,
        written_count=export.written_count,
        finished_at=now,
        expires_at=now + KEPT_FOR,
        next_attempt_at=None,
        lease_id=None,
    )


def fail(export: Export, failure: Export.Failure, *, now: datetime) -> bool:
    """There will be no file."""
    log.warning("export failed", export=export.pk, reason=failure.value)
    return _update_leased(
        export,
        state=Export.State.FAILED,
        failure=failure,
        finished_at=now,
        expires_at=now + KEPT_FOR,
        next_attempt_at=None,
        lease_id=None,
    )


def release(export: Export, *, now: datetime) -> bool:
    """Give it back, to be begun again at once: this process ends."""
    return export.lease_id is not None and _wait(export, until=now)


def retry_later(export: Export, *, now: datetime) -> bool:
    """The store is away: begin again later, or give up after MAX_RETRY_TIME."""
    if now - export.requested_at >= MAX_RETRY_TIME:
        return fail(export, Export.Failure.STORAGE_AWAY, now=now)
    return _wait(export, until=now + RETRY_DELAY)


def record_download(export: Export, *, user: User, now: datetime) -> None:
    """Its file was asked for: it is no longer announced to who wanted it."""
    if export.requested_by_id == user.pk and export.downloaded_at is None:
        Export.objects.filter(pk=export.pk).update(downloaded_at=now)


def delete_export(export: Export) -> bool:
    """Delete the row and its file. False when the store could not delete the file: both stay."""
    if export.file and not storage.delete_file(export.file):
        return False
    # A worker that makes it now notices by its lease.
    export.delete()
    return True


def delete_expired(*, now: datetime) -> int:
    """Delete what was kept long enough, and files that no row names. Returns how many rows."""
    expired_exports = Export.objects.filter(expires_at__lte=now)
    deleted_count = sum(delete_export(export) for export in expired_exports.iterator())
    old_names = storage.list_old_files(FOLDER, now)
    known_names = set(Export.objects.filter(file__in=old_names).values_list("file", flat=True))
    storage.delete_files(set(old_names) - known_names)
    return deleted_count


def _wait(export: Export, *, until: datetime) -> bool:
    return _update_leased(
        export,
        state=Export.State.WAITING,
        attempts=0,
        written_count=0,
        next_attempt_at=until,
        lease_id=None,
    )


def _update_leased(export: Export, **changes: Any) -> bool:
    is_updated = bool(
        Export.objects.filter(pk=export.pk, lease_id=export.lease_id).update(**changes)
    )
    if is_updated:
        _apply(export, changes)
    return is_updated


def _apply(export: Export, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(export, name, value)
