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
from bench.grounds import Grounds
from bench.people import Person, people
from bench.rows import MODEL, running
from bench.sizes import Size
from bench.wire import Answer, Line, lines, question

PAGE = f"/create/{MODEL}/"
BROWSER = {"Accept-Encoding": "gzip, deflate, br", "Accept": "*/*"}
# Which attribute of an element is fetched at once.
FETCHED = {
    "link": "href",
    "script": "src",
    "img": "src",
    "use": "href",
    "source": "src",
    "iframe": "src",
}
RELATIONS = {"stylesheet", "icon", "manifest", "preload", "modulepreload"}
WITHIN = {
    ".js": re.compile(r"""\b(?:from|import)\s*\(?\s*["'](\.{0,2}/[^"'\s]+)["']"""),
    ".css": re.compile(r"""(?:@import\s+|url\(\s*)["']?(?!data:)([^"')]+)"""),
}
CARDS = 12


class Files(HTMLParser):
    """The addresses that a page makes a browser fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(FETCHED.get(tag, ""))
        relation = set((given.get("rel") or "").split())
        if address and (tag != "link" or relation & RELATIONS):
            self.found.append(address)


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    with grounds.world() as world:
        with world.database():
            first, busy = people(2)
            hour = timedelta(hours=1)
            running([busy.user], CARDS, now=timezone.now(), due=hour, interval=hour)
        with world.web():
            found = asyncio.run(_cold(world.port, first))
            full = asyncio.run(_page(world.port, busy))
    page = found[PAGE]
    total = sum(answer.wire for answer in found.values())
    yield Figure("studio page, cold, on the wire", total / 1000, "KB", most=60)
    yield Figure("studio page, cold, requests", len(found), most=12)
    yield Figure("  HTML of a first visit, as sent", page.wire / 1000, "KB")
    yield Figure(f"  HTML with {CARDS} cards, as sent", full.wire / 1000, "KB")
    yield Figure("  HTML is sent compressed (1 yes, 0 no)", bool(page.header("Content-Encoding")))
    if not page.header("Content-Encoding"):
        saved = sum(len(page.body) - len(gzip.compress(page.body, 6)) for page in (page,))
        yield Figure("  page in all, were its HTML gzipped", (total - saved) / 1000, "KB")


async def _cold(port: int, person: Person) -> dict[str, Answer]:
    """Every answer by its address."""
    async with lines(port) as (line,):
        page = await _get(line, person, PAGE)
        found = {PAGE: page}
        plain = await line.ask(question(PAGE, _browser(person, {})), 200)
        waiting = [urljoin(PAGE, address) for address in Files(plain.body.decode()).found]
        while waiting:
            address = urldefrag(waiting.pop()).url
            if address not in found:
                found[address] = await _get(line, person, address)
                waiting += await _within(line, address)
    return found


async def _page(port: int, person: Person) -> Answer:
    async with lines(port) as (line,):
        return await _get(line, person, PAGE)


async def _get(line: Line, person: Person, address: str) -> Answer:
    return await line.ask(question(address, _browser(person, BROWSER)), 200)


async def _within(line: Line, address: str) -> list[str]:
    """What a style or a module itself makes a browser fetch; read uncompressed, not counted."""
    pattern = next((WITHIN[end] for end in WITHIN if address.endswith(end)), None)
    if pattern is None:
        return []
    text = (await line.ask(question(address, {}), 200)).body.decode()
    return [urljoin(address, name) for name in pattern.findall(text)]


def _browser(person: Person, headers: dict[str, str]) -> dict[str, str]:
    return {"Cookie": person.headers["Cookie"], **headers}
