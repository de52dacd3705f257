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

from tests.sandbox.listener import Listener
from tests.sandbox.world import CREATE, GROK, HEADERS

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
PAUSE = threading.Event()


def until(happened):
    """Look again and again; a real server has a clock of its own."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        result = happened()
        if result:
            return result
        PAUSE.wait(0.02)
    raise AssertionError("It did not happen in time.")


def ended(far_end, task_id):
    def look():
        task = far_end.read(task_id)
        return task if task["status"] in ("completed", "failed") else None

    return until(look)


def test_lost_accepts_the_task_and_says_nothing(far_end):
    before = far_end.http.get("/v1/tasks").json()["total"]
    with pytest.raises(httpx.RemoteProtocolError):
        far_end.post({"model": GROK, "prompt": "[lost] [quick]"})
    assert far_end.http.get("/v1/tasks").json()["total"] == before + 1


def test_a_lost_answer_can_be_fetched_with_the_same_key(far_end):
    body = {"model": GROK, "prompt": "[lost] [quick] again"}
    key = {"Idempotency-Key": "generation-lost-00001"}
    with pytest.raises(httpx.RemoteProtocolError):
        far_end.post(body, **key)
    answer = far_end.post(body, **key)
    assert answer.headers["idempotency-replayed"] == "true"
    assert far_end.http.get("/v1/tasks").json()["data"][0]["id"] == answer.json()["id"]


def test_cut_breaks_the_first_download_off_and_lets_the_next_one_through(far_end):
    task = ended(far_end, far_end.create("[cut] [quick]"))
    (link,) = task["results"]
    with pytest.raises(httpx.RemoteProtocolError):
        far_end.http.get(link)
    answer = far_end.http.get(link)
    assert len(answer.content) == int(answer.headers["content-length"])
    assert answer.content[4:8] == b"ftyp"


def test_the_callback_can_come_before_the_answer(far_end):
    with Listener() as listener:
        body = {"model": GROK, "prompt": "[callback-first]", "callback_url": listener.url}
        answer = far_end.post(body)
        assert [task["id"] for task in listener.came] == [answer.json()["id"]]
        assert listener.came[0]["status"] == "completed"
        assert answer.json()["status"] == "pending"


def test_a_finished_film_is_there_to_be_watched(far_end):
    task = ended(far_end, far_end.create("[quick] a cat on a piano"))
    answer = far_end.http.get(task["results"][0], headers={"Range": "bytes=0-1023"})
    assert (answer.status_code, len(answer.content)) == (206, 1024)


class Served:
    """The sandbox as a process of its own, as `serve.run` starts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers=HEADERS, trust_env=False
        )

    def start(self) -> None:
        code = (
            "from pathlib import Path; from evolink_studio.sandbox.server import run; "
            f"run(host='127.0.0.1', port={self.port}, data_dir=Path({str(self._folder)!r}),"
            " pace=0.03)"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL
        )
        until(self.healthy)

    def healthy(self) -> bool:
        try:
            return self.http.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.wait(timeout=PATIENCE)

    def create(self, prompt: str) -> str:
        answer = self.http.post(CREATE, json={"model": GROK, "prompt": prompt})
        return answer.json()["id"]

    def completed(self) -> list[str]:
        found = self.http.get("/v1/tasks?status=completed").json()["data"]
        return [task["id"] for task in found]


@pytest.fixture
def process(tmp_path):
    served = Served(tmp_path)
    served.start()
    yield served
    served.stop(signal.SIGKILL)
    served.http.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked to stop"])
def test_a_server_that_ends_in_the_middle_of_its_work_goes_on_after_a_restart(process, how):
    made = [process.create(f"[quick] [slow] cat {number}") for number in range(3)]
    balance = process.http.get("/v1/credits").json()["data"]["user"]["remaining_credits"]
    until(lambda: process.http.get("/v1/tasks?status=processing").json()["total"])
    process.stop(how)
    process.start()
    assert until(lambda: len(process.completed()) == 3)
    assert sorted(process.completed()) == sorted(made)
    after = process.http.get("/v1/credits").json()["data"]["user"]
    assert after["remaining_credits"] == balance
    assert after["used_credits"] == pytest.approx(3 * 8.16)
