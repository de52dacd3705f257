"""Processes that end with us, and the processor time they took."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from evolink_studio.environment import ROOT

PR_SET_PDEATHSIG = 1
STOP_TIMEOUT_SECONDS = 5.0  # seconds from SIGTERM to SIGKILL
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchProcess:
    """A process with all that it started."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            # A session of its own: Ctrl+C reaches us alone, and we end it in order.
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_terminate_with_parent,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def ensure_running(self) -> None:
        """Raises RuntimeError with its last words when it has ended."""
        if self.process.poll() is not None:
            code = self.process.returncode
            raise RuntimeError(f"{self.log.stem} ended with {code}: {self.read_last_output()}")

    def read_last_output(self) -> str:
        """The last that it printed."""
        return self.log.read_text(errors="replace")[-2000:]

    def cpu_seconds(self) -> float:
        """Processor seconds that it and its children took so far."""
        return sum(_cpu_ticks(pid) for pid in process_tree(self.pid)) / TICKS_PER_SECOND

    def stop(self) -> None:
        """Ask it to end; what then still runs is killed."""
        members = [(pid, _start_ticks(pid)) for pid in process_tree(self.pid)]
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT_SECONDS)
        for pid, start_ticks in members:
            # A number may be somebody else's by now.
            if start_ticks and _start_ticks(pid) == start_ticks:
                kill_and_wait(pid)
        self.process.wait()


@contextmanager
def run_process(
    command: Sequence[str], env: Mapping[str, str], log: Path
) -> Iterator[BenchProcess]:
    """A process for the time of the block."""
    process = BenchProcess(command, env, log)
    try:
        yield process
    finally:
        process.stop()


def process_tree(pid: int) -> list[int]:
    """A process and all that it started, parents first. Without those that have ended."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _read_stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    pids = [pid]
    for member in pids:
        pids.extend(children.get(member, ()))
    return [member for member in pids if _read_stat(member)]


def command_line_of(pid: int) -> str:
    """The command line of a process; "" when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def kill_and_wait(pid: int) -> None:
    """SIGKILL, and wait until nothing of it answers any more."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while _read_stat(pid):
        time.sleep(0.001)


def _cpu_ticks(pid: int) -> int:
    fields = _read_stat(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _start_ticks(pid: int) -> str:
    """When it started, in ticks since boot; "" for the dead."""
    fields = _read_stat(pid)
    return fields[19] if fields else ""


def _read_stat(pid: int) -> list[str]:
    """State, parent … as /proc tells them (proc(5), from field 3 on); [] for the dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def _terminate_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
