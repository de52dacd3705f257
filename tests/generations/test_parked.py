"""A film that is here, but that the library cannot take: it waits here and is not lost."""

import os
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from evolink_studio.generations.incidents import open_incidents, unsettled_totals
from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.states import State
from evolink_studio.library import storage
from evolink_studio.library.media import video
from evolink_studio.library.models import Asset
from tests.answers import cut_body, film
from tests.factories import NOW
from tests.generations.conftest import fresh
from tests.generations.parking import away, days_pass, dies, no_row
from tests.generations.test_save import another, clip, kept, left_over, made, make

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["another", "away", "clip", "made"]  # fixtures


def test_a_film_that_only_could_not_be_stored_is_stored_days_after_its_link_died(
    far, worker, made, clip, away, settings
):
    worker.save()
    waiting = fresh(made)
    assert (waiting.state, waiting.error_code, waiting.local_copy_seen_at) == (
        "saving",
        "not_stored",
        NOW,
    )
    assert [path.read_bytes() for path in left_over(settings)] == [clip]

    dies(far, made)
    days_pass(worker, made, 5)
    assert fresh(made).state == "saving"
    assert away.tried > 10

    away.away = False
    worker.save()
    assert (fresh(made).state, fresh(made).error_code, fresh(made).local_copy_seen_at) == (
        "completed",
        "",
        None,
    )
    assert kept(fresh(made)) == [clip]
    assert len(far.media.requests) == 1, "it was fetched once"
    assert left_over(settings) == []


def test_it_is_tried_again_at_least_every_ten_minutes(worker, made, away):
    for _ in range(9):
        worker.save()
        worker.wait_for(made)
    assert fresh(made).next_attempt_at - worker.clock() <= timedelta(0)
    worker.save()
    assert fresh(made).next_attempt_at - worker.clock() == timedelta(minutes=10)
    assert fresh(made).local_copy_seen_at == worker.clock()


def no_row_and_no_links(monkeypatch) -> None:
    def cannot(*_paths):
        raise OSError("Operation not permitted")

    no_row(monkeypatch)
    monkeypatch.setattr(os, "link", cannot)


def no_poster(monkeypatch) -> None:
    def full(*_file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(default_storage, "save", full)


@pytest.mark.parametrize(
    "trouble",
    [no_row, no_row_and_no_links, no_poster],
    ids=["row", "row, on a disk without links", "poster"],
)
def test_on_this_very_disk_it_is_kept_as_well_until_all_of_it_is_stored(
    far, worker, made, clip, settings, monkeypatch, trouble
):
    with monkeypatch.context() as now:
        trouble(now)
        worker.save()
    assert fresh(made).state == "saving"
    assert [path.read_bytes() for path in left_over(settings)] == [clip]
    assert not Asset.objects.exists()

    dies(far, made)
    worker.clock.forward(days=3)
    worker.save()
    assert kept(fresh(made)) == [clip]
    assert left_over(settings) == []


def killed(*_args, **_more):
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["_flush", "placed"])
def test_whoever_was_killed_while_storing_leaves_it_to_the_next(
    far, worker, made, clip, settings, monkeypatch, moment
):
    with monkeypatch.context() as dying:
        dying.setattr(storage, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            worker.save()
    dies(far, made)
    worker.clock.forward(days=2)
    worker.save()
    assert kept(fresh(made)) == [clip]
    assert left_over(settings) == []


def test_a_copy_that_is_no_film_is_thrown_away_and_fetched_anew(
    far, worker, made, clip, away, settings
):
    worker.save()
    (copy,) = left_over(settings)
    copy.write_bytes(clip[:500])
    away.away = False
    worker.wait_for(made)
    worker.save()
    spoiled = fresh(made)
    assert (spoiled.state, spoiled.error_code, spoiled.local_copy_seen_at) == (
        "saving",
        "not_a_film",
        None,
    )
    assert left_over(settings) == []

    worker.wait_for(made)
    worker.save()
    assert kept(fresh(made)) == [clip]


def test_a_copy_that_is_no_film_saves_no_generation_whose_link_has_died(
    far, worker, made, clip, away, settings
):
    worker.save()
    (copy,) = left_over(settings)
    copy.write_bytes(clip[:500])
    dies(far, made)
    worker.clock.forward(hours=27)
    worker.save()
    assert (fresh(made).state, fresh(made).error_code) == ("failed", "film_lost")
    assert fresh(made).local_copy_seen_at is None


def test_what_is_only_begun_does_not_count_as_a_film(far, worker, clip, settings):
    whole = film(clip)
    far.files["/film.mp4"] = lambda request: cut_body(whole(request), 900)
    generation = make(far, far.url + "/film.mp4")
    worker.save()
    assert fresh(generation).local_copy_seen_at is None
    assert left_over(settings)
    dies(far, generation)
    worker.clock.forward(hours=27)
    worker.save()
    assert (fresh(generation).state, fresh(generation).error_code) == ("failed", "film_lost")
    assert left_over(settings) == []


def test_who_froze_over_the_storing_loses_its_copy_to_the_next_and_spoils_nothing(
    far, worker, made, clip, settings, monkeypatch
):
    """The second claim moves the film away from under the first one, and stores it."""
    probe, turns = video.probe_video, []

    def frozen(path):
        if not turns:
            turns.append(path)
            worker.clock.now = NOW + LEASE_DURATION
            held, rows = lease_due(State.SAVING, limit=1, now=worker.clock())
            worker.step(saving.download_results, rows, held)
            assert fresh(made).state == "completed"
        return probe(path)

    monkeypatch.setattr(video, "probe_video", frozen)
    worker.save()
    assert turns
    assert (fresh(made).state, fresh(made).error_code) == ("completed", "")
    assert kept(fresh(made)) == [clip]
    assert Asset.objects.count() == 1
    assert len(far.media.requests) == 1
    assert left_over(settings) == []


def test_the_card_and_the_list_of_money_at_risk_say_where_the_film_is(far, worker, made, away):
    worker.save()
    dies(far, made)
    worker.clock.forward(days=2)
    worker.save()
    shown = present_card(fresh(made), now=worker.clock())
    assert shown.storage_badge == "copied, not in the library yet"
    assert "library cannot be reached" in shown.message
    assert "outlives its link" in shown.advice
    assert "link ended" not in shown.storage_badge + shown.message + shown.advice
    (look,) = open_incidents(now=worker.clock(), limit=9)
    assert (look.generation.pk, look.type.name) == (made.pk, "parked")
    counts = unsettled_totals(now=worker.clock()).counts_by_type
    assert {name for name, count in counts.items() if count} == {"parked"}


def test_trouble_of_a_moment_wakes_nobody(worker, made, away):
    worker.save()
    worker.clock.forward(minutes=29)
    worker.save()
    assert fresh(made).local_copy_seen_at
    assert open_incidents(now=worker.clock(), limit=9) == []
