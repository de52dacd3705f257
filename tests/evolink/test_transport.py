import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import httpx
import pytest

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from evolink_studio.evolink.errors import ServiceUnavailableError
from evolink_studio.evolink.transport import ConnectionPool, get_tls_context
from tests.evolink.conftest import run_client
from tests.fake_provider import FakeProvider, find_closed_port
from tests.provider_replies import (
    ReceivedRequest,
    Reply,
    make_dropped_reply,
    make_reply,
    make_task_reply,
)


def echo_task_id(request: ReceivedRequest) -> Reply:
    return make_task_reply(id=request.path.rpartition("/")[2])


def build_parallel_reads(count: int) -> Callable[[EvoLinkClient], object]:
    async def read_all(evolink: EvoLinkClient) -> list[str]:
        tasks = await asyncio.gather(*(evolink.get_task(f"task-{n}") for n in range(count)))
        return [task.id for task in tasks]

    return read_all


def build_sequential_reads(count: int) -> Callable[[EvoLinkClient], object]:
    async def read_all(evolink: EvoLinkClient) -> list[str]:
        results = []
        for number in range(count):
            try:
                results.append((await evolink.get_task(f"task-{number}")).id)
            except ServiceUnavailableError as error:
                results.append(error.message)
        return results

    return read_all


def test_hundreds_of_reads_at_once_each_get_their_own_answer(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_always(echo_task_id)

    results = run_client(build_parallel_reads(400), fake_provider.url, deadlines=Deadlines(read=20))

    assert results == [f"task-{n}" for n in range(400)]
    assert fake_provider.connection_count <= 200


def test_no_more_connections_than_the_limit(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_always(echo_task_id)

    run_client(build_parallel_reads(60), fake_provider.url, max_connections=4)

    assert fake_provider.connection_count <= 4


def test_a_connection_is_made_only_when_those_before_are_busy(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_always(echo_task_id)

    run_client(build_sequential_reads(20), fake_provider.url)
    assert fake_provider.connection_count == 1

    run_client(build_parallel_reads(3), fake_provider.url)
    assert fake_provider.connection_count == 1 + 3


def test_a_busy_provider_does_not_use_up_the_deadline_of_the_reads_that_wait_here(
    fake_provider: FakeProvider,
) -> None:
    fake_provider.read.reply_always(
        lambda request: Reply(200, echo_task_id(request).body, byte_pause_seconds=0.001)
    )

    results = run_client(
        build_parallel_reads(6), fake_provider.url, max_connections=2, deadlines=Deadlines(read=1.5)
    )

    assert len(results) == 6


def test_a_cancelled_read_gives_its_place_back() -> None:
    async def cancel_all() -> int:
        lanes = ConnectionPool(httpx.URL("http://127.0.0.1"), 2)

        async def hold() -> None:
            async with lanes.connection():
                await asyncio.Event().wait()

        holders = [asyncio.create_task(hold()) for _ in range(2)]
        await asyncio.wait(holders, timeout=0)
        for holder in holders:
            holder.cancel()
        await asyncio.wait(holders)
        async with asyncio.timeout(1), lanes.connection():
            return lanes.idle_count

    assert asyncio.run(cancel_all()) == 0


def test_the_answer_to_a_cancelled_read_is_not_taken_for_the_next_one(
    fake_provider: FakeProvider,
) -> None:
    async def give_up(evolink: EvoLinkClient) -> str:
        await evolink.get_task("task-0")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await evolink.get_task("task-slow")
        return (await evolink.get_task("task-1")).id

    fake_provider.read.reply_next(
        echo_task_id,
        lambda request: Reply(200, echo_task_id(request).body, byte_pause_seconds=0.01),
    )
    fake_provider.read.reply_always(echo_task_id)

    assert run_client(give_up, fake_provider.url, max_connections=1) == "task-1"
    assert (len(fake_provider.read.requests), fake_provider.connection_count) == (3, 2)


def test_what_comes_unasked_is_not_taken_for_the_next_answer(fake_provider: FakeProvider) -> None:
    """One answer too many on the same connection: it is closed."""
    two_replies = make_id_reply("task-0").wire_bytes + make_id_reply("task-forged").wire_bytes
    fake_provider.read.reply_next(
        Reply(200, two_replies[len(make_id_reply("task-0").head_bytes) :], SHORT_LENGTH_HEADER)
    )
    fake_provider.read.reply_always(echo_task_id)

    results = run_client(build_sequential_reads(3), fake_provider.url, max_connections=1)

    assert results == ["task-0", "task-1", "task-2"]
    assert fake_provider.connection_count == 2


def make_id_reply(task_id: str) -> Reply:
    return make_reply({"id": task_id})


SHORT_LENGTH_HEADER = {"content-length": str(len(make_id_reply("task-0").body))}


def test_a_connection_that_the_provider_has_closed_is_not_used_again(
    fake_provider: FakeProvider,
) -> None:
    fake_provider.read.reply_next(
        echo_task_id,
        lambda request: Reply(200, echo_task_id(request).body, {"connection": "close"}),
    )
    fake_provider.read.reply_always(echo_task_id)

    assert run_client(build_sequential_reads(4), fake_provider.url, max_connections=1) == [
        f"task-{n}" for n in range(4)
    ]
    assert fake_provider.connection_count == 2


def test_trouble_on_a_connection_is_the_trouble_of_one_read(fake_provider: FakeProvider) -> None:
    fake_provider.read.reply_next(
        echo_task_id, make_dropped_reply(), make_dropped_reply(is_reset=True)
    )
    fake_provider.read.reply_always(echo_task_id)

    results = run_client(build_sequential_reads(5), fake_provider.url, max_connections=1)

    assert [results[0], *results[3:]] == ["task-0", "task-3", "task-4"]
    assert all(message.startswith("GET 127.0.0.1: ") for message in results[1:3])


@pytest.mark.parametrize("how", [{"is_chunked": True}, {"byte_pause_seconds": 0.001}], ids=str)
def test_an_answer_in_pieces_is_put_together(fake_provider: FakeProvider, how) -> None:
    fake_provider.read.reply_next(Reply(200, make_id_reply("task-0").body, **how))

    assert run_client(build_sequential_reads(1), fake_provider.url) == ["task-0"]


def test_a_connection_that_was_long_idle_is_closed(
    fake_provider: FakeProvider, monkeypatch
) -> None:
    """Servers wait longer; a request on a connection that they close at this moment would fail."""
    fake_provider.read.reply_always(echo_task_id)
    monkeypatch.setattr("evolink_studio.evolink.transport.MAX_IDLE_SECONDS", -1)

    assert run_client(build_sequential_reads(3), fake_provider.url, max_connections=1) == [
        "task-0",
        "task-1",
        "task-2",
    ]
    assert fake_provider.connection_count == 3


def ask_raw_server(
    *pieces: bytes, ends_connection: bool = False, breaks_connection: bool = False
) -> tuple[list[str], bool]:
    """The result of one request when the provider sends just that, and whether the connection
    stays usable until all of it was sent."""

    async def send_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(pieces[0])
        if breaks_connection:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            writer.transport.abort()
        if ends_connection:
            writer.write_eof()
        await request_event.wait()
        for piece in pieces[1:]:
            writer.write(piece)
        with suppress(ConnectionError):
            await reader.read()
        close_event.set()

    async def main() -> tuple[list[str], bool]:
        server = await asyncio.start_server(send_pieces, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        lanes = ConnectionPool(httpx.URL(f"http://127.0.0.1:{port}"), 1)
        async with lanes.connection() as lane:
            reply = await lane.get("/", {}, deadline=5)
            before = lane.is_reusable
            request_event.set()
            async with asyncio.timeout(5):
                while lane.is_reusable and len(pieces) > 1:  # noqa: ASYNC110
                    await asyncio.sleep(0)  # nobody tells when bytes have come
        await lanes.close()
        await asyncio.wait_for(close_event.wait(), 5)
        server.close()
        return [reply.body.decode(), reply.error], before

    request_event, close_event = asyncio.Event(), asyncio.Event()
    return asyncio.run(main())


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    assert ask_raw_server(b"HTTP/1.1 200 OK\r\n\r\n{}", ends_connection=True) == (["{}", ""], False)


def test_an_answer_without_a_length_is_not_whole_if_its_connection_breaks() -> None:
    (_body, error), is_reusable = ask_raw_server(
        b"HTTP/1.1 200 OK\r\n\r\n{}", breaks_connection=True
    )
    assert (error, is_reusable) == ("ConnectionResetError", False)


def test_a_connection_that_sends_unasked_is_not_reused() -> None:
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    assert ask_raw_server(first, first) == (["{}", ""], True)


def test_what_comes_before_the_answer_is_passed_over() -> None:
    early_hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    assert ask_raw_server(early_hints + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") == (
        ["{}", ""],
        True,
    )


def test_what_is_no_http_is_an_error() -> None:
    assert ask_raw_server(b"SSH-2.0-there\r\n\r\n") == (["", "RemoteProtocolError"], False)


def test_every_free_connection_is_closed_at_the_end(fake_provider: FakeProvider) -> None:
    async def main() -> list[int]:
        lanes = ConnectionPool(httpx.URL(fake_provider.url), 5)
        async with AsyncExitStack() as stack:
            open_connections = [
                await stack.enter_async_context(lanes.connection()) for _ in range(3)
            ]
            for lane in open_connections:
                await lane.get("/v1/credits", {}, deadline=5)
        before = lanes.idle_count
        await lanes.close()
        return [before, lanes.idle_count]

    assert asyncio.run(main()) == [3, 0]


def test_certificates_and_names_are_checked_on_pooled_connections_too(
    fake_provider: FakeProvider,
) -> None:
    assert (get_tls_context().verify_mode, get_tls_context().check_hostname) == (
        ssl.CERT_REQUIRED,
        True,
    )

    secure = f"https://127.0.0.1:{fake_provider.port}"
    (result,) = run_client(build_sequential_reads(1), secure, deadlines=Deadlines(read=2))

    assert result.startswith("GET 127.0.0.1: ")
    assert fake_provider.tls_hellos, "it spoke TLS"
    assert fake_provider.received_requests == []


def test_nobody_there_takes_no_place_away() -> None:
    results = run_client(
        build_sequential_reads(3), f"http://127.0.0.1:{find_closed_port()}", max_connections=1
    )

    assert results == ["GET 127.0.0.1: ConnectionRefusedError"] * 3


def test_an_address_with_a_path_keeps_it(fake_provider: FakeProvider) -> None:
    fake_provider.media.reply_always(echo_task_id)

    assert run_client(build_sequential_reads(1), f"{fake_provider.url}/relay/") == ["task-0"]
    assert fake_provider.received_requests[0].path == "/relay/v1/tasks/task-0"
    assert fake_provider.received_requests[0].headers["host"] == f"127.0.0.1:{fake_provider.port}"
