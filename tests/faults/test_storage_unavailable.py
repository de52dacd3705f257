"""Our own store is away for longer than EvoLink's links live: what was fetched is not lost."""

from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.pipeline.downloading import filter_needed_files
from evolink_studio.generations.pipeline.leases import LEASE_DURATION
from evolink_studio.library import services, storage
from evolink_studio.library.media import video
from evolink_studio.library.models import Asset
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.lifecycle import assert_all_cleared, count_states, reload
from tests.faults.report import count_cases
from tests.faults.test_provider_videos import (
    clip,
    create_saving_generations,
    run_for_hours,
    video_path_of,
)
from tests.provider_replies import Reply, make_error_reply, make_media_script
from tests.unavailable_storage import use_unavailable_storage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["clip"]  # a fixture

OUTAGE_HOURS = 30
AREA = f"Our own store: away for {OUTAGE_HOURS} hours"


@pytest.fixture
def unavailable_storage(settings):
    with use_unavailable_storage(settings) as storage:
        yield storage


def expire_links(fake_provider, rows: list[Generation]) -> None:
    for row in rows:
        fake_provider.files[video_path_of(row)] = Reply(404)
    fake_provider.read.reply_always(make_error_reply(404, "task_not_found"))


def list_incoming_files(media: Path) -> list[Path]:
    return [path for path in (media / "incoming").rglob("*") if path.is_file()]


def assert_downloaded_once(
    fake_provider, rows: list[Generation], content: bytes, media: Path
) -> None:
    for row in rows:
        (video_bytes,) = [result.asset.file.read() for result in row.results.all()]
        assert video_bytes == content
        assert [r.path for r in fake_provider.media.requests].count(video_path_of(row)) == 1
    assert GeneratedVideo.objects.count() == Asset.objects.count() == len(rows)
    assert list_incoming_files(media) == []


def test_a_store_away_for_thirty_hours_loses_no_film_and_none_is_fetched_twice(
    lifecycle, fake_provider, clip, unavailable_storage, settings
):
    media = Path(settings.MEDIA_ROOT)
    with count_cases(AREA) as case_counter:
        rows = create_saving_generations(lifecycle, 2 + FAULTS_SIZE)
        for row in rows:
            fake_provider.files[video_path_of(row)] = make_media_script(clip)
        incident_hours = run_for_hours(lifecycle, 23, minutes=60)
        expire_links(fake_provider, rows)
        incident_hours |= run_for_hours(lifecycle, OUTAGE_HOURS - 23, minutes=60)
        services.delete_orphans(
            now=lifecycle.clock() + timedelta(days=9), still_needed=filter_needed_files
        )

        assert count_states() == {"saving": len(rows)}
        assert {pk for pk, hours in incident_hours if hours <= 1} == {row.pk for row in rows}
        risks = {
            item.generation.pk: item.type.name
            for item in list_open_incidents(now=lifecycle.clock(), limit=99)
        }
        assert risks == {row.pk: "parked" for row in rows}

        unavailable_storage.is_unavailable = False
        lifecycle.run_until_all_ended(minutes=10)
        assert_downloaded_once(fake_provider, rows, clip, media)
        assert_all_cleared(fake_provider)
        assert fake_provider.paid_count == len(fake_provider.create.requests) == len(rows)
        case_counter.cases += unavailable_storage.write_count


KILL_POINTS = ("probe_video", "compute_sha256", "store_files", "delete_files")


@pytest.mark.parametrize("moment", KILL_POINTS)
def test_a_worker_killed_while_the_storage_is_unavailable_leaves_its_film_to_the_next(
    lifecycle, fake_provider, clip, unavailable_storage, settings, monkeypatch, moment
):
    """Also on the very try in which the store is back."""

    def kill_worker(*_args, **_more):
        raise KeyboardInterrupt

    with count_cases(AREA) as case_counter:
        (row,) = create_saving_generations(lifecycle)
        fake_provider.files[video_path_of(row)] = make_media_script(clip)
        module = video if moment == "probe_video" else storage
        with monkeypatch.context() as patches:
            patches.setattr(module, moment, kill_worker)
            with pytest.raises(KeyboardInterrupt):
                lifecycle.worker.download_due()
        expire_links(fake_provider, [row])
        lifecycle.clock.now += LEASE_DURATION
        run_for_hours(lifecycle, OUTAGE_HOURS, minutes=120)
        assert reload(row).state == "saving"
        unavailable_storage.is_unavailable = False
        lifecycle.run_until_all_ended(minutes=10)
        assert_downloaded_once(fake_provider, [row], clip, Path(settings.MEDIA_ROOT))
        assert_all_cleared(fake_provider)
        case_counter.cases += 1
