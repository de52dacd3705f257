"""A page that polls, as the browser does: every two seconds, from what it knows."""

import asyncio
import re
import time
from collections.abc import Callable

from bench.http_client import ClientConnection, build_request
from bench.signed_in_users import SignedInUser

POLL_INTERVAL_SECONDS = 2.0  # seconds, as the page's template says
POLLER_PATTERN = re.compile(r'hx-get="(/live/[^"]*)"')
BAR_PATTERN = re.compile(r'name="bar" value="(\d+)"')  # which the poller includes
CARD_PATTERN = re.compile(r"data-generation=")


class PollingPage:
    """A person's page that shows one generation large."""

    def __init__(
        self, connection: ClientConnection, user: SignedInUser, generation_id: int
    ) -> None:
        self._connection = connection
        self._headers = user.headers
        self._path = f"/live/?since=&show={generation_id}"
        self._bars: list[str] = []
        self.answers: list[tuple[float, float]] = []  # moment, and seconds that it took

    @property
    def request(self) -> bytes:
        """The next look, as bytes."""
        return build_request(self._path + "".join(f"&bar={pk}" for pk in self._bars), self._headers)

    async def poll(self) -> str:
        """The news as HTML; "" when there is none."""
        begin = time.monotonic()
        answer = await self._connection.send(self.request, 200, 204)
        self.answers.append((time.monotonic(), time.monotonic() - begin))
        html = answer.body.decode()
        if match := POLLER_PATTERN.search(html):
            self._path = match[1].replace("&amp;", "&")
        bars = BAR_PATTERN.findall(html)
        if bars or CARD_PATTERN.search(html):
            self._bars = bars
        return html

    async def poll_until(
        self, on_change: Callable[[str, float], bool], *, starts_at: float, ends_at: float
    ) -> None:
        """Look from `starts_at` on (monotonic seconds) until `ends_at`.

        `on_change` is told news and moment, and may end it.

        Late is late: a slow answer does not move the looks after it.
        """
        tick = starts_at
        while tick < ends_at:
            await asyncio.sleep(max(0.0, tick - time.monotonic()))
            html = await self.poll()
            if html and on_change(html, time.monotonic()):
                return
            tick += POLL_INTERVAL_SECONDS
