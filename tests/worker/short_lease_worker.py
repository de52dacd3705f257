"""A distributed worker in a process of its own, whose leases run out after seconds.

`python -m tests.worker.short_lease_worker`, with the environment of a studio.
"""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from functools import partial
from typing import Any

SHORT_LEASE_DURATION = timedelta(seconds=4)
WORKER_INTERVALS = {
    "renew_interval_seconds": 1.0,
    "slot_seconds": 3.0,
    "heartbeat_seconds": 0.5,
    "stalled_after_seconds": 2.5,
}


def start_worker(env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A worker that runs until it is told to stop; who calls ends it."""
    command = [sys.executable, "-m", "tests.worker.short_lease_worker"]
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

    constants: dict[Any, str] = {
        leases: "LEASE_DURATION",
        queue: "LEASE_DURATION",
        dispatch: "MAX_POST_DURATION",
    }
    for module, name in constants.items():
        assert hasattr(module, name), name
        setattr(module, name, SHORT_LEASE_DURATION)


if __name__ == "__main__":
    main()
