"""`manage.py studio`: the processes of a studio, prepared, started, restarted and stopped.

It stays for as long as the studio runs and does next to nothing, so it imports next to nothing: no
Django, no settings. Those are in the process that prepares the studio and becomes its web server.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

PR_SET_PDEATHSIG = 1
MIN_RESTART_DELAY_SECONDS = 0.2
MAX_RESTART_DELAY_SECONDS = 10.0
HEAD_START_SECONDS = 0.6  # of the first child, before the others compete for the processor
STABLE_UPTIME_SECONDS = 30.0  # a child that ran longer restarts after the shortest delay
SHUTDOWN_TIMEOUT_SECONDS = 24.0  # above the 20 s that a child has to finish its work
MAX_SLEEP_SECONDS = 60.0  # a child that ends, and a signal, wake us before
INTERRUPTED_EXIT_CODE = 130


@dataclass
class ManagedProcess:
    """One child process and its restart state. Times in seconds of the supervisor's clock."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_delay: float = 0.0
    restart_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps its child processes running until SIGTERM or SIGINT. `clock` in seconds.

    `sleep` is given the longest time to sleep; it returns earlier when a signal came. The first of
    `processes` may run already.
    """

    processes: list[ManagedProcess]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] | None = None
    _is_stopping: bool = field(default=False, init=False)

    def run(self) -> None:
        """Start and watch all processes; returns after a stop signal, when all have ended.

        The first child has a head start.
        """
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, self._on_signal)
        try:
            with sleep_until_signal() as sleep:
                self._start_first()
                while not self._is_stopping:
                    self._check_processes()
                    (self.sleep or sleep)(self._compute_sleep())
        finally:
            self._shut_down()

    def _start_first(self) -> None:
        first_process, *other_processes = self.processes
        if first_process.process is None:
            self._start_process(first_process, self.clock())
        for managed_process in other_processes:
            managed_process.restart_at = self.clock() + HEAD_START_SECONDS

    def _on_signal(self, signal_number: int, frame: object) -> None:
        self._is_stopping = True

    def _compute_sleep(self) -> float:
        """Seconds until the next restart; MAX_SLEEP_SECONDS while all run, 0 to stop."""
        if self._is_stopping:
            return 0.0
        restarts = [
            managed_process.restart_at - self.clock()
            for managed_process in self.processes
            if managed_process.process is None
        ]
        return max(0.0, min([MAX_SLEEP_SECONDS, *restarts]))

    def _check_processes(self) -> None:
        now = self.clock()
        for managed_process in self.processes:
            if managed_process.process is None:
                if now >= managed_process.restart_at:
                    self._start_process(managed_process, now)
            elif managed_process.process.poll() is not None:
                self._on_exit(managed_process, now)

    def _start_process(self, managed_process: ManagedProcess, now: float) -> None:
        managed_process.process = _start(managed_process.command)
        managed_process.started_at = now

    def _on_exit(self, managed_process: ManagedProcess, now: float) -> None:
        assert managed_process.process is not None
        exit_code, uptime = managed_process.process.returncode, now - managed_process.started_at
        managed_process.restart_delay = (
            MIN_RESTART_DELAY_SECONDS
            if uptime > STABLE_UPTIME_SECONDS
            else min(
                max(MIN_RESTART_DELAY_SECONDS, managed_process.restart_delay * 2),
                MAX_RESTART_DELAY_SECONDS,
            )
        )
        managed_process.restart_at = now + managed_process.restart_delay
        managed_process.process = None
        _log_exit(managed_process, exit_code)

    def _shut_down(self) -> None:
        running_processes = [managed.process for managed in self.processes if managed.process]
        for process in running_processes:
            process.terminate()
        deadline = self.clock() + SHUTDOWN_TIMEOUT_SECONDS
        for process in running_processes:
            try:
                process.wait(max(0.1, deadline - self.clock()))
            except subprocess.TimeoutExpired:
                process.kill()


def main(command: Sequence[str]) -> int:
    """Prepare a studio with `command`, and run it. Returns the exit code.

    The command is given the number of a pipe as its option `--web`. It writes the commands of the
    studio's processes there, by name, once they can be started, and is itself the first of them
    from then on (see the command `studio`).
    """
    reader, writer = os.pipe()
    started_at = time.monotonic()
    preparation = _start([*command, f"--web={writer}"], pass_fds=(writer,))
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            commands: dict[str, list[str]] = json.loads(pipe.read() or b"{}")
        if not commands:  # it has said why
            return preparation.wait()
    except KeyboardInterrupt:
        preparation.terminate()
        preparation.wait()
        return INTERRUPTED_EXIT_CODE
    processes = [ManagedProcess(name, command) for name, command in commands.items()]
    processes[0].process, processes[0].started_at = preparation, started_at
    Supervisor(processes).run()
    return 0


def _start(command: Sequence[str], pass_fds: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
    parent_pid = os.getpid()
    return subprocess.Popen(  # noqa: S603  # our own commands, no shell
        command, pass_fds=pass_fds, preexec_fn=lambda: _exit_with_parent(parent_pid)
    )


@contextmanager
def sleep_until_signal() -> Iterator[Callable[[float], None]]:
    """A sleep of at most so many seconds, which any handled signal and the end of a child end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    earlier_handler = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    earlier_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def sleep(seconds: float) -> None:
        if select.select([reader], [], [], seconds)[0]:
            os.read(reader, select.PIPE_BUF)

    try:
        yield sleep
    finally:
        signal.set_wakeup_fd(earlier_writer)
        signal.signal(signal.SIGCHLD, earlier_handler)
        os.close(reader)
        os.close(writer)


def _log_exit(managed_process: ManagedProcess, exit_code: int) -> None:
    """A line as all processes of the studio write them."""
    event = {
        "child": managed_process.name,
        "code": exit_code,
        "again_in": managed_process.restart_delay,
        "event": "process exited",
        "logger": __name__,
        "level": "warning",
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    sys.stderr.write(json.dumps(event) + "\n")


def _exit_with_parent(parent_pid: int) -> None:
    """Runs in the child before its program: the child ends when the supervisor ends, even killed.

    Ctrl+C signals the whole process group of the terminal; with a group of its own, the child is
    stopped by the supervisor only.
    """
    os.setpgrp()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:
            os.kill(os.getpid(), signal.SIGTERM)
