"""The processes of a studio (the sandbox only without a key), started, restarted and stopped."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from evolink_studio.environment import ROOT, Environment

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1
MIN_RESTART_DELAY_SECONDS = 0.2
MAX_RESTART_DELAY_SECONDS = 10.0
HEAD_START_SECONDS = 0.6  # of the first child, before the others compete for the processor
STABLE_UPTIME_SECONDS = 30.0  # a child that ran longer restarts after the shortest delay
SHUTDOWN_TIMEOUT_SECONDS = 24.0  # above the 20 s that a child has to finish its work
MANAGE_COMMAND = [sys.executable, str(ROOT / "manage.py")]
WEB_THREADS = 8


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
    """Keeps its child processes running until SIGTERM or SIGINT. `clock` in seconds."""

    processes: list[ManagedProcess]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _is_stopping: bool = field(default=False, init=False)

    def run(self, *, on_start: Callable[[], None] = lambda: None) -> None:
        """Start and watch all processes; returns after a stop signal, when all have ended.

        The first child has a head start, in which `on_start` is called.
        """
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, self._on_signal)
        try:
            self._start_first()
            on_start()
            while not self._is_stopping:
                self._check_processes()
                self.sleep(0.1)
        finally:
            self._shut_down()

    def _start_first(self) -> None:
        first_process, *other_processes = self.processes
        self._start_process(first_process, self.clock())
        for managed_process in other_processes:
            managed_process.restart_at = self.clock() + HEAD_START_SECONDS

    def _on_signal(self, signal_number: int, frame: object) -> None:
        self._is_stopping = True

    def _check_processes(self) -> None:
        now = self.clock()
        for managed_process in self.processes:
            if managed_process.process is None:
                if now >= managed_process.restart_at:
                    self._start_process(managed_process, now)
            elif managed_process.process.poll() is not None:
                self._on_exit(managed_process, now)

    def _start_process(self, managed_process: ManagedProcess, now: float) -> None:
        parent_pid = os.getpid()
        managed_process.process = subprocess.Popen(  # noqa: S603  # our own commands, no shell
            managed_process.command, preexec_fn=lambda: _exit_with_parent(parent_pid)
        )
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
        log.warning(
            "process exited",
            child=managed_process.name,
            code=exit_code,
            again_in=managed_process.restart_delay,
        )

    def _shut_down(self) -> None:
        running_processes = [
            managed_process.process for managed_process in self.processes if managed_process.process
        ]
        for process in running_processes:
            process.terminate()
        deadline = self.clock() + SHUTDOWN_TIMEOUT_SECONDS
        for process in running_processes:
            try:
                process.wait(max(0.1, deadline - self.clock()))
            except subprocess.TimeoutExpired:
                process.kill()


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


def build_web_command(env: Environment) -> list[str]:
    """gunicorn. `--reuse-port` spreads kept-alive connections over the processes."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "evolink_studio.wsgi",
        "--chdir",
        str(ROOT),
        "--bind",
        f"{env.bind_host}:{env.port}",
        "--workers",
        str(env.web_workers),
        "--worker-class",
        "evolink_studio.operations.web_worker.WebWorker",
        "--threads",
        str(WEB_THREADS),
        "--preload",
        "--reuse-port",
        "--no-control-socket",
        "--graceful-timeout",
        "20",
        "--log-level",
        "warning",
    ]


def build_processes(env: Environment) -> list[ManagedProcess]:
    """Web, worker and, without a key, the sandbox."""
    processes = [
        ManagedProcess("web", build_web_command(env)),
        ManagedProcess("worker", [*MANAGE_COMMAND, "worker"]),
    ]
    return (
        [*processes, ManagedProcess("sandbox", build_sandbox_command(env))]
        if env.is_sandbox
        else processes
    )


def build_sandbox_command(env: Environment) -> list[str]:
    """The provider on this machine; it does not load Django, so it starts at once."""
    options = ["--port", str(env.sandbox_port), "--data", str(env.studio_data / "sandbox")]
    return [sys.executable, "-m", "evolink_studio.sandbox", *options]
