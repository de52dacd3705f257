"""Makes exports beside the worker's other work: one at a time, in short slices."""

import asyncio
import time
from collections.abc import Callable

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.urls import reverse
from django.utils.translation import override

from evolink_studio.exports.making import Clock, advance_export, make_export
from evolink_studio.exports.models import Export
from evolink_studio.exports.services import lease_next, release
from evolink_studio.worker.notifications import send_notification

log = structlog.get_logger(__name__)

SLICE_SECONDS = 0.1  # of work, then as long a pause: half a core at most


async def make_next_export(*, clock: Clock, is_stopping: Callable[[], bool]) -> bool:
    """Make the export that waits longest, and announce it. Returns whether there was one."""
    export = await sync_to_async(lease_next)(now=clock())
    if export is None:
        return False
    steps = make_export(export, clock=clock)
    advance = sync_to_async(advance_export, thread_sensitive=False)
    try:
        while not is_stopping():
            begun_at = time.monotonic()
            if not await advance(steps, export, seconds=SLICE_SECONDS):
                await _announce(export)
                return True
            await asyncio.sleep(time.monotonic() - begun_at)
    finally:
        await sync_to_async(steps.close, thread_sensitive=False)()  # removes what was written
    # After an error it is not given back: its lease runs out, and the attempt counts. So what can
    # never be made is given up.
    await sync_to_async(release, thread_sensitive=False)(export, now=clock())
    return False


async def _announce(export: Export) -> None:
    """Tell the admins, unless it waits to be tried again or somebody deleted it."""
    if export.is_pending:
        return
    with override("en"):
        outcome = str(
            Export.Failure(export.failure).label
            if export.state == Export.State.FAILED
            else "It is ready."
        )
    log.info("export done", export=export.pk, state=export.state, rows=export.written_count)
    # The first time, this imports every page of the studio: not in the loop.
    find_path = sync_to_async(reverse, thread_sensitive=False)
    page_url = f"{settings.PUBLIC_URL}{await find_path('admin:exports_export_changelist')}"
    await send_notification(
        f"EvoLink Studio: the file {export.filename}",
        f"{outcome} Asked for by {export.requested_by}.\n\nSee {page_url}.",
        {"export": export.pk, "state": export.state},
    )
