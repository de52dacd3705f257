"""One kept connection for reads: httpcore's, on which httpx stands, without a client around it.

Reads are most of what a worker does. Through a client of httpx each took twice the processor time
of this; nearly all of the difference went into looking after pools of connections.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import httpcore
import httpx

from evolink_studio.evolink.exchange import receive


@dataclass
class Heard:
    """What came of a question: `status` 0 if not even the head of an answer did.

    `flaw` says why the body is not whole, "" if it is.
    """

    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytearray = field(default_factory=bytearray)
    flaw: str = ""


class Line:
    """Connects for its first question, and is asked one at a time."""

    def __init__(self, server: httpx.URL, tls: ssl.SSLContext) -> None:
        self._host = server.netloc.decode()
        origin = httpcore.URL(str(server)).origin
        self._connection = httpcore.AsyncHTTPConnection(origin, ssl_context=tls)

    @property
    def whole(self) -> bool:
        """Whether the last answer came to its end, and left the line as it was."""
        return self._connection.is_idle()

    @property
    def sound(self) -> bool:
        """May be asked again: it is whole, and the far end has not closed it meanwhile."""
        return self.whole and not self._connection.has_expired()

    async def ask(self, url: str, headers: Mapping[str, str], *, deadline: float) -> Heard:
        """GET `url` within `deadline` seconds, connecting included. Trouble becomes a flaw;
        cancellation passes through, and the line is not sound any more."""
        heard = Heard()
        fields = [("Host", self._host), *headers.items()]
        request = httpcore.Request("GET", url, headers=fields)
        try:
            async with asyncio.timeout(deadline):
                response = await self._connection.handle_async_request(request)
                heard.status, heard.headers = response.status, httpx.Headers(response.headers)
                try:
                    heard.flaw = await receive(
                        heard.headers, response.aiter_stream(), into=heard.body
                    )
                finally:
                    await response.aclose()
        except Exception as error:  # whatever it is, it is only a read
            heard.flaw = type(error).__name__
        return heard

    async def close(self) -> None:
        """At once, whatever is under way."""
        with suppress(Exception):
            await self._connection.aclose()
