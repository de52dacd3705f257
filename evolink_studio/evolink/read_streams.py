"""How httpcore reaches the network for reads: straight on asyncio.

httpcore's own way, over anyio, sets a timeout and a checkpoint around every step, which costs more
than the steps. A read has one deadline for all of it (`transport.Connection.get`), so that the
timeouts given here are not needed.
"""

import asyncio
import select
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

_HAPPY_EYEBALLS_SECONDS = 0.25  # as RFC 8305 recommends
_MAX_BUFFERED_BYTES = 256 * 1024  # beyond that the server has to wait


class _ReadStream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_ended = False
        self._waiter: asyncio.Future[None] | None = None

    # --- called by asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _MAX_BUFFERED_BYTES:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._is_ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._is_ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- called by httpcore ---

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """The next bytes; none at the end."""
        while not self._buffer and not self._is_ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        if len(self._buffer) <= _MAX_BUFFERED_BYTES and not self._transport.is_closing():
            self._transport.resume_reading()  # does nothing unless it was paused
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send the head of a read: so little that it never waits. Raises httpcore.WriteError."""
        if self._transport.is_closing():
            raise httpcore.WriteError
        self._transport.write(buffer)

    async def aclose(self) -> None:
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Nothing: where there is TLS, it began with the connection."""
        return self

    def get_extra_info(self, info: str) -> Any:
        """`is_readable`: whether something came, or the end, that no request asked for."""
        if info == "is_readable":
            return bool(self._buffer) or self._is_ended or self._is_socket_readable()
        return self._transport.get_extra_info({"ssl_object": "ssl_object"}.get(info, ""))

    def _is_socket_readable(self) -> bool:
        socket = self._transport.get_extra_info("socket")
        if socket is None or socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class ReadBackend(httpcore.AsyncNetworkBackend):
    """Opens the connections; `tls_context` where they are to be encrypted."""

    def __init__(self, tls_context: ssl.SSLContext | None) -> None:
        self._tls_context = tls_context
        if tls_context is not None:
            tls_context.set_alpn_protocols(["http/1.1"])

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises httpcore.ConnectError."""
        loop = asyncio.get_running_loop()
        try:
            _, stream = await loop.create_connection(
                _ReadStream,
                host,
                port,
                ssl=self._tls_context,
                happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS,
            )
        except OSError as error:  # also of TLS
            raise httpcore.ConnectError(str(error)) from error
        return stream
