"""A scripted provider in a process of its own: it answers reads after 50 ms and notes when it did.

Every task id is in the making until `POST /bench/finish/<id>`, or none with `--done`. `GET
/bench/reads` tells when each task was read (seconds of the machine's monotonic clock), `GET
/bench/paid` how many POSTs for a film came. Raw asyncio, because it must never be what is waited
for.
"""

import argparse
import asyncio
import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.http_client import find_message_ends

LATENCY_SECONDS = 0.05  # seconds
BALANCE = {"remaining_credits": 1000, "unlimited_credits": False, "used_credits": 0}
ACCOUNT_BODY = json.dumps({"data": {"token": BALANCE, "user": BALANCE}, "success": True}).encode()
TASK_TEMPLATE = (
    '{{"id": "{id}", "object": "video.generation.task", "type": "video", "created": 1795000000, '
    '"model": "doubao-seedance-1.0-pro-fast", "status": "{status}", "progress": {progress}, '
    '"task_info": {{"can_cancel": false}}, "results": {results}, '
    '"usage": {{"billing_rule": "per_second", "credits_reserved": 10.5}}}}'
)


@dataclass
class ProviderState:
    """What is known about the tasks. `reads_per_percent` reads bring one percent."""

    reads_per_percent: int
    video: bytes
    base_url: str
    is_all_done: bool = False
    read_times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    finished_ids: set[str] = field(default_factory=set)
    paid_count: int = 0

    def read_task(self, task_id: str) -> bytes:
        times = self.read_times[task_id]
        times.append(time.monotonic())
        is_done = self.is_all_done or task_id in self.finished_ids
        return TASK_TEMPLATE.format(
            id=task_id,
            status="completed" if is_done else "processing",
            progress=100 if is_done else min(99, len(times) // self.reads_per_percent),
            results=f'["{self.base_url}/films/{task_id}.mp4"]' if is_done else "[]",
        ).encode()

    def finish_task(self, task_id: str) -> bytes:
        self.finished_ids.add(task_id)
        return b"{}"

    def create_task(self, _: str) -> bytes:
        self.paid_count += 1
        return self.read_task(f"task-paid-{self.paid_count}")


Route = tuple[str, Callable[[ProviderState, str], bytes], float, str]
JSON_TYPE = "application/json"
# The first that the request line begins with: what is answered, after how long, as what.
ROUTES: tuple[Route, ...] = (
    ("GET /v1/tasks/", ProviderState.read_task, LATENCY_SECONDS, JSON_TYPE),
    ("GET /v1/credits", lambda script, _: ACCOUNT_BODY, LATENCY_SECONDS, JSON_TYPE),
    ("POST /v1/videos/generations", ProviderState.create_task, LATENCY_SECONDS, JSON_TYPE),
    ("GET /films/", lambda script, _: script.video, LATENCY_SECONDS, "video/mp4"),
    ("POST /bench/finish/", ProviderState.finish_task, 0, JSON_TYPE),
    ("GET /bench/reads", lambda script, _: json.dumps(script.read_times).encode(), 0, JSON_TYPE),
    ("GET /bench/paid", lambda script, _: str(script.paid_count).encode(), 0, JSON_TYPE),
)


class ProviderConnection(asyncio.Protocol):
    """One connection."""

    def __init__(self, state: ProviderState) -> None:
        self._state = state
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if ends := find_message_ends(self._buffer):
            request_line = self._buffer.partition(b" HTTP/")[0].decode("latin-1")
            self._buffer = self._buffer[ends[1] :]
            self._reply_later(request_line)

    def _reply_later(self, request_line: str) -> None:
        prefix, handler, latency, mime = next(
            route for route in ROUTES if request_line.startswith(route[0])
        )
        body = handler(self._state, request_line.removeprefix(prefix))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {mime}\r\nContent-Length: {len(body)}\r\n\r\n"
        asyncio.get_running_loop().call_later(latency, self._write, head.encode() + body)

    def _write(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)


async def serve_until_terminated(
    port: int, reads_per_percent: int, video: bytes, *, is_all_done: bool
) -> None:
    """Until SIGTERM."""
    state = ProviderState(reads_per_percent, video, f"http://127.0.0.1:{port}", is_all_done)
    loop, stop_event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop_event.set)
    server = await loop.create_server(
        lambda: ProviderConnection(state), "127.0.0.1", port, backlog=1024
    )
    await stop_event.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--every", type=int, required=True, help="reads that bring one percent")
    parser.add_argument("--film", type=Path)
    parser.add_argument("--done", action="store_true", help="every task is done when it is read")
    arguments = parser.parse_args()
    video = arguments.film.read_bytes() if arguments.film else b""
    asyncio.run(
        serve_until_terminated(arguments.port, arguments.every, video, is_all_done=arguments.done)
    )


if __name__ == "__main__":
    main()
