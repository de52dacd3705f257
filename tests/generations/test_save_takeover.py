"""Two workers and one film: neither spoils what the other writes, and nothing is begun again."""

import asyncio
from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.answers import cut_body, drip, film
from tests.factories import NOW
from tests.generations.conftest import fresh
from tests.generations.test_save import clip, kept, left_over, made, make
from tests.work import Clock

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["clip", "made"]  # fixtures


@pytest.mark.parametrize("half", [1, 2, 3])
def test_two_savers_at_once_do_not_write_into_one_file(far, worker, clip, settings, half):
    """The first one froze in the middle of the film; a second one takes over; the first wakes."""
    whole = film(clip)
    path = "/film.mp4"
    generation = make(far, far.url + path)
    second = replace(worker, clock=Clock(NOW + LEASE_DURATION))
    seen: list[str] = []

    def frozen(request):
        far.files[path] = whole
        return drip(whole(request), pause=0.0005)

    far.files[path] = frozen

    async def both() -> None:
        first = asyncio.create_task(saving_by(worker))
        await arrival_of(settings, len(clip) * half // 4)
        await saving_by(second)
        seen.append(await sync_to_async(lambda: fresh(generation).state)())
        await first

    async def saving_by(one) -> None:
        held, (row,) = await sync_to_async(lease_due)(State.SAVING, limit=1, now=one.clock())
        running = one.far()
        async with running.client:
            await saving.download_results(row, lease_id=held, provider=running, clock=one.clock)

    async_to_sync(both)()
    assert seen == ["completed"]
    assert kept(fresh(generation)) == [clip]
    assert Asset.objects.count() == 1
    assert left_over(settings) == []


async def arrival_of(settings, size: int) -> None:
    """Wait until so much of the film lies here."""
    while not any(path.stat().st_size >= size for path in left_over(settings)):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # a file tells nobody that it grew


def test_what_a_dead_worker_has_brought_is_gone_on_with_by_the_next(far, worker, made, clip):
    """Each claim writes to a file of its own, but none begins again at the beginning."""
    whole = film(clip)
    cuts = iter([len(clip) // 4, len(clip) // 3])
    far.media.answers(*[lambda request: cut_body(whole(request), next(cuts))] * 2)
    for _ in range(3):
        worker.wait_for(made)
        worker.save()
    begun = [int((r.headers.get("range") or "bytes=0-")[6:-1]) for r in far.media.requests]
    assert begun == [0, len(clip) // 4, len(clip) // 4 + len(clip) // 3]
    assert kept(fresh(made)) == [clip]
