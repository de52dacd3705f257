"""Saving: a film is done when its bytes are ours, checked, and nothing less."""

import errno
from dataclasses import replace
from datetime import timedelta

import pytest

from evolink_studio.evolink.errors import DiskFullError
from evolink_studio.generations.incidents import list_open_incidents
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.pipeline import downloading
from evolink_studio.generations.pipeline.leases import LEASE_DURATION, lease_due
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.queries import SHOWN_RESULTS_LIMIT, load_results
from evolink_studio.generations.states import State
from evolink_studio.library.models import Asset
from tests.factories import NOW, VEO, GenerationFactory
from tests.fake_provider import FakeProvider
from tests.form_pages import ParsedPage
from tests.generations.conftest import reload
from tests.generations.pipeline.conftest import (
    create_saving_generation,
    list_leftover_files,
    read_stored_videos,
)
from tests.provider_replies import (
    Reply,
    cut_reply_body,
    make_dropped_reply,
    make_error_reply,
    make_media_script,
    make_redirect_reply,
    make_reply,
)
from tests.sample_images import make_image
from tests.sample_videos import make_audio, make_covered_video

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_film_is_copied_checked_and_belongs_to_its_person(
    fake_provider, worker, saving_generation, video, settings
):
    worker.download_due()
    current = reload(saving_generation)
    (result,) = current.results.all()
    assert (current.state, current.finished_at, current.error_code) == ("completed", NOW, "")
    assert (result.asset.owner, result.asset.kind) == (saving_generation.owner, "video")
    assert (result.asset.origin, result.asset.mime) == ("result", "video/mp4")
    assert (result.asset.width, result.asset.height) == (64, 48)
    assert result.asset.poster
    assert read_stored_videos(current) == [video]
    assert list_leftover_files(settings) == []


def test_the_key_never_goes_to_a_media_host(fake_provider, worker, saving_generation):
    worker.download_due()
    for request in fake_provider.media.requests:
        assert "authorization" not in request.headers
        assert worker.api_key not in str(request)


def test_a_download_that_broke_off_goes_on_where_it_was_cut(fake_provider, worker, video):
    half_size = len(video) // 2
    full_script = make_media_script(video)

    def reply_cut_once(request):
        first = len(fake_provider.media.requests) == 1
        return cut_reply_body(full_script(request), half_size) if first else full_script(request)

    fake_provider.files["/film.mp4"] = reply_cut_once
    generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
    worker.download_due()
    waiting = reload(generation)
    assert (waiting.state, waiting.error_code) == ("saving", "download_failed")
    assert waiting.next_attempt_at == NOW + timedelta(seconds=2)

    worker.advance_until_due(generation)
    worker.download_due()
    assert reload(generation).state == "completed"
    assert read_stored_videos(generation) == [video]
    assert fake_provider.media.requests[1].headers["range"] == f"bytes={half_size}-"


INVALID_VIDEO_REPLIES = {
    "a web page": make_reply(
        b"<!doctype html><title>Sign in</title>" * 50, content_type="text/html"
    ),
    "a page called a film": make_reply(b"<html>" * 99, content_type="video/mp4"),
    "a broken picture": make_reply(b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "a broken sound": make_reply(b"ID3" + bytes(500)),
}


@pytest.mark.parametrize("reply", INVALID_VIDEO_REPLIES.values(), ids=INVALID_VIDEO_REPLIES)
def test_what_is_no_film_is_not_kept_and_is_fetched_anew(
    fake_provider, worker, video, reply, settings
):
    fake_provider.files["/film.mp4"] = reply
    generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
    worker.download_due()
    assert (reload(generation).state, reload(generation).error_code) == ("saving", "not_a_film")
    assert not Asset.objects.exists()
    assert list_leftover_files(settings) == []

    fake_provider.serve_file("/film.mp4", video)
    worker.advance_until_due(generation)
    worker.download_due()
    assert (reload(generation).state, reload(generation).error_code) == ("completed", "")
    assert read_stored_videos(generation) == [video]


def test_a_film_cut_short_is_not_kept(fake_provider, worker, video):
    fake_provider.serve_file("/film.mp4", video[: len(video) * 2 // 3])
    generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
    worker.download_due()
    assert reload(generation).state == "saving"
    assert not GeneratedVideo.objects.exists()


DOWNLOAD_ERROR_REPLIES = {
    "nothing in it": make_reply(b""),
    "closed": make_dropped_reply(),
    "500": make_error_reply(500, "x"),
    "429": make_error_reply(429, "x"),
    "moved to nowhere": make_redirect_reply(""),
    "encoded": make_reply(b"x" * 50, content_encoding="gzip"),
}


@pytest.mark.parametrize("reply", DOWNLOAD_ERROR_REPLIES.values(), ids=DOWNLOAD_ERROR_REPLIES)
def test_trouble_with_the_download_is_tried_again(fake_provider, worker, video, reply):
    fake_provider.files["/film.mp4"] = reply
    generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
    worker.download_due()
    waiting = reload(generation)
    assert (waiting.state, waiting.error_code) == ("saving", "download_failed")
    assert (waiting.charge, waiting.lease_id, waiting.attempts) == ("charged", None, 1)

    fake_provider.serve_file("/film.mp4", video)
    worker.advance_until_due(generation)
    worker.download_due()
    assert read_stored_videos(reload(generation)) == [video]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_for_a_dead_link_a_fresh_one_is_asked_for_which_is_free(
    fake_provider, worker, video, status
):
    fake_provider.files["/old.mp4"] = Reply(status)
    generation = create_saving_generation(fake_provider, fake_provider.url + "/old.mp4")
    fake_provider.complete_task(generation.task_id, fake_provider.serve_file("/new.mp4", video))
    worker.download_due()
    waiting = reload(generation)
    assert (waiting.state, waiting.error_code) == ("saving", "link_dead")
    assert waiting.result_urls == [fake_provider.url + "/new.mp4"]

    worker.advance_until_due(generation)
    worker.download_due()
    assert read_stored_videos(reload(generation)) == [video]
    assert fake_provider.create.requests == []


def test_a_link_into_our_own_network_is_not_followed(fake_provider, worker, video):
    loopback_worker = replace(worker, files_url="http://127.0.0.1:1")
    other_port = fake_provider.url.replace(f":{fake_provider.port}", ":9")
    generation = create_saving_generation(fake_provider, f"{other_port}/film.mp4")
    loopback_worker.download_due()
    assert (reload(generation).state, reload(generation).error_code) == ("saving", "link_unsafe")
    assert fake_provider.media.requests == []


def test_a_link_that_leads_on_is_followed_to_the_film(fake_provider, worker, video):
    fake_provider.serve_file("/cdn/film.mp4", video)
    fake_provider.files["/film.mp4"] = make_redirect_reply("cdn/film.mp4")
    generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
    worker.download_due()
    assert reload(generation).state == "completed"
    assert read_stored_videos(reload(generation)) == [video]
    for request in fake_provider.media.requests:
        assert not {"authorization", "cookie", "referer"} & set(request.headers)


def test_a_link_that_leads_on_into_our_own_network_is_not_followed(fake_provider, worker, video):
    with FakeProvider() as inner:
        fake_provider.files["/film.mp4"] = make_redirect_reply(inner.serve_file("/f.mp4", video))
        generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
        worker.download_due()
        assert inner.connection_count == 0
    assert (reload(generation).state, reload(generation).error_code) == ("saving", "link_unsafe")


def test_every_film_of_a_task_is_kept_in_its_order(fake_provider, worker, video, other_video):
    urls = (
        fake_provider.serve_file("/1.mp4", video),
        fake_provider.serve_file("/2.mp4", other_video),
    )
    generation = create_saving_generation(fake_provider, *urls)
    worker.download_due()
    assert read_stored_videos(reload(generation)) == [video, other_video]
    assert [result.position for result in generation.results.all()] == [0, 1]


def test_two_equal_films_of_one_task_are_two_results(fake_provider, worker, video):
    generation = create_saving_generation(
        fake_provider,
        fake_provider.serve_file("/1.mp4", video),
        fake_provider.serve_file("/2.mp4", video),
    )
    worker.download_due()
    assert read_stored_videos(reload(generation)) == [video, video]


def test_it_is_not_done_before_all_films_are_here_but_shows_those_that_are(
    fake_provider, worker, video, other_video
):
    fake_provider.files["/1.mp4"] = make_error_reply(500, "x")
    generation = create_saving_generation(
        fake_provider, fake_provider.url + "/1.mp4", fake_provider.serve_file("/2.mp4", other_video)
    )
    worker.download_due()
    assert (reload(generation).state, reload(generation).error_code) == (
        "saving",
        "download_failed",
    )
    assert read_stored_videos(generation) == [other_video]
    (shown,) = load_results([reload(generation)])
    card = present_card(shown, now=worker.clock())
    assert len(card.videos) == 1
    assert card.videos_note == "The film is made, but copying it was interrupted."

    fake_provider.serve_file("/1.mp4", video)
    worker.advance_until_due(generation)
    worker.download_due()
    assert reload(generation).state == "completed"
    assert [result.position for result in generation.results.all()] == [0, 1]
    assert read_stored_videos(reload(generation)) == [video, other_video]
    assert Asset.objects.count() == 2


UNREADABLE = {
    "a web page": b"<!doctype html><title>Almost there</title>",
    "JSON": b'{"error": {"code": "internal_error"}}',
    "text": b"Not found",
    "a film cut short": None,
    "a broken picture": b"\x89PNG\r\n\x1a\n" + bytes(500),
    "bytes": bytes(range(256)) * 9,
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("position", [0, 1])
def test_an_unreadable_result_beside_a_film_is_read_twice_and_named_once(
    fake_provider, worker, video, content, position
):
    bad_content = video[: len(video) // 2] if content is None else content
    urls = [fake_provider.serve_file("/good.mp4", video)]
    urls.insert(position, fake_provider.serve_file("/bad.mp4", bad_content))
    generation = create_saving_generation(fake_provider, *urls)
    for _ in range(9):
        worker.download_due()
        assert read_stored_videos(generation) == [video]
        if reload(generation).is_ended:
            break
        worker.advance_until_due(generation)
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == (
        *("completed", "not_a_film"),
        "charged",
    )
    paths = [request.path for request in fake_provider.media.requests]
    assert (paths.count("/good.mp4"), paths.count("/bad.mp4")) == (1, 2)
    assert worker.clock() - NOW < timedelta(minutes=1)
    (shown,) = load_results([current])
    card = present_card(shown, now=worker.clock())
    assert [film.kind for film in card.videos] == ["video"]
    assert f"except for result {position + 1}:" in card.videos_note
    assert current.result_urls == urls  # an admin can still look at it


def test_content_that_changes_is_read_once_more(fake_provider, worker, video):
    numbers = iter(range(99))
    fake_provider.files["/page"] = lambda _: make_reply(b"<p>You are number %d" % next(numbers))
    generation = create_saving_generation(
        fake_provider, fake_provider.url + "/page", fake_provider.serve_file("/1.mp4", video)
    )
    while reload(generation).is_live:
        worker.advance_until_due(generation)
        worker.download_due()
    assert reload(generation).error_code == "not_a_film"
    assert next(numbers) == 3


def test_a_page_that_becomes_a_film_is_taken(fake_provider, worker, video, other_video):
    fake_provider.files["/2.mp4"] = make_reply(b"<p>One moment")
    generation = create_saving_generation(
        fake_provider, fake_provider.serve_file("/1.mp4", video), fake_provider.url + "/2.mp4"
    )
    worker.download_due()
    fake_provider.serve_file("/2.mp4", other_video)
    worker.advance_until_due(generation)
    worker.download_due()
    assert (reload(generation).state, reload(generation).error_code) == ("completed", "")
    assert read_stored_videos(reload(generation)) == [video, other_video]
    assert reload(generation).failed_results == {}


def test_a_lone_result_that_is_no_film_is_looked_at_seldom_until_its_link_ends(
    fake_provider, worker
):
    fake_provider.files["/film.mp4"] = make_reply(b"<p>Sorry")
    generation = create_saving_generation(fake_provider, fake_provider.url + "/film.mp4")
    while worker.clock() < NOW + timedelta(minutes=50):
        worker.download_due()
        worker.clock.advance(minutes=5)
    assert (reload(generation).state, reload(generation).error_code) == ("saving", "not_a_film")
    assert len(fake_provider.media.requests) == 2
    (incident,) = list_open_incidents(now=worker.clock(), limit=9)
    assert incident.type.name == "unsaved"

    while reload(generation).is_live:
        worker.advance_until_due(generation)
        worker.download_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == (
        *("failed", "not_a_film"),
        "charged",
    )
    assert len(fake_provider.media.requests) < 35


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_result_that_is_a_picture_is_kept_as_one(fake_provider, worker, video, format, settings):
    picture = make_image(format, width=400, height=300)
    generation = create_saving_generation(
        fake_provider,
        fake_provider.serve_file("/1", picture, mime="video/mp4"),
        fake_provider.serve_file("/2.mp4", video),
    )
    worker.download_due()
    current = reload(generation)
    assert (current.state, current.error_code) == ("completed", "")
    kept = current.results.get(position=0).asset
    assert (kept.kind, kept.origin, kept.mime) == ("image", "result", f"image/{format.lower()}")
    assert (kept.width, kept.height, bool(kept.poster)) == (400, 300, True)
    assert list_leftover_files(settings) == []
    (shown,) = load_results([current])
    assert [film.kind for film in present_card(shown, now=NOW).videos] == ["image", "video"]


def test_a_result_that_is_a_sound_is_kept_as_one(fake_provider, worker, tmp_path):
    sound = make_audio(tmp_path / "a.mp3").read_bytes()
    generation = create_saving_generation(fake_provider, fake_provider.serve_file("/a", sound))
    worker.download_due()
    (result,) = reload(generation).results.all()
    assert (result.asset.kind, result.asset.mime) == ("audio", "audio/mpeg")
    assert read_stored_videos(generation) == [sound]


def test_a_film_that_browsers_stumble_over_is_kept_so_that_they_play_it(
    fake_provider, worker, tmp_path, settings
):
    film = make_covered_video(tmp_path / "a.mov").read_bytes()
    generation = create_saving_generation(fake_provider, fake_provider.serve_file("/a.mp4", film))
    worker.download_due()
    (result,) = reload(generation).results.all()
    assert (result.asset.format, result.asset.mime) == ("mp4", "video/mp4")
    assert (result.asset.width, result.asset.height) == (64, 48)
    assert result.asset.file.read()[4:8] == b"ftyp"
    assert list_leftover_files(settings) == []


def test_of_very_many_results_all_are_kept_a_few_at_a_time(fake_provider, worker, ada_client, ada):
    count = 45
    picture = make_image("PNG", width=20, height=20)
    urls = [fake_provider.serve_file(f"/{number}", picture) for number in range(count)]
    fake_provider.files["/0"] = make_error_reply(500, "x")  # holds nothing back
    generation = create_saving_generation(fake_provider, *urls)
    Generation.objects.update(owner=ada)

    turns = 0
    while generation.results.count() < count - 1:
        before = generation.results.count()
        worker.download_due()
        turns += 1
        assert generation.results.count() - before <= downloading.MAX_RESULTS_PER_TURN
        assert worker.clock() == NOW  # the next turn is due at once
    assert turns == 3
    fake_provider.serve_file("/0", picture)
    worker.advance_until_due(generation)
    worker.download_due()
    assert reload(generation).state == "completed"
    assert len({request.path for request in fake_provider.media.requests}) == count
    assert len(fake_provider.media.requests) == count + 2

    page = ada_client.get(f"/create/{VEO}/?show={generation.pk}").content.decode()
    assert page.count('class="result-picture"') == SHOWN_RESULTS_LIMIT
    assert f'href="/films/{generation.pk}/"' in page
    numbers, url = [], f"/films/{generation.pk}/"
    while url:
        page = ParsedPage(ada_client.get(url))
        numbers += [int(it.get("data-result", "")) for it in page.find_all("*[@data-result]")]
        links = [it.get("href", "") for it in page.find_all("a")]
        url = next((link for link in links if "?from=" in link), "")
        url = url if url and len(numbers) < count else ""
    assert numbers == list(range(1, count + 1))


@pytest.mark.parametrize("first", ["0", "-1", "x", "9" * 18, "9" * 40, "1e3", "", "44"])
def test_the_page_of_all_results_takes_any_query(ada_client, ada, first):
    generation = GenerationFactory(owner=ada, state=State.COMPLETED)
    answer = ada_client.get(f"/films/{generation.pk}/", {"from": first})
    assert answer.status_code == 200


def test_a_full_disk_is_said_and_waited_for(
    fake_provider, worker, saving_generation, video, monkeypatch
):
    async def raise_disk_full(*_, **__):
        raise DiskFullError("The file cannot be written: No space left on device")

    with monkeypatch.context() as now:
        now.setattr(downloading, "download_file", raise_disk_full)
        worker.download_due()
    assert (reload(saving_generation).state, reload(saving_generation).error_code) == (
        "saving",
        "disk_full",
    )

    worker.advance_until_due(saving_generation)
    worker.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]


def test_a_disk_that_is_full_when_the_film_is_put_in_its_place_is_the_same(
    fake_provider, worker, saving_generation, video, monkeypatch
):
    def raise_disk_full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as now:
        now.setattr("evolink_studio.library.storage._move_into_place", raise_disk_full)
        worker.download_due()
    assert (reload(saving_generation).state, reload(saving_generation).error_code) == (
        "saving",
        "disk_full",
    )
    assert not Asset.objects.exists()

    worker.advance_until_due(saving_generation)
    worker.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]


def test_gaps_between_tries_grow_to_ten_minutes(fake_provider, worker):
    generation = create_saving_generation(fake_provider, fake_provider.url + "/nothing.mp4")
    gaps = []
    for _ in range(9):
        worker.advance_until_due(generation)
        worker.download_due()
        gaps.append((reload(generation).next_attempt_at - worker.clock()).total_seconds())
    assert gaps == [2, 5, 15, 60, 120, 300, 600, 600, 600]


def test_an_outage_of_twenty_hours_loses_no_film(fake_provider, worker, saving_generation, video):
    good_script, fake_provider.files["/film.mp4"] = (
        fake_provider.files["/film.mp4"],
        make_error_reply(503, "service_unavailable"),
    )
    end = NOW + timedelta(hours=20)
    while worker.clock() < end:
        worker.download_due()
        worker.advance_until_due(saving_generation)
    fake_provider.files["/film.mp4"] = good_script
    worker.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]


def test_a_film_that_nothing_can_bring_back_is_lost_and_said_to_be_charged(fake_provider, worker):
    generation = create_saving_generation(fake_provider, fake_provider.url + "/dead.mp4")
    last = NOW + timedelta(hours=26)
    while worker.clock() <= last:
        assert reload(generation).state == "saving"
        worker.advance_until_due(generation)
        worker.download_due()
    current = reload(generation)
    assert (current.state, current.error_code, current.charge) == ("failed", "film_lost", "charged")
    assert current.credits_charged == current.credits_reserved


def test_a_worker_that_was_paused_over_a_download_does_not_save_it_twice(
    fake_provider, worker, saving_generation, video
):
    lease_id, rows = lease_due(State.SAVING, limit=1, now=NOW)
    worker.clock.now = NOW + LEASE_DURATION
    worker.download_due()
    assert reload(saving_generation).state == "completed"
    before = Generation.objects.values().get()
    worker.run_stage(downloading.download_results, rows, lease_id)
    assert Generation.objects.values().get() == before
    assert read_stored_videos(reload(saving_generation)) == [video]
    assert Asset.objects.count() == GeneratedVideo.objects.count() == 1


def test_a_worker_killed_after_the_copy_finds_it_again(
    fake_provider, worker, saving_generation, video, monkeypatch
):
    """The film is in the library, but its generation did not hear of it."""

    def kill_worker(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(downloading, "_complete_generation", kill_worker)
        with pytest.raises(KeyboardInterrupt):
            worker.download_due()
    assert Asset.objects.count() == 1
    worker.clock.now = NOW + LEASE_DURATION
    worker.download_due()
    assert read_stored_videos(reload(saving_generation)) == [video]
    assert Asset.objects.count() == 1
