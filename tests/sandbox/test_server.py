"""A real server: broken connections, real films, kills."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.sandbox.callback_listener import CallbackListener
from tests.sandbox.sandboxes import GENERATIONS_PATH, GROK, HEADERS

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 90.0
NEVER_SET = threading.Event()


def wait_until(condition):
    """Look again and again; a real server has a clock of its own."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        NEVER_SET.wait(0.02)
    raise AssertionError("It did not happen in time.")


def wait_for_end(client, task_id):
    def read_ended_task():
        task = client.get_task(task_id)
        return task if task["status"] in ("completed", "failed") else None

    return wait_until(read_ended_task)


def test_lost_accepts_the_task_and_says_nothing(sandbox_client):
    before = sandbox_client.http.get("/v1/tasks").json()["total"]
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox_client.post_generation({"model": GROK, "prompt": "[lost] [quick]"})
    assert sandbox_client.http.get("/v1/tasks").json()["total"] == before + 1


def test_a_lost_answer_can_be_fetched_with_the_same_key(sandbox_client):
    body = {"model": GROK, "prompt": "[lost] [quick] again"}
    key = {"Idempotency-Key": "generation-lost-00001"}
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox_client.post_generation(body, **key)
    answer = sandbox_client.post_generation(body, **key)
    assert answer.headers["idempotency-replayed"] == "true"
    assert sandbox_client.http.get("/v1/tasks").json()["data"][0]["id"] == answer.json()["id"]


def test_cut_breaks_the_first_download_off_and_lets_the_next_one_through(sandbox_client):
    task = wait_for_end(sandbox_client, sandbox_client.create_task("[cut] [quick]"))
    (link,) = task["results"]
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox_client.http.get(link)
    answer = sandbox_client.http.get(link)
    assert len(answer.content) == int(answer.headers["content-length"])
    assert answer.content[4:8] == b"ftyp"


def test_the_callback_can_come_before_the_answer(sandbox_client):
    with CallbackListener() as listener:
        body = {"model": GROK, "prompt": "[callback-first]", "callback_url": listener.url}
        answer = sandbox_client.post_generation(body)
        assert [task["id"] for task in listener.bodies] == [answer.json()["id"]]
        assert listener.bodies[0]["status"] == "completed"
        assert answer.json()["status"] == "pending"


def test_a_finished_film_is_there_to_be_watched(sandbox_client):
    task = wait_for_end(sandbox_client, sandbox_client.create_task("[quick] a cat on a piano"))
    answer = sandbox_client.http.get(task["results"][0], headers={"Range": "bytes=0-1023"})
    assert (answer.status_code, len(answer.content)) == (206, 1024)


class SandboxProcess:
    """The sandbox as a process of its own, as `server.run_server` starts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as server_socket:
            self.port = server_socket.getsockname()[1]
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers=HEADERS, trust_env=False
        )

    def start(self) -> None:
        code = (
            "from pathlib import Path; from evolink_studio.sandbox.server import run_server; "
            f"run_server(host='127.0.0.1', port={self.port}, data_dir=Path({str(self._folder)!r}),"
            " pace=0.03)"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL
        )
        wait_until(self.is_healthy)

    def is_healthy(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, stop_signal: signal.Signals) -> None:
        self._process.send_signal(stop_signal)
        self._process.wait(timeout=TIMEOUT_SECONDS)

    def create_task(self, prompt: str) -> str:
        answer = self.http.post(GENERATIONS_PATH, json={"model": GROK, "prompt": prompt})
        return answer.json()["id"]

    def list_completed(self) -> list[str]:
        documents = self.http.get("/v1/tasks?status=completed").json()["data"]
        return [task["id"] for task in documents]


@pytest.fixture
def sandbox_process(tmp_path):
    server = SandboxProcess(tmp_path)
    server.start()
    yield server
    server.stop(signal.SIGKILL)
    server.http.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked to stop"])
def test_a_server_that_ends_in_the_middle_of_its_work_goes_on_after_a_restart(sandbox_process, how):
    task_ids = [sandbox_process.create_task(f"[quick] [slow] cat {number}") for number in range(3)]
    balance = sandbox_process.http.get("/v1/credits").json()["data"]["user"]["remaining_credits"]
    wait_until(lambda: sandbox_process.http.get("/v1/tasks?status=processing").json()["total"])
    sandbox_process.stop(how)
    sandbox_process.start()
    assert wait_until(lambda: len(sandbox_process.list_completed()) == 3)
    assert sorted(sandbox_process.list_completed()) == sorted(task_ids)
    after = sandbox_process.http.get("/v1/credits").json()["data"]["user"]
    assert after["remaining_credits"] == balance
    assert after["used_credits"] == pytest.approx(3 * 8.16)
