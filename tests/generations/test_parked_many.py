"""Films that wait here: several of one generation, and several machines."""

from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.generations.incidents import claim_new_alerts
from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.library.models import Asset
from tests.answers import Reply, error
from tests.factories import NOW
from tests.generations.conftest import fresh
from tests.generations.parking import away, days_pass, dies
from tests.generations.test_save import another, clip, kept, left_over, made, make

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["another", "away", "clip", "made"]  # fixtures


def test_every_film_of_a_generation_is_fetched_while_its_link_lives(
    far, worker, clip, another, away, settings
):
    generation = make(far, far.serve("/1.mp4", clip), far.serve("/2.mp4", another))
    worker.save()
    assert sorted(len(path.read_bytes()) for path in left_over(settings)) == sorted(
        [len(clip), len(another)]
    )
    dies(far, generation, "/1.mp4", "/2.mp4")
    days_pass(worker, generation, 2)
    away.away = False
    worker.save()
    assert kept(fresh(generation)) == [clip, another]
    assert len(far.media.requests) == 2


def test_a_film_that_the_library_has_is_not_fetched_again_for_the_sake_of_another(
    far, worker, clip, another
):
    far.files["/2.mp4"] = error(503, "x")
    generation = make(far, far.serve("/1.mp4", clip), far.url + "/2.mp4")
    worker.save()
    assert Asset.objects.count() == 1
    far.files["/1.mp4"] = Reply(404)
    far.serve("/2.mp4", another)
    worker.wait_for(generation)
    worker.save()
    assert kept(fresh(generation)) == [clip, another]
    assert [request.path for request in far.media.requests] == ["/1.mp4", "/2.mp4", "/2.mp4"]


@pytest.mark.parametrize("first", [True, False])
def test_when_one_film_is_lost_the_other_is_kept_all_the_same(far, worker, clip, first):
    """Paid is paid: half of it is better than nothing, and it is said."""
    good, dead = far.serve("/1.mp4", clip), far.url + "/dead.mp4"
    generation = make(far, *((good, dead) if first else (dead, good)))
    worker.save()
    assert fresh(generation).state == "saving"
    worker.clock.forward(hours=27)
    worker.save()
    done = fresh(generation)
    assert (done.state, done.error_code, done.charge) == ("completed", "film_lost", "charged")
    assert kept(done) == [clip]
    assert [result.position for result in done.results.all()] == [0 if first else 1]
    assert "except for a film whose link ended" in present_card(done, now=worker.clock()).message


def test_while_one_film_waits_here_nothing_is_given_up(far, worker, clip, away):
    generation = make(far, far.serve("/1.mp4", clip), far.url + "/dead.mp4")
    worker.save()
    dies(far, generation, "/1.mp4")
    days_pass(worker, generation, 3)
    assert fresh(generation).state == "saving"
    away.away = False
    worker.save()
    assert fresh(generation).state == "completed"
    assert kept(fresh(generation)) == [clip]


class Machine:
    """A worker with a disk of its own; the database and the store belong to all."""

    def __init__(self, worker, settings, folder: Path) -> None:
        self._worker, self._settings, self.folder = worker, settings, folder

    def save(self) -> None:
        self._settings.MEDIA_ROOT = self.folder
        self._worker.save()

    @property
    def films(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.folder / "incoming").glob("*.whole")]


@pytest.fixture
def machines(worker, settings, tmp_path) -> list[Machine]:
    return [Machine(worker, settings, tmp_path / name) for name in ("one", "two")]


def test_while_the_link_lives_another_machine_fetches_its_own(
    far, worker, made, clip, away, machines
):
    one, two = machines
    one.save()
    worker.wait_for(made)
    two.save()
    assert (one.films, two.films) == ([clip], [clip])
    away.away = False
    worker.wait_for(made)
    two.save()
    assert kept(fresh(made)) == [clip]


def test_after_the_link_died_who_has_no_copy_leaves_it_to_who_has_one(
    far, worker, made, clip, away, machines
):
    one, two = machines
    one.save()
    dies(far, made)
    worker.clock.forward(days=4)
    for _ in range(3):
        worker.wait_for(made)
        two.save()
        left = fresh(made)
        assert (left.state, left.error_code, left.local_copy_seen_at) == (
            "saving",
            "link_dead",
            NOW,
        )
    away.away = False
    worker.wait_for(made)
    one.save()
    assert kept(fresh(made)) == [clip]


def test_a_copy_that_nobody_saw_for_two_weeks_is_given_up_and_admins_knew_long_before(
    far, worker, made, away, machines
):
    one, two = machines
    one.save()
    dies(far, made)
    told = []
    while fresh(made).state == "saving":
        told += [(a.type.name, worker.clock() - NOW) for a in claim_new_alerts(now=worker.clock())]
        worker.clock.forward(hours=6)
        two.save()
    assert fresh(made).error_code == "film_lost"
    assert worker.clock() - NOW >= downloading.LOCAL_COPY_RETENTION
    assert [reason for reason, _ in told] == ["parked", "astray"]
    assert told[1][1] <= timedelta(hours=30)
