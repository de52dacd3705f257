"""For every test: no network, files of its own; two people, and the browser of one."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from evolink_studio.accounts.models import User
from tests.credits.ledger_flush import allow_ledger_flush
from tests.factories import UserFactory
from tests.fake_provider import FakeProvider

LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def _block_remote_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would reach any other machine fails, with the address it tried."""
    connect = socket.socket.connect

    def connect_loopback_only(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host not in LOOPBACK_HOSTS:
            pytest.fail(f"a test tried to connect to {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_loopback_only)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests come last: from its first page on, Playwright keeps an event loop running.

    What only a PostgreSQL server can show is left out where there is none.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        deselected = [item for item in items if item.get_closest_marker("postgres")]
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


@pytest.fixture(scope="session", autouse=True)
def _restore_initial_data_after_flush() -> Iterator[None]:
    """Transactional tests empty the database; the next one begins with prices and allowances."""
    with allow_ledger_flush():
        yield


@pytest.fixture
def fake_provider() -> Iterator[FakeProvider]:
    """A provider that does as the test says."""
    with FakeProvider() as running:
        yield running


@pytest.fixture
def ada(db) -> User:
    return UserFactory(username="ada")


@pytest.fixture
def eve(db) -> User:
    return UserFactory(username="eve")


@pytest.fixture
def ada_client(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(autouse=True)
def _temporary_storage(settings, tmp_path: Path, empty_folder: Path) -> None:
    """Files of a test are its own, and static files need no collecting.

    What was collected is read anew for every client that a test makes, a sixth of all its time.
    """
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STATIC_ROOT = empty_folder
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
