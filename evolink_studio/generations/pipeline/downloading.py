"""Downloading: a film is saved only when its bytes are checked and stored in the library."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction

from evolink_studio.core.database import parse_id
from evolink_studio.evolink.download import MAX_REDIRECTS, download_file
from evolink_studio.evolink.errors import (
    DiskFullError,
    EvoLinkError,
    LinkExpiredError,
    UnsafeUrlError,
)
from evolink_studio.evolink.partial_file import (
    COMPLETED_SUFFIX,
    SIDECAR_SUFFIX,
    adopt_partial_file,
    completed_path,
)
from evolink_studio.generations.models import Charge, GeneratedVideo, Generation
from evolink_studio.generations.pipeline import schedule, unexpected_errors
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

log = structlog.get_logger(__name__)

LOCAL_COPY_RETENTION = timedelta(days=14)
MAX_VIDEO_BYTES = 4 * 1024**3
DOWNLOAD_DEADLINE_SECONDS = 1200.0
# Links end 24 h after completion. Two hours later the film counts as lost.
LINK_GRACE_PERIOD = timedelta(hours=2)
EXPECTED_ERRORS = (EvoLinkError, FileRejected, OSError)
# Other expected errors are DOWNLOAD_FAILED, unexpected ones INTERNAL.
ERROR_CODES: dict[type[Exception], ErrorCode] = {
    DiskFull: ErrorCode.DISK_FULL,
    DiskFullError: ErrorCode.DISK_FULL,
    StorageUnavailable: ErrorCode.NOT_STORED,
    InvalidVideo: ErrorCode.NOT_A_FILM,
    LinkExpiredError: ErrorCode.LINK_DEAD,
    UnsafeUrlError: ErrorCode.LINK_UNSAFE,
}


def prepare_partial_file(generation: Generation, position: int) -> Path:
    """The path of a partial file for this lease alone; it adopts the bytes of earlier tries.

    One file per lease, because a worker that was paused may still be writing to its own.
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
    """Whether a complete film of this generation is on this machine."""
    return any(
        leftover.suffix == COMPLETED_SUFFIX for leftover in _list_leftovers(f"{generation.pk}-")
    )


def is_recent_copy(seen_at: datetime | None, now: datetime) -> bool:
    """Whether a complete copy was seen within LOCAL_COPY_RETENTION: the film is not lost."""
    return seen_at is not None and now - seen_at < LOCAL_COPY_RETENTION


def delete_local_files(generation: Generation, position: int | None = None) -> None:
    """Delete the local files of one film, or of all films of a generation."""
    position_part = "" if position is None else f"{position}-"
    for leftover in _list_leftovers(f"{generation.pk}-{position_part}"):
        leftover.unlink(missing_ok=True)


def filter_needed_files(names: Collection[str]) -> set[str]:
    """Those of these file names whose generation is still saving. One query."""
    ids_by_name = {name: parse_id(name.partition("-")[0]) for name in names}
    generation_ids = [
        generation_id for generation_id in ids_by_name.values() if generation_id is not None
    ]
    saving_rows = Generation.objects.filter(pk__in=generation_ids, state=State.SAVING)
    saving_ids = set(saving_rows.values_list("pk", flat=True))
    return {name for name, generation_id in ids_by_name.items() if generation_id in saving_ids}


def _list_leftovers(prefix: str) -> list[Path]:
    return list(_incoming_folder().glob(f"{prefix}*"))


def _incoming_folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "incoming"


# A saved film, or the error that prevented it.
DownloadOutcome = Asset | Exception


async def download_results(
    generation: Generation, *, lease_id: uuid.UUID, provider: Provider, clock: Clock
) -> None:
    """Download, check and store every film of a generation, then complete it or retry later."""
    had_local_copy = await sync_to_async(has_local_copy, thread_sensitive=False)(generation)
    results = await _download_all(generation, provider, clock)
    for error in _list_errors(results):
        _log_error(generation, error)
    if _list_errors(results):
        await _retry_later(generation, results, had_local_copy, lease_id, provider, clock)
    else:
        await sync_to_async(_complete_generation)(generation, results, lease_id, clock())


def _list_errors(results: Iterable[DownloadOutcome]) -> list[Exception]:
    return [result for result in results if isinstance(result, Exception)]


async def _download_all(
    generation: Generation, provider: Provider, clock: Clock
) -> list[DownloadOutcome]:
    """A result for every link. After an error the others are still tried: their links may end."""
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
) -> DownloadOutcome:
    try:
        return await _download_one(generation, position, url, provider, clock)
    except Exception as error:
        return error


async def _download_one(
    generation: Generation, position: int, url: str, provider: Provider, clock: Clock
) -> Asset:
    """Download a film, unless an earlier try has, and add it to the library.

    A complete file stays on this machine until the library has it: the link may end before.
    """
    name = f"{generation.model_id}-{generation.pk}-{position + 1}"
    existing_asset = await sync_to_async(find_stored_result)(
        owner_id=generation.owner_id,
        name=name,
        since=generation.progressed_at or generation.created_at,
    )
    if existing_asset is not None:
        await sync_to_async(delete_local_files, thread_sensitive=False)(generation, position)
        return existing_asset
    path = await sync_to_async(prepare_partial_file, thread_sensitive=False)(generation, position)
    video_path = completed_path(path)
    if not video_path.exists():
        await download_file(
            url,
            path,
            trusted_urls=provider.base_urls,
            max_bytes=MAX_VIDEO_BYTES,
            deadline=DOWNLOAD_DEADLINE_SECONDS,
            resume=True,
            max_redirects=MAX_REDIRECTS,
            user_agent=settings.EVOLINK_USER_AGENT,
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
        unexpected_errors.log_unexpected_error(generation, error, step="save")


def _complete_generation(
    generation: Generation,
    results: Sequence[DownloadOutcome],
    lease_id: uuid.UUID,
    now: datetime,
    missing_code: str = "",
) -> None:
    """Complete it with every film that was saved; `missing_code` says why one was not."""
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
    results: Sequence[DownloadOutcome],
    had_local_copy: bool,
    lease_id: uuid.UUID,
    provider: Provider,
    clock: Clock,
) -> None:
    """Schedule the next try, or give up after the grace period. Expired links are read anew."""
    now, errors = clock(), _list_errors(results)
    has_expired_link = any(isinstance(error, LinkExpiredError) for error in errors)
    links = await _fetch_fresh_links(generation, provider) if has_expired_link else None
    has_copy = await sync_to_async(has_local_copy, thread_sensitive=False)(generation)
    # A copy seen by another machine counts; our own that has disappeared does not.
    copy_seen_at = now if has_copy else None if had_local_copy else generation.local_copy_seen_at
    if _is_grace_period_over(generation, now) and not is_recent_copy(copy_seen_at, now):
        await sync_to_async(_stop_trying)(generation, results, lease_id, now)
        return
    await sync_to_async(update_in_state)(
        generation,
        lease_id=lease_id,
        is_visible=True,
        next_attempt_at=now
        + schedule.get_delay_for_attempt(schedule.DOWNLOAD_RETRY_SECONDS, generation.attempts),
        attempts=generation.attempts + 1,
        error_code=_error_code(errors[0]),
        result_urls=links or generation.result_urls,
        local_copy_seen_at=copy_seen_at,
    )


def _is_grace_period_over(generation: Generation, now: datetime) -> bool:
    expire_at = generation.results_expire_at
    return expire_at is not None and now > expire_at + LINK_GRACE_PERIOD


def _stop_trying(
    generation: Generation, results: Sequence[DownloadOutcome], lease_id: uuid.UUID, now: datetime
) -> None:
    """Complete it with the films that were saved; without any it fails as charged."""
    errors = _list_errors(results)
    if len(errors) < len(results):
        _complete_generation(generation, results, lease_id, now, missing_code=ErrorCode.FILM_LOST)
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
