"""Whatever the studio writes is its own account's alone, whoever starts which process."""

import os
import re
import stat
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from evolink_studio.core.private_files import make_data_private, make_private
from evolink_studio.environment import ROOT
from tests.factories import VEO
from tests.operations.test_studio_command import (
    build_opener,
    find_two_free_ports,
    open_page,
    run_studio,
)
from tests.operations.test_supervisor import wait_until
from tests.sample_images import make_image
from tests.worker_processes import StudioInstance, create_empty_instance

OPEN_UMASK = 0o022  # what most systems give
OWNER = {
    "DJANGO_SUPERUSER_USERNAME": "ada",
    "DJANGO_SUPERUSER_EMAIL": "ada@example.org",
    "DJANGO_SUPERUSER_PASSWORD": "a long word for tests",
}


def open_paths(folder: Path) -> list[tuple[str, str]]:
    """What others may read, write or enter, and its mode."""
    modes = {}
    for path in [folder, *folder.rglob("*")]:
        with suppress(FileNotFoundError):  # a studio at work deletes what it no longer needs
            modes[str(path)] = stat.S_IMODE(path.lstat().st_mode)
    return [(path, oct(mode)) for path, mode in modes.items() if mode & 0o077]


@pytest.fixture
def _open_umask():
    """The tests' own processes have imported the settings, and with them the studio's umask."""
    earlier = os.umask(OPEN_UMASK)
    yield
    os.umask(earlier)


def open_up(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


# --- a real run -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_open_umask")
def test_everything_in_the_data_folder_is_private_after_a_days_work(tmp_path):
    instance = create_empty_instance(tmp_path / "new")
    instance.folder.chmod(0o755)
    port = find_two_free_ports()
    with run_studio(instance, PORT=str(port), **OWNER):
        address, opener = f"http://127.0.0.1:{port}", build_opener()
        wait_until(lambda: open_page(opener, f"{address}/account/login/")[0] == 200, "it is open")
        make_film(address, opener)
        wait_until(lambda: has_film(instance), "the film is in the library")
        assert open_paths(instance.folder) == []
        names = {path.name for path in instance.folder.iterdir()}
        assert {"media", "sandbox"} <= names
        assert list((instance.folder / "media" / "assets").rglob("*-poster-*.webp"))

        assert instance.run_command("backup", tmp_path / "safe").returncode == 0
        assert list((tmp_path / "safe" / "media").iterdir())
        assert open_paths(tmp_path / "safe") == []

    open_up(instance.folder)
    open_up(tmp_path / "safe")
    assert instance.run_command("backup", tmp_path / "safe").returncode == 0
    assert open_paths(instance.folder) == []
    opened = {path for path, _ in open_paths(tmp_path / "safe")}
    assert opened <= {str(tmp_path / "safe")}

    back = create_empty_instance(tmp_path / "back")
    assert back.run_command("restore", tmp_path / "safe").returncode == 0
    assert list((back.folder / "media" / "assets").rglob("*.mp4"))
    assert open_paths(back.folder) == []


def has_film(instance: StudioInstance) -> bool:
    rows = instance.query("SELECT state FROM generations_generation")
    assert rows in ([("completed",)], [("queued",)], [("sending",)], [("running",)], [("saving",)])
    return rows == [("completed",)]


def make_film(address: str, opener: urllib.request.OpenerDirector) -> None:
    """Sign in, upload a picture, press Generate."""
    sign_in = {"login": "ada", "password": OWNER["DJANGO_SUPERUSER_PASSWORD"]}
    _, page = open_page(opener, f"{address}/account/login/")
    send(opener, f"{address}/account/login/", {**sign_in, **hidden_fields(page)})
    _, page = open_page(opener, f"{address}/create/{VEO}/")
    fields = hidden_fields(page)
    send(opener, f"{address}/library/upload", fields, make_image())
    send(opener, f"{address}/create/{VEO}/", {**fields, "prompt": "[quick] a cat"})


def hidden_fields(page: str) -> dict[str, str]:
    """What every form of ours sends along, by name."""
    pattern = r'name="(csrfmiddlewaretoken|form_key|from_model)" value="([^"]*)"'
    return dict(re.findall(pattern, page))


def send(opener, url: str, fields: dict[str, str], image: bytes = b"") -> None:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if image:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="cat.png"\r\n'
        parts.append(head + b"Content-Type: image/png\r\n\r\n" + image + b"\r\n")
    body = b"".join(parts) + b"--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Referer": url}
    request = urllib.request.Request(url, body, headers)
    with opener.open(request, timeout=60) as answer:
        assert answer.status == 200


# --- each process by itself -------------------------------------------------------------------

PROCESSES = {
    "a command": [sys.executable, "manage.py", "check"],
    "the web server's application": [sys.executable, "-c", "import evolink_studio.wsgi"],
}


@pytest.mark.parametrize("name", PROCESSES)
def test_each_process_makes_private_files_by_itself(tmp_path, name):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    (data / "media").mkdir(mode=0o755)
    (data / "media" / "film.mp4").write_bytes(b"film")
    open_up(data)
    env = {**os.environ, "STUDIO_DATA": str(data), "SECRET_KEY": ""}
    env["DJANGO_SETTINGS_MODULE"] = "evolink_studio.settings"
    subprocess.run(PROCESSES[name], cwd=ROOT, env=env, check=True, umask=OPEN_UMASK)
    assert (data / "secret_key").exists()
    assert open_paths(data) == []


def test_the_sandbox_alone_makes_private_files(tmp_path):
    script = (
        "import os, sys; from evolink_studio.sandbox import __main__, server; "
        "server.run_server = lambda **_: open(sys.argv[4] + '/made', 'w').close(); "
        "__main__.main()"
    )
    command = [sys.executable, "-c", script, "--port", "1", "--data", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, umask=OPEN_UMASK)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600


# --- what is tightened ------------------------------------------------------------------------


def test_what_lies_beside_the_studios_own_files_is_left_alone(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "film.mp4").touch()
    (tmp_path / "script").touch()
    for name, mode in {"media": 0o755, "media/film.mp4": 0o664, "script": 0o755}.items():
        (tmp_path / name).chmod(mode)
    tmp_path.chmod(0o755)
    make_data_private(tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"media": 0o700, "film.mp4": 0o600, "script": 0o755}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_library_on_another_disk_is_private_too(tmp_path):
    disk, data = tmp_path / "disk", tmp_path / "data"
    disk.mkdir()
    data.mkdir()
    disk.chmod(0o755)
    (data / "media").symlink_to(disk)
    make_data_private(data)
    assert open_paths(disk) == []


def test_a_folder_that_is_everybodys_stays_so(tmp_path):
    tmp_path.chmod(0o1777)
    make_data_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def test_a_link_is_not_followed_out_of_the_library(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "media"
    outside.touch()
    outside.chmod(0o644)
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "link").symlink_to(outside)
    make_private(folder)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


def test_what_is_not_there_is_no_trouble(tmp_path):
    make_data_private(tmp_path / "nowhere")
    make_private(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
