"""`manage.py studio`: one command from an empty folder to a studio that is open, and back."""

import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom

import pytest

from evolink_studio.environment import ROOT
from tests.fake_provider import FakeProvider
from tests.operations.test_supervisor import is_alive, wait_until
from tests.worker_processes import StudioInstance, create_empty_instance

# A database is made and dropped beside the test's own, which no transaction may surround.
pytestmark = pytest.mark.django_db(transaction=True)


def find_two_free_ports() -> int:
    """The first of two free ports that stand side by side. Drawn by lot, as other runs of the
    tests look for some, too; below those that the system gives to connections."""
    for port in SystemRandom().sample(range(10_000, 32_000, 2), k=1000):
        try:
            for number in (port, port + 1):
                socket.create_server(("127.0.0.1", number)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no two free ports")


@contextmanager
def run_studio(instance: StudioInstance, **env: str) -> Iterator["subprocess.Popen[str]"]:
    """The whole studio. None of its processes outlives the test, however it ends."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "studio"],
        env={**instance.env, "WEB_WORKERS": "1", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        child_pids = descendant_pids(process.pid)
        process.kill()
        process.communicate()
        wait_until(lambda: not any(map(is_alive, child_pids)), "all are gone", timeout_seconds=60)


def read_output_until(process: "subprocess.Popen[str]", marker: str) -> str:
    """What it says up to a line with these words."""
    output = ""
    assert process.stdout is not None
    while marker not in output:
        line = process.stdout.readline()
        assert line, f"it ended after: {output}"
        output += line
    return output


def descendant_pids(pid: int) -> list[int]:
    """Every process below this one."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    children = parents.get(pid, [])
    return children + [descendant for child in children for descendant in descendant_pids(child)]


def has_argument(pid: int, word: str) -> bool:
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return False


def is_first_web_process(pid: int) -> bool:
    """Whether it prepared the studio and then became gunicorn's master."""
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        is_child_of_it = b"--web=" in Path(f"/proc/{parent}/cmdline").read_bytes()
        return b"--web=" in Path(f"/proc/{pid}/cmdline").read_bytes() and not is_child_of_it
    except OSError:
        return False


def worker_pids(process: "subprocess.Popen[str]") -> list[int]:
    return [pid for pid in descendant_pids(process.pid) if has_argument(pid, "worker")]


def open_page(
    opener: urllib.request.OpenerDirector, url: str, form: dict[str, str] | None = None
) -> tuple[int, str]:
    """GET, or POST of a form."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with opener.open(url, data, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def build_opener() -> urllib.request.OpenerDirector:
    jar = http.cookiejar.CookieJar()
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))


def test_from_nothing_to_an_open_studio_that_mends_itself_and_leaves_nothing(tmp_path):
    port = find_two_free_ports()
    new_instance = create_empty_instance(tmp_path / "new")
    with run_studio(new_instance, PORT=str(port)) as process:
        output = read_output_until(process, "/account/welcome/")
        assert f"EvoLink Studio is at http://127.0.0.1:{port}/" in output
        assert "the sandbox makes the films, nothing costs money" in output
        (link,) = re.findall(r"http://\S+/account/welcome/\S+", output)

        owner = build_opener()
        wait_until(
            lambda: open_page(owner, f"http://127.0.0.1:{port}/account/login/")[0] == 200, "open"
        )
        status, text = open_page(owner, link)
        assert status == 200
        (csrf_token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', text))
        status, text = open_page(owner, link, {"csrfmiddlewaretoken": csrf_token})
        assert status == 200
        assert 'id="generate"' in text
        assert open_page(build_opener(), link)[0] == 410
        wait_until(
            lambda: open_page(build_opener(), f"http://127.0.0.1:{port + 1}/v1/credits")[0] == 401,
            "far",
        )

        (worker,) = worker_pids(process)
        os.kill(worker, signal.SIGKILL)
        wait_until(
            lambda: set(worker_pids(process)) - {worker}, "the worker is back", timeout_seconds=5
        )
        (web,) = (pid for pid in descendant_pids(process.pid) if is_first_web_process(pid))
        os.kill(web, signal.SIGKILL)
        wait_until(lambda: not is_alive(web), "the web server is gone")
        wait_until(
            lambda: open_page(owner, f"http://127.0.0.1:{port}/account/login/")[0] == 200, "back"
        )

        family = descendant_pids(process.pid)
        assert len(family) >= 4
        process.kill()
        wait_until(lambda: not any(map(is_alive, family)), "nothing is left", timeout_seconds=60)
    for number in (port, port + 1):
        socket.create_server(("127.0.0.1", number)).close()


def test_with_an_owner_in_the_environment_no_link_is_printed(tmp_path):
    names = {"USERNAME": "root", "PASSWORD": "correct horse", "EMAIL": "root@example.org"}
    owner = {f"DJANGO_SUPERUSER_{name}": value for name, value in names.items()}
    new_instance = create_empty_instance(tmp_path / "new")
    with run_studio(new_instance, PORT=str(find_two_free_ports()), **owner) as process:
        output = read_output_until(process, "The owner is root")
        process.send_signal(signal.SIGTERM)
        more_output, _ = process.communicate(timeout=120)
    assert "welcome" not in output + more_output
    assert "correct horse" not in output + more_output
    rows = new_instance.query("SELECT username, is_superuser FROM accounts_user")
    assert [(name, bool(is_superuser)) for name, is_superuser in rows] == [("root", True)]


def test_a_password_nobody_could_choose_stops_the_start_with_its_name(tmp_path):
    new_instance = create_empty_instance(tmp_path / "new")
    owner = {"DJANGO_SUPERUSER_USERNAME": "mathilda", "DJANGO_SUPERUSER_PASSWORD": "mathilda-2026"}
    values = {"PORT": str(find_two_free_ports()), **owner}
    result = StudioInstance(new_instance.folder, new_instance.database_url, values).run_command(
        "studio"
    )
    assert result.returncode == 1
    assert "DJANGO_SUPERUSER_PASSWORD: " in result.stderr
    assert "mathilda-2026" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert new_instance.query("SELECT username FROM accounts_user") == []


@pytest.mark.parametrize("port_offset", [0, 1], ids=["the web's port", "the sandbox's port"])
def test_a_port_that_is_taken_is_named_and_nothing_is_begun(tmp_path, port_offset):
    port = find_two_free_ports()
    new_instance = create_empty_instance(tmp_path / "new")
    with socket.create_server(("127.0.0.1", port + port_offset)):
        result = StudioInstance(
            new_instance.folder, new_instance.database_url, {"PORT": str(port)}
        ).run_command("studio")
    assert result.returncode == 1
    assert f"Port {port + port_offset} on 127.0.0.1 is taken" in result.stderr
    assert "PORT" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (new_instance.folder / "studio.sqlite3").exists()


def test_with_a_key_there_is_no_sandbox(tmp_path):
    with FakeProvider() as fake_provider:
        new_instance = create_empty_instance(tmp_path / "new", fake_provider)
        port = find_two_free_ports()
        with run_studio(new_instance, PORT=str(port)) as process:
            output = read_output_until(process, "/account/welcome/")
            wait_until(lambda: fake_provider.credits.requests, "the worker asked for the balance")
            family = descendant_pids(process.pid)
            assert not [pid for pid in family if has_argument(pid, "evolink_studio.sandbox")]
        assert "sandbox" not in output
        assert fake_provider.create.requests == []
