"""Saving: the film is ours only when its bytes are checked and stand in our own library."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction

from evolink_studio.core.http import parse_id
from evolink_studio.evolink.download import download_file
from evolink_studio.evolink.errors import DiskFullError, EvoLinkError, LinkExpiredError
from evolink_studio.evolink.partial_file import (
    COMPLETED_SUFFIX,
    SIDECAR_SUFFIX,
    adopt_partial_file,
    completed_path,
)
from evolink_studio.generations.models import Charge, GeneratedVideo, Generation
from evolink_studio.generations.pipeline import poll_schedule, retry_policy
from evolink_studio.generations.pipeline.provider import Clock, Provider
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import transition, update_in_state
from evolink_studio.library.exceptions import (
    DiskFull,
    FileRejected,
    InvalidVideo,
    StorageUnavailable,
)
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import find_stored_result
from evolink_studio.library.services import add_result

LOCAL_COPY_RETENTION = timedelta(days=14)


def partial_path(generation: Generation, position: int) -> Path:
    """A file of this lease alone, with what an earlier try has brought already.

    A worker that was paused may still be writing to its own: two in one file would spoil it.
    """
    _incoming_folder().mkdir(parents=True, exist_ok=True)
    path = _incoming_folder() / f"{generation.pk}-{position}-{generation.lease_id}"
    adopt_partial_file(
        path,
        [
            leftover
            for leftover in _list_leftovers(f"{generation.pk}-{position}-")
            if leftover.suffix != SIDECAR_SUFFIX
        ],
    )
    return path


def has_local_copy(generation: Generation) -> bool:
    """Whether a whole film of this generation lies on this machine."""
    return any(
        leftover.suffix == COMPLETED_SUFFIX for leftover in _list_leftovers(f"{generation.pk}-")
    )


def is_recent_copy(seen_at: datetime | None, now: datetime) -> bool:
    """Whether a whole copy was seen so lately that its film is not lost."""
    return seen_at is not None and now - seen_at < LOCAL_COPY_RETENTION


def delete_local_files(generation: Generation, position: int | None = None) -> None:
    """The library has it, or all of it has ended: what lies here of it is needed no more."""
    position_part = "" if position is None else f"{position}-"
    for leftover in _list_leftovers(f"{generation.pk}-{position_part}"):
        leftover.unlink(missing_ok=True)


def still_needed(names: Collection[str]) -> set[str]:
    """Those of these names whose generation is still saving. One query."""
    ids_by_name = {name: parse_id(name.partition("-")[0]) for name in names}
    generation_ids = [
        generation_id for generation_id in ids_by_name.values() if generation_id is not None
    ]
    saving = Generation.objects.filter(pk__in=generation_ids, state=State.SAVING)
    saving_ids = set(saving.values_list("pk", flat=True))
    return {name for name, generation_id in ids_by_name.items() if generation_id in saving_ids}


def _list_leftovers(prefix: str) -> list[Path]:
    return list(_incoming_folder().glob(f"{prefix}*"))


def _incoming_folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "incoming"


log = structlog.get_logger(__name__)

MAX_VIDEO_BYTES = 4 * 1024**3
DOWNLOAD_DEADLINE_SECONDS = 1200.0
# Links die 24 h after completion. Two hours later nothing can bring the film back.
LINK_GRACE_PERIOD = timedelta(hours=2)

# A film in the library, or what kept it away.
DownloadResult = Asset | Exception


async def download_results(
    generation: Generation, *, lease_id: uuid.UUID, provider: Provider, clock: Clock
) -> None:
    """Download, check and keep every film of a generation, then say it is done."""
    had_local_copy = await sync_to_async(has_local_copy, thread_sensitive=False)(generation)
    results = await _download_all(generation, provider, clock)
    for error in _list_errors(results):
        _log_error(generation, error)
    if _list_errors(results):
        await _retry_later(generation, results, had_local_copy, lease_id, provider, clock)
    else:
        await sync_to_async(_complete)(generation, results, lease_id, clock())


def _list_errors(results: Iterable[DownloadResult]) -> list[Exception]:
    return [result for result in results if isinstance(result, Exception)]


async def _download_all(
    generation: Generation, provider: Provider, clock: Clock
) -> list[DownloadResult]:
    """Every film, or what keeps it away. None waits for another: its link may end meanwhile."""
    try:
        links = list(enumerate(generation.result_urls))
    except TypeError as error:
        return [error]
    results = [
        await _try_download(generation, position, url, provider, clock) for position, url in links
    ]
    return results or [LinkExpiredError("There is no link")]


async def _try_download(
    generation: Generation, position: int, url: str, provider: Provider, clock: Clock
) -> DownloadResult:
    try:
        return await _download_one(generation, position, url, provider, clock)
    except Exception as error:
        return error


async def _download_one(
    generation: Generation, position: int, url: str, provider: Provider, clock: Clock
) -> Asset:
    """Bring it here, unless an earlier try has, and give it to the library.

    What is whole stays here until the library has it: by then the link may have ended.
    """
    name = f"{generation.model_id}-{generation.pk}-{position + 1}"
    existing = await sync_to_async(find_stored_result)(
        owner_id=generation.owner_id,
        name=name,
        since=generation.progressed_at or generation.created_at,
    )
    if existing is not None:
        await sync_to_async(delete_local_files, thread_sensitive=False)(generation, position)
        return existing
    path = await sync_to_async(partial_path, thread_sensitive=False)(generation, position)
    video_path = completed_path(path)
    if not video_path.exists():
        await download_file(
            url,
            path,
            trusted_urls=provider.base_urls,
            max_bytes=MAX_VIDEO_BYTES,
            deadline=DOWNLOAD_DEADLINE_SECONDS,
            resume=True,
        )
        path.replace(video_path)
    try:
        return await sync_to_async(add_result, thread_sensitive=False)(
            owner_id=generation.owner_id, path=video_path, name=name, now=clock()
        )
    except InvalidVideo:
        video_path.unlink(missing_ok=True)
        raise


def _log_error(generation: Generation, error: Exception) -> None:
    if isinstance(error, EXPECTED_ERRORS):
        cause = type(error.__cause__).__name__
        reason = type(error).__name__
        log.warning("download failed", generation=generation.pk, reason=reason, cause=cause)
    else:
        retry_policy.log_unexpected_error(generation, error, step="save")


def _complete(
    generation: Generation,
    results: Sequence[DownloadResult],
    lease_id: uuid.UUID,
    now: datetime,
    missing_code: str = "",
) -> None:
    """It is done, with every film that was found; `missing_code` says why one was not."""
    changes: dict[str, Any] = {
        "error_code": missing_code,
        "error_text": "",
        "local_copy_seen_at": None,
    }
    with transaction.atomic():
        if not transition(generation, State.COMPLETED, now=now, lease_id=lease_id, **changes):
            return
        GeneratedVideo.objects.bulk_create(
            GeneratedVideo(generation=generation, asset=asset, position=position)
            for position, asset in enumerate(results)
            if isinstance(asset, Asset)
        )
    delete_local_files(generation)


async def _retry_later(
    generation: Generation,
    results: Sequence[DownloadResult],
    had_local_copy: bool,
    lease_id: uuid.UUID,
    provider: Provider,
    clock: Clock,
) -> None:
    """Keep trying while there is hope; a dead link is first asked for anew, which is free."""
    now, errors = clock(), _list_errors(results)
    has_expired_link = any(isinstance(error, LinkExpiredError) for error in errors)
    links = await _fetch_fresh_links(generation, provider) if has_expired_link else None
    has_copy = await sync_to_async(has_local_copy, thread_sensitive=False)(generation)
    # What another machine saw counts, unless it was our own copy, which is gone now.
    copy_seen_at = now if has_copy else None if had_local_copy else generation.local_copy_seen_at
    if _is_grace_period_over(generation, now) and not is_recent_copy(copy_seen_at, now):
        await sync_to_async(_give_up)(generation, results, lease_id, now)
        return
    await sync_to_async(update_in_state)(
        generation,
        lease_id=lease_id,
        is_visible=True,
        next_attempt_at=now
        + poll_schedule.delay_for_attempt(
            poll_schedule.DOWNLOAD_RETRY_SECONDS, generation.attempts
        ),
        attempts=generation.attempts + 1,
        error_code=_error_code(errors[0]),
        result_urls=links or generation.result_urls,
        local_copy_seen_at=copy_seen_at,
    )


def _is_grace_period_over(generation: Generation, now: datetime) -> bool:
    expire_at = generation.results_expire_at
    return expire_at is not None and now > expire_at + LINK_GRACE_PERIOD


def _give_up(
    generation: Generation, results: Sequence[DownloadResult], lease_id: uuid.UUID, now: datetime
) -> None:
    """What is not here by now never will be. The films that are here are kept all the same."""
    errors = _list_errors(results)
    if len(errors) < len(results):
        _complete(generation, results, lease_id, now, missing_code=ErrorCode.FILM_LOST)
        return
    is_ended = transition(
        generation,
        State.FAILED,
        now=now,
        lease_id=lease_id,
        error_code=ErrorCode.FILM_LOST,
        error_text=getattr(errors[0], "provider_message", ""),
        charge=Charge.CHARGED,
        local_copy_seen_at=None,
    )
    if is_ended:
        delete_local_files(generation)


async def _fetch_fresh_links(generation: Generation, provider: Provider) -> list[str] | None:
    try:
        task = await provider.client.get_task(generation.task_id or "")
    except EvoLinkError:
        return None
    return list(task.results) or None


def _error_code(error: Exception) -> ErrorCode:
    is_expected = isinstance(error, EXPECTED_ERRORS)
    default_code = ErrorCode.DOWNLOAD_FAILED if is_expected else ErrorCode.INTERNAL
    return ERROR_CODES.get(type(error), default_code)


EXPECTED_ERRORS = (EvoLinkError, FileRejected, OSError)
# What keeps a film away that waits at EvoLink, or on this machine.
ERROR_CODES: dict[type[Exception], ErrorCode] = {
    DiskFull: ErrorCode.DISK_FULL,
    DiskFullError: ErrorCode.DISK_FULL,
    StorageUnavailable: ErrorCode.NOT_STORED,
    InvalidVideo: ErrorCode.NOT_A_FILM,
    LinkExpiredError: ErrorCode.LINK_DEAD,
}
