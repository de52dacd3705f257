"""A whole studio in a real browser: live server, worker and sandbox, and Debian's Chromium."""

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.browser import CHROMIUM_ARGUMENTS, CHROMIUM_PATH
from evolink_studio.accounts.models import User
from evolink_studio.core.static_storage import list_minified_sources, minify_source
from evolink_studio.generations.pipeline.provider import build_provider
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.sandbox import server
from evolink_studio.sandbox.database import Database
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.worker.worker import Worker

STATIC = Path(__file__).resolve().parents[2] / "static"
TIMEOUT_MS = 20_000  # milliseconds
expect.set_options(timeout=TIMEOUT_MS)
# What the page itself says in words: a newer request replaced one, a file was refused.
EXPECTED_CONSOLE_MESSAGES = (
    "htmx:sendAbort",
    "htmx:afterRequest",
    "htmx:abort",
    "Failed to load resource: the server responded with a status of 4",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the browser and a database that other threads see."""
    folder = Path(__file__).parent
    for item in items:
        if folder in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    if not CHROMIUM_PATH.exists():
        message = "Chromium is missing: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return {"executable_path": str(CHROMIUM_PATH), "args": CHROMIUM_ARGUMENTS}


@pytest.fixture(scope="session")
def minified_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`static/` as it is collected, but for the hashes in the names."""
    folder = tmp_path_factory.mktemp("minified") / "static"
    shutil.copytree(STATIC, folder)
    for path in list_minified_sources(folder):
        path.write_bytes(minify_source(path))
    return folder


@pytest.fixture(autouse=True)
def _serve_minified_files(settings, minified_folder: Path) -> None:
    """Pages are tested with the styles and scripts that people get."""
    settings.STATICFILES_DIRS = [minified_folder]


class LiveStudio:
    """A running studio, as a test sees it: its address and its owner."""

    def __init__(self, base_url: str, owner: User) -> None:
        self.base_url = base_url
        self.owner = owner

    def build_url(self, path: str) -> str:
        return f"{self.base_url}{path}"


@contextmanager
def run_worker() -> Iterator[Worker]:
    """The studio's worker in a thread of its own."""
    started: Future[tuple[Worker, asyncio.AbstractEventLoop]] = Future()

    async def run_loop() -> None:
        provider = build_provider()
        async with provider.client:
            worker = Worker(provider, timezone.now)
            started.set_result((worker, asyncio.get_running_loop()))
            await worker.run()

    def run_thread() -> None:
        asyncio.run(run_loop())
        connections.close_all()

    thread = threading.Thread(target=run_thread)
    thread.start()
    worker, loop = started.result(10)
    try:
        yield worker
    finally:
        loop.call_soon_threadsafe(worker.stop)  # said by itself, it is heard at the next turn
        thread.join(40)
        assert not thread.is_alive()


@pytest.fixture
def sandbox_url(settings, tmp_path: Path) -> Iterator[str]:
    """The sandbox, twenty times faster than a person sees it."""
    database = Database(tmp_path / "sandbox.sqlite3")
    sandbox_settings = SandboxSettings(media_dir=tmp_path / "sandbox", pace=0.05)
    with server.serve_in_thread(database, sandbox_settings) as url:
        settings.EVOLINK_API_URL = settings.EVOLINK_FILES_URL = url
        yield url
    database.close()


@pytest.fixture
def studio(live_server, sandbox_url: str) -> Iterator[LiveStudio]:
    """Everything running, with one owner who can sign in as ada / a-long-secret."""
    owner = User.objects.create_superuser("ada", "", "a-long-secret")
    with run_worker():
        yield LiveStudio(live_server.url, owner)


@contextmanager
def open_watched_page(context: BrowserContext, base_url: str) -> Iterator[Page]:
    """A page that fails the test on a script error, a blocked policy or a request to elsewhere."""
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on(
        "console",
        lambda message: (
            problems.append(f"console: {message.text}")
            if message.type == "error" and not message.text.startswith(EXPECTED_CONSOLE_MESSAGES)
            else None
        ),
    )
    studio_host = urlsplit(base_url).netloc
    page.on(
        "request",
        lambda request: (
            problems.append(f"left the studio: {request.url}")
            if request.url.startswith("http") and urlsplit(request.url).netloc != studio_host
            else None
        ),
    )
    yield page
    # A polling page is left before the database goes away, and one that is on its way elsewhere.
    page.close()
    assert problems == []


def sign_in(page: Page, studio: LiveStudio) -> None:
    page.goto(studio.build_url("/account/login/"))
    page.fill("[name=login]", "ada")
    page.fill("[name=password]", "a-long-secret")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/create/**")


@pytest.fixture
def page(browser: Browser, studio: LiveStudio) -> Iterator[Page]:
    """The workspace of a signed-in owner, on a large screen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with open_watched_page(context, studio.base_url) as page:
        sign_in(page, studio)
        yield page
    context.close()


@pytest.fixture
def idle_studio(live_server, settings) -> LiveStudio:
    """Pages only. Its worker's heartbeat stays fresh for the length of a test."""
    settings.ENV = settings.ENV.model_copy(update={"running_per_person": 3})
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=timezone.now() + timedelta(hours=1))
    return LiveStudio(live_server.url, User.objects.create_superuser("ada", "", "a-long-secret"))


@pytest.fixture
def ada_page(browser, idle_studio) -> Iterator[Page]:
    """Ada is signed in already."""
    client = Client()
    client.force_login(idle_studio.owner, "django.contrib.auth.backends.ModelBackend")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context.add_cookies([{**cookie, "url": idle_studio.base_url}])
    with open_watched_page(context, idle_studio.base_url) as page:
        yield page
    context.close()
