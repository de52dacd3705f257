"""What a browser with an empty cache fetches for the page where films are made.

Answers are counted with their heads, as they come for `Accept-Encoding: gzip, deflate, br`. The
page's files are found in its HTML, and in the styles and modules that it names.
"""

import asyncio
import gzip
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from django.utils import timezone

from bench.figures import Figure
from bench.generation_rows import MODEL_ID, create_running
from bench.http_client import ClientConnection, HttpAnswer, build_request, open_connections
from bench.instances import InstanceFactory
from bench.signed_in_users import SignedInUser, create_signed_in_users
from bench.sizes import BenchSize

PAGE_PATH = f"/create/{MODEL_ID}/"
BROWSER_HEADERS = {"Accept-Encoding": "gzip, deflate, br", "Accept": "*/*"}
# Which attribute of an element is fetched at once.
FETCHED_ATTRIBUTES = {
    "link": "href",
    "script": "src",
    "img": "src",
    "use": "href",
    "source": "src",
    "iframe": "src",
}
FETCHED_RELATIONS = {"stylesheet", "icon", "manifest", "preload", "modulepreload"}
REFERENCE_PATTERNS = {
    ".js": re.compile(r"""\b(?:from|import)\s*\(?\s*["'](\.{0,2}/[^"'\s]+)["']"""),
    ".css": re.compile(r"""(?:@import\s+|url\(\s*)["']?(?!data:)([^"')]+)"""),
}
CARD_COUNT = 12


class PageFiles(HTMLParser):
    """The addresses that a page makes a browser fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        url = attributes.get(FETCHED_ATTRIBUTES.get(tag, ""))
        relation = set((attributes.get("rel") or "").split())
        if url and (tag != "link" or relation & FETCHED_RELATIONS):
            self.urls.append(url)


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    with instances.create_instance() as instance:
        with instance.use_database():
            new_user, busy_user = create_signed_in_users(2)
            hour = timedelta(hours=1)
            create_running(
                [busy_user.user],
                CARD_COUNT,
                now=timezone.now(),
                first_poll_delay=hour,
                interval=hour,
            )
        with instance.run_web():
            answers = asyncio.run(_fetch_cold(instance.port, new_user))
            full_page = asyncio.run(_fetch_page(instance.port, busy_user))
    page = answers[PAGE_PATH]
    total = sum(answer.wire_bytes for answer in answers.values())
    yield Figure("studio page, cold, on the wire", total / 1000, "KB", at_most=60)
    yield Figure("studio page, cold, requests", len(answers), at_most=12)
    yield Figure("  HTML of a first visit, as sent", page.wire_bytes / 1000, "KB")
    yield Figure(f"  HTML with {CARD_COUNT} cards, as sent", full_page.wire_bytes / 1000, "KB")
    yield Figure("  HTML is sent compressed (1 yes, 0 no)", bool(page.header("Content-Encoding")))
    if not page.header("Content-Encoding"):
        saved_bytes = sum(len(page.body) - len(gzip.compress(page.body, 6)) for page in (page,))
        yield Figure("  page in all, were its HTML gzipped", (total - saved_bytes) / 1000, "KB")


async def _fetch_cold(port: int, user: SignedInUser) -> dict[str, HttpAnswer]:
    """Every answer by its address."""
    async with open_connections(port) as (connection,):
        page = await _fetch_url(connection, user, PAGE_PATH)
        answers = {PAGE_PATH: page}
        uncompressed = await connection.send(
            build_request(PAGE_PATH, _browser_headers(user, {})), 200
        )
        pending = [urljoin(PAGE_PATH, url) for url in PageFiles(uncompressed.body.decode()).urls]
        while pending:
            url = urldefrag(pending.pop()).url
            if url not in answers:
                answers[url] = await _fetch_url(connection, user, url)
                pending += await _referenced_urls(connection, url)
    return answers


async def _fetch_page(port: int, user: SignedInUser) -> HttpAnswer:
    async with open_connections(port) as (connection,):
        return await _fetch_url(connection, user, PAGE_PATH)


async def _fetch_url(connection: ClientConnection, user: SignedInUser, url: str) -> HttpAnswer:
    return await connection.send(build_request(url, _browser_headers(user, BROWSER_HEADERS)), 200)


async def _referenced_urls(connection: ClientConnection, url: str) -> list[str]:
    """What a style or a module itself makes a browser fetch; read uncompressed, not counted."""
    pattern = next(
        (REFERENCE_PATTERNS[suffix] for suffix in REFERENCE_PATTERNS if url.endswith(suffix)), None
    )
    if pattern is None:
        return []
    text = (await connection.send(build_request(url, {}), 200)).body.decode()
    return [urljoin(url, name) for name in pattern.findall(text)]


def _browser_headers(user: SignedInUser, headers: dict[str, str]) -> dict[str, str]:
    return {"Cookie": user.headers["Cookie"], **headers}
