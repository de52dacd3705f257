import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import httpx
import pytest

from evolink_studio.evolink.client import Deadlines, EvoLinkClient
from evolink_studio.evolink.errors import ServiceUnavailableError
from evolink_studio.evolink.transport import ConnectionPool, get_tls_context
from tests.answers import Received, Reply, answer, hang_up, task
from tests.evolink.conftest import asking
from tests.farend import FarEnd, closed_port


def echo(request: Received) -> Reply:
    return task(id=request.path.rpartition("/")[2])


def reads(count: int) -> Callable[[EvoLinkClient], object]:
    async def read_all(evolink: EvoLinkClient) -> list[str]:
        found = await asyncio.gather(*(evolink.get_task(f"task-{n}") for n in range(count)))
        return [one.id for one in found]

    return read_all


def one_by_one(count: int) -> Callable[[EvoLinkClient], object]:
    async def read_all(evolink: EvoLinkClient) -> list[str]:
        found = []
        for number in range(count):
            try:
                found.append((await evolink.get_task(f"task-{number}")).id)
            except ServiceUnavailableError as error:
                found.append(error.message)
        return found

    return read_all


def test_hundreds_of_reads_at_once_each_get_their_own_answer(far: FarEnd) -> None:
    far.read.always(echo)

    found = asking(reads(400), far.url, deadlines=Deadlines(read=20))

    assert found == [f"task-{n}" for n in range(400)]
    assert far.connections <= 200


def test_no_more_connections_than_there_are_lanes(far: FarEnd) -> None:
    far.read.always(echo)

    asking(reads(60), far.url, max_connections=4)

    assert far.connections <= 4


def test_a_connection_is_made_only_when_those_before_are_busy(far: FarEnd) -> None:
    far.read.always(echo)

    asking(one_by_one(20), far.url)
    assert far.connections == 1

    asking(reads(3), far.url)
    assert far.connections == 1 + 3


def test_a_busy_far_end_does_not_eat_the_time_of_the_reads_that_wait_here(far: FarEnd) -> None:
    far.read.always(lambda request: Reply(200, echo(request).body, pause=0.001))

    found = asking(reads(6), far.url, max_connections=2, deadlines=Deadlines(read=1.5))

    assert len(found) == 6


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


def test_the_answer_to_a_cancelled_read_is_not_taken_for_the_next_one(far: FarEnd) -> None:
    async def give_up(evolink: EvoLinkClient) -> str:
        await evolink.get_task("task-0")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await evolink.get_task("task-slow")
        return (await evolink.get_task("task-1")).id

    far.read.answers(echo, lambda request: Reply(200, echo(request).body, pause=0.01))
    far.read.always(echo)

    assert asking(give_up, far.url, max_connections=1) == "task-1"
    assert (len(far.read.requests), far.connections) == (3, 2)


def test_what_comes_unasked_is_not_taken_for_the_next_answer(far: FarEnd) -> None:
    """One answer more than was asked for, on the same line: one read is in vain, no more."""
    twice = echo_of("task-0").wire + echo_of("task-forged").wire
    far.read.answers(Reply(200, twice[len(echo_of("task-0").head) :], SHORT))
    far.read.always(echo)

    found = asking(one_by_one(3), far.url, max_connections=1)

    # Which of the later reads meets the surplus answer depends on when its bytes arrive.
    wasted = [text for text in found if "another task" in text]
    assert len(wasted) == 1
    assert found[0] == "task-0"
    assert [text for text in found if text not in wasted] == [
        f"task-{number}" for number, text in enumerate(found) if text not in wasted
    ]
    assert far.connections == 2


def echo_of(task_id: str) -> Reply:
    return answer({"id": task_id})


SHORT = {"content-length": str(len(echo_of("task-0").body))}


def test_a_line_that_the_far_end_has_closed_is_not_asked_again(far: FarEnd) -> None:
    far.read.answers(echo, lambda request: Reply(200, echo(request).body, {"connection": "close"}))
    far.read.always(echo)

    assert asking(one_by_one(4), far.url, max_connections=1) == [f"task-{n}" for n in range(4)]
    assert far.connections == 2


def test_trouble_on_a_line_is_the_trouble_of_one_read(far: FarEnd) -> None:
    far.read.answers(echo, hang_up(), hang_up(reset=True))
    far.read.always(echo)

    found = asking(one_by_one(5), far.url, max_connections=1)

    assert [found[0], *found[3:]] == ["task-0", "task-3", "task-4"]
    assert all(said.startswith("GET 127.0.0.1: ") for said in found[1:3])


@pytest.mark.parametrize("how", [{"chunked": True}, {"pause": 0.001}], ids=str)
def test_an_answer_in_pieces_is_put_together(far: FarEnd, how) -> None:
    far.read.answers(Reply(200, echo_of("task-0").body, **how))

    assert asking(one_by_one(1), far.url) == ["task-0"]


def test_a_line_that_was_long_without_work_is_closed(far: FarEnd, monkeypatch) -> None:
    """Servers hold on longer; asking on a line that they close at this moment would be in vain."""
    far.read.always(echo)
    monkeypatch.setattr("evolink_studio.evolink.transport.MAX_IDLE_SECONDS", -1)

    assert asking(one_by_one(3), far.url, max_connections=1) == ["task-0", "task-1", "task-2"]
    assert far.connections == 3


def spoken(*pieces: bytes, ends: bool = False) -> tuple[list[str], bool]:
    """What one question brings when the far end says just that, and whether its line stays
    sound until all of it was said."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(pieces[0])
        if ends:
            writer.write_eof()
        await asked.wait()
        for piece in pieces[1:]:
            writer.write(piece)
        with suppress(ConnectionError):
            await reader.read()
        over.set()

    async def main() -> tuple[list[str], bool]:
        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        lanes = ConnectionPool(httpx.URL(f"http://127.0.0.1:{port}"), 1)
        async with lanes.connection() as lane:
            heard = await lane.get(f"http://127.0.0.1:{port}/", {}, deadline=5)
            before = lane.is_reusable
            asked.set()
            async with asyncio.timeout(5):
                while lane.is_reusable and len(pieces) > 1:  # noqa: ASYNC110
                    await asyncio.sleep(0)  # nobody tells when bytes have come
        await lanes.close()
        await asyncio.wait_for(over.wait(), 5)
        server.close()
        return [heard.body.decode(), heard.error], before

    asked, over = asyncio.Event(), asyncio.Event()
    return asyncio.run(main())


def test_an_answer_without_a_length_ends_with_its_line() -> None:
    assert spoken(b"HTTP/1.1 200 OK\r\n\r\n{}", ends=True) == (["{}", ""], False)


def test_a_line_that_speaks_unasked_is_not_sound_any_more() -> None:
    first = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    assert spoken(first, first) == (["{}", ""], True)


def test_what_comes_before_the_answer_is_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    assert spoken(early + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") == (["{}", ""], True)


def test_what_is_no_http_is_a_flaw() -> None:
    assert spoken(b"SSH-2.0-there\r\n\r\n") == (["", "RemoteProtocolError"], False)


def test_every_free_connection_is_closed_at_the_end(far: FarEnd) -> None:
    async def main() -> list[int]:
        lanes = ConnectionPool(httpx.URL(far.url), 5)
        async with AsyncExitStack() as stack:
            held = [await stack.enter_async_context(lanes.connection()) for _ in range(3)]
            for lane in held:
                await lane.get(far.url + "/v1/credits", {}, deadline=5)
        before = lanes.idle_count
        await lanes.close()
        return [before, lanes.idle_count]

    assert asyncio.run(main()) == [3, 0]


def test_certificates_and_names_are_checked_on_kept_lines_too(far: FarEnd) -> None:
    assert (get_tls_context().verify_mode, get_tls_context().check_hostname) == (
        ssl.CERT_REQUIRED,
        True,
    )

    secure = f"https://127.0.0.1:{far.port}"
    (said,) = asking(one_by_one(1), secure, deadlines=Deadlines(read=2))

    assert said.startswith("GET 127.0.0.1: ")
    assert far.hellos, "it spoke TLS"
    assert far.received == []


def test_nobody_there_takes_no_place_away() -> None:
    found = asking(one_by_one(3), f"http://127.0.0.1:{closed_port()}", max_connections=1)

    assert found == ["GET 127.0.0.1: ConnectError"] * 3


def test_an_address_with_a_path_keeps_it(far: FarEnd) -> None:
    far.media.always(echo)

    assert asking(one_by_one(1), f"{far.url}/relay/") == ["task-0"]
    assert far.received[0].path == "/relay/v1/tasks/task-0"
    assert far.received[0].headers["host"] == f"127.0.0.1:{far.port}"
