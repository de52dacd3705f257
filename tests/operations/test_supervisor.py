"""Several processes as one: they come back when they die, and none outlives the supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from evolink_studio.environment import ROOT
from evolink_studio.operations.supervisor import (
    INTERRUPTED_EXIT_CODE,
    ManagedProcess,
    Supervisor,
)

TIMEOUT_SECONDS = 300


@pytest.fixture
def supervisor(tmp_path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "tests.operations.supervised_processes", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: {"one", "two"} <= started_pids(tmp_path).keys(), "both have started")
        yield process
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: not alive_pids(tmp_path), "all are gone")


def started_pids(folder: Path) -> dict[str, list[int]]:
    """The numbers of the processes that ever started, by name."""
    pids_by_name: dict[str, list[int]] = {}
    for path in folder.iterdir():
        name, _, pid = path.name.partition("-")
        pids_by_name.setdefault(name, []).append(int(pid))
    return pids_by_name


def alive_pids(folder: Path) -> list[int]:
    return [pid for pids in started_pids(folder).values() for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Running, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(
    condition: Callable[[], object], description: str, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not: {description}"
        time.sleep(0.02)


def test_a_killed_child_comes_back_and_the_other_one_never_stopped(supervisor, tmp_path):
    (first_pid,), (second_pid,) = started_pids(tmp_path)["one"], started_pids(tmp_path)["two"]
    os.kill(first_pid, signal.SIGKILL)
    wait_until(lambda: len(started_pids(tmp_path)["one"]) == 2, "it is back")
    assert started_pids(tmp_path)["two"] == [second_pid]
    assert is_alive(second_pid)


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_takes_its_children_along(supervisor, tmp_path, order):
    supervisor.send_signal(order)
    assert supervisor.wait(TIMEOUT_SECONDS) == 0
    assert alive_pids(tmp_path) == []


@pytest.mark.parametrize("order", [signal.SIGKILL, signal.SIGHUP])
def test_killed_it_takes_them_along_too(supervisor, tmp_path, order):
    supervisor.send_signal(order)
    supervisor.wait(TIMEOUT_SECONDS)
    wait_until(lambda: not alive_pids(tmp_path), "all are gone")
    assert len(started_pids(tmp_path)) == 2


# --- what prepares the studio is its first process --------------------------------------------

PREPARATION_SCRIPT = """
import json, os, pathlib, sys, time
from tests.operations.supervised_processes import build_child
folder, pipe = sys.argv[1], int(sys.argv[2].removeprefix("--web="))
pathlib.Path(folder, f"prepared-{os.getpid()}").touch()
time.sleep(0)
commands = {name: build_child(folder, name).command for name in ("first", "second")}
with os.fdopen(pipe, "w") as supervisor:
    json.dump(commands, supervisor)
time.sleep(300)
"""
SUPERVISOR_SCRIPT = """
import sys
from evolink_studio.operations import supervisor
sys.exit(supervisor.main([sys.executable, "-c", *sys.argv[1:]]))
"""


@contextmanager
def run_main(folder: Path, preparation_script: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`supervisor.main`, in a process of its own."""
    command = [sys.executable, "-c", SUPERVISOR_SCRIPT, preparation_script, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: "prepared" in started_pids(folder), "it is being prepared")
        yield process
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: not alive_pids(folder), "all are gone")


def test_the_process_that_prepared_is_the_first_one_and_is_started_anew_by_its_command(tmp_path):
    with run_main(tmp_path, PREPARATION_SCRIPT) as process:
        wait_until(lambda: "second" in started_pids(tmp_path), "the other one has started")
        assert "first" not in started_pids(tmp_path)
        (prepared_pid,) = started_pids(tmp_path)["prepared"]
        os.kill(prepared_pid, signal.SIGKILL)
        wait_until(lambda: "first" in started_pids(tmp_path), "it is back")
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_SECONDS) == 0
        assert alive_pids(tmp_path) == []


def test_interrupted_while_it_prepares_it_leaves_nothing_behind(tmp_path):
    waiting_script = PREPARATION_SCRIPT.replace("time.sleep(0)", "time.sleep(300)")
    with run_main(tmp_path, waiting_script) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_SECONDS) == INTERRUPTED_EXIT_CODE
        assert alive_pids(tmp_path) == []


# --- with a clock of its own ------------------------------------------------------------------


@pytest.fixture
def restored_signals() -> Iterator[None]:
    """The test's own process is the supervisor for a while."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


class SupervisorClock:
    """A clock that moves only when the supervisor sleeps; then everything that can die, dies."""

    def __init__(self, child: ManagedProcess, seconds: float, lifetime_seconds: float = 0) -> None:
        self.now, self.end_at, self.child, self.lifetime_seconds = (
            0.0,
            seconds,
            child,
            lifetime_seconds,
        )
        self.started_at: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += min(seconds, 0.1)  # it may end earlier
        process = self.child.process
        if process is not None:
            if not self.started_at or self.started_at[-1] != self.child.started_at:
                self.started_at.append(self.child.started_at)
            if self.now - self.child.started_at >= self.lifetime_seconds:
                process.kill()
                process.wait()
        if self.now >= self.end_at:
            os.kill(os.getpid(), signal.SIGTERM)


def record_starts(seconds: float, lifetime_seconds: float) -> list[float]:
    """When a child was started that always dies after so many seconds."""
    child = ManagedProcess("short", [sys.executable, "-c", "import time; time.sleep(300)"])
    clock = SupervisorClock(child, seconds, lifetime_seconds)
    Supervisor([child], clock=clock, sleep=clock.sleep).run()
    assert child.process is None or child.process.poll() is not None
    return clock.started_at


def test_a_child_that_always_dies_is_started_less_and_less_often(restored_signals):
    starts = record_starts(60, lifetime_seconds=0)
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(starts)]
    assert gaps[0] < 1
    assert gaps == sorted(gaps)
    assert len(starts) < 14
    assert max(gaps) <= 11


def test_a_child_that_lived_long_is_started_again_at_once(restored_signals):
    starts = record_starts(200, lifetime_seconds=40)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert len(gaps) >= 3
    assert max(gaps) < 42
