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
PATIENCE = 5.0  # seconds from SIGTERM to SIGKILL
TICKS = os.sysconf("SC_CLK_TCK")


class Running:
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
                preexec_fn=_die_with_us,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> None:
        """Raises RuntimeError with its last words when it has ended."""
        if self.process.poll() is not None:
            code = self.process.returncode
            raise RuntimeError(f"{self.log.stem} ended with {code}: {self.words()}")

    def words(self) -> str:
        """The last that it printed."""
        return self.log.read_text(errors="replace")[-2000:]

    def seconds(self) -> float:
        """Processor seconds that it and its children took so far."""
        return sum(_ticks(pid) for pid in family(self.pid)) / TICKS

    def end(self) -> None:
        """Ask it to end; what then still runs is killed."""
        members = [(pid, _born(pid)) for pid in family(self.pid)]
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        for pid, born in members:
            if born and _born(pid) == born:  # a number may be somebody else's by now
                kill(pid)
        self.process.wait()


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[Running]:
    """A process for the time of the block."""
    process = Running(command, env, log)
    try:
        yield process
    finally:
        process.end()


def family(pid: int) -> list[int]:
    """A process and all that it started, parents first. Without those that have ended."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (facts := _stat(int(entry.name))):
            children.setdefault(int(facts[1]), []).append(int(entry.name))
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return [member for member in found if _stat(member)]


def command_of(pid: int) -> str:
    """The command line of a process; "" when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def kill(pid: int) -> None:
    """SIGKILL, and wait until nothing of it answers any more."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while _stat(pid):
        time.sleep(0.001)


def _ticks(pid: int) -> int:
    facts = _stat(pid)
    return int(facts[11]) + int(facts[12]) if facts else 0


def _born(pid: int) -> str:
    """When it started, in ticks since boot; "" for the dead."""
    facts = _stat(pid)
    return facts[19] if facts else ""


def _stat(pid: int) -> list[str]:
    """State, parent … as /proc tells them (proc(5), from field 3 on); [] for the dead."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if facts[0] in "ZX" else facts


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
