"""A file on its way to us: written piece by piece, and carried on with after a break.

Beside a file that may be carried on lies a note, `<name>.note`: what identified the content when
it began. Without it nobody could tell whether the rest still belongs to the beginning. One that is
complete is called `<name>.whole`: a name that it gets at one stroke, when all of it is here.
"""

import asyncio
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evolink_studio.evolink.errors import ServiceUnavailableError

_CONTENT_RANGE_PATTERN = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
_CHUNK_BYTES = 1 << 20
SIDECAR_SUFFIX, COMPLETED_SUFFIX = ".note", ".whole"


def completed_path(path: Path) -> Path:
    """Where a file that arrives at `path` stands once it is complete."""
    return path.with_name(path.name + COMPLETED_SUFFIX)


def adopt_partial_file(path: Path, leftovers: Iterable[Path]) -> None:
    """Let a file at `path` go on from the best of those that others `leftovers`, whole ones first.

    A whole one is moved: nobody writes to it any more. Of the others the largest is copied: who
    began it may still be writing there. Afterwards those are gone.
    """
    others = [other for other in leftovers if other not in (path, completed_path(path))]
    for other in others:
        if other.suffix == COMPLETED_SUFFIX:
            with suppress(FileNotFoundError):  # somebody else was first
                other.replace(completed_path(path))
    if not completed_path(path).exists():
        _copy_largest(path, others)
    for other in others:
        for old_path in (
            (other, _get_sidecar_path(other)) if other.suffix != COMPLETED_SUFFIX else ()
        ):
            old_path.unlink(missing_ok=True)


def _copy_largest(path: Path, others: Iterable[Path]) -> None:
    resumable_files = (other for other in others if _get_sidecar_path(other).exists())
    largest = max(resumable_files, key=_get_size, default=None)
    with suppress(OSError):  # no room, or it was finished meanwhile: then it begins anew
        if largest is not None:
            shutil.copyfile(_get_sidecar_path(largest), _get_sidecar_path(path))
            shutil.copyfile(largest, path)


def _get_sidecar_path(path: Path) -> Path:
    return path.with_name(path.name + SIDECAR_SUFFIX)


def _get_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class PartialFile:
    """Context manager around the file at `path`. With `resume` it goes on where the last one
    ended, if the provider agrees; otherwise it starts anew. Raises OSError from the disk."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._sidecar_path = _get_sidecar_path(path)
        self._resume = resume
        self._sidecar = self._read_sidecar() if resume else {}
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._expected_size: int | None = None
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def resume_headers(self) -> dict[str, str]:
        """The headers that ask for the rest; none if there is nothing to go on from."""
        if not self._sidecar:
            return {}
        headers = {"Range": f"bytes={self._path.stat().st_size}-"}
        return headers | ({"If-Range": self._sidecar["mark"]} if self._sidecar["mark"] else {})

    def discard(self) -> None:
        """Give up what is there: the next start is a new one."""
        self._sidecar = {}
        self._sidecar_path.unlink(missing_ok=True)

    async def open(self, status: int, headers: Mapping[str, str]) -> int | None:
        """Open the file as the reply wants it (206: go on, else anew) and tell the size that it
        will have, None if unknown. Raises Unavailable if the rest offered is not ours."""
        if status == 206:
            self._expected_size = await self._continue(headers)
        else:
            self._expected_size = self._start_new(headers)
        return self._expected_size

    def write(self, chunk: bytes) -> None:
        """Add a piece."""
        remaining = memoryview(chunk)
        while remaining:
            remaining = remaining[self._opened_file.write(remaining) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    async def finish(self) -> str:
        """Put it on the disk for good; the answer is the SHA-256. Raises Unavailable if it is
        empty or not as long as announced."""
        if self.size == 0 or self._expected_size not in (None, self.size):
            self.discard()
            raise ServiceUnavailableError(
                f"{self.size} bytes came, {self._expected_size} were announced"
            )
        await asyncio.to_thread(os.fsync, self._opened_file.fileno())
        self.discard()
        return self._hash.hexdigest()

    @property
    def _opened_file(self) -> FileIO:
        # Unbuffered: a full disk then speaks at the write, not again at the close, where it would
        # cover a cancellation.
        assert self._file is not None
        return self._file

    def _start_new(self, headers: Mapping[str, str]) -> int | None:
        self._file = FileIO(self._path, "wb")
        length = headers.get("content-length", "")
        expected_size = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
        self.discard()
        if self._resume and expected_size:
            validator = _get_validator(headers)
            self._sidecar_path.write_text(json.dumps({"mark": validator, "total": expected_size}))
        return expected_size

    async def _continue(self, headers: Mapping[str, str]) -> int:
        offset = self._path.stat().st_size if self._sidecar else 0
        match = _CONTENT_RANGE_PATTERN.fullmatch(headers.get("content-range", ""))
        if not match or [int(n) for n in match.groups()] != [offset, self._sidecar.get("total")]:
            self.discard()
            raise ServiceUnavailableError("The rest that was offered does not fit what is here")
        self._file = FileIO(self._path, "ab")
        self.size = offset
        await asyncio.to_thread(self._hash_beginning)
        return int(match[2])

    def _hash_beginning(self) -> None:
        with self._path.open("rb") as beginning:
            while chunk := beginning.read(_CHUNK_BYTES):
                self._hash.update(chunk)

    def _read_sidecar(self) -> dict[str, Any]:
        try:
            sidecar = json.loads(self._sidecar_path.read_text())
            has_content = self._path.stat().st_size > 0
            is_valid = isinstance(sidecar["mark"], str) and isinstance(sidecar["total"], int)
        except (OSError, ValueError, TypeError, KeyError):
            return {}
        return sidecar if has_content and is_valid else {}


def _get_validator(headers: Mapping[str, str]) -> str:
    """What If-Range may carry: a strong ETag or a date; "" if the provider gives neither."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else headers.get("last-modified", "")
