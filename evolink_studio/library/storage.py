"""Storage of files. Stored names are generated here and never come from people.

A file is complete and durable before a row names it. Everything goes through Django's default
storage; on the local disk a file is linked or moved into place.
"""

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import chain, groupby
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

from evolink_studio.library.exceptions import FileTooLarge, reject_when_disk_full

ASSETS_FOLDER = "assets"
_CHUNK_BYTES = 1024 * 1024
_GROUPS_AT_ONCE = 250  # a file with its posters, when orphans are looked for
_MIN_ORPHAN_AGE = timedelta(days=1)

# Returns those of the given names of unfinished files that are still needed.
NeededFilter = Callable[[Collection[str]], Collection[str]]


@contextmanager
def create_temporary_folder() -> Iterator[Path]:
    """A folder for unfinished files, on the disk of the library; deleted afterwards."""
    incoming_folder = Path(settings.MEDIA_ROOT) / "incoming"
    with reject_when_disk_full():
        incoming_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=incoming_folder) as folder:
            yield Path(folder)


def copy_limited(content: BinaryIO, destination: Path) -> None:
    """Copy an upload into an unfinished file. Raises FileTooLarge or DiskFull."""
    received_bytes = 0
    with reject_when_disk_full(), destination.open("wb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            received_bytes += len(chunk)
            if received_bytes > settings.MAX_UPLOAD_BYTES:
                raise FileTooLarge.for_limit()
            file.write(chunk)


def compute_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def store_files(
    path: Path, extension: str, posters: Mapping[str, bytes], now: datetime
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Store a file and its posters; yields its name and theirs, by size.

    All are deleted again when the body fails, so that no file is left without its row. The file
    at `path` stays until the body is done, because until then no row names the stored file.
    """
    stem = _create_stem(now)
    file_name = f"{stem}.{extension}"
    poster_names = {size: _get_poster_name(stem, size) for size in posters}
    try:
        with reject_when_disk_full():
            _move_into_place(path, file_name)
            for size, content in posters.items():
                default_storage.save(poster_names[size], ContentFile(content))
        yield file_name, poster_names
    except BaseException:
        _move_back(file_name, path)
        delete_files({file_name, *poster_names.values()})
        raise
    path.unlink(missing_ok=True)


def store_poster(content: bytes, size: str, file_name: str) -> str:
    """Store one more poster of a file that is there already, beside it; returns its name."""
    # Somebody else may be doing the same.
    name = _get_poster_name(get_stem(file_name), f"{size}-{secrets.token_hex(4)}")
    with reject_when_disk_full():
        default_storage.save(name, ContentFile(content))
    return name


def _create_stem(now: datetime) -> str:
    return f"{ASSETS_FOLDER}/{now:%Y/%m}/{secrets.token_hex(16)}"


def get_stem(name: str) -> str:
    """What the name of a file and those of its posters begin with."""
    return name.partition("-poster")[0].partition(".")[0]


def _get_poster_name(stem: str, size: str) -> str:
    return f"{stem}-poster-{size}.webp"


def store_file(path: Path, name: str) -> None:
    """Store a finished file under a name that nobody else uses; `path` is gone then.

    Raises DiskFull, StorageUnavailable or another OSError; the file at `path` stays then.
    """
    with reject_when_disk_full():
        _move_into_place(path, name)
    path.unlink(missing_ok=True)


def delete_files(names: Collection[str]) -> None:
    """Delete stored files; failures are ignored."""
    for name in names:
        delete_file(name)


def delete_file(name: str) -> bool:
    """Delete a stored file. False when the storage could not; a missing file counts as deleted."""
    try:
        default_storage.delete(name)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@contextmanager
def open_local_copy(name: str) -> Iterator[Path]:
    """A stored file as a local path; a temporary copy if the storage is remote."""
    path = _get_local_path(name)
    if path is not None:
        yield path
        return
    with create_temporary_folder() as folder, default_storage.open(name) as stored_file:
        copy_path = folder / "copy"
        with copy_path.open("wb") as file:
            shutil.copyfileobj(stored_file, file, _CHUNK_BYTES)
        yield copy_path


def read_content(name: str) -> bytes:
    """All bytes of a stored file."""
    with default_storage.open(name) as file:
        return bytes(file.read())


def list_orphan_candidates(now: datetime) -> Iterator[list[str]]:
    """Names of stored files older than a day, of this month and the last, some 1000 at a time.

    A file and its posters come together. A process killed between storing a file and writing its
    row leaves a file without a row.
    """
    last_month = now.replace(day=1) - timedelta(days=1)
    for month in (last_month, now):
        folder = f"{ASSETS_FOLDER}/{month:%Y/%m}"
        names = sorted(f"{folder}/{name}" for name in _list_files(folder))
        groups = [list(group) for _, group in groupby(names, get_stem)]
        for start in range(0, len(groups), _GROUPS_AT_ONCE):
            some_names = chain.from_iterable(groups[start : start + _GROUPS_AT_ONCE])
            yield [name for name in some_names if _is_old(name, now)]


def list_old_files(folder: str, now: datetime) -> list[str]:
    """Names of the stored files in this folder that are older than a day."""
    names = [f"{folder}/{name}" for name in _list_files(folder)]
    return [name for name in names if _is_old(name, now)]


def get_incoming_folder() -> Path:
    """The folder for unfinished files, on the disk of the library. Stale ones are removed daily."""
    folder = Path(settings.MEDIA_ROOT) / "incoming"
    with reject_when_disk_full():
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def remove_stale_temporary_files(now: datetime, still_needed: NeededFilter) -> None:
    """Remove unfinished files older than a day, except those that `still_needed` returns."""
    incoming_folder = Path(settings.MEDIA_ROOT) / "incoming"
    entries = list(incoming_folder.iterdir()) if incoming_folder.is_dir() else []
    stale_entries = [entry for entry in entries if _is_stale(entry, now)]
    needed_names = still_needed([entry.name for entry in stale_entries])
    for entry in stale_entries:
        if entry.name not in needed_names:
            with suppress(OSError):  # another process was first
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _is_stale(entry: Path, now: datetime) -> bool:
    with suppress(FileNotFoundError):
        return entry.stat().st_mtime < (now - _MIN_ORPHAN_AGE).timestamp()
    return False


def _get_local_path(name: str) -> Path | None:
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


def _move_into_place(path: Path, name: str) -> None:
    target = _get_local_path(name)
    if target is None:
        with path.open("rb") as file:
            default_storage.save(name, File(file))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    os.utime(path)  # it may be days old, and the orphan check counts from now
    _flush_to_disk(path)
    try:
        os.link(path, target)  # under both names until its row is written
    except OSError:  # not every file system has hard links
        shutil.move(path, target)
    _flush_to_disk(target.parent)


def _move_back(name: str, path: Path) -> None:
    """Move the file back to `path` if it was moved instead of linked."""
    target = _get_local_path(name)
    with suppress(OSError):
        if target is not None and target.exists() and not path.exists():
            shutil.move(target, path)


def _flush_to_disk(path: Path) -> None:
    """Sync to the disk: after a power cut there must be no row without its file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _list_files(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return []


def _is_old(name: str, now: datetime) -> bool:
    with suppress(FileNotFoundError):
        return default_storage.get_modified_time(name) < now - _MIN_ORPHAN_AGE
    return False
