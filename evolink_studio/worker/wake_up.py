"""Wakes the worker: a named pipe in the data folder, of one byte for each wake-up.

On PostgreSQL it reaches one of the workers of this machine; what is to be sent has a job besides.
A pipe and no socket: its path may be of any length, and one that a killed worker left behind is
simply opened again. A wake-up that is lost costs no more than the time until the worker looks by
itself, so nothing here waits or fails: without a pipe there are no wake-ups.
"""

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction

from evolink_studio.generations.signals import work_due

log = structlog.get_logger(__name__)

PIPE_NAME = "worker-wake-up"
MAX_BYTES_READ = 65_536  # all that a pipe holds


def connect_signals() -> None:
    """Wake the worker whenever work becomes due."""
    work_due.connect(_wake_on_commit, dispatch_uid="wake-up")


def _wake_on_commit(**kwargs: object) -> None:
    transaction.on_commit(wake_worker)


def wake_worker() -> None:
    """Wake the worker of this data folder, if there is one."""
    with suppress(OSError):  # nobody listens, or so many wake-ups wait that one more says nothing
        pipe = os.open(get_pipe_path(), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            if stat.S_ISFIFO(os.fstat(pipe).st_mode):
                os.write(pipe, b"\0")
        finally:
            os.close(pipe)


def get_pipe_path() -> Path:
    return Path(settings.DATA_DIR) / PIPE_NAME


class WakeUpListener:
    """The worker's end of the pipe: calls `on_wake_up` in the running loop of asyncio."""

    def __init__(self, path: Path, on_wake_up: Callable[[], None]) -> None:
        self._path = path
        self._on_wake_up = on_wake_up
        self._descriptor: int | None = None
        self._problem = ""

    def ensure_open(self) -> None:
        """Listen at the pipe that is in place now; make one where there is none.

        What is in its place and no pipe of ours is left alone. To be called now and then: somebody
        may have removed it.
        """
        if self._is_in_place():
            return
        self.close()
        try:
            self._descriptor, problem = _open_pipe(self._path), ""
        except OSError as error:
            problem = error.strerror or type(error).__name__
        else:
            asyncio.get_running_loop().add_reader(self._descriptor, self._on_readable)
        if problem and problem != self._problem:
            log.warning("no wake-ups", path=str(self._path), reason=problem)
        self._problem = problem

    def close(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _is_in_place(self) -> bool:
        if self._descriptor is None:
            return False
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        return False

    def _on_readable(self) -> None:
        assert self._descriptor is not None
        with suppress(OSError):
            os.read(self._descriptor, MAX_BYTES_READ)
        self._on_wake_up()


def _open_pipe(path: Path) -> int:
    """The pipe, made if need be, for its reader. Raises OSError, also for another kind of file."""
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    # For writing, too: without anybody who may write, it would be at its end time and again.
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
    status = os.fstat(pipe)
    if stat.S_ISFIFO(status.st_mode) and status.st_uid == os.geteuid():
        return pipe
    os.close(pipe)
    raise FileExistsError(errno.EEXIST, "another file is in its place")
