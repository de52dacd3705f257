"""A worker that dies when it is told to. A process of its own, beside a test.

    python -m tests.faults.self_killing_worker steps send
        kills itself at its 1st, 2nd, 3rd … moment
    python -m tests.faults.self_killing_worker worker
        a line begins a worker, the next one kills it

A moment is just before and just after every write, every commit and everything that leaves or
enters this machine. Each worker is a fork of this process, so that dozens of them cost little. No
product code knows of this.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress

import django

if __name__ == "__main__":
    django.setup()

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

from evolink_studio.evolink.client import EvoLinkClient
from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.pipeline.dispatch import dispatch
from evolink_studio.generations.pipeline.downloading import download_results
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.pipeline.provider import build_provider
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.states import State
from evolink_studio.library import storage
from evolink_studio.worker.management.commands.worker import run_worker
from evolink_studio.worker.worker import Worker

MAX_MOMENTS = 300
WRITE_STATEMENTS = ("INSERT", "UPDATE", "DELETE", "BEGIN")


def report_line(line: str) -> None:
    """To the test, at once: this process may not live long enough to flush anything."""
    os.write(1, f"{line}\n".encode())


class Fuse:
    """Kills this process at the `at`-th moment."""

    def __init__(self, moment_number: int) -> None:
        self.remaining = moment_number

    def count_down(self, moment: str) -> None:
        self.remaining -= 1
        if self.remaining == 0:
            report_line(f"died {moment}")
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Wrap everything that changes something outside of this process."""
        connection_created.connect(
            lambda connection, **_: connection.execute_wrappers.append(self._execute), weak=False
        )
        BaseDatabaseWrapper._commit = self._wrap(BaseDatabaseWrapper._commit, "commit")
        EvoLinkClient.create_video = self._wrap_async(EvoLinkClient.create_video, "POST")
        EvoLinkClient.upload_file = self._wrap_async(EvoLinkClient.upload_file, "upload")
        downloading.download_file = self._wrap_async(downloading.download_file, "download")
        storage._move_into_place = self._wrap(storage._move_into_place, "moving the file")

    def _execute(self, execute, sql, params, many, context):
        statement = sql.split(None, 1)[0].upper()
        if statement not in WRITE_STATEMENTS:
            return execute(sql, params, many, context)
        self.count_down(f"before {statement}")
        result = execute(sql, params, many, context)
        self.count_down(f"after {statement}")
        return result

    def _wrap(self, function, name):
        def call_between_moments(*args, **kwargs):
            self.count_down(f"before {name}")
            result = function(*args, **kwargs)
            self.count_down(f"after {name}")
            return result

        return call_between_moments

    def _wrap_async(self, function, name):
        async def call_between_moments(*args, **kwargs):
            self.count_down(f"before {name}")
            result = await function(*args, **kwargs)
            self.count_down(f"after {name}")
            return result

        return call_between_moments


def run_stage(name: str) -> None:
    """What the worker does with the first row that is due."""
    if name == "send":
        lease_id, rows = lease_next(limit=1, now=timezone.now(), limits=ConcurrencyLimits())
    else:
        lease_id, rows = lease_due(State.SAVING, limit=1, now=timezone.now())

    async def run() -> None:
        provider = build_provider()
        async with provider.client:
            for row in rows:
                step = dispatch if name == "send" else download_results
                await step(row, lease_id=lease_id, provider=provider, clock=timezone.now)

    asyncio.run(run())


def die_at_each_moment(name: str) -> None:
    for number in range(1, MAX_MOMENTS):
        child = os.fork()
        if not child:
            Fuse(number).install()
            run_stage(name)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            report_line("came through")
            return
    raise SystemExit("it never came to its end")


def die_on_command() -> None:
    """Each line begins a worker, and the next one kills it."""
    report_line("ready")
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            asyncio.run(run_worker(Worker))
            os._exit(0)
        report_line("begun")
        sys.stdin.readline()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        report_line("dead")


if __name__ == "__main__":
    connections.close_all()
    if sys.argv[1] == "steps":
        die_at_each_moment(sys.argv[2])
    else:
        die_on_command()
