"""Where the bytes lie. Names on the disk are made here and never come from people.

A file is complete and durable before anything names it. Everything goes through Django's default
storage; where that is the local disk, a file arrives by renaming.
"""

import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

from evolink_studio.library.exceptions import NoSpace
from evolink_studio.library.upload_handlers import too_heavy

FOLDER = "assets"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_CHUNK = 1024 * 1024
_LEFT_BEHIND = timedelta(days=1)

# Which of these names of unfinished files somebody still waits for.
Needed = Callable[[Collection[str]], Collection[str]]


@contextmanager
def desk() -> Iterator[Path]:
    """A folder for unfinished files, on the disk of the library; gone afterwards."""
    incoming = Path(settings.MEDIA_ROOT) / "incoming"
    with _room():
        incoming.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=incoming) as folder:
            yield Path(folder)


def note_down(content: BinaryIO, to: Path) -> None:
    """Copy an upload into an unfinished file. Raises TooHeavy or NoSpace."""
    received = 0
    with _room(), to.open("wb") as file:
        while chunk := content.read(_CHUNK):
            received += len(chunk)
            if received > settings.MAX_UPLOAD_BYTES:
                raise too_heavy()
            file.write(chunk)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def placed(
    path: Path, ending: str, poster: bytes | None, now: datetime
) -> Iterator[tuple[str, str]]:
    """Put an unfinished file and its poster in place: yields their names, "" without a poster.

    Both are taken away again when what follows fails, so that no file is left without its row. The
    file at `path` stays until the end: in its new place it is nobody's before its row is written.
    """
    stem = f"{FOLDER}/{now:%Y/%m}/{secrets.token_hex(16)}"
    file, small = f"{stem}.{ending}", f"{stem}-poster.webp" if poster else ""
    try:
        with _room():
            _move(path, file)
            if poster:
                default_storage.save(small, ContentFile(poster))
        yield file, small
    except BaseException:
        _back(file, path)
        remove({file, small} - {""})
        raise
    path.unlink(missing_ok=True)


def remove(names: Collection[str]) -> None:
    """Take stored files away; one that is not there is no trouble."""
    for name in names:
        with suppress(OSError):
            default_storage.delete(name)


@contextmanager
def local(name: str) -> Iterator[Path]:
    """A stored file as a path on this machine; where the storage is elsewhere, a copy of it."""
    path = _path(name)
    if path is not None:
        yield path
        return
    with desk() as folder, default_storage.open(name) as stored:
        copy = folder / "copy"
        with copy.open("wb") as file:
            shutil.copyfileobj(stored, file, _CHUNK)
        yield copy


def content(name: str) -> bytes:
    """All bytes of a stored file."""
    with default_storage.open(name) as file:
        return bytes(file.read())


def left_behind(now: datetime) -> Iterator[list[str]]:
    """Names of stored files older than a day, of this month and the last, by the thousand.

    A process killed between placing a file and writing its row leaves one that nobody names.
    """
    last_month = now.replace(day=1) - timedelta(days=1)
    for month in (last_month, now):
        folder = f"{FOLDER}/{month:%Y/%m}"
        names = [f"{folder}/{name}" for name in _listed(folder)]
        for begin in range(0, len(names), 1000):
            yield [name for name in names[begin : begin + 1000] if _is_old(name, now)]


def clear_desks(now: datetime, needed: Needed) -> None:
    """Remove files that were not put in place for more than a day, but those that are `needed`."""
    incoming = Path(settings.MEDIA_ROOT) / "incoming"
    entries = list(incoming.iterdir()) if incoming.is_dir() else []
    old = [entry for entry in entries if _lies_long(entry, now)]
    kept = needed([entry.name for entry in old])
    for entry in old:
        if entry.name not in kept:
            with suppress(OSError):  # somebody else was first
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _lies_long(entry: Path, now: datetime) -> bool:
    with suppress(FileNotFoundError):
        return entry.stat().st_mtime < (now - _LEFT_BEHIND).timestamp()
    return False


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace from error
        raise


def _path(name: str) -> Path | None:
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


def _move(path: Path, name: str) -> None:
    target = _path(name)
    if target is None:
        with path.open("rb") as file:
            default_storage.save(name, File(file))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    os.utime(path)  # it may have waited for days: the sweep counts from now
    _flush(path)
    try:
        os.link(path, target)  # under both names until its row is there
    except OSError:  # not every disk can do that
        shutil.move(path, target)
    _flush(target.parent)


def _back(name: str, path: Path) -> None:
    """Where the file had to be moved, it goes back to where it was."""
    target = _path(name)
    with suppress(OSError):
        if target is not None and target.exists() and not path.exists():
            shutil.move(target, path)


def _flush(path: Path) -> None:
    """Wait until the disk has it: a row must not outlive its file in a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _listed(folder: str) -> list[str]:
    try:
        return default_storage.listdir(folder)[1]
    except FileNotFoundError:
        return []


def _is_old(name: str, now: datetime) -> bool:
    with suppress(FileNotFoundError):
        return default_storage.get_modified_time(name) < now - _LEFT_BEHIND
    return False
