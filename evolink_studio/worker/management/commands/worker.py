"""`manage.py worker`: runs the pipeline until SIGTERM."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, connections
from django.utils import timezone
from django.utils.module_loading import import_string

from evolink_studio.generations.pipeline.provider import Clock, Provider, build_provider
from evolink_studio.worker.memory import limit_arenas
from evolink_studio.worker.worker import Worker

P = ParamSpec("P")
T = TypeVar("T")


class ConnectionClosingExecutor(ThreadPoolExecutor):
    """Closes the database connections of a thread after each call.

    Django does that at the end of a request, but not here: a connection that broke while the thread
    was idle would make its every later use fail.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        def run_and_close() -> T:
            try:
                return fn(*args, **kwargs)
            finally:
                connections.close_all()

        return super().submit(run_and_close)


# How long the loop waits for a thread that computes, as for an export; Python's own value is 5 ms.
SWITCH_SECONDS = 0.001

# By import path, so that Procrastinate is not imported on SQLite.
WORKER_CLASSES = {
    "sqlite": "evolink_studio.worker.worker.Worker",
    "postgresql": "evolink_studio.worker.distributed_worker.DistributedWorker",
}


class Command(BaseCommand):
    help = "Send, follow and save generations until SIGTERM."
    requires_system_checks: list[str] = []  # they import every page

    def handle(self, *args: object, **options: object) -> None:
        limit_arenas()
        if settings.PUBLIC_URL:
            import_module(settings.ROOT_URLCONF)  # for callback addresses, before the first is sent
        # What was imported stays. To look through it for garbage would stop everything for a while.
        gc.freeze()
        sys.setswitchinterval(SWITCH_SECONDS)
        asyncio.run(run_worker(import_string(WORKER_CLASSES[connection.vendor])))


async def run_worker(build_worker: Callable[[Provider, Clock], Worker]) -> None:
    """Run a worker against the provider of the settings until SIGTERM or SIGINT."""
    provider = build_provider()
    async with provider.client:
        worker = build_worker(provider, timezone.now)
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ConnectionClosingExecutor())
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, worker.stop)
        await worker.run()
