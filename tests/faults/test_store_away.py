"""Our own store is away for longer than EvoLink's links live: what was fetched is not lost."""

from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.generations.incidents import open_incidents
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.pipeline.downloading import still_needed
from evolink_studio.generations.pipeline.leases import LEASE_DURATION
from evolink_studio.library import services, storage
from evolink_studio.library.media import video
from evolink_studio.library.models import Asset
from tests import elsewhere
from tests.answers import Reply, error, film
from tests.faults.conftest import SIZE
from tests.faults.journeys import all_is_cleared, fresh, journey, states
from tests.faults.table import tally
from tests.faults.test_provider_films import clip, hours_pass, made, path_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["clip", "journey"]  # fixtures

HOURS = 30
AREA = f"Our own store: away for {HOURS} hours"


@pytest.fixture
def store(settings):
    with elsewhere.away(settings) as away:
        yield away


def links_die(far, rows: list[Generation]) -> None:
    for row in rows:
        far.files[path_of(row)] = Reply(404)
    far.read.always(error(404, "task_not_found"))


def waiting(media: Path) -> list[Path]:
    return [path for path in (media / "incoming").rglob("*") if path.is_file()]


def every_film_came_once(far, rows: list[Generation], clip: bytes, media: Path) -> None:
    for row in rows:
        (kept,) = [result.asset.file.read() for result in row.results.all()]
        assert kept == clip
        assert [r.path for r in far.media.requests].count(path_of(row)) == 1
    assert GeneratedVideo.objects.count() == Asset.objects.count() == len(rows)
    assert waiting(media) == []


def test_a_store_away_for_thirty_hours_loses_no_film_and_none_is_fetched_twice(
    journey, far, clip, store, settings
):
    media = Path(settings.MEDIA_ROOT)
    with tally(AREA) as counted:
        rows = made(journey, 2 + SIZE)
        for row in rows:
            far.files[path_of(row)] = film(clip)
        told = hours_pass(journey, 23, minutes=60)
        links_die(far, rows)
        told |= hours_pass(journey, HOURS - 23, minutes=60)
        services.delete_orphans(now=journey.clock() + timedelta(days=9), still_needed=still_needed)

        assert states() == {"saving": len(rows)}
        assert {pk for pk, hours in told if hours <= 1} == {row.pk for row in rows}
        risks = {
            item.generation.pk: item.type.name
            for item in open_incidents(now=journey.clock(), limit=99)
        }
        assert risks == {row.pk: "parked" for row in rows}

        store.away = False
        journey.until_all_ended(minutes=10)
        every_film_came_once(far, rows, clip, media)
        all_is_cleared(far)
        assert far.paid == len(far.create.requests) == len(rows)
        counted.cases += store.tried


MOMENTS = ("probe", "digest", "placed", "remove")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_saver_killed_while_the_store_is_away_leaves_its_film_to_the_next(
    journey, far, clip, store, settings, monkeypatch, moment
):
    """Also on the very try in which the store is back."""

    def killed(*_args, **_more):
        raise KeyboardInterrupt

    with tally(AREA) as counted:
        (row,) = made(journey)
        far.files[path_of(row)] = film(clip)
        where = video if moment == "probe" else storage
        with monkeypatch.context() as dying:
            dying.setattr(where, moment, killed)
            with pytest.raises(KeyboardInterrupt):
                journey.worker.save()
        links_die(far, [row])
        journey.clock.now += LEASE_DURATION
        hours_pass(journey, HOURS, minutes=120)
        assert fresh(row).state == "saving"
        store.away = False
        journey.until_all_ended(minutes=10)
        every_film_came_once(far, [row], clip, Path(settings.MEDIA_ROOT))
        all_is_cleared(far)
        counted.cases += 1
