"""A far end that does as a test says, and keeps the truth about what it was asked and took.

    from tests.answers import cut, task
    from tests.farend import FarEnd

    with FarEnd() as far:
        far.create.answers(cut(task(), after=40))  # the next POST; without a script it just works
        ...                                        # the code under test, at far.url
        assert far.paid == 1                       # what was really accepted, whatever was heard

It runs raw sockets on loopback in a thread of its own, so it serves sync and async tests alike. It
speaks just enough HTTP/1.1 and breaks it in every way asked for. A script is a `Reply`, or a
function from `Received` to one; what was received is recorded before anything is answered.
"""

import asyncio
import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any, Self
from urllib.parse import urlsplit

from tests.answers import Received, Reply, Script, answer, error, film, task

TLS_HELLO = 0x16


@dataclass(frozen=True)
class Accepted:
    """A paid POST that this far end took: it will be charged, whatever its sender heard."""

    task_id: str
    request: Received


class Route:
    """One kind of request: what it is answered, and what came."""

    def __init__(self, default: Script) -> None:
        self.requests: list[Received] = []
        self._scripts: deque[Script] = deque()
        self._always: Script = default

    def answers(self, *scripts: Script) -> None:
        """The next replies, in this order; then as before."""
        self._scripts.extend(scripts)

    def always(self, script: Script) -> None:
        """The reply from now on."""
        self._always = script

    def reply_to(self, request: Received) -> Reply:
        self.requests.append(request)
        script = self._scripts.popleft() if self._scripts else self._always
        return script if isinstance(script, Reply) else script(request)


class FarEnd:
    """Context manager: EvoLink's API, its files host and a media host at `url`, all in one."""

    def __init__(self) -> None:
        self.create = Route(lambda request: task(model=request.json.get("model", "")))
        self.read = Route(self._read)
        self.list = Route(lambda _: answer({"data": list(self.tasks.values())}))
        self.credits = Route(lambda _: answer(self.balance))
        self.upload = Route(self._upload)
        self.media = Route(self._serve)
        self.received: list[Received] = []
        self.accepted: list[Accepted] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Script] = {}  # by path
        self.hellos: list[bytes] = []  # first bytes of TLS, which this far end does not speak
        self.connections = 0
        self.closes_at_once = 0  # so many of the next connections
        self.mute = False  # reads nothing and says nothing, TLS included
        balance = {"remaining_credits": 1000.5, "unlimited_credits": False, "used_credits": 1}
        self.balance: dict[str, Any] = {
            "data": {"token": balance, "user": balance},
            "message": "",
            "success": True,
        }
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    @property
    def paid(self) -> int:
        """How many POSTs were accepted: each is charged."""
        return len(self.accepted)

    def move(self, task_id: str, **fields: object) -> None:
        """Change what a read of the task finds."""
        self.tasks[task_id] |= fields

    def finish(self, task_id: str, *urls: str) -> None:
        self.move(task_id, status="completed", progress=100, results=list(urls))

    def fail(self, task_id: str, code: object, message: str = "It did not work.") -> None:
        error = {"code": code, "message": message, "type": "task_error"}
        self.move(task_id, status="failed", progress=0, error=error)

    def serve(self, path: str, content: bytes, **how: Any) -> str:
        """Offer a media file; the answer is its URL."""
        self.files[path] = film(content, **how)
        return self.url + path

    def _read(self, request: Received) -> Reply:
        known = self.tasks.get(request.path.rpartition("/")[2])
        return answer(known) if known else error(404, "task_not_found")

    def _upload(self, request: Received) -> Reply:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        part = message_from_bytes(head + request.body).get_payload()[0]
        content, mime = part.get_payload(decode=True), part.get_content_type()
        url = self.serve(f"/uploaded/{len(self.files)}/{part.get_filename()}", content, mime=mime)
        data = {"file_id": f"file_{len(self.files)}", "file_url": url, "mime_type": mime}
        data |= {"file_size": len(content), "upload_time": "2026-11-20T12:00:00Z"}
        data |= {"expires_at": "2026-11-23T12:00:00Z"}
        return answer({"success": True, "code": 200, "msg": "ok", "data": data})

    def _serve(self, request: Received) -> Reply:
        script = self.files.get(request.path, Reply(404))
        return script if isinstance(script, Reply) else script(request)

    def _route(self, request: Received) -> Route:
        routes = {
            ("POST", "/v1/videos/generations"): self.create,
            ("GET", "/v1/tasks"): self.list,
            ("GET", "/v1/credits"): self.credits,
            ("POST", "/api/v1/files/upload/stream"): self.upload,
        }
        reads = request.method == "GET" and request.path.startswith("/v1/tasks/")
        return self.read if reads else routes.get((request.method, request.path), self.media)

    def _reply_to(self, request: Received) -> Reply:
        self.received.append(request)
        route = self._route(request)
        reply = route.reply_to(request)
        if route is self.create and reply.takes:
            document = _told(reply) or json.loads(task().body)
            self.tasks[document["id"]] = document
            self.accepted.append(Accepted(document["id"], request))
        return reply

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        lines: set[asyncio.Task[None]] = set()

        async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = asyncio.current_task()
            lines.add(line)
            line.add_done_callback(lines.discard)
            await self._talk(reader, writer)

        server = await asyncio.start_server(on_connect, sock=self._socket, limit=1 << 20)
        self._ready.set()
        await self._over.wait()
        server.close()
        for line in list(lines):
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            if self.closes_at_once:
                self.closes_at_once -= 1
            elif self.mute:
                await self._over.wait()
            else:
                while await self._hear(reader, writer, number):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _hear(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """One request and its reply; whether the line stays open."""
        first = await reader.readexactly(1)
        if first[0] == TLS_HELLO:
            self.hellos.append(first + await reader.read(4096))
            writer.write(b"HTTP/1.1 400 This is not TLS\r\n\r\n")
            return False
        lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            n.strip().lower(): v.strip() for n, _, v in (li.partition(":") for li in lines[1:])
        }
        method, target, _ = lines[0].split(" ")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        url = urlsplit(target)
        reply = self._reply_to(Received(method, url.path, url.query, headers, body, number))
        return await self._say(reply, writer) and headers.get("connection") != "close"

    async def _say(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.silent:
            await self._over.wait()
        if reply.pause:
            writer.write(reply.head)
            for byte in reply.body:
                writer.write(bytes([byte]))
                await asyncio.sleep(reply.pause)
            return True
        writer.write(reply.wire[: reply.cut])
        await writer.drain()
        if reply.reset:
            line: socket.socket = writer.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return reply.cut is None


def _told(reply: Reply) -> dict[str, Any] | None:
    """The task that a reply tells of, if it does."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) and isinstance(document.get("id"), str) else None


def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])
