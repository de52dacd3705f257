"""Saving: a film is done when its bytes are ours, checked, and nothing less."""

import errno
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.evolink.errors import DiskFullError
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.answers import Reply, answer, cut_body, error, film, hang_up, redirect
from tests.factories import NOW, GenerationFactory
from tests.generations.conftest import fresh
from tests.library.footage import film as footage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    """A film of two seconds."""
    return footage(tmp_path_factory.mktemp("film") / "clip.mp4").read_bytes()


@pytest.fixture(scope="module")
def another(tmp_path_factory) -> bytes:
    return footage(tmp_path_factory.mktemp("film") / "another.mp4", seconds=1).read_bytes()


@pytest.fixture
def made(far, clip):
    """A generation whose film lies ready at EvoLink."""
    return make(far, far.serve("/film.mp4", clip))


def make(far, *urls) -> Generation:
    generation = GenerationFactory(
        state=State.SAVING, result_urls=list(urls), results_expire_at=NOW + timedelta(hours=24)
    )
    far.tasks[generation.task_id] = {"id": generation.task_id, "status": "completed"}
    far.finish(generation.task_id, *urls)
    return generation


def kept(generation) -> list[bytes]:
    return [result.asset.file.read() for result in generation.results.all()]


def left_over(settings) -> list[Path]:
    incoming = Path(settings.MEDIA_ROOT) / "incoming"
    return [path for path in incoming.rglob("*") if path.is_file()]


def test_a_film_is_copied_checked_and_belongs_to_its_person(far, worker, made, clip, settings):
    worker.save()
    done = fresh(made)
    (result,) = done.results.all()
    assert (done.state, done.finished_at, done.error_code) == ("completed", NOW, "")
    assert (result.asset.owner, result.asset.kind) == (made.owner, "video")
    assert (result.asset.origin, result.asset.mime) == ("result", "video/mp4")
    assert (result.asset.width, result.asset.height) == (64, 48)
    assert result.asset.poster
    assert kept(done) == [clip]
    assert left_over(settings) == []


def test_the_key_never_goes_to_a_media_host(far, worker, made):
    worker.save()
    for request in far.media.requests:
        assert "authorization" not in request.headers
        assert worker.key not in str(request)


def test_a_download_that_broke_off_goes_on_where_it_was_cut(far, worker, clip):
    half = len(clip) // 2
    whole = film(clip)

    def cut_once(request):
        first = len(far.media.requests) == 1
        return cut_body(whole(request), half) if first else whole(request)

    far.files["/film.mp4"] = cut_once
    generation = make(far, far.url + "/film.mp4")
    worker.save()
    waiting = fresh(generation)
    assert (waiting.state, waiting.error_code) == ("saving", "download_failed")
    assert waiting.next_attempt_at == NOW + timedelta(seconds=2)

    worker.wait_for(generation)
    worker.save()
    assert fresh(generation).state == "completed"
    assert kept(generation) == [clip]
    assert far.media.requests[1].headers["range"] == f"bytes={half}-"


NOT_A_FILM = {
    "a web page": answer(b"<!doctype html><title>Sign in</title>" * 50, content_type="text/html"),
    "a page called a film": answer(b"<html>" * 99, content_type="video/mp4"),
    "a picture": answer(b"\x89PNG\r\n\x1a\n" + bytes(500)),
}


@pytest.mark.parametrize("reply", NOT_A_FILM.values(), ids=NOT_A_FILM)
def test_what_is_no_film_is_not_kept_and_is_fetched_anew(far, worker, clip, reply, settings):
    far.files["/film.mp4"] = reply
    generation = make(far, far.url + "/film.mp4")
    worker.save()
    assert (fresh(generation).state, fresh(generation).error_code) == ("saving", "not_a_film")
    assert not Asset.objects.exists()
    assert left_over(settings) == []

    far.serve("/film.mp4", clip)
    worker.wait_for(generation)
    worker.save()
    assert (fresh(generation).state, fresh(generation).error_code) == ("completed", "")
    assert kept(generation) == [clip]


def test_a_film_cut_short_is_not_kept(far, worker, clip):
    far.serve("/film.mp4", clip[: len(clip) * 2 // 3])
    generation = make(far, far.url + "/film.mp4")
    worker.save()
    assert fresh(generation).state == "saving"
    assert not GeneratedVideo.objects.exists()


TROUBLE = {
    "nothing in it": answer(b""),
    "closed": hang_up(),
    "500": error(500, "x"),
    "429": error(429, "x"),
    "moved": redirect("http://127.0.0.1:9/film.mp4"),
    "encoded": answer(b"x" * 50, content_encoding="gzip"),
}


@pytest.mark.parametrize("reply", TROUBLE.values(), ids=TROUBLE)
def test_trouble_with_the_download_is_tried_again(far, worker, clip, reply):
    far.files["/film.mp4"] = reply
    generation = make(far, far.url + "/film.mp4")
    worker.save()
    waiting = fresh(generation)
    assert (waiting.state, waiting.error_code) == ("saving", "download_failed")
    assert (waiting.charge, waiting.lease_id, waiting.attempts) == ("charged", None, 1)

    far.serve("/film.mp4", clip)
    worker.wait_for(generation)
    worker.save()
    assert kept(fresh(generation)) == [clip]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_for_a_dead_link_a_fresh_one_is_asked_for_which_is_free(far, worker, clip, status):
    far.files["/old.mp4"] = Reply(status)
    generation = make(far, far.url + "/old.mp4")
    far.finish(generation.task_id, far.serve("/new.mp4", clip))
    worker.save()
    waiting = fresh(generation)
    assert (waiting.state, waiting.error_code) == ("saving", "link_dead")
    assert waiting.result_urls == [far.url + "/new.mp4"]

    worker.wait_for(generation)
    worker.save()
    assert kept(fresh(generation)) == [clip]
    assert far.create.requests == []


def test_a_link_into_our_own_network_is_not_followed(far, worker, clip):
    inside = replace(worker, files_url="http://127.0.0.1:1")
    other_port = far.url.replace(f":{far.port}", ":9")
    generation = make(far, f"{other_port}/film.mp4")
    inside.save()
    assert fresh(generation).state == "saving"
    assert far.media.requests == []


def test_every_film_of_a_task_is_kept_in_its_order(far, worker, clip, another):
    urls = far.serve("/1.mp4", clip), far.serve("/2.mp4", another)
    generation = make(far, *urls)
    worker.save()
    assert kept(fresh(generation)) == [clip, another]
    assert [result.position for result in generation.results.all()] == [0, 1]


def test_two_equal_films_of_one_task_are_two_results(far, worker, clip):
    generation = make(far, far.serve("/1.mp4", clip), far.serve("/2.mp4", clip))
    worker.save()
    assert kept(fresh(generation)) == [clip, clip]


def test_it_is_not_done_before_all_films_are_here(far, worker, clip, another):
    far.files["/2.mp4"] = error(500, "x")
    generation = make(far, far.serve("/1.mp4", clip), far.url + "/2.mp4")
    worker.save()
    assert fresh(generation).state == "saving"
    assert not generation.results.exists()

    far.serve("/2.mp4", another)
    worker.wait_for(generation)
    worker.save()
    assert kept(fresh(generation)) == [clip, another]
    assert Asset.objects.count() == 2


def test_a_full_disk_is_said_and_waited_for(far, worker, made, clip, monkeypatch):
    async def full(*_, **__):
        raise DiskFullError("The file cannot be written: No space left on device")

    with monkeypatch.context() as now:
        now.setattr(saving, "download_file", full)
        worker.save()
    assert (fresh(made).state, fresh(made).error_code) == ("saving", "disk_full")

    worker.wait_for(made)
    worker.save()
    assert kept(fresh(made)) == [clip]


def test_a_disk_that_is_full_when_the_film_is_put_in_its_place_is_the_same(
    far, worker, made, clip, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as now:
        now.setattr("evolink_studio.library.storage._move_into_place", full)
        worker.save()
    assert (fresh(made).state, fresh(made).error_code) == ("saving", "disk_full")
    assert not Asset.objects.exists()

    worker.wait_for(made)
    worker.save()
    assert kept(fresh(made)) == [clip]


def test_gaps_between_tries_grow_to_ten_minutes(far, worker):
    generation = make(far, far.url + "/nothing.mp4")
    gaps = []
    for _ in range(9):
        worker.wait_for(generation)
        worker.save()
        gaps.append((fresh(generation).next_attempt_at - worker.clock()).total_seconds())
    assert gaps == [2, 5, 15, 60, 120, 300, 600, 600, 600]


def test_an_outage_of_twenty_hours_loses_no_film(far, worker, made, clip):
    good, far.files["/film.mp4"] = far.files["/film.mp4"], error(503, "service_unavailable")
    end = NOW + timedelta(hours=20)
    while worker.clock() < end:
        worker.save()
        worker.wait_for(made)
    far.files["/film.mp4"] = good
    worker.save()
    assert kept(fresh(made)) == [clip]


def test_a_film_that_nothing_can_bring_back_is_lost_and_said_to_be_charged(far, worker):
    generation = make(far, far.url + "/dead.mp4")
    last = NOW + timedelta(hours=26)
    while worker.clock() <= last:
        assert fresh(generation).state == "saving"
        worker.wait_for(generation)
        worker.save()
    lost = fresh(generation)
    assert (lost.state, lost.error_code, lost.charge) == ("failed", "film_lost", "charged")
    assert lost.credits_charged == lost.credits_reserved


def test_a_worker_that_was_paused_over_a_download_does_not_save_it_twice(far, worker, made, clip):
    held, rows = lease_due(State.SAVING, limit=1, now=NOW)
    worker.clock.now = NOW + LEASE_DURATION
    worker.save()
    assert fresh(made).state == "completed"
    before = Generation.objects.values().get()
    worker.step(saving.download_results, rows, held)
    assert Generation.objects.values().get() == before
    assert kept(fresh(made)) == [clip]
    assert Asset.objects.count() == GeneratedVideo.objects.count() == 1


def test_a_worker_killed_after_the_copy_finds_it_again(far, worker, made, clip, monkeypatch):
    """The film is in the library, but its generation did not hear of it."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(saving, "_complete", killed)
        with pytest.raises(KeyboardInterrupt):
            worker.save()
    assert Asset.objects.count() == 1
    worker.clock.now = NOW + LEASE_DURATION
    worker.save()
    assert kept(fresh(made)) == [clip]
    assert Asset.objects.count() == 1
