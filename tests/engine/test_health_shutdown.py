"""SIGTERM to the whole studio: what is in hand ends, in 25 seconds at most, and nothing is lost."""

import http.client
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.utils import timezone

from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.answers import Reply, drip, silence, task
from tests.engine.apart import Place, here
from tests.factories import GenerationFactory, UserFactory
from tests.farend import FarEnd, closed_port
from tests.library.footage import film

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 25.0
BODY = b"login=ada&password=secret"


@pytest.fixture
def far():
    with FarEnd() as running:
        yield running


@pytest.fixture
def wishes() -> tuple[Generation, Generation]:
    """One that waits to be sent, one whose film waits to be saved."""
    ada, now = UserFactory(username="ada"), timezone.now()
    made = (
        GenerationFactory(owner=ada, state=s, created_at=now) for s in (State.QUEUED, State.SAVING)
    )
    waiting, saving = made
    return waiting, saving


class Begun:
    """Says when a request that is answered by `reply` has come."""

    def __init__(self, reply: Reply) -> None:
        self._reply, self.came = reply, threading.Event()

    def __call__(self, request) -> Reply:
        self.came.set()
        return self._reply


@contextmanager
def studio(place: Place) -> Iterator["subprocess.Popen[bytes]"]:
    """Web and worker under their supervisor."""
    running = place.start("studio")
    try:
        yield running
    finally:
        running.kill()


def browser(port: int) -> http.client.HTTPConnection:
    """An open connection, once the web server answers."""
    deadline = time.monotonic() + 60
    while True:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            line.request("GET", "/healthz")
            assert line.getresponse().read() == b"alive\n"
            return line
        except ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def half_a_form(port: int) -> socket.socket:
    """A request that a thread of the web server is reading, and whose end is still to come."""
    line = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = "POST /account/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
    head += (
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    line.sendall(head.encode())
    assert line.recv(100).startswith(b"HTTP/1.1 100")
    line.sendall(BODY[:5])
    return line


def test_what_is_in_hand_is_finished(far, wishes, tmp_path):
    waiting, saving = wishes
    content = film(tmp_path / "film.mp4", seconds=1).read_bytes()
    post = Begun(drip(task(), pause=0.004))
    download = Begun(drip(Reply(200, content, {"content-type": "video/mp4"}), pause=0.0001))
    far.create.always(post)
    far.media.always(download)
    Generation.objects.filter(pk=saving.pk).update(result_urls=[f"{far.url}/film.mp4"])
    port = closed_port()
    with studio(here(tmp_path, far, PORT=str(port), WEB_WORKERS="1")) as running:
        idle, form = browser(port), half_a_form(port)
        assert post.came.wait(60)
        assert download.came.wait(60)
        running.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        form.sendall(BODY[5:])
        assert form.recv(100).startswith(b"HTTP/1.1 ")
        assert running.wait(LIMIT) == 0
        assert time.monotonic() - asked < LIMIT
    idle.close()
    waiting.refresh_from_db()
    saving.refresh_from_db()
    assert (waiting.state, far.paid) == (State.RUNNING, 1)
    assert waiting.task_id == far.accepted[0].task_id
    assert saving.state == State.COMPLETED
    assert saving.results.get().asset.size_bytes == len(content)


@pytest.mark.faults
def test_what_hangs_is_left_as_it_is_known(far, wishes, tmp_path):
    waiting, saving = wishes
    post, download = Begun(silence()), Begun(silence())
    far.create.always(post)
    far.media.always(download)
    far.credits.always(silence())
    Generation.objects.filter(pk=saving.pk).update(result_urls=[f"{far.url}/film.mp4"])
    port = closed_port()
    with studio(here(tmp_path, far, PORT=str(port), WEB_WORKERS="1")) as running:
        browser(port).close()
        form = half_a_form(port)
        assert post.came.wait(60)
        assert download.came.wait(60)
        running.send_signal(signal.SIGTERM)
        assert running.wait(LIMIT) == 0
    form.close()
    waiting.refresh_from_db()
    saving.refresh_from_db()
    assert (waiting.state, far.paid) == (State.SENDING, 1)
    assert saving.state == State.SAVING
