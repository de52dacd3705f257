"""What a scripted far end may say: good answers, errors, and every way a reply can go wrong."""

import gzip
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request that arrived whole. Header names are lower case; `connection` counts from 1."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What goes out: the whole of it, or as the faults say."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    cut: int | None = None  # bytes of head and body that go out before the line is closed
    reset: bool = False  # closed by a reset instead of a proper end
    pause: float = 0  # seconds between single bytes of the body
    silent: bool = False  # nothing at all goes out, the line stays open
    accepts: bool | None = None  # a POST for a video: was it taken? None: yes if the status is 2xx

    @property
    def takes(self) -> bool:
        return 200 <= self.status < 300 if self.accepts is None else self.accepts

    @property
    def head(self) -> bytes:
        length = (
            "transfer-encoding: chunked" if self.chunked else f"content-length: {len(self.body)}"
        )
        given = [f"{name}: {value}" for name, value in self.headers.items()]
        lines = given if "content-length" in self.headers else [length, *given]
        return "\r\n".join([f"HTTP/1.1 {self.status} Status", *lines, "", ""]).encode()

    @property
    def wire(self) -> bytes:
        body = self.body
        if self.chunked:
            halves = body[: len(body) // 2], body[len(body) // 2 :]
            body = b"".join(b"%x\r\n%s\r\n" % (len(h), h) for h in halves if h) + b"0\r\n\r\n"
        return self.head + body


Script = Reply | Callable[[Received], Reply]


def answer(body: object = b"", status: int = 200, **headers: str) -> Reply:
    """JSON, or bytes as they are. Headers as keywords: retry_after="5"."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        return Reply(status, body, named)
    return Reply(status, json.dumps(body).encode(), {"content-type": "application/json"} | named)


_numbers = itertools.count(1)


def task(**fields: object) -> Reply:
    """A good answer to the POST: a new task, with `fields` laid over it."""
    number = next(_numbers)
    document = {
        "created": 1_757_169_743,
        "id": f"task-unified-1757169743-{number:08d}",
        "model": "veo3.1-pro",
        "object": "video.generation.task",
        "progress": 0,
        "status": "pending",
        "task_info": {"can_cancel": True, "estimated_time": 180, "video_duration": 8},
        "type": "video",
        "usage": {"billing_rule": "per_call", "credits_reserved": 25.7, "user_group": "default"},
    }
    return answer(document | fields)


def error(status: int, code: object, message: str = "No.", **more: object) -> Reply:
    """An error as EvoLink words it, with `more` beside it."""
    said = {"code": code, "message": message, "type": "some_error"}
    return answer({"error": said} | more, status)


def cut(reply: Reply, after: int, *, reset: bool = False) -> Reply:
    """Close the line after that many bytes, head included. What it says was done all the same."""
    return replace(reply, cut=after, reset=reset)


def cut_body(reply: Reply, after: int) -> Reply:
    """Close the line after the head and that many bytes of the body."""
    return replace(reply, cut=len(reply.head) + after)


def drip(reply: Reply, pause: float = 0.01) -> Reply:
    """One byte of the body at a time."""
    return replace(reply, pause=pause)


def silence(*, accepts: bool = True) -> Reply:
    """Take the request, answer nothing, keep the line."""
    return Reply(silent=True, accepts=accepts)


def hang_up(*, accepts: bool = True, reset: bool = False) -> Reply:
    """Take the request and close the line."""
    return Reply(cut=0, accepts=accepts, reset=reset)


def redirect(to: str, status: int = 302) -> Reply:
    return answer(b"", status, location=to)


def gzip_bomb(size: int = 64_000_000) -> Reply:
    """Some kilobytes that unfold to `size` bytes."""
    return answer(gzip.compress(bytes(size)), content_encoding="gzip")


def film(content: bytes, *, mime: str = "video/mp4", etag: str | None = '"1"') -> Script:
    """A media file with Range and If-Range, as media hosts serve it."""

    def serve(request: Received) -> Reply:
        tags = {"content-type": mime, "accept-ranges": "bytes"} | ({"etag": etag} if etag else {})
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if not asked or request.headers.get("if-range", etag) != etag:
            return Reply(200, content, tags)
        first, size = int(asked[1]), len(content)
        if first >= size:
            return Reply(416, b"", {"content-range": f"bytes */{size}"})
        span = {"content-range": f"bytes {first}-{size - 1}/{size}"}
        return Reply(206, content[first:], tags | span)

    return serve
