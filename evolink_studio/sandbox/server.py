"""Starting and stopping the sandbox."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

from evolink_studio.sandbox.app import build_app
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.http import DroppableH11Protocol
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_runner import Renderer
from evolink_studio.sandbox.video.subprocess_renderer import render_in_subprocess

DATABASE_FILE = "sandbox.sqlite3"
MEDIA_FOLDER = "media"
# How long a stopping server waits for open responses.
SHUTDOWN_TIMEOUT_SECONDS = 3
DATE_INTERVAL_SECONDS = 1.0

log = structlog.get_logger(__name__)


def run_server(
    *,
    host: str,
    port: int,
    data_dir: Path,
    pace: float = 1.0,
    allow_loopback_callbacks: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT. All state is under `data_dir` and survives a restart."""
    database = Database(data_dir / DATABASE_FILE)
    settings = SandboxSettings(
        media_dir=data_dir / MEDIA_FOLDER,
        pace=pace,
        allow_loopback_callbacks=allow_loopback_callbacks,
    )
    log.info("sandbox started", address=f"http://{host}:{port}")
    try:
        _build_server(build_app(database, settings), host, port).run()
    finally:
        database.close()


class QuietServer(uvicorn.Server):
    """uvicorn's, which looks ten times a second whether it is to end; this one is told."""

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._exit_event = asyncio.Event()
        while not await self.on_tick(0):  # also sets the date that responses say
            with suppress(TimeoutError):
                await asyncio.wait_for(self._exit_event.wait(), DATE_INTERVAL_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal handler."""
        super().handle_exit(sig, frame)
        self.stop()

    def stop(self) -> None:
        """End soon. From any thread, once it serves."""
        self.should_exit = True
        if hasattr(self, "_loop"):
            self._loop.call_soon_threadsafe(self._exit_event.set)


@contextmanager
def serve_in_thread(
    database: Database, settings: SandboxSettings, *, render: Renderer = render_in_subprocess
) -> Iterator[str]:
    """Serve on a free port of this machine, in a thread of this process; yields the base URL.

    For tests and benchmarks. Does not close the database.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        server = _build_server(build_app(database, settings, render=render), "127.0.0.1", 0)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            thread.join()


def _build_server(app: Starlette, host: str, port: int) -> QuietServer:
    return QuietServer(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=DroppableH11Protocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
        )
    )
