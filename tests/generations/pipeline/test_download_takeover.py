"""Two workers and one film: neither spoils what the other writes, and nothing is begun again."""

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


@pytest.mark.parametrize("half", [1, 2, 3])
def test_two_downloads_at_once_do_not_write_into_one_file(
    fake_provider, worker, video, settings, half
):
    """The first one froze in the middle of the film; a second one takes over; the first wakes."""
    whole = make_media_script(video)
    path = "/film.mp4"
    generation = create_saving_generation(fake_provider, fake_provider.url + path)
    second = replace(worker, clock=FakeClock(NOW + LEASE_DURATION))
    seen: list[str] = []

    def frozen(request):
        fake_provider.files[path] = whole
        return drip_reply(whole(request), byte_pause_seconds=0.0005)

    fake_provider.files[path] = frozen

    async def both() -> None:
        first = asyncio.create_task(saving_by(worker))
        await wait_for_bytes(settings, len(video) * half // 4)
        await saving_by(second)
        seen.append(await sync_to_async(lambda: reload(generation).state)())
        await first

    async def saving_by(one) -> None:
        held, (row,) = await sync_to_async(lease_due)(State.SAVING, limit=1, now=one.clock())
        running = one.build_provider()
        async with running.client:
            await downloading.download_results(
                row, lease_id=held, provider=running, clock=one.clock
            )

    async_to_sync(both)()
    assert seen == ["completed"]
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
    """Each claim writes to a file of its own, but none begins again at the beginning."""
    whole = make_media_script(video)
    cuts = iter([len(video) // 4, len(video) // 3])
    fake_provider.media.reply_next(
        *[lambda request: cut_reply_body(whole(request), next(cuts))] * 2
    )
    for _ in range(3):
        worker.advance_until_due(saving_generation)
        worker.download_due()
    begun = [
        int((r.headers.get("range") or "bytes=0-")[6:-1]) for r in fake_provider.media.requests
    ]
    assert begun == [0, len(video) // 4, len(video) // 4 + len(video) // 3]
    assert read_stored_videos(reload(saving_generation)) == [video]
