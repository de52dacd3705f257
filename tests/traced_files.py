"""Which files of the studio something passes, in this thread and those that begin meanwhile.

Used by the tests that keep the ways drawn in CONTRIBUTING true.
"""

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx
from pydantic import BaseModel

import evolink_studio

ROOT = f"{Path(evolink_studio.__file__).parent}/"
MAX_DEPTH = 4


def contains_value(container: object, is_value: Callable[[object], bool], depth=MAX_DEPTH) -> bool:
    """Whether the value is this one, or in what is in it.

    A row and the request of a page do not count: most that pass them on never look into them.
    """
    return is_value(container) or (
        depth > 0
        and any(contains_value(part, is_value, depth - 1) for part in _parts_of(container))
    )


def _parts_of(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, httpx.Request):
        return [value.content]
    if isinstance(value, BaseModel):
        return vars(value).values()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return []


class ValueTracer:
    """Notes every file of the studio in which a call holds the value among its local variables."""

    def __init__(self, is_value: Callable[[object], bool]) -> None:
        self._is_value = is_value
        self._calls: dict[FrameType, int] = {}  # each call by its number
        self._first_calls: dict[str, int] = {}  # by file

    def __call__(self, frame: FrameType, event: str, _arg: object) -> None:
        file = frame.f_code.co_filename
        if event not in ("call", "return") or not file.startswith(ROOT):
            return
        number = self._calls.setdefault(frame, len(self._calls))
        is_news = event == "return" and number < self._first_calls.get(file, sys.maxsize)
        if is_news and any(
            contains_value(local, self._is_value) for local in frame.f_locals.values()
        ):
            self._first_calls[file] = number

    @property
    def files(self) -> list[str]:
        """In the order of their first calls that hold it."""
        files = sorted(self._first_calls, key=self._first_calls.__getitem__)
        return [file.removeprefix(ROOT) for file in files]

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Until the end of the block."""
        with _profile(self):
            yield


@contextmanager
def record_entered_files() -> Iterator[list[str]]:
    """The files whose functions run meanwhile, each once, in the order of entry."""
    files: list[str] = []

    def note_call(frame: FrameType, event: str, _arg: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and frame.f_code.co_name != "<module>" and file.startswith(ROOT):
            name = file.removeprefix(ROOT)
            if name not in files:
                files.append(name)

    with _profile(note_call):
        yield files


@contextmanager
def _profile(function: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    previous = sys.getprofile()
    threading.setprofile(function)
    sys.setprofile(function)
    try:
        yield
    finally:
        sys.setprofile(previous)
        threading.setprofile(None)  # type: ignore[arg-type]
