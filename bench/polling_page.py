"""A page that polls, as the browser does: from what it knows, and when the studio says."""

import asyncio
import re
import time
from collections.abc import Callable

from bench.http_client import ClientConnection, build_request
from bench.signed_in_users import SignedInUser

POLLER_PATTERN = re.compile(r'data-url="(/live/[^"]*)"')
ASK_AFTER_PATTERN = re.compile(r'data-ask-after="([\d.]+)"')
BAR_PATTERN = re.compile(r'name="bar" value="(\d+)"')  # which the poller includes
CARD_PATTERN = re.compile(r"data-generation=")


class PollingPage:
    """A person's page that shows one generation large."""

    def __init__(
        self, connection: ClientConnection, user: SignedInUser, generation_id: int
    ) -> None:
        self._connection = connection
        self._headers = user.headers
        self._path = f"/live/?since=&show={generation_id}&for={user.user.pk}"
        self._bars: list[str] = []
        self.answers: list[tuple[float, float]] = []  # moment, and seconds that it took
        self.ask_after_seconds: float | None = None  # None: it asks no more

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
        said = ASK_AFTER_PATTERN.search(html)
        seconds = said[1] if said else answer.header("Poll-After")
        self.ask_after_seconds = float(seconds) if seconds else None
        bars = BAR_PATTERN.findall(html)
        if bars or CARD_PATTERN.search(html):
            self._bars = bars
        return html

    async def poll_until(
        self,
        on_change: Callable[[str, float], bool],
        *,
        starts_at: float,
        ends_at: float,
        interval_seconds: float | None = None,
    ) -> None:
        """Look from `starts_at` on (monotonic seconds) until `ends_at`, or until nothing runs.

        `on_change` is told news and moment, and may end it. With `interval_seconds` it does not
        matter what the studio says; late is late then: a slow answer does not move the looks after.
        """
        tick = starts_at
        while tick < ends_at:
            await asyncio.sleep(max(0.0, tick - time.monotonic()))
            html = await self.poll()
            if html and on_change(html, time.monotonic()):
                return
            if interval_seconds is not None:
                tick += interval_seconds
            elif self.ask_after_seconds is not None:
                tick = time.monotonic() + self.ask_after_seconds
            else:
                return
