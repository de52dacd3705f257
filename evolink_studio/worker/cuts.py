"""Makes cuts beside the worker's other work: one at a time, each in a process of its own.

That process has no database and no secrets. When it is killed, or the worker is, the cut is begun
again; when somebody cancels the cut, the process is ended.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings

from evolink_studio.films import cuts
from evolink_studio.films.cut_rendering import CutOrder, OrderedPart, has_sound_track
from evolink_studio.films.cuts import CutFailure
from evolink_studio.films.models import Cut
from evolink_studio.library import storage
from evolink_studio.library.exceptions import DiskFull, FileRejected, InvalidVideo
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import find_stored_result
from evolink_studio.library.services import add_result, discard_result

log = structlog.get_logger(__name__)

# Twice what sending needs: a cut never takes the room of a film.
MIN_FREE_BYTES = 600 * 1024 * 1024
REPORT_SECONDS = 2.0
STALL_SECONDS = 300.0  # without a line from the process
PROJECT_ROOT = Path(__file__).resolve().parents[2]

Clock = Callable[[], datetime]


class FilmGone(Exception):
    """A film of the cut is no longer in the library."""


class CutAbandoned(Exception):
    """The cut was cancelled, or another worker makes it."""


class RenderingFailed(Exception):
    """The process said why."""

    def __init__(self, failure: CutFailure) -> None:
        super().__init__(failure)
        self.failure = failure


class ProcessDied(Exception):
    """The process ended without a word, or said nothing for too long."""


class WorkerStopping(Exception):
    """This worker ends before the cut is made."""


async def make_next_cut(*, clock: Clock, is_stopping: Callable[[], bool]) -> bool:
    """Make the cut that waits longest. Returns whether there was one."""
    cut = await sync_to_async(cuts.lease_next)(now=clock())
    if cut is None:
        return False
    try:
        await _make_cut(cut, clock, is_stopping)
    except CutAbandoned:
        log.info("cut given up", cut=cut.pk)
    except WorkerStopping:
        await sync_to_async(cuts.release_cut)(cut, now=clock())
        return False
    except ProcessDied:
        log.warning("cut process died", cut=cut.pk, attempt=cut.attempts)
        await sync_to_async(cuts.retry_later)(cut, now=clock())
    except (RenderingFailed, FilmGone, FileRejected, OSError) as error:
        await sync_to_async(cuts.fail_cut)(cut, _find_failure(error), now=clock())
    return True


def _find_failure(error: Exception) -> CutFailure:
    if isinstance(error, RenderingFailed):
        return error.failure
    if isinstance(error, FilmGone | FileNotFoundError):
        return CutFailure.FILM_GONE
    if isinstance(error, DiskFull):
        return CutFailure.DISK_FULL
    return CutFailure.UNREADABLE if isinstance(error, InvalidVideo) else CutFailure.STORAGE_AWAY


async def _make_cut(cut: Cut, clock: Clock, is_stopping: Callable[[], bool]) -> None:
    # A worker that was killed may have stored the film already.
    asset = await sync_to_async(_find_stored)(cut)
    if asset is None:
        _check_disk()
        files_by_asset = await sync_to_async(_find_files)(cut)
        folder = await sync_to_async(_RunFolder, thread_sensitive=False)(cut, files_by_asset)
        try:
            await _run_process(cut, folder.order, clock, is_stopping)
            await _report(cut, 99, clock, is_storing=True)
            asset = await sync_to_async(_store, thread_sensitive=False)(cut, folder.target, clock())
        finally:
            await sync_to_async(folder.close, thread_sensitive=False)()
    has_sound = await sync_to_async(_has_sound, thread_sensitive=False)(asset)
    if not await sync_to_async(_finish)(cut, asset, has_sound, clock()):
        raise CutAbandoned
    log.info("cut made", cut=cut.pk, generation=cut.generation_id)


def _finish(cut: Cut, asset: Asset, has_sound: bool, now: datetime) -> bool:
    if cuts.finish_cut(cut, asset=asset, has_sound=has_sound, now=now):
        return True
    if not Cut.objects.filter(pk=cut.pk).exists():  # cancelled: nobody else wants the film
        discard_result(asset)
    return False


def _find_stored(cut: Cut) -> Asset | None:
    name = _build_name(cut)
    return find_stored_result(owner_id=cut.owner_id, name=name, since=cut.created_at)


def _build_name(cut: Cut) -> str:
    return f"Cut {cut.pk}"


def _check_disk() -> None:
    if shutil.disk_usage(settings.DATA_DIR).free < MIN_FREE_BYTES:
        raise DiskFull


def _find_files(cut: Cut) -> Mapping[int, str]:
    """The stored name of each film by its pk. Raises FilmGone."""
    asset_ids = set(cuts.list_part_assets(cut))
    assets = Asset.objects.filter(pk__in=asset_ids, owner_id=cut.owner_id, kind=Asset.Kind.VIDEO)
    files = {asset.pk: str(asset.file) for asset in assets}
    if not asset_ids or len(files) < len(asset_ids):
        raise FilmGone
    return files


class _RunFolder:
    """The films of a cut as local files, and where it is written; both until `close`."""

    def __init__(self, cut: Cut, files: Mapping[int, str]) -> None:
        self._stack = ExitStack()
        try:
            folder = self._stack.enter_context(storage.create_temporary_folder())
            paths = {
                pk: self._stack.enter_context(storage.open_local_copy(name))
                for pk, name in files.items()
            }
        except BaseException:
            self._stack.close()
            raise
        if any(not path.is_file() for path in paths.values()):
            self._stack.close()
            raise FilmGone
        self.target = folder / "cut.mp4"
        self.order = CutOrder(
            target_path=str(self.target),
            parts=tuple(
                OrderedPart(
                    path=str(paths[part["asset"]]),
                    begin=_read_second(part.get("from")) or Fraction(0),
                    end=_read_second(part.get("to")),
                )
                for part in cuts.list_parts(cut)
            ),
        )

    def close(self) -> None:
        self._stack.close()


def _read_second(value: object) -> Fraction | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Fraction(str(value)) if is_number else None


async def _run_process(
    cut: Cut, order: CutOrder, clock: Clock, is_stopping: Callable[[], bool]
) -> None:
    """Raises RenderingFailed, ProcessDied, CutAbandoned or WorkerStopping; ends the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evolink_studio.films.cut_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # Nothing else of the environment: it needs no secrets.
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(PROJECT_ROOT)},
        # Ctrl+C at the terminal must only reach the worker, which ends it itself.
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(ConnectionError):  # it died at once: its exit says so
            process.stdin.write(order.to_json())
            await process.stdin.drain()
            process.stdin.close()
        failure = await _follow_process(cut, process.stdout, clock, is_stopping)
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if failure is not None:
        raise RenderingFailed(failure)
    if code != 0:
        raise ProcessDied


async def _follow_process(
    cut: Cut, output: asyncio.StreamReader, clock: Clock, is_stopping: Callable[[], bool]
) -> CutFailure | None:
    """Read its lines until it ends, and store how far it is. What it failed of, if it said so."""
    loop = asyncio.get_running_loop()
    progress, failure = 0, None
    heard_at = loop.time()
    reported_at = heard_at - REPORT_SECONDS
    reading = asyncio.ensure_future(output.readline())
    try:
        while True:
            await asyncio.wait({reading}, timeout=0.5)
            if is_stopping():
                raise WorkerStopping
            if reading.done():
                line = reading.result().decode(errors="replace").split()
                if not line:
                    return failure
                heard_at = loop.time()
                if line[0] == "progress" and line[-1].isdecimal():
                    progress = min(100, int(line[-1]))
                elif line[0] == "failed":
                    is_disk = line[-1] == "disk"
                    failure = CutFailure.DISK_FULL if is_disk else CutFailure.UNREADABLE
                reading = asyncio.ensure_future(output.readline())
            if loop.time() - heard_at > STALL_SECONDS:
                raise ProcessDied
            if loop.time() - reported_at >= REPORT_SECONDS:
                reported_at = loop.time()
                await _report(cut, progress, clock)
    finally:
        reading.cancel()


async def _report(cut: Cut, progress: int, clock: Clock, *, is_storing: bool = False) -> None:
    duration = cuts.STORING_DURATION if is_storing else cuts.LEASE_DURATION
    report = sync_to_async(cuts.report_progress)
    if not await report(cut, progress, now=clock(), duration=duration):
        raise CutAbandoned


def _store(cut: Cut, path: Path, now: datetime) -> Asset:
    return add_result(owner_id=cut.owner_id, path=path, name=_build_name(cut), now=now)


def _has_sound(asset: Asset) -> bool:
    with storage.open_local_copy(str(asset.file)) as path:
        return has_sound_track(path)
