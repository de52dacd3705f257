"""What every test stands on: no network, files of its own."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.credits.flushing import ledger_may_be_emptied

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would reach any other machine fails, with the address it tried."""
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host not in LOOPBACK:
            pytest.fail(f"a test tried to connect to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_loopback)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests come last: from its first page on, Playwright keeps an event loop running.

    What only a PostgreSQL server can show is left out where there is none.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        away = [item for item in items if item.get_closest_marker("postgres")]
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item not in away]


@pytest.fixture(scope="session", autouse=True)
def _a_flush_leaves_a_fresh_studio() -> Iterator[None]:
    """Transactional tests empty the database; the next one begins with prices and allowances."""
    with ledger_may_be_emptied():
        yield


@pytest.fixture(autouse=True)
def _plain_storage(settings, tmp_path: Path) -> None:
    """Files of a test are its own, and static files need no collecting."""
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
