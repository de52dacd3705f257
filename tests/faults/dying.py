"""A worker that dies when it is told to. A process of its own, beside a test.

    python -m tests.faults.dying steps send       kills itself at its 1st, 2nd, 3rd … moment
    python -m tests.faults.dying engine           a line begins a worker, the next one kills it

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
from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.generations.pipeline.dispatch import dispatch
from evolink_studio.generations.pipeline.downloading import download_results
from evolink_studio.generations.pipeline.leases import lease_due
from evolink_studio.generations.pipeline.provider import provider_from_settings
from evolink_studio.generations.pipeline.queue import ConcurrencyLimits, lease_next
from evolink_studio.generations.states import State
from evolink_studio.library import storage
from evolink_studio.worker.management.commands.worker import work
from evolink_studio.worker.worker import LocalEngine

MOST_MOMENTS = 300
WRITES = ("INSERT", "UPDATE", "DELETE", "BEGIN")


def tell(line: str) -> None:
    """To the test, at once: this process may not live long enough to flush anything."""
    os.write(1, f"{line}\n".encode())


class Fuse:
    """Kills this process at the `at`-th moment."""

    def __init__(self, at: int) -> None:
        self.left = at

    def burn(self, moment: str) -> None:
        self.left -= 1
        if self.left == 0:
            tell(f"died {moment}")
            os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        """Wrap everything that changes something outside of this process."""
        connection_created.connect(
            lambda connection, **_: connection.execute_wrappers.append(self._execute), weak=False
        )
        BaseDatabaseWrapper._commit = self._around(BaseDatabaseWrapper._commit, "commit")
        EvoLinkClient.create_video = self._around_call(EvoLinkClient.create_video, "POST")
        EvoLinkClient.upload_file = self._around_call(EvoLinkClient.upload_file, "upload")
        saving.download_file = self._around_call(saving.download_file, "download")
        storage._move_into_place = self._around(storage._move_into_place, "moving the file")

    def _execute(self, execute, sql, params, many, context):
        word = sql.split(None, 1)[0].upper()
        if word not in WRITES:
            return execute(sql, params, many, context)
        self.burn(f"before {word}")
        result = execute(sql, params, many, context)
        self.burn(f"after {word}")
        return result

    def _around(self, function, name):
        def wrapped(*args, **more):
            self.burn(f"before {name}")
            result = function(*args, **more)
            self.burn(f"after {name}")
            return result

        return wrapped

    def _around_call(self, function, name):
        async def wrapped(*args, **more):
            self.burn(f"before {name}")
            result = await function(*args, **more)
            self.burn(f"after {name}")
            return result

        return wrapped


def one_step(name: str) -> None:
    """What the engine does with the first row that is due."""
    if name == "send":
        held, rows = lease_next(limit=1, now=timezone.now(), limits=ConcurrencyLimits())
    else:
        held, rows = lease_due(State.SAVING, limit=1, now=timezone.now())

    async def run() -> None:
        far = provider_from_settings()
        async with far.client:
            for row in rows:
                step = dispatch if name == "send" else download_results
                await step(row, lease_id=held, provider=far, clock=timezone.now)

    asyncio.run(run())


def die_at_every_moment(name: str) -> None:
    for number in range(1, MOST_MOMENTS):
        child = os.fork()
        if not child:
            Fuse(number).lay()
            one_step(name)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            tell("came through")
            return
    raise SystemExit("it never came to its end")


def die_when_told() -> None:
    """Each line begins a worker, and the next one kills it."""
    tell("ready")
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            asyncio.run(work(LocalEngine))
            os._exit(0)
        tell("begun")
        sys.stdin.readline()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        tell("dead")


if __name__ == "__main__":
    connections.close_all()
    if sys.argv[1] == "steps":
        die_at_every_moment(sys.argv[2])
    else:
        die_when_told()
