"""Connections to the far end: fresh ones for POSTs, kept ones in lanes for reads.

One httpx client looks through all its connections for every request, which is quadratic: 100 at
once in one client ran at a quarter of the speed of 25. So reads are spread over lanes of few
connections each, which share one TLS context (building one takes longer than a request).
"""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

WIDTH = 2  # connections a lane
KEPT_FOR = 30.0  # seconds: longer than the pause between two reads, shorter than servers hold on

# These only notice a dead line early; the limit of a whole exchange is a deadline of its own.
_PATIENCE = httpx.Timeout(connect=10, read=60, write=60, pool=10)


@functools.cache
def tls() -> ssl.SSLContext:
    """The one TLS context of this process, with certificates checked."""
    return httpx.create_ssl_context(trust_env=False)


def open_client(*, connections: int = 1, kept_for: float | None = None) -> httpx.AsyncClient:
    """A client that looks at no environment, follows nothing and remembers nothing."""
    return httpx.AsyncClient(
        verify=tls(),
        http2=False,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
        timeout=_PATIENCE,
        limits=httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections if kept_for else 0,
            keepalive_expiry=kept_for,
        ),
    )


@asynccontextmanager
async def fresh_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client for one exchange, with a connection of its own. Closing it covers no answer."""
    client = open_client()
    try:
        yield client
    finally:
        with suppress(Exception):
            await client.aclose()


class Lanes:
    """`count` clients of `WIDTH` connections; each is built when the ones before it are full."""

    def __init__(self, count: int) -> None:
        self._clients: list[httpx.AsyncClient | None] = [None] * count
        self._busy = [0] * count
        self._slots = asyncio.Semaphore(count * WIDTH)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a free connection. Waits for one outside of any deadline: that time is
        ours, not EvoLink's."""
        async with self._slots:
            number = next(n for n, busy in enumerate(self._busy) if busy < WIDTH)
            self._busy[number] += 1
            try:
                yield self._client(number)
            finally:
                self._busy[number] -= 1

    @property
    def built(self) -> int:
        """How many clients exist so far."""
        return sum(client is not None for client in self._clients)

    async def aclose(self) -> None:
        """Close every connection."""
        clients, self._clients = self._clients, [None] * len(self._clients)
        for client in clients:
            if client is not None:
                await client.aclose()

    def _client(self, number: int) -> httpx.AsyncClient:
        client = self._clients[number]
        if client is None:
            client = self._clients[number] = open_client(connections=WIDTH, kept_for=KEPT_FOR)
        return client
