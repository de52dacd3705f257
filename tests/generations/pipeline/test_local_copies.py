"""A film that is here, but that the library cannot take: it waits here and is not lost."""

import os
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from evolink_studio.generations.incidents import get_unsettled_totals, list_open_incidents
from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.states import State
from evolink_studio.library import storage
from evolink_studio.library.media import video as video_media
from evolink_studio.library.models import Asset
from tests.factories import NOW
from tests.generations.conftest import reload
from tests.generations.pipeline.conftest import (
    create_saving_generation,
    list_leftover_files,
    read_stored_videos,
)
from tests.generations.pipeline.download_faults import (
    break_asset_creation,
    expire_links,
    run_for_days,
)
from tests.provider_replies import cut_reply_body, make_media_script

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_film_that_only_could_not_be_stored_is_stored_days_after_its_link_died(
    fake_provider, worker, saving_generation, video, unavailable_storage, settings
):
    worker.download_due()
    waiting = reload(saving_generation)
    assert (waiting.state, waiting.error_code, waiting.local_copy_seen_at) == (
        "saving",
        "not_stored",
        NOW,
    )
    assert [path.read_bytes() for path in list_leftover_files(settings)] == [video]

    expire_links(fake_provider, saving_generation)
    run_for_days(worker, saving_generation, 5)
    assert reload(saving_generation).state == "saving"
    assert unavailable_storage.write_count > 10

    unavailable_storage.is_unavailable = False
    worker.download_due()
    assert (
        reload(saving_generation).state,
        reload(saving_generation).error_code,
        reload(saving_generation).local_copy_seen_at,
    ) == (
        "completed",
        "",
        None,
    )
    assert read_stored_videos(reload(saving_generation)) == [video]
    assert len(fake_provider.media.requests) == 1, "it was fetched once"
    assert list_leftover_files(settings) == []


def test_it_is_tried_again_at_least_every_ten_minutes(
    worker, saving_generation, unavailable_storage
):
    for _ in range(9):
        worker.download_due()
        worker.advance_until_due(saving_generation)
    assert reload(saving_generation).next_attempt_at - worker.clock() <= timedelta(0)
    worker.download_due()
    assert reload(saving_generation).next_attempt_at - worker.clock() == timedelta(minutes=10)
    assert reload(saving_generation).local_copy_seen_at == worker.clock()


def break_asset_creation_and_links(monkeypatch) -> None:
    def fail(*_paths):
        raise OSError("Operation not permitted")

    break_asset_creation(monkeypatch)
    monkeypatch.setattr(os, "link", fail)


def break_poster_saving(monkeypatch) -> None:
    def fail(*_file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(default_storage, "save", fail)


@pytest.mark.parametrize(
    "break_storing",
    [break_asset_creation, break_asset_creation_and_links, break_poster_saving],
    ids=["row", "row, on a disk without links", "poster"],
)
def test_on_this_very_disk_it_is_kept_as_well_until_all_of_it_is_stored(
    fake_provider, worker, saving_generation, video, settings, monkeypatch, break_storing
):
    with monkeypatch.context() as now:
        break_storing(now)
        worker.download_due()
    assert reload(saving_generation).state == "saving"
    assert [path.read_bytes() for path in list_leftover_files(settings)] == [video]
    assert not Asset.objects.exists()

    expire_links(fake_provider, saving_generation)
    worker.clock.advance(days=3)
    worker.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]
    assert list_leftover_files(settings) == []


def raise_keyboard_interrupt(*_args, **_more):
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["_flush_to_disk", "store_files"])
def test_whoever_was_killed_while_storing_leaves_it_to_the_next(
    fake_provider, worker, saving_generation, video, settings, monkeypatch, moment
):
    with monkeypatch.context() as patches:
        patches.setattr(storage, moment, raise_keyboard_interrupt)
        with pytest.raises(KeyboardInterrupt):
            worker.download_due()
    expire_links(fake_provider, saving_generation)
    worker.clock.advance(days=2)
    worker.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]
    assert list_leftover_files(settings) == []


def test_a_copy_that_is_no_film_is_thrown_away_and_fetched_anew(
    fake_provider, worker, saving_generation, video, unavailable_storage, settings
):
    worker.download_due()
    (copy,) = list_leftover_files(settings)
    copy.write_bytes(video[:500])
    unavailable_storage.is_unavailable = False
    worker.advance_until_due(saving_generation)
    worker.download_due()
    current = reload(saving_generation)
    assert (current.state, current.error_code, current.local_copy_seen_at) == (
        "saving",
        "not_a_film",
        None,
    )
    assert list_leftover_files(settings) == []

    worker.advance_until_due(saving_generation)
    worker.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]


def test_a_copy_that_is_no_film_saves_no_generation_whose_link_has_died(
    fake_provider, worker, saving_generation, video, unavailable_storage, settings
):
    worker.download_due()
    (copy,) = list_leftover_files(settings)
    copy.write_bytes(video[:500])
    expire_links(fake_provider, saving_generation)
    worker.clock.advance(hours=27)
    worker.download_due()
    assert (reload(saving_generation).state, reload(saving_generation).error_code) == (
        "failed",
        "film_lost",
    )
    assert reload(saving_generation).local_copy_seen_at is None


def test_what_is_only_begun_does_not_count_as_a_film(fake_provider, worker, video, settings):
    full_script = make_media_script(video)
    fake_provider.files["/film.mp4"] = lambda request: cut_reply_body(full_script(request), 900)
    generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
    worker.download_due()
    assert reload(generation).local_copy_seen_at is None
    assert list_leftover_files(settings)
    expire_links(fake_provider, generation)
    worker.clock.advance(hours=27)
    worker.download_due()
    assert (reload(generation).state, reload(generation).error_code) == ("failed", "film_lost")
    assert list_leftover_files(settings) == []


def test_who_froze_while_storing_loses_its_copy_to_the_next_and_damages_nothing(
    fake_provider, worker, saving_generation, video, settings, monkeypatch
):
    """The second lease moves the film away from the first one, and stores it."""
    probe, probed_paths = video_media.probe_video, []

    def probe_late(path):
        if not probed_paths:
            probed_paths.append(path)
            worker.clock.now = NOW + LEASE_DURATION
            lease_id, rows = lease_due(State.SAVING, limit=1, now=worker.clock())
            worker.run_stage(downloading.download_results, rows, lease_id)
            assert reload(saving_generation).state == "completed"
        return probe(path)

    monkeypatch.setattr(video_media, "probe_video", probe_late)
    worker.download_due()
    assert probed_paths
    assert (reload(saving_generation).state, reload(saving_generation).error_code) == (
        "completed",
        "",
    )
    assert read_stored_videos(reload(saving_generation)) == [video]
    assert Asset.objects.count() == 1
    assert len(fake_provider.media.requests) == 1
    assert list_leftover_files(settings) == []


def test_the_card_and_the_list_of_money_at_risk_say_where_the_film_is(
    fake_provider, worker, saving_generation, unavailable_storage
):
    worker.download_due()
    expire_links(fake_provider, saving_generation)
    worker.clock.advance(days=2)
    worker.download_due()
    card = present_card(reload(saving_generation), now=worker.clock())
    assert card.storage_badge == "copied, not in the library yet"
    assert "library cannot be reached" in card.message
    assert "outlives its link" in card.advice
    assert "link ended" not in card.storage_badge + card.message + card.advice
    (incident,) = list_open_incidents(now=worker.clock(), limit=9)
    assert (incident.generation.pk, incident.type.name) == (saving_generation.pk, "parked")
    counts = get_unsettled_totals(now=worker.clock()).counts_by_type
    assert {name for name, count in counts.items() if count} == {"parked"}


def test_trouble_of_a_moment_alerts_nobody(worker, saving_generation, unavailable_storage):
    worker.download_due()
    worker.clock.advance(minutes=29)
    worker.download_due()
    assert reload(saving_generation).local_copy_seen_at
    assert list_open_incidents(now=worker.clock(), limit=9) == []
