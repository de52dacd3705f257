"""What a scripted provider may say: good answers, errors, and every way a reply can go wrong."""

import gzip
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that arrived whole. Header names are lower case; `connection` counts from 1."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    connection_number: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What goes out: the whole of it, or as the faults say."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_chunked: bool = False
    cut_after_bytes: int | None = (
        None  # bytes of head and body that go out before the line is closed
    )
    is_reset: bool = False  # closed by a reset instead of a proper end
    byte_pause_seconds: float = 0  # seconds between single bytes of the body
    is_silent: bool = False  # nothing at all goes out, the line stays open
    accepts_task: bool | None = (
        None  # a POST for a video: was it taken? None: yes if the status is 2xx
    )

    @property
    def is_task_accepted(self) -> bool:
        return 200 <= self.status < 300 if self.accepts_task is None else self.accepts_task

    @property
    def head_bytes(self) -> bytes:
        length = (
            "transfer-encoding: chunked" if self.is_chunked else f"content-length: {len(self.body)}"
        )
        header_lines = [f"{name}: {value}" for name, value in self.headers.items()]
        lines = header_lines if "content-length" in self.headers else [length, *header_lines]
        return "\r\n".join([f"HTTP/1.1 {self.status} Status", *lines, "", ""]).encode()

    @property
    def wire_bytes(self) -> bytes:
        body = self.body
        if self.is_chunked:
            halves = body[: len(body) // 2], body[len(body) // 2 :]
            body = b"".join(b"%x\r\n%s\r\n" % (len(h), h) for h in halves if h) + b"0\r\n\r\n"
        return self.head_bytes + body


Script = Reply | Callable[[ReceivedRequest], Reply]


def make_reply(body: object = b"", status: int = 200, **headers: str) -> Reply:
    """JSON, or bytes as they are. Headers as keywords: retry_after="5"."""
    header_values = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        return Reply(status, body, header_values)
    return Reply(
        status, json.dumps(body).encode(), {"content-type": "application/json"} | header_values
    )


_task_numbers = itertools.count(1)


def make_task_reply(**fields: object) -> Reply:
    """A good answer to the POST: a new task, with `fields` laid over it."""
    number = next(_task_numbers)
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
    return make_reply(document | fields)


def make_error_reply(
    status: int, code: object, message: str = "No.", **extra_fields: object
) -> Reply:
    """An error as EvoLink words it, with `more` beside it."""
    body = {"code": code, "message": message, "type": "some_error"}
    return make_reply({"error": body} | extra_fields, status)


def cut_reply(reply: Reply, after_bytes: int, *, is_reset: bool = False) -> Reply:
    """Close the line after that many bytes, head included. What it says was done all the same."""
    return replace(reply, cut_after_bytes=after_bytes, is_reset=is_reset)


def cut_reply_body(reply: Reply, after_bytes: int) -> Reply:
    """Close the line after the head and that many bytes of the body."""
    return replace(reply, cut_after_bytes=len(reply.head_bytes) + after_bytes)


def drip_reply(reply: Reply, byte_pause_seconds: float = 0.01) -> Reply:
    """One byte of the body at a time."""
    return replace(reply, byte_pause_seconds=byte_pause_seconds)


def make_silent_reply(*, accepts_task: bool = True) -> Reply:
    """Take the request, answer nothing, keep the line."""
    return Reply(is_silent=True, accepts_task=accepts_task)


def make_dropped_reply(*, accepts_task: bool = True, is_reset: bool = False) -> Reply:
    """Take the request and close the line."""
    return Reply(cut_after_bytes=0, accepts_task=accepts_task, is_reset=is_reset)


def make_redirect_reply(location: str, status: int = 302) -> Reply:
    return make_reply(b"", status, location=location)


def make_gzip_bomb_reply(size: int = 64_000_000) -> Reply:
    """Some kilobytes that unfold to `size` bytes."""
    return make_reply(gzip.compress(bytes(size)), content_encoding="gzip")


def make_media_script(
    content: bytes, *, mime: str = "video/mp4", etag: str | None = '"1"'
) -> Script:
    """A media file with Range and If-Range, as media hosts serve it."""

    def serve_range(request: ReceivedRequest) -> Reply:
        tags = {"content-type": mime, "accept-ranges": "bytes"} | ({"etag": etag} if etag else {})
        range_match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if not range_match or request.headers.get("if-range", etag) != etag:
            return Reply(200, content, tags)
        first, size = int(range_match[1]), len(content)
        if first >= size:
            return Reply(416, b"", {"content-range": f"bytes */{size}"})
        span = {"content-range": f"bytes {first}-{size - 1}/{size}"}
        return Reply(206, content[first:], tags | span)

    return serve_range
