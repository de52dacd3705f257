"""The embedded engine: it lends the steps its hands, and nothing stops it but being told to."""

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
from evolink_studio.worker.worker import LocalEngine
from tests.answers import answer, drip, error, film, task
from tests.factories import NOW, GenerationFactory, UserFactory
from tests.farend import FarEnd, closed_port
from tests.library.footage import film as footage
from tests.work import NAME, Worker

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Hurry:
    """A clock that runs so many times faster than the wall's."""

    times: float = 60
    begun: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=(time.monotonic() - self.begun) * self.times)


@pytest.fixture
def far():
    with FarEnd() as running:
        yield running


@pytest.fixture
def ada():
    return UserFactory(username="ada")


@pytest.fixture
def clip(far, tmp_path) -> str:
    """Where a film lies ready."""
    return far.serve("/film.mp4", footage(tmp_path / "clip.mp4", seconds=1).read_bytes())


def run(url: str, until: Callable[[], object], *, clock=None, engines=1, seconds=60) -> None:
    """Let engines work until something is so, then tell them to end."""

    async def main() -> None:
        worker = Worker(url, clock or Hurry(), deadlines=Deadlines(create=5, read=5, upload=5))
        fars = [worker.far() for _ in range(engines)]
        running = [LocalEngine(far, worker.clock, name=f"w{n}") for n, far in enumerate(fars)]
        tasks = [asyncio.create_task(engine.run()) for engine in running]
        deadline = time.monotonic() + seconds
        while not await sync_to_async(until)():
            assert time.monotonic() < deadline, states()
            assert not any(task.done() for task in tasks), [task.exception() for task in tasks]
            await asyncio.sleep(0.02)
        for engine in running:
            engine.stop()
        await asyncio.gather(*tasks)
        await asyncio.gather(*(far.client.__aexit__(None, None, None) for far in fars))
        await sync_to_async(connections.close_all)()

    asyncio.run(main())


def states() -> list[str]:
    return list(Generation.objects.order_by("pk").values_list("state", flat=True))


def finished_after(reads: int, *urls: str):
    """A read of a task: it works, and after so many looks it is done."""
    seen: dict[str, int] = {}

    def read(request):
        name = request.path.rpartition("/")[2]
        seen[name] = seen.get(name, 0) + 1
        done = {"status": "completed", "progress": 100, "results": list(urls)}
        busy = {"status": "processing", "progress": seen[name] * 10}
        return answer({"id": name, **(done if seen[name] > reads else busy)})

    return read


def test_from_a_wish_to_a_kept_film(far, ada, clip):
    far.read.always(finished_after(3, clip))
    wishes = GenerationFactory.create_batch(3, owner=ada)
    run(far.url, lambda: set(states()) == {"completed"})
    assert far.paid == 3
    for wish in Generation.objects.filter(pk__in=[wish.pk for wish in wishes]):
        (result,) = wish.results.all()
        assert result.asset.owner == ada
        assert (wish.credits_charged, wish.charge) == (Decimal("25.7"), "charged")


def test_a_row_that_cannot_be_worked_on_stops_no_other_one(far, ada, clip):
    far.read.always(finished_after(0, clip))
    poisoned = [
        GenerationFactory(owner=ada, params=[1, 2]),
        GenerationFactory(owner=ada, state="saving", result_urls=7),
    ]
    good = GenerationFactory.create_batch(3, owner=ada)
    run(far.url, lambda: states().count("completed") == 3)
    assert {row.pk for row in Generation.objects.filter(state="completed")} == {g.pk for g in good}
    assert far.paid == 3
    assert Generation.objects.get(pk=poisoned[1].pk).state == "saving"


def test_a_database_that_is_away_for_a_moment_stops_no_loop(far, ada, monkeypatch):
    calls = []

    def away(**more):
        calls.append(more)
        if len(calls) < 3:
            raise OperationalError("database is locked")
        return claim(**more)

    claim = LocalEngine._claim_turns
    monkeypatch.setattr(LocalEngine, "_claim_turns", staticmethod(away))
    GenerationFactory(owner=ada)
    run(far.url, lambda: states() == ["running"])
    assert far.paid == 1


def test_a_long_download_stays_in_the_hands_that_have_it(far, ada, monkeypatch, tmp_path):
    """Most of a lease goes by after each renewal, until many are over before the film is here."""
    renew, clock = worker_module.renew_leases, [NOW]

    def renew_and_wait(claims, *, now: datetime) -> None:
        renew(claims, now=now)
        clock[0] = now + LEASE_DURATION * 0.9

    content = footage(tmp_path / "clip.mp4", seconds=1).read_bytes()
    whole = film(content)
    far.files["/slow.mp4"] = lambda request: drip(whole(request), pause=1.5 / len(content))
    monkeypatch.setattr(worker_module, "RENEW", 0.02)
    monkeypatch.setattr(worker_module, "renew_leases", renew_and_wait)
    GenerationFactory(owner=ada, state="saving", result_urls=[far.url + "/slow.mp4"])
    run(far.url, lambda: states() == ["completed"], clock=lambda: clock[0], engines=2)
    assert clock[0] > NOW + 3 * LEASE_DURATION
    assert len(far.media.requests) == 1


def test_told_to_end_it_lets_what_is_in_hand_end(far, ada):
    far.create.always(lambda _: drip(task(), pause=0.002))
    GenerationFactory(owner=ada)
    run(far.url, lambda: bool(far.create.requests), clock=Hurry(1))
    assert states() == ["running"]


def test_it_says_that_it_lives_and_how_much_room_there_is(far):
    run(far.url, lambda: Heartbeat.objects.exists())
    beat = Heartbeat.objects.get()
    assert (beat.worker, beat.disk_free_bytes > 0) == ("w0", True)
    assert beat.seen_at >= NOW


# --- the balance ------------------------------------------------------------------------------


def account() -> ProviderAccount | None:
    return ProviderAccount.objects.filter(provider_key=NAME).first()


def test_the_balance_is_read_at_the_start_and_then_once_a_minute(far):
    run(far.url, lambda: account() and account().read_at, clock=Hurry(1))
    assert account().credits_available == Decimal("1000.5")
    assert account().key_state == "accepted"
    assert len(far.credits.requests) == 1


def test_a_refused_key_is_found_out_without_spending_anything(far):
    far.credits.always(error(401, "unauthorized"))
    run(far.url, lambda: account(), clock=Hurry(1))
    assert account().key_state == "refused"
    assert far.create.requests == []


@pytest.mark.parametrize(
    "reply",
    [error(500, "x"), answer(b"OK"), answer({"success": False}), answer({"data": {}})],
    ids=["500", "garbage", "no success", "no figures"],
)
def test_a_far_end_that_is_away_keeps_the_last_balance(far, reply):
    ProviderAccount.objects.create(
        provider_key=NAME, credits_available=5, read_at=NOW, tried_at=NOW
    )
    far.credits.always(reply)
    run(far.url, lambda: account().tried_at > NOW, clock=Hurry(1))
    assert (account().credits_available, account().read_at) == (5, NOW)
    assert account().last_error


def test_a_far_end_that_is_not_there_at_all_stops_nothing(far, ada):
    GenerationFactory(owner=ada)
    nowhere = f"http://127.0.0.1:{closed_port()}"
    run(nowhere, lambda: account() and Generation.objects.get().attempts > 1)
    assert states() == ["queued"]
    assert account().last_error == "Unavailable"
