"""Callbacks: when, what, how often."""

import asyncio
import socket

import pytest

from evolink_studio.sandbox.callbacks import (
    CallbackSender,
    find_callback_url_problem,
    has_internal_address,
    is_internal_host,
)
from tests.sandbox.callback_listener import CallbackListener


@pytest.fixture
def sandbox(make_sandbox):
    return make_sandbox(allow_loopback_callbacks=True)


@pytest.mark.parametrize(
    ("prompt", "status"),
    [("a cat", "completed"), ("[policy]", "failed"), ("[cancelled]", "cancelled")],
)
def test_the_end_of_a_task_is_told_once_with_the_task_as_it_is_read(sandbox, prompt, status):
    with CallbackListener() as listener:
        task_id = sandbox.create_task(prompt, callback_url=listener.url)
        sandbox.advance(1)
        assert listener.bodies == []
        sandbox.advance(20)
        sandbox.advance(20)
        assert listener.bodies == [sandbox.get_task(task_id)]
        assert listener.bodies[0]["status"] == status
        assert listener.paths == ["/callbacks/token"]


def test_a_callback_carries_no_key(sandbox):
    with CallbackListener() as listener:
        sandbox.create_finished(callback_url=listener.url)
        assert "authorization" not in {name.lower() for name in listener.headers[0]}


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_callback_that_fails_is_tried_three_times_more_after_1_2_and_4_seconds(sandbox, status):
    with CallbackListener(status) as listener:
        sandbox.create_task(callback_url=listener.url)
        sandbox.advance(20)
        counts = [len(listener.bodies)]
        for gap in (0.9, 0.1, 1.9, 0.1, 3.9, 0.1, 100):
            sandbox.advance(gap)
            counts.append(len(listener.bodies))
        assert counts == [1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_ends_the_tries(sandbox, status):
    with CallbackListener(503, status) as listener:
        sandbox.create_task(callback_url=listener.url)
        sandbox.advance(20)
        sandbox.advance(1)
        sandbox.advance(100)
        assert len(listener.bodies) == 2


def test_an_address_where_nobody_listens_harms_nothing(sandbox):
    with socket.create_server(("127.0.0.1", 0)) as closed_server:
        url = f"http://127.0.0.1:{closed_server.getsockname()[1]}/"
    task_id = sandbox.create_task(callback_url=url)
    for gap in (20, 1, 2, 4, 8):
        sandbox.advance(gap)
    assert sandbox.get_task(task_id)["status"] == "completed"


def test_a_restart_goes_on_with_the_tries(sandbox):
    with CallbackListener(500, 200) as listener:
        sandbox.create_task(callback_url=listener.url)
        sandbox.advance(20)
        sandbox.start()
        sandbox.advance(1)
        sandbox.advance(100)
        assert len(listener.bodies) == 2


def test_callback_twice_sends_it_twice(sandbox):
    with CallbackListener() as listener:
        sandbox.create_finished("[callback-twice]", callback_url=listener.url)
        assert len(listener.bodies) == 2
        assert listener.bodies[0] == listener.bodies[1]


def test_a_loopback_address_is_refused_unless_it_is_allowed(make_sandbox):
    body = {"model": "veo3.1-pro", "prompt": "x", "callback_url": "http://127.0.0.1:8000/x"}
    assert make_sandbox().post_generation(body).status_code == 400
    assert make_sandbox(allow_loopback_callbacks=True).post_generation(body).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://studio.example/callback",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://10.1.2.3/x",
        "https://172.16.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest",
        "https://100.64.0.1/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[64:ff9b::a00:1]/x",
        "https://studio.local/x",
        "https://" + "a" * 2049,
        "https://[bad/x",
        "ftp://studio.example/x",
        "nonsense",
        17,
    ],
)
def test_a_callback_address_that_is_not_public_https_is_refused(make_sandbox, url):
    answer = make_sandbox().post_generation(
        {"model": "veo3.1-pro", "prompt": "x", "callback_url": url}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert answer.json()["error"]["param"] == "callback_url"


@pytest.mark.parametrize(
    "host",
    [
        "fe80::1",
        "fd00::1",
        "::",
        "0.0.0.0",
        "224.0.0.1",
        "127.1",
        "0177.0.0.1",
        "2002:7f00:1::",
        "198.18.0.1",
        "LOCALHOST",
        "a.localhost",
        "printer.local",
        "db.internal",
        "localhost.",
    ],
)
def test_an_internal_host_is_known_as_one(host):
    assert is_internal_host(host)


@pytest.mark.parametrize("host", ["studio.example", "8.8.8.8", "2606:4700::1111", "local.example"])
def test_a_public_host_is_not_taken_for_an_internal_one(host):
    assert not is_internal_host(host)


def test_a_longest_allowed_address_is_accepted():
    url = "https://studio.example/"
    url += "a" * (2048 - len(url))
    assert find_callback_url_problem(url, allow_loopback=False) is None
    assert find_callback_url_problem(url + "a", allow_loopback=False) is not None


def test_a_name_that_leads_inside_is_not_called(monkeypatch):
    def resolve_to_loopback(*about, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_to_loopback)

    async def call():
        assert await has_internal_address("https://rebound.example/x", allow_loopback=False)
        async with CallbackSender(allow_loopback=False) as caller:
            return await caller.post_task("https://rebound.example/x", {})

    assert asyncio.run(call()) is False
