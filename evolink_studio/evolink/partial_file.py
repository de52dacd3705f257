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

from evolink_studio.evolink.errors import Unavailable

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
_CHUNK = 1 << 20
NOTE, WHOLE = ".note", ".whole"


def whole_of(path: Path) -> Path:
    """Where a file that arrives at `path` stands once it is complete."""
    return path.with_name(path.name + WHOLE)


def take_over(path: Path, left: Iterable[Path]) -> None:
    """Let a file at `path` go on from the best of those that others `left`, whole ones first.

    A whole one is moved: nobody writes to it any more. Of the others the largest is copied: who
    began it may still be writing there. Afterwards those are gone.
    """
    others = [other for other in left if other not in (path, whole_of(path))]
    for other in others:
        if other.suffix == WHOLE:
            with suppress(FileNotFoundError):  # somebody else was first
                other.replace(whole_of(path))
    if not whole_of(path).exists():
        _go_on_from(path, others)
    for other in others:
        for name in (other, _note_of(other)) if other.suffix != WHOLE else ():
            name.unlink(missing_ok=True)


def _go_on_from(path: Path, others: Iterable[Path]) -> None:
    begun = (other for other in others if _note_of(other).exists())
    largest = max(begun, key=_size, default=None)
    with suppress(OSError):  # no room, or it was finished meanwhile: then it begins anew
        if largest is not None:
            shutil.copyfile(_note_of(largest), _note_of(path))
            shutil.copyfile(largest, path)


def _note_of(path: Path) -> Path:
    return path.with_name(path.name + NOTE)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class Part:
    """Context manager around the file at `path`. With `resume` it goes on where the last one
    ended, if the far end agrees; otherwise it starts anew. Raises OSError from the disk."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._note_path = _note_of(path)
        self._resume = resume
        self._note = self._read_note() if resume else {}
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._total: int | None = None
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

    def wishes(self) -> dict[str, str]:
        """The headers that ask for the rest; none if there is nothing to go on from."""
        if not self._note:
            return {}
        wishes = {"Range": f"bytes={self._path.stat().st_size}-"}
        return wishes | ({"If-Range": self._note["mark"]} if self._note["mark"] else {})

    def forget(self) -> None:
        """Give up what is there: the next start is a new one."""
        self._note = {}
        self._note_path.unlink(missing_ok=True)

    async def begin(self, status: int, headers: Mapping[str, str]) -> int | None:
        """Open the file as the reply wants it (206: go on, else anew) and tell the size that it
        will have, None if unknown. Raises Unavailable if the rest offered is not ours."""
        if status == 206:
            self._total = await self._go_on(headers)
        else:
            self._total = self._start(headers)
        return self._total

    def write(self, chunk: bytes) -> None:
        """Add a piece."""
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._opened.write(rest) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    async def finish(self) -> str:
        """Put it on the disk for good; the answer is the SHA-256. Raises Unavailable if it is
        empty or not as long as announced."""
        if self.size == 0 or self._total not in (None, self.size):
            self.forget()
            raise Unavailable(f"{self.size} bytes came, {self._total} were announced")
        await asyncio.to_thread(os.fsync, self._opened.fileno())
        self.forget()
        return self._hash.hexdigest()

    @property
    def _opened(self) -> FileIO:
        # Unbuffered: a full disk then speaks at the write, not again at the close, where it would
        # cover a cancellation.
        assert self._file is not None
        return self._file

    def _start(self, headers: Mapping[str, str]) -> int | None:
        self._file = FileIO(self._path, "wb")
        length = headers.get("content-length", "")
        total = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
        self.forget()
        if self._resume and total:
            mark = _mark(headers)
            self._note_path.write_text(json.dumps({"mark": mark, "total": total}))
        return total

    async def _go_on(self, headers: Mapping[str, str]) -> int:
        offset = self._path.stat().st_size if self._note else 0
        found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if not found or [int(n) for n in found.groups()] != [offset, self._note.get("total")]:
            self.forget()
            raise Unavailable("The rest that was offered does not fit what is here")
        self._file = FileIO(self._path, "ab")
        self.size = offset
        await asyncio.to_thread(self._hash_beginning)
        return int(found[2])

    def _hash_beginning(self) -> None:
        with self._path.open("rb") as beginning:
            while chunk := beginning.read(_CHUNK):
                self._hash.update(chunk)

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note_path.read_text())
            begun = self._path.stat().st_size > 0
            fits = isinstance(note["mark"], str) and isinstance(note["total"], int)
        except (OSError, ValueError, TypeError, KeyError):
            return {}
        return note if begun and fits else {}


def _mark(headers: Mapping[str, str]) -> str:
    """What If-Range may carry: a strong ETag or a date; "" if the far end gives neither."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else headers.get("last-modified", "")
