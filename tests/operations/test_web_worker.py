"""The web server's loop: what it receives, sends and closes. The time is passed in."""

import http.client
import io
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from waitress.task import ThreadedTaskDispatcher

from evolink_studio.core.chunked_bodies import read_chunked_bodies
from evolink_studio.operations.connection_loop import ConnectionLoop, DeadlineQueue
from evolink_studio.operations.web_worker import (
    MAX_HEAD_BYTES,
    Channel,
    ConnectionDeadlines,
    FileBody,
    Server,
    build_server,
)

TIMEOUT_SECONDS = 60
NOW = 1_800_000_000.0
UPLOAD_BYTES = 1000


class RunningServer:
    """A loop in a thread of its own, and what the application was asked."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._loop = ConnectionLoop()
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(2)
        self.server: Server = build_server(
            application, self._listener, self._loop, self._dispatcher, ConnectionDeadlines()
        )
        self._is_ending = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_ending:
            self._loop.turn(60)

    def close(self) -> None:
        self._is_ending = True
        self.server.pull_trigger()
        self._thread.join(TIMEOUT_SECONDS)
        self._dispatcher.shutdown()
        self._loop.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS)

    def open_http(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)


@contextmanager
def serve(application: Callable[..., Any]) -> Iterator[RunningServer]:
    running = RunningServer(application)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def small_limits(settings) -> None:
    """One upload of 1000 bytes, 100 bytes of other fields."""
    settings.MAX_UPLOAD_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_BYTES, 100


def echo(environ, start_response):
    """Answers with the announced length and the body that it got."""
    body = environ["wsgi.input"].read()
    content = f"{environ.get('CONTENT_LENGTH')} {len(body)}".encode()
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]


def post(connection: http.client.HTTPConnection, body: Any, **options: Any) -> str:
    connection.request("POST", "/", body, **options)
    return connection.getresponse().read().decode()


# --- bodies -----------------------------------------------------------------------------------


def test_a_body_up_to_the_limit_arrives_whole(small_limits):
    with serve(echo) as running:
        connection = running.open_http()
        assert post(connection, b"x" * 1100) == "1100 1100"
        assert post(connection, b"") == "0 0"


def test_of_a_body_beyond_the_limit_the_application_gets_the_length_and_the_beginning(small_limits):
    with serve(echo) as running:
        assert post(running.open_http(), b"x" * 1101) == "1101 100"


def test_who_sends_much_too_much_still_gets_the_answer(small_limits):
    """Closed at once, the connection would be reset under the answer."""
    with serve(echo) as running:
        assert post(running.open_http(), b"x" * 30_000_000) == "30000000 100"


def test_what_follows_a_body_that_was_cut_is_not_another_request(small_limits):
    paths = []

    def application(environ, start_response):
        paths.append(environ["PATH_INFO"])
        return echo(environ, start_response)

    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    with serve(application) as running, running.connect() as client:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1101\r\n\r\n"
        client.sendall(head + b"x" * 100 + hidden + b"x" * 968)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client).count(b"HTTP/1.1 200") == 1
    assert paths == ["/"]


def test_a_body_in_chunks_is_read(small_limits):
    with serve(echo) as running:
        chunks = iter([b"x" * 500, b"y" * 400])
        assert post(running.open_http(), chunks, encode_chunked=True) == "900 900"


def test_of_chunks_beyond_the_limit_no_more_is_received_than_that(small_limits):
    with serve(echo) as running:
        chunks = iter([b"x" * 1000] * 5)
        announced, received = post(running.open_http(), chunks, encode_chunked=True).split()
    assert int(announced) > 1100
    assert int(received) <= 9000


def read_to_end(client: socket.socket) -> bytes:
    content = b""
    while part := client.recv(65536):
        content += part
    return content


def test_chunks_in_http_1_0_are_refused_by_the_application(small_limits):
    """It knows none: the body would be taken for empty, or for the next request."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    with serve(read_chunked_bodies(echo)) as running, running.connect() as client:
        head = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
        client.sendall(head + b"5\r\nhello\r\n0\r\n\r\n" + hidden + b"x" * 1_000_000)
        client.shutdown(socket.SHUT_WR)
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.0 411 Length Required\r\n")
    assert answer.count(b"HTTP/1.") == 1
    assert b"Nothing was sent or charged" in answer


@pytest.mark.parametrize(
    "head", [b"Transfer-Encoding: gzip, chunked", b"Content-Length: many", b"A:" + b"a" * 40_000]
)
def test_who_sends_much_after_a_broken_head_still_gets_the_answer(head):
    with serve(echo) as running, running.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n" + b"x" * 9_000_000)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client).split()[1] in {b"400", b"431", b"501"}


def test_a_head_has_a_limit():
    with serve(echo) as running, running.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.0 431 ")


# --- responses --------------------------------------------------------------------------------


def respond(status: str, *headers: tuple[str, str], body: Any = ()) -> Callable[..., Any]:
    def application(environ, start_response):
        start_response(status, list(headers))
        return body

    return application


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "200 OK"])
def test_a_response_without_a_length_leaves_the_connection_open(status):
    with serve(respond(status, body=iter(()))) as running:
        connection = running.open_http()
        connection.connect()
        kept_socket = connection.sock
        for _ in range(3):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.read(), response.getheader("Connection")) == (b"", None)
        assert connection.sock is kept_socket


def test_the_connection_is_closed_as_the_client_wants():
    with serve(respond("204 No Content")) as running:
        connection = running.open_http()
        connection.request("GET", "/", headers={"Connection": "close"})
        assert connection.getresponse().getheader("Connection") == "close"


@pytest.mark.parametrize("has_length", [True, False])
def test_the_answer_to_head_has_no_body(has_length):
    headers = [("Content-Length", "5")] if has_length else []
    with (
        serve(respond("200 OK", *headers, body=iter([b"films"]))) as running,
        running.connect() as client,
    ):
        client.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = read_to_end(client)
    assert answer.endswith(b"\r\n\r\n")
    assert b"films" not in answer
    assert (b"Content-Length: 5" in answer) is has_length


def test_the_server_does_not_say_what_it_is():
    with serve(respond("204 No Content")) as running:
        connection = running.open_http()
        connection.request("GET", "/")
        assert connection.getresponse().getheader("Server") is None


class UnseekableFile(io.BytesIO):
    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("file_class", [io.BytesIO, UnseekableFile])
def test_a_file_is_sent_from_where_it_stands_as_long_as_announced(file_class):
    content = bytes(range(256)) * 10_000

    def application(environ, start_response):
        file = file_class(content)
        file.read(1000)
        start_response("206 Partial Content", [("Content-Length", "2000000")])
        return environ["wsgi.file_wrapper"](file)

    with serve(application) as running:
        connection = running.open_http()
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == content[1000:2_001_000]


def test_a_thread_is_free_once_a_file_is_handed_over():
    """Two threads, and ten readers who take nothing of ten megabytes each."""
    content = b"x" * 10_000_000

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/small":
            return echo(environ, start_response)
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return environ["wsgi.file_wrapper"](io.BytesIO(content))

    with serve(application) as running:
        readers = [running.connect() for _ in range(10)]
        for reader in readers:
            reader.sendall(b"GET /film HTTP/1.1\r\nHost: a\r\n\r\n")
            assert reader.recv(1) == b"H"
        connection = running.open_http()
        connection.request("GET", "/small")
        assert connection.getresponse().read() == b"None 0"
        for reader in readers:
            reader.close()


def test_of_a_file_little_is_in_memory():
    file = io.BytesIO(b"x" * 1000)
    body = FileBody(file)
    assert body.prepare(900) == 900
    assert body.get(100) == b"x" * 100
    body.skip(40)
    assert (body.get(100), len(body)) == (b"x" * 60, 860)
    assert file.tell() == 100


# --- the loop ---------------------------------------------------------------------------------


class LoopMember:
    """What is open in the loop, as far as the loop asks. It notes when it is to read."""

    accepting = False
    is_connection = True

    def __init__(self, opened: socket.socket, loop: ConnectionLoop, on_read=lambda: None) -> None:
        self._fileno, self.on_read, self.read_count = opened.fileno(), on_read, 0
        loop[self._fileno] = self

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        self.read_count += 1
        self.on_read()


def test_what_takes_the_number_of_a_closed_connection_is_not_read_for_it():
    """A new connection has nothing to read yet; waitress would close it for that."""
    loop = ConnectionLoop()
    pairs = [socket.socketpair() for _ in range(2)]
    replaced: list[LoopMember] = []

    def close_other(other: socket.socket) -> None:
        del loop[other.fileno()]
        replaced.append(LoopMember(other, loop))

    first, second = pairs[0][0], pairs[1][0]
    members = [
        LoopMember(first, loop, lambda: close_other(second)),
        LoopMember(second, loop, lambda: close_other(first)),
    ]
    for _, client in pairs:
        client.send(b"a")
    loop.turn(1)
    assert sum(member.read_count for member in members) == 1
    assert [member.read_count for member in replaced] == [0]
    for pair in pairs:
        for end in pair:
            end.close()


# --- deadlines --------------------------------------------------------------------------------


@pytest.fixture
def channel() -> Iterator[Channel]:
    """A connection that was just made, in a loop that stands still."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        loop = ConnectionLoop()
        server = build_server(echo, listener, loop, ThreadedTaskDispatcher(), ConnectionDeadlines())
        client, ours = socket.socketpair()
        opened = Channel(server, ours, ("127.0.0.1", 1), server.adj, map=loop)
        opened.last_activity = opened.request_started_at = NOW
        yield opened
        client.close()
        loop.close()


def is_overdue(channel: Channel, now: float) -> bool:
    return now > channel.get_deadline(ConnectionDeadlines())


def receive(channel: Channel, data: bytes, at: float, monkeypatch) -> None:
    monkeypatch.setattr(time, "time", lambda: at)
    channel.last_activity = at
    channel.received(data)


def test_a_kept_connection_is_closed_when_nothing_comes(channel):
    assert not is_overdue(channel, NOW + 30)
    assert is_overdue(channel, NOW + 31)


def test_dripping_does_not_lengthen_the_time_for_a_head(channel, monkeypatch):
    for second in range(0, 21):
        receive(channel, b"G", NOW + second, monkeypatch)
        assert not is_overdue(channel, NOW + second)
    receive(channel, b"G", NOW + 20.5, monkeypatch)
    assert is_overdue(channel, NOW + 20.5)


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n"


def test_a_slow_but_honest_line_has_all_the_time_it_needs(channel, monkeypatch):
    """16 kbit/s: a megabyte takes nine minutes."""
    receive(channel, HEAD, NOW, monkeypatch)
    for second in range(1, 600):
        receive(channel, b"x" * 2000, NOW + second, monkeypatch)
        assert not is_overdue(channel, NOW + second)


def test_a_body_that_drips_is_given_up(channel, monkeypatch):
    receive(channel, HEAD, NOW, monkeypatch)
    for second in range(1, 31):
        receive(channel, b"x" * 100, NOW + second, monkeypatch)
        assert not is_overdue(channel, NOW + second)
    assert is_overdue(channel, NOW + 40)


def test_a_body_that_stops_is_given_up(channel, monkeypatch):
    receive(channel, HEAD, NOW, monkeypatch)
    receive(channel, b"x" * 60_000, NOW + 1, monkeypatch)
    assert not is_overdue(channel, NOW + 80)
    assert is_overdue(channel, NOW + 100)


def test_a_request_that_is_worked_on_is_left_alone(channel, monkeypatch):
    receive(channel, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", NOW, monkeypatch)
    assert len(channel.requests) == 1
    assert not is_overdue(channel, NOW + 10_000)


def test_a_reader_who_takes_nothing_for_five_minutes_is_given_up(channel):
    channel.total_outbufs_len = 1
    assert not is_overdue(channel, NOW + 300)
    assert is_overdue(channel, NOW + 301)
    channel.total_outbufs_len = 0


def test_who_is_overdue_is_closed_and_nobody_else(channel):
    channel.server.schedule(channel)
    channel.server.maintenance(NOW + 30)
    assert not channel.will_close
    channel.server.maintenance(NOW + 31)
    assert channel.will_close


def test_of_the_moments_of_a_connection_the_earliest_counts():
    queue = DeadlineQueue()
    queue.schedule(1, NOW + 300)
    queue.schedule(1, NOW + 30)
    queue.schedule(1, NOW + 60)
    queue.schedule(2, NOW + 40)
    queue.schedule(3, NOW + 35)
    queue.forget(3)
    assert queue.next_moment == NOW + 30
    assert queue.pop_due(NOW + 30) == []
    assert queue.pop_due(NOW + 50) == [1, 2]
    queue.schedule(1, NOW + 330)
    assert queue.pop_due(NOW + 320) == []
    assert queue.pop_due(NOW + 331) == [1]
    assert queue.next_moment == math.inf


def test_a_connection_that_was_early_is_looked_at_again(channel):
    channel.server.schedule(channel)
    channel.last_activity = NOW + 20
    channel.server.maintenance(NOW + 31)
    assert not channel.will_close
    channel.server.maintenance(NOW + 51)
    assert channel.will_close


def test_a_turn_asks_nobody_to_whom_nothing_happened(monkeypatch):
    """Hundreds of open connections cost nothing while one is busy."""
    idle_count, asked = 200, []

    def count_and_ask(channel: Channel) -> bool:
        asked.append(channel.id)
        return bool(readable(channel))

    readable = Channel.readable
    with serve(echo) as running:
        idle = [running.connect() for _ in range(idle_count)]
        busy = running.open_http()
        post(busy, b"1")
        assert len(running.server.active_channels) == idle_count + 1
        monkeypatch.setattr(Channel, "readable", count_and_ask)
        for _ in range(10):
            post(busy, b"1")
        (first_asked,) = set(asked)
        assert first_asked == max(running.server.active_channels.values(), key=lambda c: c.id).id
        assert len(asked) <= 60
        for client in idle:
            client.close()


def test_a_connection_is_heard_on_when_its_next_request_begins_before_the_last_thread_ends(
    monkeypatch,
):
    """The loop is woken before a thread has left, and may hand on the next request."""
    bodies, second_began, first_ended = [], threading.Event(), threading.Event()

    def note(environ, start_response):
        bodies.append(environ["wsgi.input"].read())
        if len(bodies) == 2:
            second_began.set()
            assert first_ended.wait(TIMEOUT_SECONDS)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    def pull_trigger(server: Server) -> None:
        pull(server)
        if len(bodies) == 1:
            assert second_began.wait(TIMEOUT_SECONDS)

    def serve_one(channel: Channel) -> None:
        service(channel)
        first_ended.set()

    pull, service = Server.pull_trigger, Channel.service
    with serve(note) as running:
        monkeypatch.setattr(Server, "pull_trigger", pull_trigger)
        monkeypatch.setattr(Channel, "service", serve_one)
        connection = running.open_http()
        for body in (b"1", b"2", b"3"):
            assert post(connection, body) == ""
        monkeypatch.undo()
        connection.close()
    assert bodies == [b"1", b"2", b"3"]


# --- stopping ---------------------------------------------------------------------------------


def test_a_server_that_stops_answers_what_has_begun_and_says_that_it_closes():
    with serve(echo) as running:
        client = running.connect()
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n")
        client.sendall(b"Content-Length: 4\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        running.server.is_stopping = True
        client.sendall(b"abcd")
        assert b"Connection: close" in read_to_end(client)
        client.close()
