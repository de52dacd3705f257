"""Films that wait here: what is swept away, and what never is."""

import os
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.states import State
from evolink_studio.library import services
from evolink_studio.library.models import Asset
from evolink_studio.worker.distributed_worker import DistributedEngine
from evolink_studio.worker.worker import LocalEngine
from tests.factories import NOW
from tests.generations.conftest import fresh
from tests.generations.parking import away, no_row
from tests.generations.test_save import another, clip, kept, left_over, made

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["another", "away", "clip", "made"]  # fixtures


def lies_for(settings, **span: float) -> None:
    for path in left_over(settings):
        long_ago = (NOW - timedelta(**span)).timestamp()
        os.utime(path, (long_ago, long_ago))


def daily(worker) -> None:
    services.delete_orphans(now=worker.clock(), still_needed=downloading.still_needed)


def at_a_start(worker) -> None:
    """What each machine of many does for itself."""
    far = worker.far()
    engine = DistributedEngine(far=far, clock=worker.clock)
    assert isinstance(engine, LocalEngine)
    async_to_sync(engine._clear)()


@pytest.mark.parametrize("sweep", [daily, at_a_start])
def test_a_copy_is_not_swept_away_while_its_generation_saves(
    worker, made, clip, away, settings, sweep
):
    worker.save()
    lies_for(settings, days=9)
    sweep(worker)
    assert [path.read_bytes() for path in left_over(settings)] == [clip]
    assert fresh(made).state == "saving"


@pytest.mark.parametrize("sweep", [daily, at_a_start])
def test_a_copy_that_nobody_needs_any_more_is_swept_away_after_a_day(
    worker, made, away, settings, sweep
):
    worker.save()
    (copy,) = left_over(settings)
    stranger = copy.with_name("no-number-at-all.whole")
    copy.rename(stranger.with_name(f"{made.pk}-0-of-another.whole"))
    stranger.write_bytes(b"x")
    away.away = False
    type(made).objects.filter(pk=made.pk).update(state=State.COMPLETED)
    lies_for(settings, hours=23)
    sweep(worker)
    assert len(left_over(settings)) == 2
    lies_for(settings, hours=25)
    sweep(worker)
    assert left_over(settings) == []


def test_a_film_that_waited_for_days_is_not_swept_between_its_place_and_its_row(
    far, worker, made, clip, settings, monkeypatch
):
    """It is old when it is put in its place: only from then on it is the sweep's business.

    And until its row is there it stands in both places: a process may be killed in between.
    """
    with monkeypatch.context() as now:
        no_row(now)
        worker.save()
    lies_for(settings, days=9)
    create, seen = Asset.objects.create, []

    def swept_meanwhile(**fields):
        services.delete_orphans(now=worker.clock(), still_needed=downloading.still_needed)
        seen.append([path.read_bytes() for path in left_over(settings)])
        return create(**fields)

    monkeypatch.setattr(Asset.objects, "create", swept_meanwhile)
    worker.wait_for(made)
    worker.save()
    assert seen == [[clip]]
    assert kept(fresh(made)) == [clip]
