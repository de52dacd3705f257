"""Several processes as one: they come back when they die, and none outlives the supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from evolink_studio.environment import ROOT
from evolink_studio.operations.supervisor import Child, Supervisor

PATIENCE = 60


@pytest.fixture
def supervisor(tmp_path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "tests.engine.supervised", str(tmp_path)]
    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        until(lambda: {"one", "two"} <= started(tmp_path).keys(), "both have started")
        yield running
    finally:
        running.kill()
        running.wait()
        until(lambda: not alive(tmp_path), "all are gone")


def started(folder: Path) -> dict[str, list[int]]:
    """The numbers of the processes that ever started, by name."""
    found: dict[str, list[int]] = {}
    for path in folder.iterdir():
        name, _, pid = path.name.partition("-")
        found.setdefault(name, []).append(int(pid))
    return found


def alive(folder: Path) -> list[int]:
    return [pid for pids in started(folder).values() for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Not gone, and not merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.02)


def test_a_killed_child_is_back_within_two_seconds_and_the_other_one_never_stopped(
    supervisor, tmp_path
):
    (one,), (two,) = started(tmp_path)["one"], started(tmp_path)["two"]
    os.kill(one, signal.SIGKILL)
    until(lambda: len(started(tmp_path)["one"]) == 2, "it is back", seconds=2 + 1)
    assert started(tmp_path)["two"] == [two]
    assert is_alive(two)


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_takes_its_children_along(supervisor, tmp_path, order):
    supervisor.send_signal(order)
    assert supervisor.wait(PATIENCE) == 0
    assert alive(tmp_path) == []


@pytest.mark.parametrize("order", [signal.SIGKILL, signal.SIGHUP])
def test_killed_it_takes_them_along_too(supervisor, tmp_path, order):
    supervisor.send_signal(order)
    supervisor.wait(PATIENCE)
    until(lambda: not alive(tmp_path), "all are gone")
    assert len(started(tmp_path)) == 2


# --- with a clock of its own ------------------------------------------------------------------


@pytest.fixture
def own_signals() -> Iterator[None]:
    """The test's own process is the supervisor for a while."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


class Minutes:
    """A clock that moves only when the supervisor sleeps; then everything that can die, dies."""

    def __init__(self, child: Child, seconds: float, lives: float = 0) -> None:
        self.now, self.end, self.child, self.lives = 0.0, seconds, child, lives
        self.starts: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        process = self.child.process
        if process is not None:
            if not self.starts or self.starts[-1] != self.child.started:
                self.starts.append(self.child.started)
            if self.now - self.child.started >= self.lives:
                process.kill()
                process.wait()
        if self.now >= self.end:
            os.kill(os.getpid(), signal.SIGTERM)


def watched(seconds: float, lives: float) -> list[float]:
    """When a child was started that always dies after so many seconds."""
    child = Child("short", [sys.executable, "-c", "import time; time.sleep(300)"])
    clock = Minutes(child, seconds, lives)
    Supervisor([child], clock=clock, sleep=clock.sleep).run()
    assert child.process is None or child.process.poll() is not None
    return clock.starts


def test_a_child_that_always_dies_is_started_less_and_less_often(own_signals):
    starts = watched(60, lives=0)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps[0] < 1
    assert gaps == sorted(gaps)
    assert len(starts) < 14
    assert max(gaps) <= 11


def test_a_child_that_lived_long_is_started_again_at_once(own_signals):
    starts = watched(200, lives=40)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert len(gaps) >= 3
    assert max(gaps) < 42
