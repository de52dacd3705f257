"""A lean HTTP client on kept-alive connections, so that the server is measured and not the client.

It reads answers with a Content-Length and those without a body: the studio gives no others.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `head` ends with the empty line."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    @property
    def wire(self) -> int:
        """Bytes on the wire."""
        return len(self.head) + len(self.body)

    def header(self, name: str) -> str:
        found = re.search(rb"\r\n%s: *([^\r]*)" % name.encode(), self.head, re.IGNORECASE)
        return found[1].decode("latin-1") if found else ""


class Line(asyncio.Protocol):
    """One connection; one question at a time."""

    def __init__(self) -> None:
        self._heard = b""
        self._asked: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        end = self._heard.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = LENGTH.search(self._heard, 0, end)
        whole = end + (int(length[1]) if length else 0)
        if len(self._heard) >= whole and self._asked and not self._asked.done():
            self._asked.set_result(Answer(self._heard[:end], self._heard[end:whole]))
            self._heard = b""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked and not self._asked.done():
            self._asked.set_exception(ConnectionError("the server closed the line"))

    async def ask(self, asked: bytes, *statuses: int) -> Answer:
        """Raises RuntimeError for any other status, ConnectionError when the line is cut."""
        self._asked = asyncio.get_running_loop().create_future()
        self.transport.write(asked)
        answer = await self._asked
        if answer.status not in statuses:
            said = (answer.head + answer.body)[:300].decode("latin-1")
            raise RuntimeError(f"{statuses} was expected: {said}")
        return answer


@asynccontextmanager
async def lines(port: int, count: int = 1) -> AsyncIterator[list[Line]]:
    """Open connections to this machine."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(Line, "127.0.0.1", port))[1] for _ in range(count)]
    try:
        yield opened
    finally:
        for line in opened:
            line.transport.close()


def question(
    path: str, headers: Mapping[str, str], *, method: str = "GET", body: bytes = b""
) -> bytes:
    """A request as bytes."""
    length = {"Content-Length": str(len(body))} if method == "POST" else {}
    named = {"Host": "127.0.0.1", **headers, **length}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def storm(opened: list[Line], asked: bytes, *, status: int, seconds: float) -> float:
    """Ask on all lines without a pause; requests a second."""
    begin = time.perf_counter()
    until = begin + seconds

    async def one(line: Line) -> int:
        count = 0
        while time.perf_counter() < until:
            await line.ask(asked, status)
            count += 1
        return count

    counts = await asyncio.gather(*(one(line) for line in opened))
    return sum(counts) / (time.perf_counter() - begin)


def fetch(port: int, path: str) -> bytes:
    """One answer of this machine, on a line of its own."""

    async def once() -> bytes:
        async with lines(port) as (line,):
            return (await line.ask(question(path, {}), 200)).body

    return asyncio.run(once())
