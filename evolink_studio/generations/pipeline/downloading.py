"""Downloading: a result is saved only when its bytes are checked and stored in the library.

Each result of a task is a film, a picture or a sound, and stands for itself: it is shown as soon
as it is saved, whatever becomes of the others. What cannot be had now is tried again until its link
has ended; what arrives whole and is nothing that can be kept is read once more, then named and left
alone. Of very many results a few are copied at a time, so that none is lost and no other waits.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
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
from evolink_studio.generations.film_facts import find_saved_facts
from evolink_studio.generations.models import (
    Charge,
    GeneratedVideo,
    Generation,
    find_unreadable_positions,
)
from evolink_studio.generations.pipeline import schedule, unexpected_errors
from evolink_studio.generations.pipeline.provider import Clock, Provider
from evolink_studio.generations.states import ErrorCode, State
from evolink_studio.generations.transitions import (
    increment_feed_version,
    transition,
    update_in_state,
)
from evolink_studio.library.exceptions import (
    DiskFull,
    FileRejected,
    InvalidVideo,
    StorageUnavailable,
)
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import find_stored_result
from evolink_studio.library.services import add_result
from evolink_studio.library.storage import compute_sha256

log = structlog.get_logger(__name__)

LOCAL_COPY_RETENTION = timedelta(days=14)
MAX_VIDEO_BYTES = 4 * 1024**3
DOWNLOAD_DEADLINE_SECONDS = 1200.0
# Links end 24 h after completion. Two hours later the film counts as lost.
LINK_GRACE_PERIOD = timedelta(hours=2)
# An end is believed when the same bytes come twice, or after so many reads.
MAX_UNREADABLE_READS = 3
MAX_RESULTS_PER_TURN = 20


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


class UnreadableResultError(Exception):
    """What arrived is whole, and neither film, picture nor sound. `sha256` tells it apart."""

    def __init__(self, sha256: str) -> None:
        super().__init__(sha256)
        self.sha256 = sha256


EXPECTED_ERRORS = (EvoLinkError, FileRejected, OSError, UnreadableResultError)
# Other expected errors are DOWNLOAD_FAILED, unexpected ones INTERNAL.
ERROR_CODES: dict[type[Exception], ErrorCode] = {
    DiskFull: ErrorCode.DISK_FULL,
    DiskFullError: ErrorCode.DISK_FULL,
    StorageUnavailable: ErrorCode.NOT_STORED,
    UnreadableResultError: ErrorCode.NOT_A_FILM,
    LinkExpiredError: ErrorCode.LINK_DEAD,
    UnsafeUrlError: ErrorCode.LINK_UNSAFE,
}

# A saved film, or the error that prevented it.
DownloadOutcome = Asset | Exception


@dataclass
class ResultProgress:
    """What is known of the results of one generation, by position.

    `failures` is stored in `Generation.failed_results`; `outcomes` are those of this turn.
    """

    urls: list[str]
    saved_positions: set[int]
    failures: dict[str, dict[str, Any]]
    outcomes: dict[int, DownloadOutcome] = field(default_factory=dict)

    def record(self, position: int, outcome: DownloadOutcome) -> None:
        """Take over the outcome of one try."""
        self.outcomes[position] = outcome
        if isinstance(outcome, Asset):
            self.saved_positions.add(position)
            self.failures.pop(str(position), None)
            return
        failure = self.failures.setdefault(str(position), {"tries": 0, "unreadable": 0})
        failure["tries"] += 1
        if isinstance(outcome, UnreadableResultError):
            is_same = failure.get("sha256") == outcome.sha256
            failure["unreadable"] += 1
            failure["sha256"] = outcome.sha256
            failure["final"] = is_same or failure["unreadable"] >= MAX_UNREADABLE_READS

    @property
    def unreadable_positions(self) -> set[int]:
        """Those that are given up because of what they contain."""
        return find_unreadable_positions(self.failures)

    @property
    def pending_positions(self) -> list[int]:
        """Those that are neither saved nor given up, the least tried first."""
        settled_positions = self.saved_positions | self.unreadable_positions
        positions = [n for n in range(len(self.urls)) if n not in settled_positions]
        return sorted(positions, key=lambda n: (self._count_tries(n), n))

    @property
    def next_positions(self) -> list[int]:
        """Those to try now. With nothing saved, what was given up is looked at again."""
        given_up = [] if self.saved_positions else sorted(self.unreadable_positions)
        return self.pending_positions or [n for n in given_up if n < len(self.urls)]

    @property
    def has_untried(self) -> bool:
        """Whether some were never tried: a turn takes only so many."""
        return any(not self._count_tries(n) for n in self.pending_positions)

    @property
    def errors(self) -> list[Exception]:
        """The errors of this turn."""
        return [outcome for outcome in self.outcomes.values() if isinstance(outcome, Exception)]

    def _count_tries(self, position: int) -> int:
        return int(self.failures.get(str(position), {}).get("tries", 0))


async def download_results(
    generation: Generation, *, lease_id: uuid.UUID, provider: Provider, clock: Clock
) -> None:
    """Download, check and store the results of a generation, then complete it or go on later."""
    had_local_copy = await sync_to_async(has_local_copy, thread_sensitive=False)(generation)
    progress = await sync_to_async(_load_progress)(generation)
    await _download_turn(generation, progress, lease_id, provider, clock)
    for error in progress.errors:
        _log_error(generation, error)
    has_result = bool(progress.saved_positions)
    if has_result and not progress.pending_positions:
        missing_code = ErrorCode.NOT_A_FILM if progress.unreadable_positions else ""
        await sync_to_async(_complete_generation)(
            generation, progress, lease_id, clock(), missing_code
        )
    else:
        await _continue_later(generation, progress, had_local_copy, lease_id, provider, clock)


def _load_progress(generation: Generation) -> ResultProgress:
    """Two values of the row, and one query."""
    urls = generation.result_urls if isinstance(generation.result_urls, list) else []
    failures = generation.failed_results if isinstance(generation.failed_results, dict) else {}
    saved_positions = GeneratedVideo.objects.filter(generation=generation)
    return ResultProgress(
        urls=urls,
        saved_positions=set(saved_positions.values_list("position", flat=True)),
        failures={position: dict(failure) for position, failure in failures.items()},
    )


async def _download_turn(
    generation: Generation,
    progress: ResultProgress,
    lease_id: uuid.UUID,
    provider: Provider,
    clock: Clock,
) -> None:
    """Try the next results. After an error the others are still tried: their links may end."""
    if not progress.urls:
        progress.record(0, LinkExpiredError("There is no link"))
    is_alone = len(progress.urls) == 1  # then completing it links it
    for position in progress.next_positions[:MAX_RESULTS_PER_TURN]:
        url = progress.urls[position]
        outcome = await _try_download(generation, position, url, provider, clock)
        progress.record(position, outcome)
        if (
            isinstance(outcome, Asset)
            and not is_alone
            and not await sync_to_async(_link_result)(generation, position, outcome, lease_id)
        ):
            return  # the lease is lost: another worker goes on


def _link_result(generation: Generation, position: int, asset: Asset, lease_id: uuid.UUID) -> bool:
    """Show a saved result at once. False when the lease is lost; nothing is changed then."""
    rows = Generation.objects.filter(pk=generation.pk, state=State.SAVING, lease_id=lease_id)
    with transaction.atomic():
        version = increment_feed_version(generation.owner_id, affects_credits=False)
        if not rows.update(changed_version=version):
            return False
        GeneratedVideo.objects.get_or_create(
            generation=generation, position=position, defaults={"asset": asset}
        )
    return True


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
    except InvalidVideo as error:
        digest = await sync_to_async(compute_sha256, thread_sensitive=False)(video_path)
        video_path.unlink(missing_ok=True)
        raise UnreadableResultError(digest) from error


def _log_error(generation: Generation, error: Exception) -> None:
    if isinstance(error, EXPECTED_ERRORS):
        cause = type(error.__cause__).__name__
        reason = type(error).__name__
        log.warning("download failed", generation=generation.pk, reason=reason, cause=cause)
    else:
        unexpected_errors.log_unexpected_error(generation, error, step="save")


def _complete_generation(
    generation: Generation,
    progress: ResultProgress,
    lease_id: uuid.UUID,
    now: datetime,
    missing_code: str = "",
) -> None:
    """Complete it with every result that was saved; `missing_code` says why one was not."""
    changes: dict[str, Any] = {
        "error_code": missing_code,
        "error_text": "",
        "local_copy_seen_at": None,
        "failed_results": progress.failures,
        **find_saved_facts(_list_saved_assets(generation, progress)),
    }
    with transaction.atomic():
        if not transition(generation, State.COMPLETED, now=now, lease_id=lease_id, **changes):
            return
        GeneratedVideo.objects.bulk_create(
            [
                GeneratedVideo(generation=generation, asset=outcome, position=position)
                for position, outcome in progress.outcomes.items()
                if isinstance(outcome, Asset)
            ],
            ignore_conflicts=True,  # what was shown at once
        )
    delete_local_files(generation)


def _list_saved_assets(generation: Generation, progress: ResultProgress) -> list[Asset]:
    """In the order of the results. One query where an earlier turn saved some, else none."""
    saved_assets = {
        position: outcome
        for position, outcome in progress.outcomes.items()
        if isinstance(outcome, Asset)
    }
    if progress.saved_positions - saved_assets.keys():
        results = GeneratedVideo.objects.filter(generation=generation).select_related("asset")
        saved_assets = {result.position: result.asset for result in results} | saved_assets
    return [saved_assets[position] for position in sorted(saved_assets)]


async def _continue_later(
    generation: Generation,
    progress: ResultProgress,
    had_local_copy: bool,
    lease_id: uuid.UUID,
    provider: Provider,
    clock: Clock,
) -> None:
    """Schedule the next turn, or give up after the grace period. Expired links are read anew."""
    now, errors = clock(), progress.errors
    has_expired_link = any(isinstance(error, LinkExpiredError) for error in errors)
    links = await _fetch_fresh_links(generation, provider) if has_expired_link else None
    has_copy = await sync_to_async(has_local_copy, thread_sensitive=False)(generation)
    # A copy seen by another machine counts; our own that has disappeared does not.
    copy_seen_at = now if has_copy else None if had_local_copy else generation.local_copy_seen_at
    if _is_grace_period_over(generation, now) and not is_recent_copy(copy_seen_at, now):
        await sync_to_async(_stop_trying)(generation, progress, lease_id, now)
        return
    is_further_turn = progress.has_untried
    await sync_to_async(update_in_state)(
        generation,
        lease_id=lease_id,
        is_visible=True,
        next_attempt_at=now
        if is_further_turn
        else now + _compute_retry_delay(generation, progress),
        attempts=generation.attempts + (0 if is_further_turn else 1),
        error_code=_error_code(errors[0]) if errors else "",
        failed_results=progress.failures,
        result_urls=links if links and len(links) >= len(progress.urls) else progress.urls,
        local_copy_seen_at=copy_seen_at,
    )


def _compute_retry_delay(generation: Generation, progress: ResultProgress) -> timedelta:
    if progress.pending_positions or not progress.urls:
        return schedule.get_delay_for_attempt(schedule.DOWNLOAD_RETRY_SECONDS, generation.attempts)
    return schedule.UNREADABLE_RETRY_DELAY


def _is_grace_period_over(generation: Generation, now: datetime) -> bool:
    expire_at = generation.results_expire_at
    return expire_at is not None and now > expire_at + LINK_GRACE_PERIOD


def _stop_trying(
    generation: Generation, progress: ResultProgress, lease_id: uuid.UUID, now: datetime
) -> None:
    """Complete it with the results that were saved; without any it fails as charged."""
    if progress.saved_positions:
        _complete_generation(generation, progress, lease_id, now, missing_code=ErrorCode.FILM_LOST)
        return
    errors = progress.errors
    is_unreadable = bool(progress.urls) and not progress.pending_positions
    is_ended = transition(
        generation,
        State.FAILED,
        now=now,
        lease_id=lease_id,
        error_code=ErrorCode.NOT_A_FILM if is_unreadable else ErrorCode.FILM_LOST,
        error_text=getattr(errors[0], "provider_message", "") if errors else "",
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
