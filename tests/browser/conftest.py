"""A whole studio in a real browser: live server, worker and sandbox, and Debian's Chromium."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from evolink_studio.accounts.models import User
from evolink_studio.generations.pipeline.provider import provider_from_settings
from evolink_studio.generations.services import record_heartbeat
from evolink_studio.sandbox import server
from evolink_studio.sandbox.database import Store
from evolink_studio.sandbox.settings import SandboxSettings
from evolink_studio.worker.worker import LocalEngine

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000  # milliseconds
expect.set_options(timeout=PATIENCE)
# What the page itself says in words: a newer request replaced one, a file was refused.
EXPECTED_NOISE = (
    "htmx:sendAbort",
    "htmx:afterRequest",
    "htmx:abort",
    "Failed to load resource: the server responded with a status of 4",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the browser and a database that other threads see."""
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    if not CHROMIUM.exists():
        words = "Chromium is missing: apt-get install chromium"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    return {"executable_path": str(CHROMIUM), "args": ARGUMENTS}


class Studio:
    """A running studio, as a test sees it: its address and its owner."""

    def __init__(self, address: str, owner: User) -> None:
        self.address = address
        self.owner = owner

    def url(self, path: str) -> str:
        return f"{self.address}{path}"


@contextmanager
def worker() -> Iterator[LocalEngine]:
    """The studio's worker in a thread of its own."""
    ready: list[LocalEngine] = []
    started = threading.Event()

    async def work() -> None:
        far = provider_from_settings()
        async with far.client:
            ready.append(LocalEngine(far, timezone.now))
            started.set()
            await ready[0].run()

    def run() -> None:
        asyncio.run(work())
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    try:
        yield ready[0]
    finally:
        ready[0].stop()
        thread.join(40)
        assert not thread.is_alive()


@pytest.fixture
def far_end(settings, tmp_path: Path) -> Iterator[str]:
    """The sandbox, twenty times faster than a person sees it."""
    store = Store(tmp_path / "sandbox.sqlite3")
    far = SandboxSettings(media_dir=tmp_path / "sandbox", pace=0.05)
    with server.serving(store, far) as address:
        settings.EVOLINK_API_URL = settings.EVOLINK_FILES_URL = address
        yield address
    store.close()


@pytest.fixture
def studio(live_server, far_end: str) -> Iterator[Studio]:
    """Everything running, with one owner who can sign in as ada / a-long-secret."""
    owner = User.objects.create_superuser("ada", "", "a-long-secret")
    with worker():
        yield Studio(live_server.url, owner)


@contextmanager
def watched(context: BrowserContext, address: str) -> Iterator[Page]:
    """A page that fails the test on a script error, a blocked policy or a request to elsewhere."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(f"script: {error}"))
    page.on(
        "console",
        lambda said: (
            trouble.append(f"console: {said.text}")
            if said.type == "error" and not said.text.startswith(EXPECTED_NOISE)
            else None
        ),
    )
    home = urlsplit(address).netloc
    page.on(
        "request",
        lambda asked: (
            trouble.append(f"left the studio: {asked.url}")
            if asked.url.startswith("http") and urlsplit(asked.url).netloc != home
            else None
        ),
    )
    yield page
    # A polling page is left before the database goes away.
    page.goto("about:blank")
    assert trouble == []


def sign_in(page: Page, studio: Studio) -> None:
    page.goto(studio.url("/account/login/"))
    page.fill("[name=login]", "ada")
    page.fill("[name=password]", "a-long-secret")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/create/**")


@pytest.fixture
def page(browser: Browser, studio: Studio) -> Iterator[Page]:
    """A signed-in owner at a desk."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    with watched(context, studio.address) as page:
        sign_in(page, studio)
        yield page
    context.close()


@pytest.fixture
def still(live_server, settings) -> Studio:
    """Pages only. Its worker was heard of, and will not be missed during a test."""
    settings.ENV = settings.ENV.model_copy(update={"running_per_person": 3})
    record_heartbeat(worker="here", disk_free_bytes=10**12, now=timezone.now() + timedelta(hours=1))
    return Studio(live_server.url, User.objects.create_superuser("ada", "", "a-long-secret"))


@pytest.fixture
def desk(browser, still) -> Iterator[Page]:
    """Ada is signed in already."""
    client = Client()
    client.force_login(still.owner, "django.contrib.auth.backends.ModelBackend")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context.add_cookies([{**cookie, "url": still.address}])
    with watched(context, still.address) as page:
        yield page
    context.close()
