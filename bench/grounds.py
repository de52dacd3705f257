"""Where the bench lives: one temporary folder, and in it a small world for each measure."""

import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.running import Running, running
from evolink_studio.environment import ROOT, Environment
from evolink_studio.operations.supervisor import web

SECRET = "a-secret-for-the-bench-only-that-is-long-enough-for-everything"
GIVEN = [
    *(str(field.validation_alias) for field in Environment.model_fields.values()),
    *(f"DJANGO_SUPERUSER_{word}" for word in ("USERNAME", "EMAIL", "PASSWORD")),
]
DATABASE = "studio.sqlite3"
STARTING = 30.0  # seconds that a process may take until it listens


@dataclass(frozen=True)
class World:
    """A data folder with a database, and two free ports beside each other: web and far end."""

    folder: Path
    port: int

    @property
    def env(self) -> dict[str, str]:
        """For processes. Without a key, the far end of the studio is the port above its own."""
        return {**os.environ, "STUDIO_DATA": str(self.folder), "PORT": str(self.port)}

    @contextmanager
    def database(self) -> Iterator[None]:
        """Django in this process looks at this world."""
        from django.db import connection

        connection.close()
        connection.settings_dict["NAME"] = str(self.folder / DATABASE)
        try:
            yield
        finally:
            connection.close()

    @contextmanager
    def web(self) -> Iterator[Running]:
        """The web server, as the studio starts it, once it listens."""
        env = Environment(STUDIO_DATA=self.folder, PORT=self.port)
        with self.process("web", web(env)) as process:
            listening(self.port, process)
            yield process

    @contextmanager
    def far_end(self, *, every: int = 1_000_000, film: Path | None = None) -> Iterator[Running]:
        """The scripted far end: progress grows by one percent with every so many reads."""
        asked = ["--port", str(self.port + 1), "--every", str(every)]
        asked += ["--film", str(film)] if film else []
        with self.process("farend", [sys.executable, "-m", "bench.farend", *asked]) as process:
            listening(self.port + 1, process)
            yield process

    @contextmanager
    def worker(self, *, interval: int) -> Iterator[Running]:
        """One worker that reads each task every `interval` seconds."""
        command = [sys.executable, "-m", "bench.worker", "--interval", str(interval)]
        with self.process("worker", command) as process:
            yield process

    @contextmanager
    def process(self, name: str, command: list[str]) -> Iterator[Running]:
        with running(command, self.env, self.folder / f"{name}.log") as process:
            yield process


@dataclass(frozen=True)
class Grounds:
    """The folder of a run."""

    folder: Path

    @contextmanager
    def world(self, *, empty: bool = False) -> Iterator[World]:
        """A new world, with a migrated database unless it is to be empty."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        if not empty:
            shutil.copy(self.folder / "prepared" / DATABASE, folder)
        try:
            yield World(folder, free_pair())
        finally:
            shutil.rmtree(folder)


@contextmanager
def grounds() -> Iterator[Grounds]:
    """Prepare everything once: Django in this process, a database, the static files."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as name:
        folder = Path(name)
        for given in GIVEN:
            os.environ.pop(given, None)  # nothing of an operator's environment counts here
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "BENCH_STATIC": str(folder / "static"),
            "STUDIO_DATA": str(folder / "prepared"),
            "SECRET_KEY": SECRET,
        }
        (folder / "prepared").mkdir()
        for command in ("migrate", "collectstatic"):
            ask = [sys.executable, str(ROOT / "manage.py"), command, "--noinput", "-v0"]
            subprocess.run(ask, check=True, stdout=subprocess.DEVNULL)
        import django

        django.setup()
        yield Grounds(folder)


_starts = itertools.count(20_000 + os.getpid() % 5_000, 7)


def free_pair() -> int:
    """A port that is free, as is the next one."""
    for port in _starts:
        try:
            with (
                socket.create_server(("127.0.0.1", port)),
                socket.create_server(("127.0.0.1", port + 1)),
            ):
                return port
        except OSError:
            continue
    raise AssertionError("the numbers do not end")


def listening(port: int, process: Running) -> None:
    """Wait until somebody listens. Raises RuntimeError when the process ends or takes too long."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        process.alive()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.log.stem} does not listen after {STARTING:.0f} s")
