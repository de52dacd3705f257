"""A film that is here, but that the library cannot take: it waits here and is not lost."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import default_storage
from django.db import OperationalError

from evolink_studio.engine.distributed import DistributedEngine
from evolink_studio.engine.local import LocalEngine
from evolink_studio.generations.alerts import new_alerts
from evolink_studio.generations.attention import needy, open_figures
from evolink_studio.generations.cards import card
from evolink_studio.generations.states import State
from evolink_studio.generations.steps import parked
from evolink_studio.generations.steps import save as saving
from evolink_studio.generations.steps.claims import LEASE, claim_due
from evolink_studio.library import services, shelf
from evolink_studio.library.models import Asset
from tests import elsewhere
from tests.answers import Reply, cut_body, error, film
from tests.elsewhere import Elsewhere
from tests.factories import NOW
from tests.generations.conftest import fresh
from tests.generations.test_save import another, clip, kept, left_over, made, make

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["another", "clip", "made"]  # fixtures


@pytest.fixture
def away(settings) -> Iterator[type[Elsewhere]]:
    """The library's store, which cannot be reached."""
    with elsewhere.away(settings) as store:
        yield store


def days_pass(worker, generation, days: float) -> None:
    """The worker tries whenever it wants to."""
    end = worker.clock() + timedelta(days=days)
    while worker.clock() < end:
        worker.save()
        worker.clock.forward(hours=6)


def dies(far, generation, *paths: str) -> None:
    """The link ends, and EvoLink has no other one."""
    for path in paths or ("/film.mp4",):
        far.files[path] = Reply(404)
    far.read.always(error(404, "task_not_found"))


# --- one film ---------------------------------------------------------------------------------


def test_a_film_that_only_could_not_be_stored_is_stored_days_after_its_link_died(
    far, worker, made, clip, away, settings
):
    worker.save()
    waiting = fresh(made)
    assert (waiting.state, waiting.error_code, waiting.parked) == ("saving", "not_stored", NOW)
    assert [path.read_bytes() for path in left_over(settings)] == [clip]

    dies(far, made)
    days_pass(worker, made, 5)
    assert fresh(made).state == "saving"
    assert away.tried > 10

    away.away = False
    worker.save()
    assert (fresh(made).state, fresh(made).error_code, fresh(made).parked) == (
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
    assert fresh(made).due - worker.clock() <= timedelta(0)
    worker.save()
    assert fresh(made).due - worker.clock() == timedelta(minutes=10)
    assert fresh(made).parked == worker.clock()


def no_row(monkeypatch) -> None:
    def broken(**_fields):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Asset.objects, "create", broken)


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
        dying.setattr(shelf, moment, killed)
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
    assert (spoiled.state, spoiled.error_code, spoiled.parked) == ("saving", "not_a_film", None)
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
    assert fresh(made).parked is None


def test_what_is_only_begun_does_not_count_as_a_film(far, worker, clip, settings):
    whole = film(clip)
    far.files["/film.mp4"] = lambda request: cut_body(whole(request), 900)
    generation = make(far, far.url + "/film.mp4")
    worker.save()
    assert fresh(generation).parked is None
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
    probe, turns = services.films.probe, []

    def frozen(path):
        if not turns:
            turns.append(path)
            worker.clock.now = NOW + LEASE
            held, rows = claim_due(State.SAVING, limit=1, now=worker.clock())
            worker.step(saving.save, rows, held)
            assert fresh(made).state == "completed"
        return probe(path)

    monkeypatch.setattr(services.films, "probe", frozen)
    worker.save()
    assert turns
    assert (fresh(made).state, fresh(made).error_code) == ("completed", "")
    assert kept(fresh(made)) == [clip]
    assert Asset.objects.count() == 1
    assert len(far.media.requests) == 1
    assert left_over(settings) == []


# --- several films ----------------------------------------------------------------------------


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
    assert "except for a film whose link ended" in card(done, now=worker.clock()).message


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


# --- several machines -------------------------------------------------------------------------


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
        assert (left.state, left.error_code, left.parked) == ("saving", "link_dead", NOW)
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
        told += [(a.reason.name, worker.clock() - NOW) for a in new_alerts(now=worker.clock())]
        worker.clock.forward(hours=6)
        two.save()
    assert fresh(made).error_code == "film_lost"
    assert worker.clock() - NOW >= parked.PATIENCE
    assert [reason for reason, _ in told] == ["parked", "astray"]
    assert told[1][1] <= timedelta(hours=30)


# --- what is swept away -----------------------------------------------------------------------


def lies_for(settings, **span: float) -> None:
    for path in left_over(settings):
        long_ago = (NOW - timedelta(**span)).timestamp()
        os.utime(path, (long_ago, long_ago))


def daily(worker) -> None:
    services.sweep(now=worker.clock(), needed=parked.needed)


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
        services.sweep(now=worker.clock(), needed=parked.needed)
        seen.append([path.read_bytes() for path in left_over(settings)])
        return create(**fields)

    monkeypatch.setattr(Asset.objects, "create", swept_meanwhile)
    worker.wait_for(made)
    worker.save()
    assert seen == [[clip]]
    assert kept(fresh(made)) == [clip]


# --- what is said -----------------------------------------------------------------------------


def test_the_card_and_the_list_of_money_at_risk_say_where_the_film_is(far, worker, made, away):
    worker.save()
    dies(far, made)
    worker.clock.forward(days=2)
    worker.save()
    shown = card(fresh(made), now=worker.clock())
    assert shown.badge == "copied, not in the library yet"
    assert "library cannot be reached" in shown.message
    assert "outlives its link" in shown.advice
    assert "link ended" not in shown.badge + shown.message + shown.advice
    (look,) = needy(now=worker.clock(), limit=9)
    assert (look.generation.pk, look.reason.name) == (made.pk, "parked")
    counts = open_figures(now=worker.clock()).counts
    assert {name for name, count in counts.items() if count} == {"parked"}


def test_trouble_of_a_moment_wakes_nobody(worker, made, away):
    worker.save()
    worker.clock.forward(minutes=29)
    worker.save()
    assert fresh(made).parked
    assert needy(now=worker.clock(), limit=9) == []
