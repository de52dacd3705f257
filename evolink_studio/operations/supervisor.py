"""Several processes as one: they start together, come back when they die, and end together."""

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
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEAD_START = 0.6  # of the first child, before the others take its processor
SETTLED = 30.0  # a child that lived this long starts again without a pause
DRAIN = 24.0  # above the 20 s that a child gives to work in hand


@dataclass
class Child:
    """One process: how it is started, and how often it died lately."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = 0.0
    again_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps its children alive until SIGTERM or SIGINT. `clock` in seconds."""

    children: list[Child]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _stopping: bool = field(default=False, init=False)

    def run(self, *, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Start all and watch them; returns when told to stop and all have ended.

        The first child has a head start, in which `meanwhile` is done.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            self._start_first()
            meanwhile()
            while not self._stopping:
                self._look()
                self.sleep(0.1)
        finally:
            self._end()

    def _start_first(self) -> None:
        first, *others = self.children
        self._start(first, self.clock())
        for child in others:
            child.again_at = self.clock() + HEAD_START

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _look(self) -> None:
        now = self.clock()
        for child in self.children:
            if child.process is None:
                if now >= child.again_at:
                    self._start(child, now)
            elif child.process.poll() is not None:
                self._died(child, now)

    def _start(self, child: Child, now: float) -> None:
        parent = os.getpid()
        child.process = subprocess.Popen(  # noqa: S603  # our own commands, no shell
            child.command, preexec_fn=lambda: _die_with(parent)
        )
        child.started = now

    def _died(self, child: Child, now: float) -> None:
        assert child.process is not None
        code, lived = child.process.returncode, now - child.started
        child.pause = (
            FIRST_PAUSE
            if lived > SETTLED
            else min(max(FIRST_PAUSE, child.pause * 2), LONGEST_PAUSE)
        )
        child.again_at = now + child.pause
        child.process = None
        log.warning("child died", child=child.name, code=code, again_in=child.pause)

    def _end(self) -> None:
        running = [child.process for child in self.children if child.process]
        for process in running:
            process.terminate()
        deadline = self.clock() + DRAIN
        for process in running:
            try:
                process.wait(max(0.1, deadline - self.clock()))
            except subprocess.TimeoutExpired:
                process.kill()


def _die_with(parent: int) -> None:
    """In the child, before its program starts: end when the supervisor ends, however it ends.

    Ctrl+C reaches the whole terminal; a group of its own leaves the order to the supervisor.
    """
    os.setpgrp()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


MANAGE = [sys.executable, str(ROOT / "manage.py")]
THREADS = 8


def web(env: Environment) -> list[str]:
    """gunicorn with threads. `--reuse-port` spreads kept-alive connections over the processes."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "evolink_studio.wsgi",
        "--chdir",
        str(ROOT),
        "--bind",
        f"{env.bind}:{env.port}",
        "--workers",
        str(env.web_workers),
        "--worker-class",
        "gthread",
        "--threads",
        str(THREADS),
        "--preload",
        "--reuse-port",
        "--no-control-socket",
        "--keep-alive",
        "30",
        "--graceful-timeout",
        "20",
        "--log-level",
        "warning",
    ]


def children(env: Environment) -> list[Child]:
    """Web, worker and, without a key, the sandbox."""
    found = [Child("web", web(env)), Child("worker", [*MANAGE, "worker"])]
    return [*found, Child("sandbox", sandbox(env))] if env.is_sandbox else found


def sandbox(env: Environment) -> list[str]:
    """The far end on this machine; it loads nothing of the studio, so it is there at once."""
    where = ["--port", str(env.sandbox_port), "--data", str(env.studio_data / "sandbox")]
    return [sys.executable, "-m", "evolink_studio.sandbox", *where]
