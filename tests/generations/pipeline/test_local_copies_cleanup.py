"""Films that wait here: what is deleted, and what never is."""

import os
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.states import State
from evolink_studio.library import services
from evolink_studio.library.models import Asset
from evolink_studio.worker.distributed_worker import DistributedWorker
from evolink_studio.worker.worker import Worker
from tests.factories import NOW
from tests.generations.conftest import reload
from tests.generations.pipeline.conftest import (
    list_leftover_files,
    read_stored_videos,
)
from tests.generations.pipeline.download_faults import break_asset_creation

pytestmark = pytest.mark.django_db(transaction=True)


def age_leftover_files(settings, **span: float) -> None:
    for path in list_leftover_files(settings):
        timestamp = (NOW - timedelta(**span)).timestamp()
        os.utime(path, (timestamp, timestamp))


def run_daily_cleanup(worker) -> None:
    services.delete_orphans(now=worker.clock(), still_needed=downloading.filter_needed_files)


def run_start_cleanup(worker) -> None:
    """What each machine of many does for itself."""
    provider = worker.build_provider()
    started_worker = DistributedWorker(provider=provider, clock=worker.clock)
    assert isinstance(started_worker, Worker)
    async_to_sync(started_worker._remove_stale_files)()


@pytest.mark.parametrize("sweep", [run_daily_cleanup, run_start_cleanup])
def test_a_copy_is_not_deleted_while_its_generation_saves(
    worker, saving_generation, video, unavailable_storage, settings, sweep
):
    worker.download_due()
    age_leftover_files(settings, days=9)
    sweep(worker)
    assert [path.read_bytes() for path in list_leftover_files(settings)] == [video]
    assert reload(saving_generation).state == "saving"


@pytest.mark.parametrize("sweep", [run_daily_cleanup, run_start_cleanup])
def test_a_copy_that_nobody_needs_any_more_is_deleted_after_a_day(
    worker, saving_generation, unavailable_storage, settings, sweep
):
    worker.download_due()
    (copy,) = list_leftover_files(settings)
    other_file = copy.with_name("no-number-at-all.whole")
    copy.rename(other_file.with_name(f"{saving_generation.pk}-0-of-another.whole"))
    other_file.write_bytes(b"x")
    unavailable_storage.is_unavailable = False
    type(saving_generation).objects.filter(pk=saving_generation.pk).update(state=State.COMPLETED)
    age_leftover_files(settings, hours=23)
    sweep(worker)
    assert len(list_leftover_files(settings)) == 2
    age_leftover_files(settings, hours=25)
    sweep(worker)
    assert list_leftover_files(settings) == []


def test_a_film_that_waited_for_days_is_not_deleted_between_its_file_and_its_row(
    fake_provider, worker, saving_generation, video, settings, monkeypatch
):
    """It is old when it is put in its place: only from then on may it be deleted.

    And until its row is there it stands in both places: a process may be killed in between.
    """
    with monkeypatch.context() as now:
        break_asset_creation(now)
        worker.download_due()
    age_leftover_files(settings, days=9)
    create, counts = Asset.objects.create, []

    def create_after_sweep(**fields):
        services.delete_orphans(now=worker.clock(), still_needed=downloading.filter_needed_files)
        counts.append([path.read_bytes() for path in list_leftover_files(settings)])
        return create(**fields)

    monkeypatch.setattr(Asset.objects, "create", create_after_sweep)
    worker.advance_until_due(saving_generation)
    worker.download_due()
    assert counts == [[video]]
    assert read_stored_videos(reload(saving_generation)) == [video]
