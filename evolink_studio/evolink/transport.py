"""Connections to the far end: fresh ones for POSTs, kept ones in lanes for reads."""

import asyncio
import functools
import ssl
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from evolink_studio.evolink.errors import NotSent, Unclear
from evolink_studio.evolink.redaction import scrub
from evolink_studio.evolink.timestamps import utc_now

BODY_CAP = 1_000_000  # bytes; EvoLink's answers are a few hundred


@dataclass(frozen=True)
class Reply:
    """A status line and headers that arrived whole, and what arrived of the body.

    `flaw` says why the body is not whole, "" if it is. `at`: when it was read (aware).
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    flaw: str = ""
    at: datetime = field(default_factory=utc_now)


class _Trail:
    """How far a request got, by httpcore's own trace.

    The events of getting a connection are named `connection.…` (address, TCP, TLS). Any other
    means that a connection stood and the first byte may be out.
    """

    def __init__(self) -> None:
        self.left = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if not event.startswith("connection."):
            self.left = True


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    deadline: float,
    secret: str,
    clock: Callable[[], datetime],
) -> Reply:
    """Send a POST once and read the reply, all within `deadline` seconds.

    Once the headers of a reply are here it is returned, even if its body breaks off. Before that
    raises NotSent if nothing can have left this machine, else Unclear. `secret` is taken out of
    the body. Cancellation passes through.
    """
    trail, body = _Trail(), bytearray()
    request.extensions["trace"] = trail
    response: httpx.Response | None = None
    flaw = ""
    try:
        async with asyncio.timeout(deadline):
            response = await client.send(request, stream=True)
            async with aclosing(response):
                flaw = await receive(response.headers, response.aiter_raw(), into=body)
    except Exception as error:  # whatever it is: money may be on its way, so it gets its class
        flaw = type(error).__name__
        if response is None:
            what = f"{request.method} {request.url.host}: {flaw}"
            raise (Unclear if trail.left else NotSent)(what) from error
    kept = scrub(bytes(body), secret.encode())
    return Reply(response.status_code, kept, response.headers, flaw, clock())


async def receive(
    headers: Mapping[str, str], chunks: AsyncIterable[bytes], *, into: bytearray
) -> str:
    """Take a body as it is on the wire, up to the cap; the answer is the flaw, if any."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        return "encoded although identity was asked for"  # a small body may unfold to gigabytes
    async for chunk in chunks:
        into.extend(chunk[: BODY_CAP - len(into)])
        if len(into) >= BODY_CAP:
            return "longer than the limit"
    return ""


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
