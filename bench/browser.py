"""Chromium with a person who is signed in, and what it says about a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from bench.signed_in_users import SignedInUser

CHROMIUM_PATH = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# (width, height) in pixels
SCREEN, PHONE = (1440, 900), (390, 844)
# What the browser notes by itself, for reading it later.
OBSERVER_SCRIPT = """
window.benchEntries = { "largest-contentful-paint": [], "layout-shift": [], event: [] };
for (const [type, entries] of Object.entries(window.benchEntries))
  new PerformanceObserver(list => entries.push(...list.getEntries().map(entry => ({
    start: entry.startTime, duration: entry.duration, value: entry.value,
    isInteraction: Boolean(entry.interactionId),
  })))).observe({ type, buffered: true, durationThreshold: 16 });
"""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Raises RuntimeError where there is no Chromium, and when a page does not do as it should."""
    if not CHROMIUM_PATH.exists():
        raise RuntimeError(f"{CHROMIUM_PATH} is missing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM_PATH), args=CHROMIUM_ARGUMENTS
        )
        try:
            yield browser
        except PlaywrightError as error:
            raise RuntimeError(error.message) from error
        finally:
            browser.close()


@contextmanager
def open_page(
    browser: Browser, base_url: str, user: SignedInUser, *, size: tuple[int, int] = SCREEN
) -> Iterator[Page]:
    """A page with an empty cache; `read_entries` reads what it notes."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=base_url)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": user.session_key, "url": base_url}])
    page = context.new_page()
    page.add_init_script(OBSERVER_SCRIPT)
    yield page
    context.close()


def read_entries(page: Page, entry_type: str) -> list[dict[str, float]]:
    """What was noted of a type since the last call; times in ms."""
    entries: list[dict[str, float]] = page.evaluate(
        "type => window.benchEntries[type].splice(0)", entry_type
    )
    return entries


def start_processor_clock(page: Page) -> CDPSession:
    """Let the browser count what the main thread of this page takes, for `read_processor_ms`."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


def read_processor_ms(clock: CDPSession) -> float:
    """Milliseconds of processor so far. Unlike seconds of the clock, other load hardly counts."""
    metrics = clock.send("Performance.getMetrics")["metrics"]
    seconds: float = next(each["value"] for each in metrics if each["name"] == "TaskDuration")
    return 1000 * seconds
