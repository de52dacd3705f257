"""Connections to the far end: fresh ones for POSTs, kept ones in lanes for reads."""

import asyncio
import functools
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from evolink_studio.evolink.line import Line

KEPT_FOR = 30.0  # seconds: longer than the pause between two reads, shorter than servers hold on

# These only notice a dead line early; the limit of a whole exchange is a deadline of its own.
_PATIENCE = httpx.Timeout(connect=10, read=60, write=60, pool=10)


@functools.cache
def tls() -> ssl.SSLContext:
    """The one TLS context of this process, with certificates checked. Building one takes longer
    than a request."""
    return httpx.create_ssl_context(trust_env=False)


def open_client() -> httpx.AsyncClient:
    """A client that looks at no environment, follows nothing and remembers nothing."""
    return httpx.AsyncClient(
        verify=tls(),
        http2=False,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
        timeout=_PATIENCE,
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
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
    """`count` connections to one server; each is made when those before it are busy."""

    def __init__(self, server: httpx.URL, count: int) -> None:
        self._server = server
        self._free: deque[tuple[Line, float]] = deque()  # and since when; the latest is last
        self._slots = asyncio.Semaphore(count)

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Line]:
        """A free line. Waits for one outside of any deadline: that time is ours, not EvoLink's.

        One on which anything went wrong is not asked again.
        """
        async with self._slots:
            line = await self._taken()
            try:
                yield line
            except BaseException:
                await line.close()
                raise
            await self._take_back(line)

    @property
    def free(self) -> int:
        """How many connections are kept and have nothing to do."""
        return len(self._free)

    async def close(self) -> None:
        """Close every connection that has nothing to do."""
        while self._free:
            await self._free.pop()[0].close()

    async def _taken(self) -> Line:
        await self._drop_old()
        while self._free:
            line, _since = self._free.pop()
            if line.sound:
                return line
            await line.close()
        return Line(self._server, tls())

    async def _take_back(self, line: Line) -> None:
        if line.whole:
            self._free.append((line, asyncio.get_running_loop().time()))
        else:
            await line.close()

    async def _drop_old(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._free and now - self._free[0][1] > KEPT_FOR:
            await self._free.popleft()[0].close()
