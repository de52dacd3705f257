"""What a whole studio costs while nobody uses it, and how soon it is awake.

`manage.py studio` with the sandbox, from an empty folder. Processor time is that of all its
processes (nanoseconds of the scheduler, as the ticks of /proc are too coarse), waits for the disk
are what `strace` counts (left out where it is missing or not allowed). Memory is the share of each
process in its pages (PSS), so that what is shared counts once, and beside it their plain sum (RSS).
A press goes through the form; that it is being sent is what its row says.
"""

import asyncio
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Figure, percentile_figures
from bench.http_client import open_connections
from bench.instances import BenchInstance, InstanceFactory, wait_until_listening
from bench.measures.submit import PageInputs, build_submit_request
from bench.processes import BenchProcess, command_line_of, process_tree
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.models import Generation, Heartbeat
from evolink_studio.operations.process_commands import MANAGE_COMMAND

SETTLING_SECONDS = 8.0  # until the start is over
TIMEOUT_SECONDS = 30.0
PAUSE_SECONDS = 1.0
KILOBYTES_PER_MB = 1024
MAX_CPU_SECONDS, MAX_SYNCS, MAX_RESIDENT_MB, MAX_PRESS_SECONDS = 0.4, 2, 250, 0.5
SYNC_PATTERN = re.compile(r"\bf(?:data)?sync\(\d")


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with (
        instances.create_instance(is_empty=True) as instance,
        instance.run_process("studio", [*MANAGE_COMMAND, "studio"]) as studio,
    ):
        wait_until_listening(instance.port, studio)
        with instance.use_database():
            _wait_until(Heartbeat.objects.exists, studio)
            time.sleep(SETTLING_SECONDS)
            yield from _measure_idle(studio, size.idle_seconds, instance.folder)
            yield from _measure_presses(instance, studio, size.press_count)


def _measure_idle(studio: BenchProcess, seconds: float, folder: Path) -> Iterator[Figure]:
    pids = process_tree(studio.pid)
    names = {pid: _name_of(pid, studio.pid) for pid in pids}
    before = {pid: _cpu_seconds(pid) for pid in pids}
    wakes_before = {pid: _count_wakes(pid) for pid in pids}
    time.sleep(seconds)
    studio.ensure_running()
    per_minute = 60 / seconds
    cpu = {pid: (_cpu_seconds(pid) - before[pid]) * per_minute for pid in pids}
    wakes = sum(_count_wakes(pid) - wakes_before[pid] for pid in pids) / seconds
    without_sandbox = [pid for pid in pids if names[pid] != "sandbox"]
    yield Figure("idle, CPU of all processes", sum(cpu.values()), "s/min", at_most=MAX_CPU_SECONDS)
    for name in dict.fromkeys(names.values()):
        yield Figure(f"  of {name}", sum(cpu[pid] for pid in pids if names[pid] == name), "s/min")
    yield Figure("  wake-ups of all", wakes, "/s")
    yield from _measure_syncs(pids, seconds, folder)
    for kind in ("Pss", "Rss"):
        yield Figure(
            f"idle, resident with the sandbox ({kind.upper()})",
            sum(_read_memory(pid, kind) for pid in pids),
            "MB",
            at_most=MAX_RESIDENT_MB if kind == "Pss" else None,
        )
        yield Figure(
            f"  without it ({kind.upper()})",
            sum(_read_memory(pid, kind) for pid in without_sandbox),
            "MB",
        )


def _measure_syncs(pids: list[int], seconds: float, folder: Path) -> Iterator[Figure]:
    """Calls of fsync and fdatasync; no figure where processes cannot be traced."""
    if not shutil.which("strace"):
        return
    log = folder / "strace.log"
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(log)]
    command += [argument for pid in pids for argument in ("-p", str(pid))]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    was_allowed = tracer.poll() is None
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    if was_allowed:
        count = len(SYNC_PATTERN.findall(log.read_text()))
        yield Figure(f"idle, fsync of all processes in {seconds:.0f} s", count, at_most=MAX_SYNCS)


async def _press(instance: BenchInstance, user: SignedInUser, count: int) -> None:
    """Presses of the button, each once the studio has fallen asleep again."""
    async with open_connections(instance.port) as (connection,):
        for _ in range(count):
            await asyncio.sleep(PAUSE_SECONDS)
            await connection.send(build_submit_request(user, PageInputs()), 200)


def _measure_presses(instance: BenchInstance, studio: BenchProcess, count: int) -> Iterator[Figure]:
    (user,) = create_signed_in_users(1)
    asyncio.run(_press(instance, user, count))
    sent_rows = Generation.objects.filter(sent_at__isnull=False)
    _wait_until(lambda: sent_rows.count() == count, studio)
    times = sent_rows.values_list("created_at", "sent_at")
    delays = [(sent_at - created_at).total_seconds() for created_at, sent_at in times if sent_at]
    yield from percentile_figures("idle, press → being sent", delays, "s", max=MAX_PRESS_SECONDS)


def _wait_until(condition: Callable[[], bool], studio: BenchProcess) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        studio.ensure_running()
        if time.monotonic() > deadline:
            raise RuntimeError(f"still waiting: {studio.read_last_output()}")
        time.sleep(0.05)


def _name_of(pid: int, supervisor_pid: int) -> str:
    words = {
        "studio --web": "the web server",
        "manage.py worker": "the worker",
        "sandbox": "sandbox",
    }
    command = command_line_of(pid)
    if pid == supervisor_pid:
        return "the supervisor"
    return next((name for word, name in words.items() if word in command), "others")


def _cpu_seconds(pid: int) -> float:
    return (
        sum(
            int(path.read_text().split()[0])
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
        )
        / 1e9
    )


def _count_wakes(pid: int) -> int:
    return sum(
        int(line.split()[1])
        for path in Path(f"/proc/{pid}/task").glob("*/status")
        for line in path.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )


def _read_memory(pid: int, kind: str) -> float:
    """`Pss` or `Rss` in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / KILOBYTES_PER_MB
    return 0.0
