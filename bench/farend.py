"""A scripted far end in a process of its own: it answers reads after 50 ms and notes when it did.

Every task id is in the making until `POST /bench/finish/<id>`. `GET /bench/reads` tells when each
task was read (seconds of the machine's monotonic clock), `GET /bench/paid` how many POSTs for a
film came. Raw asyncio, because it must never be what is waited for.
"""

import argparse
import asyncio
import json
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LATENCY = 0.05  # seconds
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BALANCE = {"remaining_credits": 1000, "unlimited_credits": False, "used_credits": 0}
ACCOUNT = json.dumps({"data": {"token": BALANCE, "user": BALANCE}, "success": True}).encode()
TASK = (
    '{{"id": "{id}", "object": "video.generation.task", "type": "video", "created": 1795000000, '
    '"model": "doubao-seedance-1.0-pro-fast", "status": "{status}", "progress": {progress}, '
    '"task_info": {{"can_cancel": false}}, "results": {results}, '
    '"usage": {{"billing_rule": "per_second", "credits_reserved": 10.5}}}}'
)


@dataclass
class Script:
    """What is known about the tasks. `every` reads bring one percent."""

    every: int
    film: bytes
    address: str
    reads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    finished: set[str] = field(default_factory=set)
    paid: int = 0

    def read(self, task_id: str) -> bytes:
        reads = self.reads[task_id]
        reads.append(time.monotonic())
        done = task_id in self.finished
        return TASK.format(
            id=task_id,
            status="completed" if done else "processing",
            progress=100 if done else min(99, len(reads) // self.every),
            results=f'["{self.address}/films/{task_id}.mp4"]' if done else "[]",
        ).encode()

    def finish(self, task_id: str) -> bytes:
        self.finished.add(task_id)
        return b"{}"

    def pay(self, _: str) -> bytes:
        self.paid += 1
        return self.read(f"task-paid-{self.paid}")


Route = tuple[str, Callable[[Script, str], bytes], float, str]
JSON = "application/json"
# The first that the request line begins with: what is answered, after how long, as what.
ROUTES: tuple[Route, ...] = (
    ("GET /v1/tasks/", Script.read, LATENCY, JSON),
    ("GET /v1/credits", lambda script, _: ACCOUNT, LATENCY, JSON),
    ("POST /v1/videos/generations", Script.pay, LATENCY, JSON),
    ("GET /films/", lambda script, _: script.film, LATENCY, "video/mp4"),
    ("POST /bench/finish/", Script.finish, 0, JSON),
    ("GET /bench/reads", lambda script, _: json.dumps(script.reads).encode(), 0, JSON),
    ("GET /bench/paid", lambda script, _: str(script.paid).encode(), 0, JSON),
)


class Talk(asyncio.Protocol):
    """One connection."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        end = self._heard.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = LENGTH.search(self._heard, 0, end)
        whole = end + (int(length[1]) if length else 0)
        if len(self._heard) >= whole:
            asked = self._heard.partition(b" HTTP/")[0].decode("latin-1")
            self._heard = self._heard[whole:]
            self._answer(asked)

    def _answer(self, asked: str) -> None:
        begin, act, latency, mime = next(route for route in ROUTES if asked.startswith(route[0]))
        body = act(self._script, asked.removeprefix(begin))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {mime}\r\nContent-Length: {len(body)}\r\n\r\n"
        asyncio.get_running_loop().call_later(latency, self._say, head.encode() + body)

    def _say(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(port: int, every: int, film: bytes) -> None:
    """Until SIGTERM."""
    script = Script(every, film, f"http://127.0.0.1:{port}")
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: Talk(script), "127.0.0.1", port, backlog=1024)
    await over.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--every", type=int, required=True, help="reads that bring one percent")
    parser.add_argument("--film", type=Path)
    asked = parser.parse_args()
    film = asked.film.read_bytes() if asked.film else b""
    asyncio.run(serve(asked.port, asked.every, film))


if __name__ == "__main__":
    main()
