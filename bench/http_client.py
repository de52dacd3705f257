"""A lean HTTP client on kept-alive connections, so that the server is measured and not the client.

It reads answers with a Content-Length and those without a body: the studio gives no others.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

CONTENT_LENGTH_PATTERN = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: `head` ends with the empty line."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    @property
    def wire_bytes(self) -> int:
        """Bytes on the wire."""
        return len(self.head) + len(self.body)

    def header(self, name: str) -> str:
        match = re.search(rb"\r\n%s: *([^\r]*)" % name.encode(), self.head, re.IGNORECASE)
        return match[1].decode("latin-1") if match else ""


def find_message_ends(buffer: bytes) -> tuple[int, int] | None:
    """Where the head and the body of the first HTTP message end; None before it is whole."""
    head_end = buffer.find(b"\r\n\r\n") + 4
    if head_end < 4:
        return None
    length = CONTENT_LENGTH_PATTERN.search(buffer, 0, head_end)
    end = head_end + (int(length[1]) if length else 0)
    return (head_end, end) if len(buffer) >= end else None


class ClientConnection(asyncio.Protocol):
    """One connection; one question at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._pending: asyncio.Future[HttpAnswer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        ends = find_message_ends(self._buffer)
        if ends and self._pending and not self._pending.done():
            head_end, end = ends
            self._pending.set_result(
                HttpAnswer(self._buffer[:head_end], self._buffer[head_end:end])
            )
            self._buffer = b""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pending and not self._pending.done():
            self._pending.set_exception(ConnectionError("the server closed the line"))

    async def send(self, request: bytes, *statuses: int) -> HttpAnswer:
        """Raises RuntimeError for any other status, ConnectionError when the line is cut."""
        self._pending = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        answer = await self._pending
        if answer.status not in statuses:
            text = (answer.head + answer.body)[:300].decode("latin-1")
            raise RuntimeError(f"{statuses} was expected: {text}")
        return answer


@asynccontextmanager
async def open_connections(port: int, count: int = 1) -> AsyncIterator[list[ClientConnection]]:
    """Open connections to this machine."""
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(ClientConnection, "127.0.0.1", port))[1] for _ in range(count)
    ]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.transport.close()


def build_request(
    path: str, headers: Mapping[str, str], *, method: str = "GET", body: bytes = b""
) -> bytes:
    """A request as bytes."""
    length = {"Content-Length": str(len(body))} if method == "POST" else {}
    all_headers = {"Host": "127.0.0.1", **headers, **length}
    head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def measure_throughput(
    connections: list[ClientConnection], request: bytes, *, status: int, seconds: float
) -> float:
    """Ask on all lines without a pause; requests a second."""
    begin = time.perf_counter()
    ends_at = begin + seconds

    async def send_repeatedly(line: ClientConnection) -> int:
        count = 0
        while time.perf_counter() < ends_at:
            await line.send(request, status)
            count += 1
        return count

    counts = await asyncio.gather(*(send_repeatedly(connection) for connection in connections))
    return sum(counts) / (time.perf_counter() - begin)


def fetch_body(port: int, path: str) -> bytes:
    """One answer of this machine, on a line of its own."""

    async def fetch_once() -> bytes:
        async with open_connections(port) as (line,):
            return (await line.send(build_request(path, {}), 200)).body

    return asyncio.run(fetch_once())
