"""`manage.py studio` from an empty folder to the first page served, and what a kill costs.

Packages are installed and static files collected. Back is counted from SIGKILL of the whole web
server to the first page, and from SIGKILL of the worker to the first sign of life of the new one.
"""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from django.db import OperationalError
from django.utils import timezone

from bench.figures import Figure, median
from bench.instances import BenchInstance, InstanceFactory
from bench.processes import BenchProcess, command_line_of, kill_and_wait, process_tree
from bench.sizes import BenchSize
from evolink_studio.generations.models import Heartbeat
from evolink_studio.operations.process_commands import MANAGE_COMMAND

TIMEOUT_SECONDS = 60.0
SIGN_IN_PATH = "/account/login/"


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    rounds = [_measure_start(instances) for _ in range(size.start_count)]
    served_seconds, cpu_seconds, web, worker = (
        median(times) for times in zip(*rounds, strict=True)
    )
    yield Figure("start, empty folder → first page", served_seconds, "s", at_most=1.5)
    yield Figure("  CPU of all processes until then", cpu_seconds, "s")
    yield Figure("web server killed → page again", web, "s", at_most=2)
    yield Figure("worker killed → at work again", worker, "s", at_most=2)


def _measure_start(instances: InstanceFactory) -> tuple[float, float, float, float]:
    """Seconds: served, CPU until then, web server back, worker back."""
    # Collecting is no part of a start: a source that was edited meanwhile must not bring it in.
    (instances.folder / "static" / "staticfiles.json").touch()
    with instances.create_instance(is_empty=True) as instance:
        begin = time.monotonic()
        with instance.run_process("studio", [*MANAGE_COMMAND, "studio"]) as studio:
            served_seconds = _wait_until(lambda: _serves_page(instance), studio) - begin
            cpu_seconds = studio.cpu_seconds()
            with instance.use_database():
                _wait_until(Heartbeat.objects.exists, studio)
                worker = _measure_worker_restart(studio)
            web = _measure_web_restart(instance, studio)
    return served_seconds, cpu_seconds, web, worker


def _measure_web_restart(instance: BenchInstance, studio: BenchProcess) -> float:
    begin = time.monotonic()
    # The whole group at once: workers of gunicorn outlive their master by a second.
    for pid in process_tree(_find_child(studio, "studio --web")):
        kill_and_wait(pid)
    return _wait_until(lambda: _serves_page(instance), studio) - begin


def _measure_worker_restart(studio: BenchProcess) -> float:
    kill_and_wait(_find_child(studio, "manage.py worker"))
    begin, killed_at = time.monotonic(), timezone.now()
    return _wait_until(Heartbeat.objects.filter(seen_at__gt=killed_at).exists, studio) - begin


def _find_child(studio: BenchProcess, text: str) -> int:
    return next(pid for pid in process_tree(studio.pid) if text in command_line_of(pid))


def _wait_until(condition: Callable[[], bool], studio: BenchProcess) -> float:
    """The moment when it became true. Raises RuntimeError when the studio ends before."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException, OperationalError):
            if condition():
                return time.monotonic()
        studio.ensure_running()
        time.sleep(0.01)
    raise RuntimeError(f"not there after {TIMEOUT_SECONDS:.0f} s: {studio.read_last_output()}")


def _serves_page(instance: BenchInstance) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=5)
    try:
        connection.request("GET", SIGN_IN_PATH)
        return connection.getresponse().status == 200
    finally:
        connection.close()
