"""Makes the file of an export, batch by batch, so that the worker can do other things between.

The file grows on the worker's own disk and is put into the library's store once it is whole: nobody
ever sees a part of it. A process that is killed leaves its part behind, which is removed after a
day; the file is begun again.
"""

import hashlib
import secrets
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.utils.translation import override

from evolink_studio.accounts.models import User
from evolink_studio.core.csv_export import format_header
from evolink_studio.exports import services
from evolink_studio.exports.models import Export
from evolink_studio.exports.sources import ExportRows, InvalidQuery, find_source
from evolink_studio.library import storage
from evolink_studio.library.exceptions import DiskFull, reject_when_disk_full

log = structlog.get_logger(__name__)

REPORT_INTERVAL = timedelta(seconds=2)
# Twice what sending needs: an export never takes the room of a film.
MIN_FREE_BYTES = 600 * 1024 * 1024

Clock = Callable[[], datetime]


class PermissionLost(Exception):
    """Who asked may no longer see the rows."""


class LeaseLost(Exception):
    """The export was deleted, or another worker makes it."""


def advance_export(steps: Iterator[None], export: Export, *, seconds: float) -> bool:
    """Work on an export for about so long. False when it has come to its end, well or not."""
    deadline = time.monotonic() + seconds
    # Names in the file are in the language of who asked. Each slice may run in another thread.
    with override(export.language):
        for _step in steps:
            if time.monotonic() >= deadline:
                return True
    return False


def make_export(export: Export, *, clock: Clock) -> Generator[None, None, None]:
    """Make a leased export; yields where it may pause. Closed early, it leaves nothing behind."""
    try:
        with closing(_make_file(export, clock)) as steps:
            yield from steps
    except LeaseLost:
        log.info("export given up", export=export.pk)
    except PermissionLost:
        services.fail(export, Export.Failure.NO_PERMISSION, now=clock())
    except InvalidQuery:
        services.fail(export, Export.Failure.BAD_QUERY, now=clock())
    except DiskFull:
        services.fail(export, Export.Failure.DISK_FULL, now=clock())
    except OSError as error:
        log.warning("export not stored", export=export.pk, reason=type(error).__name__)
        services.retry_later(export, now=clock())


def _make_file(export: Export, clock: Clock) -> Generator[None, None, None]:
    rows = _open_rows(export)
    export.row_count = rows.rows.order_by().count()
    _report(export, clock)
    yield
    path = storage.get_incoming_folder() / f"export-{export.lease_id}.part"
    try:
        digest = hashlib.sha256()
        for content in _write_batches(export, rows, path, clock):
            digest.update(content)
            yield
        _store(export, path, digest.hexdigest(), clock)
    finally:
        path.unlink(missing_ok=True)


def _write_batches(export: Export, rows: ExportRows, path: Path, clock: Clock) -> Iterator[bytes]:
    """Yields what was written. Raises DiskFull before the disk is."""
    reported_at = clock()
    with reject_when_disk_full(), path.open("wb") as file:
        for row_count, text in _list_parts(rows):
            content = text.encode()
            file.write(content)
            export.written_count += row_count
            if clock() - reported_at >= REPORT_INTERVAL:
                _check_disk()
                _report(export, clock)
                reported_at = clock()
            yield content


def _list_parts(rows: ExportRows) -> Iterator[tuple[int, str]]:
    yield 0, format_header(rows.header)
    for batch in rows.read_many():
        yield batch.row_count, batch.text


def _open_rows(export: Export) -> ExportRows:
    _check_permission(export)
    source = find_source(export.source)
    if source is None:
        raise InvalidQuery(export.source)
    _check_disk()
    return source.build_rows(export.requested_by, export.query)


def _check_permission(export: Export) -> None:
    source, user = find_source(export.source), export.requested_by
    try:
        user.refresh_from_db()
    except User.DoesNotExist as error:  # with their exports
        raise LeaseLost from error
    if source is not None and not source.may_be_read_by(user):
        raise PermissionLost


def _check_disk() -> None:
    if shutil.disk_usage(settings.DATA_DIR).free < MIN_FREE_BYTES:
        raise DiskFull


def _report(export: Export, clock: Clock, duration: timedelta = services.LEASE_DURATION) -> None:
    if not services.report_progress(export, now=clock(), duration=duration):
        raise LeaseLost


def _store(export: Export, path: Path, sha256: str, clock: Clock) -> None:
    """Put the whole file into the store, and say so. Without its row no file stays there."""
    _check_permission(export)
    _report(export, clock, services.STORING_DURATION)
    size_bytes = path.stat().st_size
    name = f"{services.FOLDER}/{secrets.token_hex(16)}.csv"
    storage.store_file(path, name)
    is_finished = False
    try:
        is_finished = services.finish(
            export, file=name, sha256=sha256, size_bytes=size_bytes, now=clock()
        )
    finally:
        if not is_finished:
            with suppress(OSError):
                storage.delete_file(name)
    if not is_finished:
        raise LeaseLost
