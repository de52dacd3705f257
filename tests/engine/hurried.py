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

LEASE = timedelta(seconds=4)
PACE = {"renewal": 1.0, "shift": 3.0, "pulse": 0.5, "silence": 2.5}


def start(env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A worker that runs until it is told to stop; who calls ends it."""
    command = [sys.executable, "-m", "tests.engine.hurried"]
    return subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
    import django

    django.setup()
    _hurry()
    from evolink_studio.worker.distributed_worker import DistributedEngine
    from evolink_studio.worker.management.commands.worker import work

    asyncio.run(work(partial(DistributedEngine, **PACE)))


def _hurry() -> None:
    from evolink_studio.generations.pipeline import dispatch, leases, queue

    hurried: dict[Any, str] = {leases: "LEASE", queue: "LEASE", dispatch: "POST_TAKES_AT_MOST"}
    for module, name in hurried.items():
        setattr(module, name, LEASE)


if __name__ == "__main__":
    main()
