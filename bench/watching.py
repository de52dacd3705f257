"""A page that polls, as the browser does: every two seconds, from what it knows."""

import asyncio
import re
import time
from collections.abc import Callable

from bench.people import Person
from bench.wire import Line, question

EVERY = 2.0  # seconds, as the page's template says
POLLER = re.compile(r'hx-get="(/live/[^"]*)"')
BAR = re.compile(r'name="bar" value="(\d+)"')  # which the poller includes
CARD = re.compile(r"data-generation=")


class Page:
    """A person's page that shows one generation large."""

    def __init__(self, line: Line, person: Person, shown: int) -> None:
        self._line = line
        self._headers = person.headers
        self._path = f"/live/?since=&show={shown}"
        self._bars: list[str] = []
        self.answers: list[tuple[float, float]] = []  # moment, and seconds that it took

    @property
    def asked(self) -> bytes:
        """The next look, as bytes."""
        return question(self._path + "".join(f"&bar={pk}" for pk in self._bars), self._headers)

    async def look(self) -> str:
        """The news as HTML; "" when there is none."""
        begin = time.monotonic()
        answer = await self._line.ask(self.asked, 200, 204)
        self.answers.append((time.monotonic(), time.monotonic() - begin))
        news = answer.body.decode()
        if found := POLLER.search(news):
            self._path = found[1].replace("&amp;", "&")
        bars = BAR.findall(news)
        if bars or CARD.search(news):
            self._bars = bars
        return news

    async def watch(
        self, seen: Callable[[str, float], bool], *, begin: float, until: float
    ) -> None:
        """Look from `begin` on (monotonic seconds); `seen` is told news and moment, and may end it.

        Late is late: a slow answer does not move the looks after it.
        """
        tick = begin
        while tick < until:
            await asyncio.sleep(max(0.0, tick - time.monotonic()))
            news = await self.look()
            if news and seen(news, time.monotonic()):
                return
            tick += EVERY
