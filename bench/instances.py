"""Where the bench lives: one temporary folder, and in it an instance for each measure."""

import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.processes import BenchProcess, run_process
from evolink_studio.environment import ROOT, Environment
from evolink_studio.operations.process_commands import build_web_command

SECRET_KEY = "a-secret-for-the-bench-only-that-is-long-enough-for-everything"
STUDIO_VARIABLES = [
    *(str(field.validation_alias) for field in Environment.model_fields.values()),
    *(f"DJANGO_SUPERUSER_{word}" for word in ("USERNAME", "EMAIL", "PASSWORD")),
]
DATABASE_NAME = "studio.sqlite3"
# Of the server for figures of PostgreSQL, as `scripts/with-postgres` names it; "" without one.
POSTGRES_SERVER_URL = os.environ.get("DATABASE_URL", "")
PUBLIC_URL = "https://studio.example"  # set, it means that the provider calls back
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
START_TIMEOUT_SECONDS = 30.0  # seconds that a process may take until it listens


@dataclass(frozen=True)
class BenchInstance:
    """A data folder with a database, and two free ports beside each other: web and provider."""

    folder: Path
    port: int

    @property
    def env(self) -> dict[str, str]:
        """For processes. Without a key, the provider of the studio is the port above its own."""
        return {**os.environ, "STUDIO_DATA": str(self.folder), "PORT": str(self.port)}

    @contextmanager
    def use_database(self) -> Iterator[None]:
        """Let Django in this process use this instance. On PostgreSQL there is one for all."""
        from django.db import connection

        connection.close()
        if connection.vendor == "postgresql":
            yield
            return
        connection.settings_dict["NAME"] = str(self.folder / DATABASE_NAME)
        try:
            yield
        finally:
            connection.close()

    @contextmanager
    def run_web(self, *, has_callbacks: bool = False) -> Iterator[BenchProcess]:
        """The web server, as the studio starts it, once it listens."""
        env = Environment(STUDIO_DATA=self.folder, PORT=self.port)
        public = {"PUBLIC_URL": PUBLIC_URL} if has_callbacks else {}
        with self.run_process("web", build_web_command(env), public) as process:
            wait_until_listening(self.port, process)
            yield process

    @contextmanager
    def run_fake_provider(
        self,
        *,
        reads_per_percent: int = 1_000_000,
        video: Path | None = None,
        is_all_done: bool = False,
    ) -> Iterator[BenchProcess]:
        """The scripted provider: progress grows by one percent with every so many reads."""
        arguments = ["--port", str(self.port + 1), "--every", str(reads_per_percent)]
        arguments += ["--film", str(video)] if video else []
        arguments += ["--done"] if is_all_done else []
        with self.run_process(
            "provider", [sys.executable, "-m", "bench.fake_provider", *arguments]
        ) as process:
            wait_until_listening(self.port + 1, process)
            yield process

    @contextmanager
    def run_worker(
        self, *, interval: int, variables: Mapping[str, str] = NO_VARIABLES
    ) -> Iterator[BenchProcess]:
        """One worker that reads each task every `interval` seconds. `variables`: its settings."""
        command = [sys.executable, "-m", "bench.worker", "--interval", str(interval)]
        with self.run_process("worker", command, variables) as process:
            yield process

    @contextmanager
    def run_process(
        self, name: str, command: list[str], variables: Mapping[str, str] = NO_VARIABLES
    ) -> Iterator[BenchProcess]:
        env = {**self.env, **variables}
        with run_process(command, env, self.folder / f"{name}.log") as process:
            yield process


@dataclass(frozen=True)
class InstanceFactory:
    """The folder of a run."""

    folder: Path

    @contextmanager
    def create_instance(self, *, is_empty: bool = False) -> Iterator[BenchInstance]:
        """A new instance, with a migrated database unless it is to be empty."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        if not is_empty and (self.folder / "prepared" / DATABASE_NAME).exists():
            shutil.copy(self.folder / "prepared" / DATABASE_NAME, folder)
        try:
            yield BenchInstance(folder, find_free_port_pair())
        finally:
            shutil.rmtree(folder)


@contextmanager
def prepare_instances(*, database_url: str = "") -> Iterator[InstanceFactory]:
    """Prepare everything once: Django in this process, a database, the static files.

    `database_url`: an empty database on PostgreSQL, for all; without it each has its SQLite.
    """
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as name:
        folder = Path(name)
        for variable in STUDIO_VARIABLES:
            os.environ.pop(variable, None)  # nothing of an operator's environment counts here
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "BENCH_STATIC": str(folder / "static"),
            "STUDIO_DATA": str(folder / "prepared"),
            "SECRET_KEY": SECRET_KEY,
            "LOG_LEVEL": "WARNING",  # who signs in is no line of the table
        } | ({"DATABASE_URL": database_url} if database_url else {})
        (folder / "prepared").mkdir()
        for command in ("migrate", "collectstatic"):
            arguments = [sys.executable, str(ROOT / "manage.py"), command, "--noinput", "-v0"]
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        import django

        django.setup()
        yield InstanceFactory(folder)


_port_numbers = itertools.count(20_000 + os.getpid() % 5_000, 7)


def find_free_port_pair() -> int:
    """A port that is free, as is the next one."""
    for port in _port_numbers:
        try:
            with (
                socket.create_server(("127.0.0.1", port)),
                socket.create_server(("127.0.0.1", port + 1)),
            ):
                return port
        except OSError:
            continue
    raise AssertionError("the numbers do not end")


def wait_until_listening(port: int, process: BenchProcess) -> None:
    """Wait until somebody listens. Raises RuntimeError when the process ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        process.ensure_running()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.log.stem} does not listen after {START_TIMEOUT_SECONDS:.0f} s")
