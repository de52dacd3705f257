"""SIGTERM to the whole studio: running work ends, in 25 seconds at most, and nothing is lost."""

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

from evolink_studio.environment import Environment
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.operations.process_commands import build_web_command
from evolink_studio.operations.supervisor import SHUTDOWN_TIMEOUT_SECONDS
from tests.factories import GenerationFactory, UserFactory
from tests.operations.test_studio_command import find_two_free_ports
from tests.provider_replies import Reply, drip_reply, make_silent_reply, make_task_reply
from tests.sample_videos import make_video
from tests.worker_processes import StudioInstance, instance_on_test_database

pytestmark = pytest.mark.django_db(transaction=True)

TIMEOUT_SECONDS = 300  # for what hangs, on a machine however busy
FORM_BODY = b"login=ada&password=secret"


@pytest.fixture
def generations() -> tuple[Generation, Generation]:
    """One that waits to be sent, one whose film waits to be saved."""
    ada, now = UserFactory(username="ada"), timezone.now()
    rows = (
        GenerationFactory(owner=ada, state=s, created_at=now) for s in (State.QUEUED, State.SAVING)
    )
    queued, saving = rows
    return queued, saving


class ReplyWithEvent:
    """Says when a request that is answered by `reply` has come."""

    def __init__(self, reply: Reply) -> None:
        self._reply, self.received = reply, threading.Event()

    def __call__(self, request) -> Reply:
        self.received.set()
        return self._reply


@contextmanager
def run_studio(instance: StudioInstance) -> Iterator["subprocess.Popen[bytes]"]:
    """Web and worker under their supervisor."""
    running = instance.start_command("studio")
    try:
        yield running
    finally:
        running.kill()


def open_connection(port: int) -> http.client.HTTPConnection:
    """An open connection, once the web server answers."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b"alive\n"
            return connection
        except ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def send_half_form(port: int) -> socket.socket:
    """A request that a thread of the web server is reading, and whose end is still to come."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
    head = "POST /account/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n"
    head += f"Content-Length: {len(FORM_BODY)}\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 100")
    connection.sendall(FORM_BODY[:5])
    return connection


def test_what_is_in_progress_is_finished(fake_provider, generations, tmp_path):
    waiting, saving = generations
    content = make_video(tmp_path / "film.mp4", seconds=1).read_bytes()
    post = ReplyWithEvent(drip_reply(make_task_reply(), byte_pause_seconds=0.004))
    download = ReplyWithEvent(
        drip_reply(Reply(200, content, {"content-type": "video/mp4"}), byte_pause_seconds=0.0001)
    )
    fake_provider.create.reply_always(post)
    fake_provider.media.reply_always(download)
    Generation.objects.filter(pk=saving.pk).update(result_urls=[f"{fake_provider.url}/film.mp4"])
    port = find_two_free_ports()
    with run_studio(
        instance_on_test_database(tmp_path, fake_provider, PORT=str(port), WEB_WORKERS="1")
    ) as running:
        idle, form = open_connection(port), send_half_form(port)
        assert post.received.wait(TIMEOUT_SECONDS)
        assert download.received.wait(TIMEOUT_SECONDS)
        running.send_signal(signal.SIGTERM)
        form.sendall(FORM_BODY[5:])
        assert form.recv(100).startswith(b"HTTP/1.1 ")
        assert running.wait(TIMEOUT_SECONDS) == 0
    idle.close()
    waiting.refresh_from_db()
    saving.refresh_from_db()
    assert (waiting.state, fake_provider.paid_count) == (State.RUNNING, 1)
    assert waiting.task_id == fake_provider.accepted_posts[0].task_id
    assert saving.state == State.COMPLETED
    assert saving.results.get().asset.size_bytes == len(content)


def test_the_studio_waits_for_its_processes_less_long_than_promised():
    """The README says 25 seconds; each process gives up what hangs before that."""
    assert SHUTDOWN_TIMEOUT_SECONDS < 25
    command = build_web_command(Environment())
    assert int(command[command.index("--graceful-timeout") + 1]) < SHUTDOWN_TIMEOUT_SECONDS


@pytest.mark.faults
def test_what_hangs_is_left_as_it_is_known(fake_provider, generations, tmp_path):
    waiting, saving = generations
    post, download = ReplyWithEvent(make_silent_reply()), ReplyWithEvent(make_silent_reply())
    fake_provider.create.reply_always(post)
    fake_provider.media.reply_always(download)
    fake_provider.credits.reply_always(make_silent_reply())
    Generation.objects.filter(pk=saving.pk).update(result_urls=[f"{fake_provider.url}/film.mp4"])
    port = find_two_free_ports()
    with run_studio(
        instance_on_test_database(tmp_path, fake_provider, PORT=str(port), WEB_WORKERS="1")
    ) as running:
        open_connection(port).close()
        form = send_half_form(port)
        assert post.received.wait(TIMEOUT_SECONDS)
        assert download.received.wait(TIMEOUT_SECONDS)
        running.send_signal(signal.SIGTERM)
        assert running.wait(TIMEOUT_SECONDS) == 0
    form.close()
    waiting.refresh_from_db()
    saving.refresh_from_db()
    assert (waiting.state, fake_provider.paid_count) == (State.SENDING, 1)
    assert saving.state == State.SAVING
