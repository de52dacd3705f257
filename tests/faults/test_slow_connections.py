"""Connections that drip, stop or read nothing: 200 of each kind, and the studio answers others."""

import http.client
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.test import Client
from django.urls import reverse

from evolink_studio.environment import Environment
from evolink_studio.operations.process_commands import build_web_command
from tests.factories import VEO, AssetFactory, UserFactory
from tests.faults.conftest import TIMEOUT_SECONDS, wait_until
from tests.faults.report import count_cases
from tests.operations.test_studio_command import find_two_free_ports
from tests.worker_processes import StudioInstance

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

SLOW_CONNECTIONS = 200
FILM_BYTES = 8_000_000


@pytest.fixture
def session_key() -> str:
    """Of somebody who is signed in and has a film, number 1."""
    ada = UserFactory(username="ada")
    film = b"\0" * FILM_BYTES
    AssetFactory(owner=ada, kind="video", format="mp4", mime="video/mp4", content=film, pk=1)
    client = Client()
    client.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    return client.cookies["sessionid"].value


@contextmanager
def run_web_server(instance: StudioInstance, worker_class: str = "") -> Iterator[int]:
    """The port of a web server with two processes, as `manage.py studio` starts them."""
    port = find_two_free_ports()
    command = build_web_command(Environment(PORT=port, WEB_WORKERS=2))
    if worker_class:
        command[command.index("--worker-class") + 1] = worker_class
    process = subprocess.Popen(command, env=instance.env, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: is_answering(port, "/healthz"), "it answers")
        yield port
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)


def is_answering(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def write_head(method: str, path: str, session_key: str, *lines: str) -> bytes:
    cookie = f"Cookie: sessionid={session_key}"
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", cookie, *lines, "", ""]
    ).encode()


def write_slow_request(kind: str, session_key: str) -> bytes:
    """The part of a request that is sent before the client falls silent."""
    form = "Content-Type: application/x-www-form-urlencoded"
    files = "Content-Type: multipart/form-data; boundary=x"
    some, many = "Content-Length: 100000", "Content-Length: 40000000"
    create, callback = reverse("create", args=[VEO]), reverse("callback", args=["token"])
    head_by_kind = {
        "nothing at all": b"",
        "half a head": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: a",
        "a sign-in": write_head("POST", reverse("account_login"), session_key, form, some) + b"log",
        "a press": write_head("POST", create, session_key, files, some) + b"--x\r\n",
        "an upload": write_head("POST", reverse("upload"), session_key, files, many) + b"--x\r\n",
        "a callback": write_head("POST", callback, "", some) + b"{",
        "a body in chunks": write_head("POST", create, session_key, "Transfer-Encoding: chunked")
        + b"ffff\r\n--x",
        "a kept connection": write_head("GET", "/healthz", ""),
        "a reader of a film": write_head("GET", reverse("asset", args=[1]), session_key),
        "a reader of a download": write_head(
            "GET", reverse("asset_download", args=[1]), session_key
        ),
    }
    return head_by_kind[kind]


SLOW_KINDS = (
    "nothing at all",
    "half a head",
    "a sign-in",
    "a press",
    "an upload",
    "a callback",
    "a body in chunks",
    "a kept connection",
    "a reader of a film",
    "a reader of a download",
)


def open_slow_connection(port: int, begun_request: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # a reader takes next to nothing
    client.settimeout(TIMEOUT_SECONDS)
    client.connect(("127.0.0.1", port))
    client.sendall(begun_request)
    return client


def test_two_hundred_slow_connections_of_a_kind_keep_nobody_waiting(instance, session_key):
    with (
        count_cases("Web: slow connections") as counter,
        run_web_server(instance) as port,
    ):
        for kind in SLOW_KINDS:
            with ExitStack() as stack:
                begun_request = write_slow_request(kind, session_key)
                clients = [
                    stack.enter_context(open_slow_connection(port, begun_request))
                    for _ in range(SLOW_CONNECTIONS)
                ]
                for path in ("/healthz", "/account/login/"):
                    assert is_answering(port, path), kind
                for client in clients:
                    if begun_request:
                        client.sendall(b"a")  # they are still connected, and drip on
                assert is_answering(port, "/healthz"), kind
                counter.cases += len(clients)


def test_who_is_slower_than_allowed_is_closed(instance, session_key):
    worker_class = "tests.faults.impatient_web_worker.ImpatientWebWorker"
    with (
        count_cases("Web: slower than the deadlines") as counter,
        run_web_server(instance, worker_class) as port,
    ):
        with ExitStack() as stack:
            requests = [write_slow_request(kind, session_key) for kind in SLOW_KINDS]
            clients = [stack.enter_context(open_slow_connection(port, part)) for part in requests]
            for client in clients:
                read_to_end(client)
                counter.cases += 1
        wait_until(lambda: is_answering(port, "/healthz"), "who is quick enough is answered")


def read_to_end(client: socket.socket) -> None:
    """Raises TimeoutError if there is no end."""
    try:
        while client.recv(4096):
            pass
    except ConnectionResetError:
        return
