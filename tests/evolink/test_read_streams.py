"""Reads over TLS, and of more than the buffer holds, on asyncio itself."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from evolink_studio.evolink.transport import Connection, RawResponse

DEADLINE_SECONDS = 60
BODY = b"x" * 3_000_000


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "localhost.pem", folder / "localhost.key"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
            "-days",
            "2",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each request of a connection; the answer to the third one is its last."""
    for number in range(3):
        await reader.readuntil(b"\r\n\r\n")
        end = b"Connection: close\r\n" if number == 2 else b""
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n".encode()
        writer.write(head + end + b"\r\n" + BODY)
        await writer.drain()
    writer.close()


async def _read_times(
    count: int, server_context: ssl.SSLContext | None, client_context: ssl.SSLContext
) -> tuple[list[RawResponse], Connection]:
    server = await asyncio.start_server(_answer, "localhost", 0, ssl=server_context)
    port = server.sockets[0].getsockname()[1]
    url = f"{'https' if server_context else 'http'}://localhost:{port}"
    connection = Connection(httpx.URL(url), client_context)
    responses = [
        await connection.get("/", {"Accept": "*/*"}, deadline=DEADLINE_SECONDS)
        for _ in range(count)
    ]
    assert connection.is_reusable == (count < 3 and not responses[0].error)
    await connection.close()
    server.close()
    return responses, connection


def _build_contexts(certificate: tuple[Path, Path]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(*certificate)
    return server_context, ssl.create_default_context(cafile=certificate[0])


@pytest.mark.parametrize("count", [2, 3], ids=["kept", "closed by the server"])
@pytest.mark.parametrize("has_tls", [False, True], ids=["http", "https"])
def test_large_answers_arrive_whole_on_one_connection(certificate, has_tls, count):
    server_context, client_context = _build_contexts(certificate)
    responses, connection = asyncio.run(
        _read_times(count, server_context if has_tls else None, client_context)
    )
    assert [(answer.status, answer.error) for answer in responses] == [(200, "")] * count
    assert all(answer.body == BODY for answer in responses)
    assert not connection.is_idle


def test_a_certificate_that_nobody_vouches_for_ends_the_read(certificate):
    server_context, _ = _build_contexts(certificate)
    responses, _ = asyncio.run(_read_times(1, server_context, ssl.create_default_context()))
    assert (responses[0].status, responses[0].error) == (
        0,
        "SSLCertVerificationError",
    )


def test_an_end_that_no_request_asked_for_makes_it_unusable():
    async def main() -> bool:
        async def answer_and_close(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
            await closing.wait()
            writer.close()

        closing = asyncio.Event()
        server = await asyncio.start_server(answer_and_close, "localhost", 0)
        url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        connection = Connection(httpx.URL(url), ssl.create_default_context())
        await connection.get("/", {}, deadline=DEADLINE_SECONDS)
        assert connection.is_reusable
        closing.set()
        for _ in range(1000):
            if not connection.is_reusable:
                break
            await asyncio.sleep(0.01)
        is_reusable = connection.is_reusable
        await connection.close()
        server.close()
        return is_reusable

    assert not asyncio.run(main())
