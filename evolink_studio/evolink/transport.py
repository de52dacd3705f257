"""Connections to the provider: a new one for every POST, a pool of them for reads."""

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

import h11
import httpx

from evolink_studio.evolink.errors import OutcomeUnknown, RequestNotSent
from evolink_studio.evolink.read_streams import ReadStream
from evolink_studio.evolink.redaction import redact
from evolink_studio.evolink.timestamps import utc_now

MAX_BODY_BYTES = 1_000_000  # EvoLink's answers have a few hundred
# A task with thousands of results is read whole, or none of them would ever be saved.
MAX_READ_BODY_BYTES = 8_000_000
MAX_HEAD_BYTES = 100 * 1024  # of status and headers
_PORTS = {"http": 80, "https": 443}
MAX_IDLE_SECONDS = 30.0  # longer than the pause between reads, shorter than servers keep it open


@dataclass(frozen=True)
class RawResponse:
    """The status and headers of a response, and what arrived of its body.

    `error` says why the body is incomplete, "" if it is complete; `received_at` is aware.
    `status` is 0 if no response came; then `error` says why.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    error: str = ""
    received_at: datetime = field(default_factory=utc_now)


class _SendTrace:
    """A trace extension of httpcore that records how far a request got.

    Events while connecting are named `connection.…` (address, TCP, TLS). Any other means that there
    was a connection and the first byte may have been sent.
    """

    def __init__(self) -> None:
        self.has_started_sending = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if not event.startswith("connection."):
            self.has_started_sending = True


async def send_once(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    deadline: float,
    secret: str,
    clock: Callable[[], datetime],
) -> RawResponse:
    """Send a POST once and read the response, all within `deadline` seconds.

    Once the headers have arrived the response is returned, even if its body is incomplete. Before
    that raises RequestNotSent if nothing can have left this machine, else OutcomeUnknown. `secret`
    is removed from the body. Cancellation passes through.
    """
    send_trace, body = _SendTrace(), bytearray()
    request.extensions["trace"] = send_trace
    response: httpx.Response | None = None
    error_text = ""
    try:
        async with asyncio.timeout(deadline):
            response = await client.send(request, stream=True)
            async with aclosing(response):
                error_text = await read_body(response.headers, response.aiter_raw(), buffer=body)
    except Exception as error:  # any error must say whether the request may have been sent
        error_text = type(error).__name__
        if response is None:
            message = f"{request.method} {request.url.host}: {error_text}"
            raise (OutcomeUnknown if send_trace.has_started_sending else RequestNotSent)(
                message
            ) from error
    redacted_body = redact(bytes(body), secret.encode())
    return RawResponse(response.status_code, redacted_body, response.headers, error_text, clock())


async def read_body(
    headers: Mapping[str, str],
    chunks: AsyncIterable[bytes],
    *,
    buffer: bytearray,
    max_bytes: int = MAX_BODY_BYTES,
) -> str:
    """Read a body into `buffer`, up to `max_bytes`. Returns what is wrong with it, or ""."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        return "encoded although identity was asked for"  # could decompress to gigabytes
    async for chunk in chunks:
        buffer.extend(chunk[: max_bytes - len(buffer)])
        if len(buffer) >= max_bytes:
            return "longer than the limit"
    return ""


class Connection:
    """One connection; connects at its first request, and takes one request at a time."""

    def __init__(self, base_url: httpx.URL, tls_context: ssl.SSLContext) -> None:
        self._host_header = base_url.netloc.decode("ascii")
        self._base_path = base_url.raw_path.rstrip(b"/")
        self._address = base_url.raw_host.decode("ascii"), base_url.port or _PORTS[base_url.scheme]
        self._tls_context = tls_context if base_url.scheme == "https" else None
        self._stream: ReadStream | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)

    @property
    def is_idle(self) -> bool:
        """Whether the last response was read to its end and the connection is still usable."""
        return self._stream is not None and self._http.our_state is h11.IDLE

    @property
    def is_reusable(self) -> bool:
        """Whether it is idle, and the provider has neither closed it nor sent what nobody asked
        for."""
        return self._stream is not None and self.is_idle and self._stream.is_silent

    async def get(self, path: str, headers: Mapping[str, str], *, deadline: float) -> RawResponse:
        """GET `path`, below that of the base URL, within `deadline` seconds, connecting included.

        An exception becomes the `error` of the response; cancellation passes through. Both leave
        the connection closed.
        """
        status, response_headers, body, error_text = 0, httpx.Headers(), bytearray(), ""
        try:
            async with asyncio.timeout(deadline):
                stream = await self._send(path, headers)
                response = await self._receive_head(stream)
                status = response.status_code
                response_headers = httpx.Headers(response.headers.raw_items())
                error_text = await read_body(
                    response_headers,
                    self._receive_body(stream),
                    buffer=body,
                    max_bytes=MAX_READ_BODY_BYTES,
                )
        except Exception as error:  # a read costs nothing, so every error is alike
            error_text = type(error).__name__
        finally:
            self._end_exchange()
        return RawResponse(status, bytes(body), response_headers, error_text)

    async def close(self) -> None:
        """Close it at once, even during a request."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def _send(self, path: str, headers: Mapping[str, str]) -> ReadStream:
        if self._stream is None:
            self._stream = await ReadStream.open(*self._address, self._tls_context)
        request = h11.Request(
            method="GET",
            target=self._base_path + path.encode("ascii"),
            headers=[("Host", self._host_header), *headers.items()],
        )
        head = self._http.send(request) or b""
        self._stream.write(head + (self._http.send(h11.EndOfMessage()) or b""))
        return self._stream

    async def _receive_head(self, stream: ReadStream) -> h11.Response:
        event = None
        while not isinstance(event, h11.Response):  # after it may come an early hint
            event = await self._receive_event(stream)
        return event

    async def _receive_body(self, stream: ReadStream) -> AsyncIterator[bytes]:
        while isinstance(event := await self._receive_event(stream), h11.Data):
            yield bytes(event.data)

    async def _receive_event(self, stream: ReadStream) -> Any:
        """Raises h11.RemoteProtocolError for what is no HTTP, or not all of it."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await stream.read())
        return event

    def _end_exchange(self) -> None:
        """Ready for the next one, if all was read and nothing came behind it; else closed."""
        is_done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if is_done and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
        elif self._stream is not None:
            self._stream.close()
            self._stream = None


# These only detect a dead connection early; a whole exchange has its own deadline.
_SOCKET_TIMEOUT = httpx.Timeout(connect=10, read=60, write=60, pool=10)


@functools.cache
def get_tls_context() -> ssl.SSLContext:
    """The one TLS context of this process, with certificates checked. Building one takes longer
    than a request."""
    return httpx.create_ssl_context(trust_env=False)


def open_client() -> httpx.AsyncClient:
    """A client without proxies of the environment, redirects, cookies and connection reuse."""
    return httpx.AsyncClient(
        verify=get_tls_context(),
        http2=False,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
        timeout=_SOCKET_TIMEOUT,
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
    )


@asynccontextmanager
async def temporary_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client for one exchange, with its own connection. Errors while closing are ignored."""
    client = open_client()
    try:
        yield client
    finally:
        with suppress(Exception):
            await client.aclose()


class ConnectionPool:
    """At most `max_connections` connections to one server, opened when the others are busy."""

    def __init__(self, base_url: httpx.URL, max_connections: int) -> None:
        self._base_url = base_url
        self._idle: deque[tuple[Connection, float]] = (
            deque()
        )  # with the time it became idle; newest last
        self._slots = asyncio.Semaphore(max_connections)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A free connection. Waiting for one has no deadline.

        If the block raises, the connection is closed.
        """
        async with self._slots:
            pooled_connection = await self._acquire()
            try:
                yield pooled_connection
            except BaseException:
                await pooled_connection.close()
                raise
            await self._release(pooled_connection)

    @property
    def idle_count(self) -> int:
        """The number of open, idle connections."""
        return len(self._idle)

    async def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            await self._idle.pop()[0].close()

    async def _acquire(self) -> Connection:
        await self._close_expired()
        while self._idle:
            pooled_connection, _idle_since = self._idle.pop()
            if pooled_connection.is_reusable:
                return pooled_connection
            await pooled_connection.close()
        return Connection(self._base_url, get_tls_context())

    async def _release(self, pooled_connection: Connection) -> None:
        if pooled_connection.is_idle:
            self._idle.append((pooled_connection, asyncio.get_running_loop().time()))
        else:
            await pooled_connection.close()

    async def _close_expired(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._idle and now - self._idle[0][1] > MAX_IDLE_SECONDS:
            await self._idle.popleft()[0].close()
