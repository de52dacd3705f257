"""A partly downloaded file: written in pieces, and resumed after an interruption.

Beside a file that can be resumed lies a sidecar, `<name>.note`: the validator and size of the
content when the download began, to check that the rest belongs to it. A complete file is renamed to
`<name>.whole`.
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
    """The path that a file downloaded to `path` gets once it is complete."""
    return path.with_name(path.name + COMPLETED_SUFFIX)


def adopt_partial_file(path: Path, leftovers: Iterable[Path]) -> None:
    """Take over the best of `leftovers` of earlier tries for a download to `path`.

    A complete file is moved. Else the largest partial one is copied, as another process may still
    be writing to it; then the partial ones are deleted.
    """
    other_paths = [
        other_path for other_path in leftovers if other_path not in (path, completed_path(path))
    ]
    for other_path in other_paths:
        if other_path.suffix == COMPLETED_SUFFIX:
            with suppress(FileNotFoundError):  # another process was first
                other_path.replace(completed_path(path))
    if not completed_path(path).exists():
        _copy_largest(path, other_paths)
    for other_path in other_paths:
        for old_path in (
            (other_path, _get_sidecar_path(other_path))
            if other_path.suffix != COMPLETED_SUFFIX
            else ()
        ):
            old_path.unlink(missing_ok=True)


def _copy_largest(path: Path, other_paths: Iterable[Path]) -> None:
    resumable_files = (
        other_path for other_path in other_paths if _get_sidecar_path(other_path).exists()
    )
    largest = max(resumable_files, key=_get_size, default=None)
    with suppress(OSError):  # disk full, or just completed: then it starts anew
        if largest is not None:
            shutil.copyfile(_get_sidecar_path(largest), _get_sidecar_path(path))
            shutil.copyfile(largest, path)


def _get_sidecar_path(path: Path) -> Path:
    return path.with_name(path.name + SIDECAR_SUFFIX)


def _get_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class PartialFile:
    """Context manager around the file at `path`. With `resume` it continues a partial file if the
    server agrees; else it starts anew. Raises OSError from the disk."""

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
        """The headers that ask for the rest; {} if there is nothing to resume."""
        if not self._sidecar:
            return {}
        headers = {"Range": f"bytes={self._path.stat().st_size}-"}
        return headers | ({"If-Range": self._sidecar["mark"]} if self._sidecar["mark"] else {})

    def discard(self) -> None:
        """Delete the sidecar, so that the file cannot be resumed."""
        self._sidecar = {}
        self._sidecar_path.unlink(missing_ok=True)

    async def open(self, status: int, headers: Mapping[str, str]) -> int | None:
        """Open the file for a response (206: continue, else anew). Returns the expected size, None
        if unknown. Raises ServiceUnavailableError if the offered rest does not fit."""
        if status == 206:
            self._expected_size = await self._continue(headers)
        else:
            self._expected_size = self._start_new(headers)
        return self._expected_size

    def write(self, chunk: bytes) -> None:
        """Append a chunk."""
        remaining = memoryview(chunk)
        while remaining:
            remaining = remaining[self._opened_file.write(remaining) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    async def finish(self) -> str:
        """Flush it to disk; returns the SHA-256 in hex. Raises ServiceUnavailableError if it is
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
        # Unbuffered: a full disk then raises at the write and not at the close, where it would hide
        # a cancellation.
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
        if not match or [int(number) for number in match.groups()] != [
            offset,
            self._sidecar.get("total"),
        ]:
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
    """A validator for If-Range: a strong ETag or a date; "" if the server gives neither."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else headers.get("last-modified", "")
