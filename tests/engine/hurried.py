"""A distributed worker in a process of its own, whose claims run out after seconds.

`python -m tests.engine.hurried`, with the environment of a studio.
"""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from functools import partial
from typing import Any

SHORT_LEASE_DURATION = timedelta(seconds=4)
WORKER_INTERVALS = {"renewal": 1.0, "shift": 3.0, "pulse": 0.5, "silence": 2.5}


def start_worker(env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A worker that runs until it is told to stop; who calls ends it."""
    command = [sys.executable, "-m", "tests.engine.hurried"]
    return subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
    import django

    django.setup()
    _shorten_leases()
    from evolink_studio.worker.distributed_worker import DistributedWorker
    from evolink_studio.worker.management.commands.worker import run_worker

    asyncio.run(run_worker(partial(DistributedWorker, **WORKER_INTERVALS)))


def _shorten_leases() -> None:
    from evolink_studio.generations.pipeline import dispatch, leases, queue

    constants: dict[Any, str] = {leases: "LEASE", queue: "LEASE", dispatch: "POST_TAKES_AT_MOST"}
    for module, name in constants.items():
        setattr(module, name, SHORT_LEASE_DURATION)


if __name__ == "__main__":
    main()
