"""A press wakes the worker on SQLite; a wake-up that is lost only costs a bounded time."""

import asyncio
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction

from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation
from evolink_studio.generations.resolutions import request_lookup
from evolink_studio.generations.services import record_callback, refresh_now
from evolink_studio.generations.signals import work_due
from evolink_studio.generations.states import State
from evolink_studio.worker import wake_up
from evolink_studio.worker import worker as worker_module
from evolink_studio.worker.wake_up import WakeUpListener, get_pipe_path, wake_worker
from evolink_studio.worker.worker import Worker
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.manual_worker import ManualWorker

NEVER_SECONDS = 3_600.0  # the worker does not look by itself while a test runs
TIMEOUT_SECONDS = 60.0


@pytest.fixture
def pipe_path(settings, tmp_path) -> Path:
    settings.DATA_DIR = tmp_path
    return get_pipe_path()


def is_woken(path: Path, wake: Callable[[], object]) -> bool:
    """Whether a listener at `path` hears of what `wake` does."""

    async def main() -> bool:
        event = asyncio.Event()
        listener = WakeUpListener(path, event.set)
        listener.ensure_open()
        wake()
        for _ in range(3):  # what is readable is seen in the loop's next turn
            await asyncio.sleep(0)
        listener.close()
        return event.is_set()

    return asyncio.run(main())


def test_who_wakes_is_heard_and_the_pipe_is_private(pipe_path):
    assert is_woken(pipe_path, wake_worker)
    assert not is_woken(pipe_path, lambda: None)
    assert stat.S_IMODE(pipe_path.lstat().st_mode) == 0o600


def test_a_pipe_that_a_killed_worker_left_behind_is_used_again(pipe_path):
    os.mkfifo(pipe_path, 0o600)
    wake_worker()  # nobody is there
    assert is_woken(pipe_path, wake_worker)


def test_a_path_too_long_for_a_socket_does(settings, tmp_path):
    settings.DATA_DIR = tmp_path / ("long-name" * 20) / ("longer" * 20)
    settings.DATA_DIR.mkdir(parents=True)
    with pytest.raises(OSError, match="too long"), socket.socket(socket.AF_UNIX) as unix_socket:
        unix_socket.bind(str(get_pipe_path()))
    assert is_woken(get_pipe_path(), wake_worker)


def _lay_file(path: Path) -> None:
    path.write_bytes(b"not ours")


def _lay_link(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(b"not ours")
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("lay", [_lay_file, _lay_link, Path.mkdir], ids=["file", "link", "folder"])
def test_what_is_no_pipe_is_left_alone_and_nobody_fails(pipe_path, lay):
    lay(pipe_path)
    assert not is_woken(pipe_path, wake_worker)
    assert pipe_path.is_dir() or pipe_path.read_bytes() == b"not ours"


def test_without_a_worker_nothing_fails_or_waits(pipe_path):
    wake_worker()
    assert not pipe_path.exists()


def test_so_many_wake_ups_that_the_pipe_is_full_fail_nobody(pipe_path):
    def wake_often() -> None:
        for _ in range(wake_up.MAX_BYTES_READ + 10):
            wake_worker()

    assert is_woken(pipe_path, wake_often)


def test_a_pipe_that_was_removed_is_made_anew(pipe_path):
    async def main() -> bool:
        event = asyncio.Event()
        listener = WakeUpListener(pipe_path, event.set)
        listener.ensure_open()
        pipe_path.unlink()
        listener.ensure_open()
        wake_worker()
        for _ in range(3):
            await asyncio.sleep(0)
        listener.close()
        return event.is_set()

    assert asyncio.run(main())


# --- who wakes ----------------------------------------------------------------------------------


@pytest.fixture
def sent_states() -> Iterator[list[State | None]]:
    """The states that were announced as due."""
    states: list[State | None] = []

    def receive(state: State | None, **kwargs: object) -> None:
        states.append(state)

    work_due.connect(receive, weak=False, dispatch_uid="test")
    yield states
    work_due.disconnect(dispatch_uid="test")


@pytest.mark.django_db
def test_a_callback_a_refresh_and_a_named_task_wake(sent_states):
    row = GenerationFactory(state="running")
    record_callback(
        token=row.callback_token, size_bytes=10, status="completed", task_id=row.task_id, now=NOW
    )
    assert sent_states == [State.RUNNING]
    refresh_now(queryset=Generation.objects.all(), now=NOW)
    assert State.RUNNING in sent_states[1:]
    request_lookup(task_id="task-named", actor=UserFactory(), now=NOW)
    assert sent_states[-1] is None


@pytest.mark.django_db(transaction=True)
def test_the_worker_is_woken_only_once_the_row_can_be_seen(pipe_path, monkeypatch):
    woken = []
    monkeypatch.setattr(wake_up, "wake_worker", lambda: woken.append(True))
    with transaction.atomic():
        wake_up._wake_on_commit(state=State.QUEUED)
        assert woken == []
    assert woken == [True]


# --- the worker -------------------------------------------------------------------------------


def run_worker_until(
    url: str, begin: Callable[[], object], condition: Callable[[], object]
) -> Worker:
    """Let a worker fall asleep, do `begin`, and wait for a condition."""

    async def main() -> Worker:
        manual = ManualWorker(url, deadlines=Deadlines(create=5, read=5, upload=5))
        provider = manual.build_provider()
        worker = Worker(provider, manual.clock, name="w")
        task = asyncio.create_task(worker.run())
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while worker._sleep_seconds < worker_module.MAX_SLEEP_SECONDS:
            assert time.monotonic() < deadline, "it does not fall asleep"
            await asyncio.sleep(0.01)
        await sync_to_async(begin)()
        while not await sync_to_async(condition)():
            assert time.monotonic() < deadline, "it does not wake up"
            await asyncio.sleep(0.01)
        worker.stop()
        await task
        await provider.client.__aexit__(None, None, None)
        await sync_to_async(connections.close_all)()
        return worker

    return asyncio.run(main())


def is_running() -> bool:
    return list(Generation.objects.values_list("state", flat=True)) == ["running"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_asleep_is_woken_by_what_becomes_due(fake_provider, pipe_path, monkeypatch):
    monkeypatch.setattr(worker_module, "MAX_SLEEP_SECONDS", NEVER_SECONDS)

    def press() -> None:
        with transaction.atomic():
            GenerationFactory()
            transaction.on_commit(wake_worker)

    run_worker_until(fake_provider.url, press, is_running)
    assert fake_provider.paid_count == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lay", [None, _lay_file], ids=["lost", "no pipe"])
def test_a_lost_wake_up_costs_no_more_than_the_longest_sleep(
    fake_provider, pipe_path, monkeypatch, lay
):
    monkeypatch.setattr(worker_module, "MAX_SLEEP_SECONDS", 0.5)
    if lay:
        lay(pipe_path)
    run_worker_until(fake_provider.url, GenerationFactory, is_running)
    assert fake_provider.paid_count == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("due_in_seconds", "sleep_seconds"),
    [(2, 2), (-1, worker_module.QUEUE_INTERVAL_SECONDS), (60, worker_module.MAX_SLEEP_SECONDS)],
    ids=["soon", "now", "later"],
)
def test_it_sleeps_until_the_next_row_is_due_or_the_longest_sleep_is_over(
    fake_provider, pipe_path, due_in_seconds, sleep_seconds
):
    GenerationFactory(state="running", next_attempt_at=NOW + timedelta(seconds=due_in_seconds))

    async def main() -> float:
        manual = ManualWorker(fake_provider.url)
        worker = Worker(manual.build_provider(), manual.clock)
        await worker._announce_due()
        await sync_to_async(connections.close_all)()
        assert worker._loops[State.RUNNING].due_event.is_set() == (due_in_seconds < 0)
        return worker._sleep_seconds

    assert asyncio.run(main()) == sleep_seconds
