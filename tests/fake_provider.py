"""A scripted provider that records what it was asked and what it accepted.

    from tests.fake_provider import FakeProvider
    from tests.provider_replies import cut_reply, make_task_reply

    with FakeProvider() as provider:
        provider.create.reply_next(cut_reply(make_task_reply(), 40))  # the next POST
        ...                                 # the code under test, at provider.url
        assert provider.paid_count == 1     # what was accepted, whatever was answered

It runs raw sockets on loopback in a thread of its own, so it serves sync and async tests alike. It
speaks just enough HTTP/1.1 and breaks it in every way asked for. A script is a `Reply`, or a
function from `ReceivedRequest` to one; requests are recorded before they are answered.
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

from tests.provider_replies import (
    ReceivedRequest,
    Reply,
    Script,
    make_error_reply,
    make_media_script,
    make_reply,
    make_task_reply,
)

TLS_HELLO = 0x16


@dataclass(frozen=True)
class AcceptedPost:
    """A paid POST that was accepted: it is charged, whatever its sender was answered."""

    task_id: str
    request: ReceivedRequest


class ScriptedRoute:
    """One kind of request: what it is answered, and what came."""

    def __init__(self, default: Script) -> None:
        self.requests: list[ReceivedRequest] = []
        self._scripts: deque[Script] = deque()
        self._default_script: Script = default

    def reply_next(self, *scripts: Script) -> None:
        """The next replies, in this order; then as before."""
        self._scripts.extend(scripts)

    def reply_always(self, script: Script) -> None:
        """The reply from now on."""
        self._default_script = script

    def build_reply(self, request: ReceivedRequest) -> Reply:
        self.requests.append(request)
        script = self._scripts.popleft() if self._scripts else self._default_script
        return script if isinstance(script, Reply) else script(request)


class FakeProvider:
    """Context manager: EvoLink's API, its files host and a media host at `url`, all in one."""

    def __init__(self) -> None:
        self.create = ScriptedRoute(
            lambda request: make_task_reply(model=request.json.get("model", ""))
        )
        self.read = ScriptedRoute(self._reply_to_read)
        self.list = ScriptedRoute(lambda _: make_reply({"data": list(self.tasks.values())}))
        self.credits = ScriptedRoute(lambda _: make_reply(self.balance_document))
        self.upload = ScriptedRoute(self._reply_to_upload)
        self.media = ScriptedRoute(self._reply_to_media)
        self.received_requests: list[ReceivedRequest] = []
        self.accepted_posts: list[AcceptedPost] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.files: dict[str, Script] = {}  # by path
        self.tls_hellos: list[bytes] = []  # first bytes of TLS, which is not spoken here
        self.connection_count = 0
        self.connections_to_drop = 0  # so many of the next connections
        self.is_mute = False  # reads nothing and says nothing, TLS included
        balance = {"remaining_credits": 1000.5, "unlimited_credits": False, "used_credits": 1}
        self.balance_document: dict[str, Any] = {
            "data": {"token": balance, "user": balance},
            "message": "",
            "success": True,
        }
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve_until_stopped()), daemon=True
        )
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(5)

    @property
    def paid_count(self) -> int:
        """How many POSTs were accepted: each is charged."""
        return len(self.accepted_posts)

    def update_task(self, task_id: str, **fields: object) -> None:
        """Change what a read of the task finds."""
        self.tasks[task_id] |= fields

    def complete_task(self, task_id: str, *urls: str) -> None:
        self.update_task(task_id, status="completed", progress=100, results=list(urls))

    def fail_task(self, task_id: str, code: object, message: str = "It did not work.") -> None:
        error = {"code": code, "message": message, "type": "task_error"}
        self.update_task(task_id, status="failed", progress=0, error=error)

    def serve_file(self, path: str, content: bytes, **options: Any) -> str:
        """Offer a media file; the answer is its URL."""
        self.files[path] = make_media_script(content, **options)
        return self.url + path

    def _reply_to_read(self, request: ReceivedRequest) -> Reply:
        document = self.tasks.get(request.path.rpartition("/")[2])
        return make_reply(document) if document else make_error_reply(404, "task_not_found")

    def _reply_to_upload(self, request: ReceivedRequest) -> Reply:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        part = message_from_bytes(head + request.body).get_payload()[0]
        content, mime = part.get_payload(decode=True), part.get_content_type()
        url = self.serve_file(
            f"/uploaded/{len(self.files)}/{part.get_filename()}", content, mime=mime
        )
        data = {"file_id": f"file_{len(self.files)}", "file_url": url, "mime_type": mime}
        data |= {"file_size": len(content), "upload_time": "2026-11-20T12:00:00Z"}
        data |= {"expires_at": "2026-11-23T12:00:00Z"}
        return make_reply({"success": True, "code": 200, "msg": "ok", "data": data})

    def _reply_to_media(self, request: ReceivedRequest) -> Reply:
        script = self.files.get(request.path, Reply(404))
        return script if isinstance(script, Reply) else script(request)

    def _find_route(self, request: ReceivedRequest) -> ScriptedRoute:
        routes = {
            ("POST", "/v1/videos/generations"): self.create,
            ("GET", "/v1/tasks"): self.list,
            ("GET", "/v1/credits"): self.credits,
            ("POST", "/api/v1/files/upload/stream"): self.upload,
        }
        is_task_read = request.method == "GET" and request.path.startswith("/v1/tasks/")
        return self.read if is_task_read else routes.get((request.method, request.path), self.media)

    def _record_and_reply(self, request: ReceivedRequest) -> Reply:
        self.received_requests.append(request)
        route = self._find_route(request)
        reply = route.build_reply(request)
        if route is self.create and reply.is_task_accepted:
            document = _parse_task_document(reply) or json.loads(make_task_reply().body)
            self.tasks[document["id"]] = document
            self.accepted_posts.append(AcceptedPost(document["id"], request))
        return reply

    async def _serve_until_stopped(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = asyncio.current_task()
            connections.add(line)
            line.add_done_callback(connections.discard)
            await self._handle_connection(reader, writer)

        server = await asyncio.start_server(on_connect, sock=self._socket, limit=1 << 20)
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for connection in list(connections):
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _handle_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connection_count += 1
        number = self.connection_count
        try:
            if self.connections_to_drop:
                self.connections_to_drop -= 1
            elif self.is_mute:
                await self._stopped.wait()
            else:
                while await self._handle_request(reader, writer, number):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _handle_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """One request and its reply. Returns whether the connection stays open."""
        first = await reader.readexactly(1)
        if first[0] == TLS_HELLO:
            self.tls_hellos.append(first + await reader.read(4096))
            writer.write(b"HTTP/1.1 400 This is not TLS\r\n\r\n")
            return False
        lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            n.strip().lower(): v.strip() for n, _, v in (li.partition(":") for li in lines[1:])
        }
        method, target, _ = lines[0].split(" ")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        url = urlsplit(target)
        reply = self._record_and_reply(
            ReceivedRequest(method, url.path, url.query, headers, body, number)
        )
        return await self._send_reply(reply, writer) and headers.get("connection") != "close"

    async def _send_reply(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.is_silent:
            await self._stopped.wait()
        if reply.byte_pause_seconds:
            writer.write(reply.head_bytes)
            for byte in reply.body:
                writer.write(bytes([byte]))
                await asyncio.sleep(reply.byte_pause_seconds)
            return True
        writer.write(reply.wire_bytes[: reply.cut_after_bytes])
        await writer.drain()
        if reply.is_reset:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return reply.cut_after_bytes is None


def _parse_task_document(reply: Reply) -> dict[str, Any] | None:
    """The task that a reply tells of, if it does."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) and isinstance(document.get("id"), str) else None


def find_closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
