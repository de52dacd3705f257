"""Starting and stopping the sandbox."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
from starlette.applications import Starlette

from evolink_studio.sandbox.app import build_app
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.http import HangUpProtocol
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.sandbox.task_runner import Render
from evolink_studio.sandbox.video.subprocess_renderer import render_apart

DATABASE = "sandbox.sqlite3"
MEDIA = "media"
# A stopping server waits so long for answers that are being given.
GRACE = 3

log = structlog.get_logger(__name__)


def run(
    *,
    host: str,
    port: int,
    data_dir: Path,
    pace: float = 1.0,
    allow_loopback_callbacks: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT. All state is under `data_dir`; a restart goes on with it."""
    store = Store(data_dir / DATABASE)
    settings = SandboxSettings(
        media_dir=data_dir / MEDIA,
        pace=pace,
        allow_loopback_callbacks=allow_loopback_callbacks,
    )
    log.info("sandbox serves", address=f"http://{host}:{port}")
    try:
        _server(build_app(store, settings), host, port).run()
    finally:
        store.close()


@contextmanager
def serving(
    store: Store, settings: SandboxSettings, *, render: Render = render_apart
) -> Iterator[str]:
    """A sandbox on a free port of this machine, in a thread of this process; gives its address.

    For tests and benches. The store stays open.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        server = _server(build_app(store, settings, render=render), "127.0.0.1", 0)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _server(app: Starlette, host: str, port: int) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=HangUpProtocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
        )
    )
