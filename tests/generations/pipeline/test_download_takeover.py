"""A lease ran out, and two workers download one film: neither spoils what the other writes.

That a lease is never shared is tested in `test_leases.py`.
"""

import asyncio
from dataclasses import replace

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.factories import NOW
from tests.generations.conftest import reload
from tests.generations.pipeline.conftest import (
    create_saving_generation,
    list_leftover_files,
    read_stored_videos,
)
from tests.manual_worker import FakeClock
from tests.provider_replies import cut_reply_body, drip_reply, make_media_script

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_two_downloads_at_once_do_not_write_into_one_file(
    fake_provider, worker, video, settings, quarters
):
    """The first one froze in the middle of the film; a second one takes over; the first wakes."""
    full_script = make_media_script(video)
    path = "/film.mp4"
    generation = create_saving_generation(fake_provider, fake_provider.url + path)
    second = replace(worker, clock=FakeClock(NOW + LEASE_DURATION))
    states: list[str] = []

    def reply_slowly(request):
        fake_provider.files[path] = full_script
        return drip_reply(full_script(request), byte_pause_seconds=0.0005)

    fake_provider.files[path] = reply_slowly

    async def run_both() -> None:
        first = asyncio.create_task(download_by(worker))
        await wait_for_bytes(settings, len(video) * quarters // 4)
        await download_by(second)
        states.append(await sync_to_async(lambda: reload(generation).state)())
        await first

    async def download_by(manual_worker) -> None:
        lease_id, (row,) = await sync_to_async(lease_due)(
            State.SAVING, limit=1, now=manual_worker.clock()
        )
        provider = manual_worker.build_provider()
        async with provider.client:
            await downloading.download_results(
                row, lease_id=lease_id, provider=provider, clock=manual_worker.clock
            )

    async_to_sync(run_both)()
    assert states == ["completed"]
    assert read_stored_videos(reload(generation)) == [video]
    assert Asset.objects.count() == 1
    assert list_leftover_files(settings) == []


async def wait_for_bytes(settings, size: int) -> None:
    """Wait until so much of the film lies here."""
    while not any(path.stat().st_size >= size for path in list_leftover_files(settings)):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # a file tells nobody that it grew


def test_what_a_dead_worker_has_brought_is_gone_on_with_by_the_next(
    fake_provider, worker, saving_generation, video
):
    """Each lease writes to a file of its own, but none begins again at the beginning."""
    full_script = make_media_script(video)
    cuts = iter([len(video) // 4, len(video) // 3])
    fake_provider.media.reply_next(
        *[lambda request: cut_reply_body(full_script(request), next(cuts))] * 2
    )
    for _ in range(3):
        worker.advance_until_due(saving_generation)
        worker.download_due()
    range_starts = [
        int((r.headers.get("range") or "bytes=0-")[6:-1]) for r in fake_provider.media.requests
    ]
    assert range_starts == [0, len(video) // 4, len(video) // 4 + len(video) // 3]
    assert read_stored_videos(reload(saving_generation)) == [video]
