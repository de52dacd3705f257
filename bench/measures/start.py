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
from bench.grounds import Grounds, World
from bench.running import Running, command_of, family, kill
from bench.sizes import Size
from evolink_studio.generations.models import Heartbeat
from evolink_studio.operations.supervisor import MANAGE

PATIENCE = 60.0
DOOR = "/account/login/"


def measure(grounds: Grounds, size: Size) -> Iterator[Figure]:
    rounds = [_round(grounds) for _ in range(size.starts)]
    served, busy, web, worker = (median(times) for times in zip(*rounds, strict=True))
    yield Figure("start, empty folder → first page", served, "s", most=2)
    yield Figure("  CPU of all processes until then", busy, "s")
    yield Figure("web server killed → page again", web, "s", most=2)
    yield Figure("worker killed → at work again", worker, "s", most=2)


def _round(grounds: Grounds) -> tuple[float, float, float, float]:
    """Seconds: served, CPU until then, web server back, worker back."""
    # Collecting is no part of a start: a source that was edited meanwhile must not bring it in.
    (grounds.folder / "static" / "staticfiles.json").touch()
    with grounds.world(empty=True) as world:
        begin = time.monotonic()
        with world.process("studio", [*MANAGE, "studio"]) as studio:
            served = _until(lambda: _serves(world), studio) - begin
            busy = studio.seconds()
            with world.database():
                _until(Heartbeat.objects.exists, studio)
                worker = _worker_back(studio)
            web = _web_back(world, studio)
    return served, busy, web, worker


def _web_back(world: World, studio: Running) -> float:
    begin = time.monotonic()
    # The whole group at once: workers of gunicorn outlive their master by a second.
    for pid in family(_child(studio, "gunicorn")):
        kill(pid)
    return _until(lambda: _serves(world), studio) - begin


def _worker_back(studio: Running) -> float:
    kill(_child(studio, "manage.py worker"))
    begin, killed = time.monotonic(), timezone.now()
    return _until(Heartbeat.objects.filter(seen_at__gt=killed).exists, studio) - begin


def _child(studio: Running, words: str) -> int:
    return next(pid for pid in family(studio.pid) if words in command_of(pid))


def _until(true: Callable[[], bool], studio: Running) -> float:
    """The moment when it became true. Raises RuntimeError when the studio ends before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException, OperationalError):
            if true():
                return time.monotonic()
        studio.alive()
        time.sleep(0.01)
    raise RuntimeError(f"not there after {PATIENCE:.0f} s: {studio.words()}")


def _serves(world: World) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", world.port, timeout=5)
    try:
        line.request("GET", DOOR)
        return line.getresponse().status == 200
    finally:
        line.close()
