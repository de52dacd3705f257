"""`manage.py studio`: one command from an empty folder to a studio that is open, and back."""

import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evolink_studio.environment import ROOT
from tests.engine.apart import Place, elsewhere
from tests.engine.test_supervisor import is_alive, until
from tests.farend import FarEnd

# A database is made and dropped beside the test's own, which no transaction may surround.
pytestmark = pytest.mark.django_db(transaction=True)


def two_ports() -> int:
    """The first of two free ports that stand side by side."""
    for port in range(21_000, 60_000, 7):
        try:
            for number in (port, port + 1):
                socket.create_server(("127.0.0.1", number)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no two free ports")


@contextmanager
def studio(place: Place, **env: str) -> Iterator["subprocess.Popen[str]"]:
    """The whole studio. None of its processes outlives the test, however it ends."""
    running = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "studio"],
        env={**place.env, "WEB_WORKERS": "1", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield running
    finally:
        family = descendants(running.pid)
        running.kill()
        running.communicate()
        until(lambda: not any(map(is_alive, family)), "all are gone", seconds=60)


def said(running: "subprocess.Popen[str]", last: str) -> str:
    """What it says up to a line with these words."""
    told = ""
    assert running.stdout is not None
    while last not in told:
        line = running.stdout.readline()
        assert line, f"it ended after: {told}"
        told += line
    return told


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    below = parents.get(pid, [])
    return below + [deeper for child in below for deeper in descendants(child)]


def named(pid: int, word: str) -> bool:
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return False


def workers(running: "subprocess.Popen[str]") -> list[int]:
    return [pid for pid in descendants(running.pid) if named(pid, "worker")]


def page(browser: urllib.request.OpenerDirector, address: str) -> tuple[int, str]:
    try:
        with browser.open(address, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def browser() -> urllib.request.OpenerDirector:
    jar = http.cookiejar.CookieJar()
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))


def test_from_nothing_to_an_open_studio_that_mends_itself_and_leaves_nothing(tmp_path):
    port = two_ports()
    place = elsewhere(tmp_path / "new")
    with studio(place, PORT=str(port)) as running:
        told = said(running, "/account/welcome/")
        assert f"EvoLink Studio is at http://127.0.0.1:{port}/" in told
        assert "the sandbox makes the films, nothing costs money" in told
        (link,) = re.findall(r"http://\S+/account/welcome/\S+", told)

        owner = browser()
        until(lambda: page(owner, f"http://127.0.0.1:{port}/account/login/")[0] == 200, "open")
        status, text = page(owner, link)
        assert status == 200
        assert 'id="generate"' in text
        assert page(browser(), link)[0] == 410
        until(lambda: page(browser(), f"http://127.0.0.1:{port + 1}/v1/credits")[0] == 401, "far")

        (worker,) = workers(running)
        os.kill(worker, signal.SIGKILL)
        until(lambda: set(workers(running)) - {worker}, "the worker is back", seconds=5)
        family = descendants(running.pid)
        assert len(family) >= 4
        running.kill()
        until(lambda: not any(map(is_alive, family)), "nothing is left", seconds=60)
    for number in (port, port + 1):
        socket.create_server(("127.0.0.1", number)).close()


def test_with_an_owner_in_the_environment_no_link_is_printed(tmp_path):
    names = {"USERNAME": "root", "PASSWORD": "correct horse", "EMAIL": "root@example.org"}
    owner = {f"DJANGO_SUPERUSER_{name}": value for name, value in names.items()}
    place = elsewhere(tmp_path / "new")
    with studio(place, PORT=str(two_ports()), **owner) as running:
        told = said(running, "The owner is root")
        running.send_signal(signal.SIGTERM)
        rest, _ = running.communicate(timeout=120)
    assert "welcome" not in told + rest
    assert "correct horse" not in told + rest
    rows = place.ask("SELECT username, is_superuser FROM accounts_user")
    assert [(name, bool(chief)) for name, chief in rows] == [("root", True)]


@pytest.mark.parametrize("taken", [0, 1], ids=["the web's port", "the sandbox's port"])
def test_a_port_that_is_taken_is_named_and_nothing_is_begun(tmp_path, taken):
    port = two_ports()
    place = elsewhere(tmp_path / "new")
    with socket.create_server(("127.0.0.1", port + taken)):
        done = Place(place.folder, place.database, {"PORT": str(port)}).manage("studio")
    assert done.returncode == 1
    assert f"Port {port + taken} on 127.0.0.1 is taken" in done.stderr
    assert "PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place.folder / "studio.sqlite3").exists()


def test_with_a_key_there_is_no_sandbox(tmp_path):
    with FarEnd() as far:
        place = elsewhere(tmp_path / "new", far)
        port = two_ports()
        with studio(place, PORT=str(port)) as running:
            told = said(running, "/account/welcome/")
            until(lambda: far.credits.requests, "the worker asked for the balance")
            family = descendants(running.pid)
            assert not [pid for pid in family if named(pid, "evolink_studio.sandbox")]
        assert "sandbox" not in told
        assert far.create.requests == []
