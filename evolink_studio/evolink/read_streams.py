"""The network below reads: straight on asyncio, so that a read costs little more than its bytes.

Nothing here has a deadline: a read has one for all of it (`transport.Connection.get`).
"""

import asyncio
import select
import ssl
from typing import Self

_HAPPY_EYEBALLS_SECONDS = 0.25  # as RFC 8305 recommends
_MAX_BUFFERED_BYTES = 256 * 1024  # beyond that the server has to wait


class ReadStream(asyncio.Protocol):
    """The bytes of one connection."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, host: str, port: int, tls_context: ssl.SSLContext | None) -> Self:
        """Connect; encrypted with a `tls_context`. Raises OSError, also for what TLS refuses."""
        if tls_context is not None:
            tls_context.set_alpn_protocols(["http/1.1"])
        _, stream = await asyncio.get_running_loop().create_connection(
            cls, host, port, ssl=tls_context, happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS
        )
        return stream

    @property
    def is_silent(self) -> bool:
        """Whether nothing came that was not read: no byte, and no end."""
        return not self._buffer and not self._is_ended and not self._is_socket_readable()

    async def read(self) -> bytes:
        """What has come by now, or the next that comes; b"" at the end.

        Raises OSError if the connection broke: what came before may not be all.
        """
        if not self._buffer and not self._is_ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if not self._buffer and self._error is not None:
            raise self._error
        data = bytes(self._buffer)
        self._buffer.clear()
        if not self._transport.is_closing():
            self._transport.resume_reading()  # does nothing unless it was paused
        return data

    def write(self, data: bytes) -> None:
        """Send the head of a read: so little that it never waits. Ignored after the end."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """At once."""
        self._transport.abort()

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
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _is_socket_readable(self) -> bool:
        socket = self._transport.get_extra_info("socket")
        if socket is None or socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))
