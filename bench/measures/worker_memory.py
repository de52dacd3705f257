"""Memory of the worker while it saves very many films, one after the other and four at once.

Every task is done when it is read, and all have the same small film. Resident memory is read once a
second; whether it grows is seen by the last half of the films, when everything was used before.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from bench.figures import Figure, median
from bench.generation_rows import create_running
from bench.instances import InstanceFactory
from bench.processes import BenchProcess
from bench.signed_in_users import create_signed_in_users
from bench.sizes import BenchSize
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from evolink_studio.sandbox.video.storyboard import Storyboard

OWNER_COUNT = 20
MAX_RESIDENT_MB = 160
MAX_SECONDS_PER_FILM = 2.0
KILOBYTES_PER_MB = 1024
RENDER_COMMAND = [sys.executable, "-m", "evolink_studio.sandbox.video.render"]


def measure(instances: InstanceFactory, size: BenchSize) -> Iterator[Figure]:
    video = instances.folder / "small-film.mp4"
    storyboard = Storyboard(str(video), 320, 180, 12, 1, "A film for the bench", "", has_sound=True)
    subprocess.run(RENDER_COMMAND, input=storyboard.to_json(), check=True)
    count = size.saved_film_count
    with (
        instances.create_instance() as instance,
        instance.run_fake_provider(video=video, is_all_done=True),
        instance.use_database(),
    ):
        owners = [user.user for user in create_signed_in_users(OWNER_COUNT)]
        no_time = timedelta(0)
        create_running(
            owners, count, now=timezone.now(), first_poll_delay=no_time, interval=no_time
        )
        with instance.run_worker(interval=1) as worker:
            samples = _sample_until_saved(worker, count)
            cpu_seconds = worker.cpu_seconds()
    first_half = [megabytes for saved_count, megabytes in samples if saved_count <= count / 2]
    last_half = [megabytes for saved_count, megabytes in samples if saved_count > count / 2]
    name = f"{count:,}".replace(",", " ") + " films saved"
    largest = max(megabytes for _, megabytes in samples)
    yield Figure(f"{name}: worker, resident", largest, "MB", at_most=MAX_RESIDENT_MB)
    yield Figure("  before the first film", samples[0][1], "MB")
    yield Figure("  median of the first half of the films", median(first_half), "MB")
    yield Figure("  median of the last half of the films", median(last_half), "MB")
    yield Figure("  worker CPU of a film", cpu_seconds / count * 1000, "ms")


def _sample_until_saved(worker: BenchProcess, count: int) -> list[tuple[int, float]]:
    """How many were saved, and megabytes of the worker, once a second."""
    completed = Generation.objects.filter(state=State.COMPLETED)
    samples: list[tuple[int, float]] = []
    deadline = time.monotonic() + 60 + count * MAX_SECONDS_PER_FILM
    while not samples or samples[-1][0] < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {samples[-1][0]} of {count} films were saved")
        time.sleep(1)
        worker.ensure_running()
        samples.append((completed.count(), _read_resident(worker.pid)))
    return samples


def _read_resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / KILOBYTES_PER_MB
    return 0.0
