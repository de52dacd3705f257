"""gunicorn's worker processes: an event loop around a few threads.

The loop, that of waitress, receives requests and sends responses, of any number of connections at
once. A thread only works on a request that has arrived whole, and is free again once its response
is handed over. So people on slow lines, and connections that are kept slow on purpose, hold a
socket and a little memory or a temporary file, and no thread.
"""

import ctypes
import itertools
import math
import os
import resource
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import FixedStreamReceiver
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask

from evolink_studio.operations.connection_loop import ConnectionLoop, DeadlineQueue

PR_SET_PDEATHSIG = 1
LOOP_SECONDS = 10.0  # how long the loop sleeps at most; gunicorn wants a sign every 30 s
MAX_CONNECTIONS = 4000  # of a process; each may need three file descriptors
MAX_HEAD_BYTES = 32 * 1024
MAX_MEMORY_BYTES = 128 * 1024  # of a body or response; what is larger goes to a temporary file
MAX_SENT_AT_ONCE_BYTES = 1024 * 1024  # to one client, before the loop looks at the others
SENT_CHUNK_BYTES = 128 * 1024
# A stopping process still answers what a client may be sending on a connection that was kept.
STOPPING_SECONDS = 2.0


@dataclass(frozen=True)
class ConnectionDeadlines:
    """How long a connection may take, in seconds. The defaults let 8 kbit/s through."""

    head: float = 20.0
    idle: float = 30.0
    body_grace: float = 30.0
    body_bytes_per_second: float = 1024.0  # on average, after the grace
    stalled_response: float = 300.0  # without a byte taken; a download may be paused that long
    lingering: float = 10.0  # for a client to read why its request was not read to the end


def get_max_body_bytes() -> int:
    """The longest body that is received: one upload, and the other fields of its form."""
    upload_bytes: int = settings.MAX_UPLOAD_BYTES
    return upload_bytes + get_beginning_bytes()


def get_beginning_bytes() -> int:
    """How much is received of a body that is longer: the fields before the file are in it."""
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0


class RequestParser(HTTPRequestParser):
    """Receives one request. `is_cut` is true when its body is not received to its end.

    Of a body that is too long the application gets the beginning and the announced length, so that
    it can say in its own words that this is too much. The other reasons are a request that is no
    HTTP, and chunks in HTTP 1.0, which knows none (see `core.chunked_bodies`).
    """

    is_cut = False
    completed: bool
    content_length: int
    body_rcv: Any
    error: Any
    headers: dict[str, str]

    def parse_header(self, header_plus: bytes) -> None:
        """Raises what waitress answers a broken head with."""
        super().parse_header(header_plus)
        self.is_cut = self.has_unknown_end
        if self.content_length > get_max_body_bytes():
            self.is_cut = True
            self.content_length = get_beginning_bytes()
            self.body_rcv = FixedStreamReceiver(self.content_length, self.body_rcv.getbuf())

    @property
    def has_unknown_end(self) -> bool:
        """Whether it has a Transfer-Encoding that was not undone."""
        return "TRANSFER_ENCODING" in self.headers

    def received(self, data: bytes) -> int:
        """The number of bytes used; of a body that is cut, also what is thrown away."""
        used: int = super().received(data)
        self.is_cut = self.is_cut or self.error is not None
        if self.chunked and not self.completed and self.body_bytes_received > get_max_body_bytes():
            self.is_cut = self.completed = True
            self.headers["CONTENT_LENGTH"] = str(self.body_bytes_received)
        return len(data) if self.is_cut and self.completed else used


class FileBody(ReadOnlyFileBasedBuffer):
    """A file as a response, read by the loop as the client takes it; it need not be seekable."""

    _chunk = b""

    def prepare(self, size: int | None = None) -> int:
        """The size in bytes. 0 when it is not known: then a thread reads the file."""
        prepared: int = super().prepare(size)
        self.remain = prepared or size or 0
        return self.remain

    def get(self, numbytes: int = -1, skip: bool = False) -> bytes:
        """The next bytes. They are gone only with `skip`."""
        count = self.remain if numbytes < 0 else min(numbytes, self.remain)
        if not self._chunk:
            self._chunk = self.file.read(count)
        chunk = self._chunk[:count]
        if skip:
            self.skip(len(chunk))
        return chunk

    def skip(self, numbytes: int, allow_prune: bool = False) -> None:
        """`numbytes` of what was got last are sent."""
        self._chunk = self._chunk[numbytes:]
        self.remain -= numbytes


class RequestTask(WSGITask):
    """Answers one request in a thread."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment. HEAD is answered without a body, so without a file."""
        environ: dict[str, Any] = super().get_environment()
        environ["wsgi.file_wrapper"] = FileBody
        environ["wsgi.multiprocess"] = True
        environ["wsgi.input_terminated"] = not self.request.has_unknown_end
        if self.request.command == "HEAD":
            del environ["wsgi.file_wrapper"]
        return environ

    def execute(self) -> None:
        """Raises what the application raises; the channel answers 500."""
        if self._is_last:
            self.set_close_on_finish()
        super().execute()

    def set_close_on_finish(self) -> None:
        """Close after this response. waitress wants to after any without a length, as 204 is."""
        is_old_client = self.version == "1.0"
        if is_old_client or self._is_last or self.wrote_header:
            super().set_close_on_finish()

    @property
    def _is_last(self) -> bool:
        """Whether client or server end the connection after this request."""
        is_cut, is_stopping = self.request.is_cut, self.channel.server.is_stopping
        return bool(self.request.connection_close or is_cut or is_stopping)

    def write(self, data: bytes) -> None:
        """Django renders HEAD like GET: its length is said, its content is not sent."""
        if self.request.command != "HEAD":
            super().write(data)
        else:
            super().write(b"")
            self.chunked_response = False


_channel_ids = itertools.count()


class Channel(HTTPChannel):
    """One connection."""

    is_connection = True
    task_class = RequestTask
    parser_class = RequestParser
    request_started_at = 0.0
    last_activity: float
    close_when_flushed: bool
    sendbuf_len: int
    is_cut = False
    lingering_since: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.id = next(_channel_ids)
        super().__init__(*args, **kwargs)
        self.sendbuf_len = min(self.sendbuf_len, SENT_CHUNK_BYTES)
        self._sendable_bytes = MAX_SENT_AT_ONCE_BYTES

    def received(self, data: bytes) -> bool:
        """Whether it was used. Notes when a request begins."""
        if self.request is None:
            self.request_started_at = time.time()
        return bool(super().received(data))

    def service(self) -> None:
        """Answer a request, in a thread. Nothing follows one that was cut."""
        self.is_cut = self.requests[0].is_cut
        self.server.serving.channel = self
        try:
            super().service()  # wakes the loop when it is done
        finally:
            self.server.serving.channel = None

    def get_deadline(self, deadlines: ConnectionDeadlines) -> float:
        """Until when it may be as it is, in seconds since 1970; infinity while it is worked on."""
        if self.lingering_since is not None:
            return self.lingering_since + deadlines.lingering
        if self.total_outbufs_len:
            return self.last_activity + deadlines.stalled_response
        if self.requests:
            return math.inf  # a thread works on it
        request = self.request
        if request is None:
            return self.last_activity + deadlines.idle
        if not request.headers_finished:
            return self.request_started_at + deadlines.head
        received_seconds = request.body_bytes_received / deadlines.body_bytes_per_second
        return float(self.request_started_at + deadlines.body_grace + received_seconds)

    def readable(self) -> bool:
        """Whether it waits for bytes. Asked by the loop whenever something happened to it."""
        self.server.schedule(self)
        return self.lingering_since is not None or bool(super().readable())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being received, worked on or sent."""
        return self.request is None and not self.requests and not self.total_outbufs_len

    def write_soon(self, data: Any) -> int:
        """The number of bytes taken. Called in a thread; raises when the client has gone."""
        self._sendable_bytes = MAX_SENT_AT_ONCE_BYTES
        taken: int = super().write_soon(data)
        return taken

    def send(self, data: bytes, do_close: bool = True) -> int:
        """The number of bytes sent; 0 when the client takes no more now, or it is others' turn."""
        if self._sendable_bytes <= 0:
            return 0
        sent: int = super().send(data, do_close=do_close)
        self._sendable_bytes -= sent
        return sent

    # A connection with unread bytes must not be closed at once: the client would lose the response.

    def handle_write(self) -> None:
        """Send; after a request that was cut, say the end and go on reading for a while."""
        self._sendable_bytes = MAX_SENT_AT_ONCE_BYTES
        if not self.is_cut or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some_if_lockable)
        is_answered = self.close_when_flushed and not self.requests and not self.total_outbufs_len
        if self.will_close:
            self.handle_close()
        elif is_answered:
            self.close_when_flushed = False
            self.lingering_since = time.time()
            self.socket.shutdown(socket.SHUT_WR)

    def del_channel(self, map: Any = None) -> None:
        """Called when it is closed."""
        super().del_channel(map)
        self.server.forget(self)

    def handle_read(self) -> None:
        if self.lingering_since is None:
            super().handle_read()
            return
        try:
            self.recv(self.adj.recv_bytes)  # closes at the end
        except OSError:
            self.handle_close()


class Server(TcpWSGIServer):
    """One listening socket and its connections."""

    channel_class = Channel
    deadlines = ConnectionDeadlines()
    is_stopping = False

    def __init__(self, application: Any, loop: ConnectionLoop, **kwargs: Any) -> None:
        self._loop = loop
        self._deadline_queue = DeadlineQueue()
        self._channel_by_id: dict[int, Channel] = {}
        # Of each thread: once the loop is woken, another one may already serve the same channel.
        self.serving = threading.local()
        super().__init__(application, loop, **kwargs)

    def pull_trigger(self) -> None:
        """Wake the loop, from any thread: something may have happened to what this one serves."""
        channel = getattr(self.serving, "channel", None)
        if channel is not None:
            self._loop.touch(channel)
        super().pull_trigger()

    def schedule(self, channel: Channel) -> None:
        """Look at a connection when its time is over."""
        self._channel_by_id[channel.id] = channel
        deadline = channel.get_deadline(self.deadlines)
        if deadline < math.inf:
            self._deadline_queue.schedule(channel.id, deadline)

    def forget(self, channel: Channel) -> None:
        self._channel_by_id.pop(channel.id, None)
        self._deadline_queue.forget(channel.id)

    def seconds_to_next_deadline(self, now: float) -> float:
        return self._deadline_queue.next_moment - now

    def maintenance(self, now: float) -> None:
        """Close the connections that have had their time. Called once a second at most."""
        for channel_id in self._deadline_queue.pop_due(now):
            channel = self._channel_by_id[channel_id]
            if now > channel.get_deadline(self.deadlines):
                channel.will_close = True
                self._loop.touch(channel)
            else:
                self.schedule(channel)

    def stop_accepting(self) -> None:
        """Leave new connections to the other processes."""
        self.is_stopping = True
        wasyncore.dispatcher.close(self)

    def close_idle(self) -> None:
        for channel in list(self.active_channels.values()):
            if channel.is_idle:
                channel.handle_close()


class WebWorker(Worker):
    """One process of the web server. Ends on SIGTERM once what it has in hand is answered."""

    deadlines = ConnectionDeadlines()
    _servers: list[Server]

    def init_process(self) -> None:
        """Returns when the process is to end."""
        _raise_file_limit()
        _exit_with_parent(self.ppid)
        self._servers = []
        super().init_process()

    def handle_exit(self, sig: int, frame: object) -> None:
        """A signal handler: wakes the loop."""
        super().handle_exit(sig, frame)
        for server in self._servers:
            server.pull_trigger()

    def run(self) -> None:
        """The loop. Called by gunicorn."""
        loop = ConnectionLoop()
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(self.cfg.threads)
        self._servers += [
            build_server(self.wsgi, listener.sock, loop, dispatcher, self.deadlines)
            for listener in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            self._turn(loop)
        self._finish(loop)

    def _turn(self, loop: ConnectionLoop) -> None:
        self.notify()
        now = time.time()
        seconds = [server.seconds_to_next_deadline(now) for server in self._servers]
        # Deadlines are looked at once a second.
        loop.turn(max(1.0, min([LOOP_SECONDS, *seconds])))

    def _finish(self, loop: ConnectionLoop) -> None:
        """Answer what has begun, until gunicorn's own deadline for a stop."""
        stopped_at = time.monotonic()
        for server in self._servers:
            server.stop_accepting()
        while (elapsed := time.monotonic() - stopped_at) < self.cfg.graceful_timeout - 4:
            for server in self._servers:
                server.maintenance(time.time())
                if elapsed > STOPPING_SECONDS:
                    server.close_idle()
            if not any(server.active_channels for server in self._servers):
                break
            loop.turn(0.1)
            self.notify()


def build_server(
    application: Any,
    listener: socket.socket,
    loop: ConnectionLoop,
    dispatcher: ThreadedTaskDispatcher,
    deadlines: ConnectionDeadlines,
) -> Server:
    """A server on a listening socket, and in the loop that it shares with others."""
    server = Server(
        application,
        loop,
        _sock=listener,
        dispatcher=dispatcher,
        adj=_build_adjustments(),
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
        bind_socket=False,
    )
    server.deadlines = deadlines
    return server


def _build_adjustments() -> Adjustments:
    return Adjustments(
        asyncore_use_poll=True,
        backlog=2048,
        cleanup_interval=1,
        clear_untrusted_proxy_headers=False,  # Django looks at them as TRUSTED_PROXIES says
        connection_limit=MAX_CONNECTIONS,
        ident="",
        inbuf_overflow=MAX_MEMORY_BYTES,
        log_socket_errors=False,  # people close their browsers
        max_request_body_size=sys.maxsize,  # see RequestParser
        max_request_header_size=MAX_HEAD_BYTES,
        outbuf_overflow=MAX_MEMORY_BYTES,
    )


def _raise_file_limit() -> None:
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


def _exit_with_parent(parent_pid: int) -> None:
    """End like one that is told to, as soon as gunicorn's master is gone; the loop sleeps long."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:
            os.kill(os.getpid(), signal.SIGTERM)
