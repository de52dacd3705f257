"""`manage.py worker`: sends, follows and saves."""

import asyncio
import signal
from collections.abc import Callable

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone
from django.utils.module_loading import import_string

from evolink_studio.engine.local import LocalEngine
from evolink_studio.engine.threads import Threads
from evolink_studio.generations.steps.far import Clock, Far, far_from_settings

# By name: what only PostgreSQL needs is not loaded on SQLite.
ENGINES = {
    "sqlite": "evolink_studio.engine.local.LocalEngine",
    "postgresql": "evolink_studio.engine.distributed.DistributedEngine",
}


class Command(BaseCommand):
    help = "Send, follow and save generations until SIGTERM."

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(work(import_string(ENGINES[connection.vendor])))


async def work(engine_for: Callable[[Far, Clock], LocalEngine]) -> None:
    """Run an engine against the far end of the settings until this process is told to stop."""
    far = far_from_settings()
    async with far.client:
        engine = engine_for(far, timezone.now)
        loop = asyncio.get_running_loop()
        loop.set_default_executor(Threads())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, engine.stop)
        await engine.run()
