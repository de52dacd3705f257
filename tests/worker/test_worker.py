"""The embedded worker: it runs the steps, and nothing stops it but being told to."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections

from evolink_studio.credits.models import ProviderAccount
from evolink_studio.evolink.client import Deadlines
from evolink_studio.generations.models import Generation, Heartbeat
from evolink_studio.generations.pipeline.leases import LEASE_DURATION
from evolink_studio.worker import worker as worker_module
from evolink_studio.worker.worker import Worker
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.fake_provider import find_closed_port
from tests.manual_worker import PROVIDER_KEY, ManualWorker
from tests.provider_replies import (
    drip_reply,
    make_error_reply,
    make_media_script,
    make_reply,
    make_task_reply,
)
from tests.sample_videos import make_video

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class FastClock:
    """A clock that runs so many times faster than the wall's."""

    speed: float = 60
    started_at: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=(time.monotonic() - self.started_at) * self.speed)


@pytest.fixture(autouse=True)
def _short_sleep(monkeypatch) -> None:
    """The rows of these tests are stored without a wake-up, and their clock runs fast."""
    monkeypatch.setattr(worker_module, "MAX_SLEEP_SECONDS", 0.3)


@pytest.fixture
def ada():
    return UserFactory(username="ada")


@pytest.fixture
def video_url(fake_provider, tmp_path) -> str:
    """Where a film lies ready."""
    return fake_provider.serve_file(
        "/film.mp4", make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    )


def run_workers_until(
    url: str, condition: Callable[[], object], *, clock=None, worker_count=1, timeout_seconds=60
) -> None:
    """Let workers work until a condition holds, then tell them to end."""

    async def main() -> None:
        worker = ManualWorker(
            url, clock or FastClock(), deadlines=Deadlines(create=5, read=5, upload=5)
        )
        providers = [worker.build_provider() for _ in range(worker_count)]
        workers = [
            Worker(provider, worker.clock, name=f"w{n}") for n, provider in enumerate(providers)
        ]
        tasks = [asyncio.create_task(embedded_worker.run()) for embedded_worker in workers]
        deadline = time.monotonic() + timeout_seconds
        while not await sync_to_async(condition)():
            assert time.monotonic() < deadline, list_states()
            assert not any(task.done() for task in tasks), [task.exception() for task in tasks]
            await asyncio.sleep(0.02)
        for embedded_worker in workers:
            embedded_worker.stop()
        await asyncio.gather(*tasks)
        await asyncio.gather(
            *(provider.client.__aexit__(None, None, None) for provider in providers)
        )
        await sync_to_async(connections.close_all)()

    asyncio.run(main())


def list_states() -> list[str]:
    return list(Generation.objects.order_by("pk").values_list("state", flat=True))


def complete_after(read_count: int, *urls: str):
    """A read of a task: it works, and after so many looks it is done."""
    reads: dict[str, int] = {}

    def reply_to_read(request):
        name = request.path.rpartition("/")[2]
        reads[name] = reads.get(name, 0) + 1
        completed_task = {"status": "completed", "progress": 100, "results": list(urls)}
        running_task = {"status": "processing", "progress": reads[name] * 10}
        return make_reply(
            {"id": name, **(completed_task if reads[name] > read_count else running_task)}
        )

    return reply_to_read


def test_from_a_queued_generation_to_a_stored_film(fake_provider, ada, video_url):
    fake_provider.read.reply_always(complete_after(3, video_url))
    generations = GenerationFactory.create_batch(3, owner=ada)
    run_workers_until(fake_provider.url, lambda: set(list_states()) == {"completed"})
    assert fake_provider.paid_count == 3
    for row in Generation.objects.filter(pk__in=[row.pk for row in generations]):
        (result,) = row.results.all()
        assert result.asset.owner == ada
        assert (row.credits_charged, row.charge) == (Decimal("25.7"), "charged")


def test_a_row_that_cannot_be_worked_on_stops_no_other_one(fake_provider, ada, video_url):
    fake_provider.read.reply_always(complete_after(0, video_url))
    broken_row = GenerationFactory(owner=ada, params=[1, 2])
    GenerationFactory(owner=ada, state="saving", result_urls=7)  # its links are asked for again
    GenerationFactory.create_batch(3, owner=ada)
    run_workers_until(fake_provider.url, lambda: list_states().count("completed") == 4)
    assert Generation.objects.exclude(state="completed").get() == broken_row
    assert fake_provider.paid_count == 3


def test_a_database_that_is_away_for_a_moment_stops_no_loop(fake_provider, ada, monkeypatch):
    calls = []

    def fail_twice(**kwargs):
        calls.append(kwargs)
        if len(calls) < 3:
            raise OperationalError("database is locked")
        return lease_next(**kwargs)

    lease_next = Worker._lease_next
    monkeypatch.setattr(Worker, "_lease_next", staticmethod(fail_twice))
    GenerationFactory(owner=ada)
    run_workers_until(fake_provider.url, lambda: list_states() == ["running"])
    assert fake_provider.paid_count == 1


def test_a_long_download_stays_with_the_worker_that_has_it(
    fake_provider, ada, monkeypatch, tmp_path
):
    """Most of a lease goes by after each renewal, until many are over before the film is here."""
    renew, clock = worker_module.renew_leases, [NOW]

    def renew_and_wait(lease_ids, *, now: datetime) -> None:
        renew(lease_ids, now=now)
        clock[0] = now + LEASE_DURATION * 0.9

    content = make_video(tmp_path / "clip.mp4", seconds=1).read_bytes()
    full_script = make_media_script(content)
    fake_provider.files["/slow.mp4"] = lambda request: drip_reply(
        full_script(request), byte_pause_seconds=1.5 / len(content)
    )
    monkeypatch.setattr(worker_module, "RENEW_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(worker_module, "renew_leases", renew_and_wait)
    GenerationFactory(owner=ada, state="saving", result_urls=[fake_provider.url + "/slow.mp4"])
    run_workers_until(
        fake_provider.url,
        lambda: list_states() == ["completed"],
        clock=lambda: clock[0],
        worker_count=2,
    )
    assert clock[0] > NOW + 3 * LEASE_DURATION
    assert len(fake_provider.media.requests) == 1


def test_told_to_stop_it_lets_what_is_in_progress_end(fake_provider, ada):
    fake_provider.create.reply_always(
        lambda _: drip_reply(make_task_reply(), byte_pause_seconds=0.002)
    )
    GenerationFactory(owner=ada)
    run_workers_until(
        fake_provider.url, lambda: bool(fake_provider.create.requests), clock=FastClock(1)
    )
    assert list_states() == ["running"]


def test_it_says_that_it_lives_and_how_much_room_there_is(fake_provider):
    run_workers_until(fake_provider.url, lambda: Heartbeat.objects.exists())
    beat = Heartbeat.objects.get()
    assert (beat.worker, beat.disk_free_bytes > 0) == ("w0", True)
    assert beat.seen_at >= NOW


# --- the balance ------------------------------------------------------------------------------


def get_account() -> ProviderAccount | None:
    return ProviderAccount.objects.filter(provider_key=PROVIDER_KEY).first()


def test_the_balance_is_read_at_the_start_and_then_once_a_minute(fake_provider):
    run_workers_until(
        fake_provider.url, lambda: get_account() and get_account().read_at, clock=FastClock(1)
    )
    assert get_account().credits_available == Decimal("1000.5")
    assert get_account().key_state == "accepted"
    assert len(fake_provider.credits.requests) == 1


def test_a_refused_key_is_found_out_without_spending_anything(fake_provider):
    fake_provider.credits.reply_always(make_error_reply(401, "unauthorized"))
    run_workers_until(fake_provider.url, lambda: get_account(), clock=FastClock(1))
    assert get_account().key_state == "refused"
    assert fake_provider.create.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        make_error_reply(500, "x"),
        make_reply(b"OK"),
        make_reply({"success": False}),
        make_reply({"data": {}}),
    ],
    ids=["500", "garbage", "no success", "no figures"],
)
def test_a_provider_that_is_unavailable_keeps_the_last_balance(fake_provider, reply):
    ProviderAccount.objects.create(
        provider_key=PROVIDER_KEY, credits_available=5, read_at=NOW, tried_at=NOW
    )
    fake_provider.credits.reply_always(reply)
    run_workers_until(fake_provider.url, lambda: get_account().tried_at > NOW, clock=FastClock(1))
    assert (get_account().credits_available, get_account().read_at) == (5, NOW)
    assert get_account().last_error


def test_a_provider_that_is_not_there_at_all_stops_nothing(fake_provider, ada):
    GenerationFactory(owner=ada)
    unreachable_url = f"http://127.0.0.1:{find_closed_port()}"
    run_workers_until(
        unreachable_url, lambda: get_account() and Generation.objects.get().attempts > 1
    )
    assert list_states() == ["queued"]
    assert get_account().last_error == "unavailable"
