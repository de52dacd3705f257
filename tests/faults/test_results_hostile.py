"""Results as no documentation promises them: nothing paid for is lost, and every film is shown."""

import itertools

import pytest
from django.test import Client

from evolink_studio.generations.incidents import claim_new_alerts, list_open_incidents
from evolink_studio.generations.models import Generation
from evolink_studio.generations.states import State
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.lifecycle import GenerationLifecycle, reload
from tests.faults.report import count_cases
from tests.provider_replies import make_error_reply, make_redirect_reply, make_reply
from tests.sample_images import make_image
from tests.sample_videos import make_covered_video, make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

LINK_COUNT = 100 * FAULTS_SIZE
ENDS = ("completed", "succeeded", "SUCCESS", " Done ", "finished", "TASK_STATUS_SUCCEED")
SHAPES = (
    lambda url: {"results": [url]},
    lambda url: {"results": [{"url": f" {url}\n"}]},
    lambda url: {"results": {"main": {"video_url": url}, "cover": f"{url}.jpg"}},
    lambda url: {"result_data": {"videos": [{"url": url}]}},
    lambda url: {"results": [], "output": {"video": {"uri": url}}},
)
FAILURES = ("FAILED", "errored", "expired", "Canceled", "aborted", "timed_out", "rejected")


def run_to_saving(lifecycle: GenerationLifecycle, **fields: object) -> Generation:
    (row,) = lifecycle.create_generations()
    lifecycle.dispatch_all()
    lifecycle.fake_provider.update_task(lifecycle.task_id_of(row), **fields)
    return lifecycle.worker.poll_when_due(row)


def save_all(lifecycle: GenerationLifecycle, row: Generation, max_turns: int = 60) -> Generation:
    for _ in range(max_turns):
        if reload(row).state != State.SAVING:
            break
        lifecycle.worker.advance_until_due(row)
        lifecycle.worker.download_due()
    return reload(row)


def test_every_word_for_an_end_and_every_shape_of_a_film_is_understood(lifecycle, video_url):
    with count_cases("Results: words for an end and shapes of a result") as case_counter:
        for word, shape in itertools.product(ENDS, SHAPES):
            row = run_to_saving(lifecycle, status=word, **shape(video_url))
            assert (row.state, row.result_urls, row.charge) == ("saving", [video_url], "charged")
            case_counter.cases += 1
        for word in FAILURES:
            row = run_to_saving(lifecycle, status=word)
            assert (row.state, row.charge) == ("failed", "returned"), word
            case_counter.cases += 1


def test_an_end_that_is_none_is_told_within_fifteen_minutes_and_never_hidden(lifecycle):
    error = {"code": "E17", "message": "The paint is dry."}
    answers = [
        *({"status": word, "results": []} for word in ENDS),
        {"status": "completed", "results": ["javascript:alert(1)", "//x/y", None]},
        {"status": "completed", "result_data": {"element_id": "1"}, "progress": 100},
        *({"status": word, "error": error} for word in ("painting", "", None, 7, "unknown")),
    ]
    with count_cases("Results: a finish without a film, an error beside no end") as case_counter:
        for answer in answers:
            row = run_to_saving(lifecycle, **answer)
            assert (row.state, row.charge) == ("running", "reserved"), answer
            lifecycle.clock.advance(minutes=10)
            lifecycle.worker.poll_when_due(row)
            incidents = list_open_incidents(now=lifecycle.clock(), limit=99)
            assert row.pk in {incident.generation.pk for incident in incidents}
            announced = {it.generation.pk for it in claim_new_alerts(now=lifecycle.clock())}
            assert row.pk in announced, answer
            case_counter.cases += 1


def test_what_is_no_film_holds_no_film_back(lifecycle, fake_provider, video_url, tmp_path):
    film = make_video(tmp_path / "other.mp4").read_bytes()
    bad_replies = {
        "a page": make_reply(b"<!doctype html><p>One moment"),
        "JSON": make_reply({"error": {"code": "x"}}),
        "half a film": make_reply(film[: len(film) // 2]),
        "a broken picture": make_reply(b"\x89PNG\r\n\x1a\n" + bytes(99)),
        "bytes": make_reply(bytes(range(256))),
    }
    with count_cases("Results: what is no film beside a film") as case_counter:
        for name, reply in bad_replies.items():
            path = f"/bad-{case_counter.cases}"
            fake_provider.files[path] = reply
            row = run_to_saving(
                lifecycle, status="completed", results=[fake_provider.url + path, video_url]
            )
            lifecycle.worker.download_due()
            assert reload(row).results.count() == 1, name
            row = save_all(lifecycle, row)
            assert (row.state, row.error_code) == ("completed", "not_a_film"), name
            read_count = sum(it.path == path for it in fake_provider.media.requests)
            assert read_count == 2, name
            case_counter.cases += 1


def test_odd_films_and_pictures_are_kept(lifecycle, fake_provider, tmp_path):
    plain = make_video(tmp_path / "plain.mp4").read_bytes()
    contents = {
        "cover first": make_covered_video(tmp_path / "a.mp4").read_bytes(),
        "cover behind": make_covered_video(tmp_path / "b.mov", is_first=False).read_bytes(),
        "MKV": make_video(tmp_path / "a.mkv").read_bytes(),
        "WebM": make_video(tmp_path / "a.webm", codec="libvpx").read_bytes(),
        "MOV": make_video(tmp_path / "a.mov").read_bytes(),
        "free first": plain[:4] + b"free" + plain[8:],
        "PNG": make_image("PNG"),
        "JPEG": make_image("JPEG"),
        "WebP": make_image("WEBP"),
    }
    with count_cases("Results: odd films, pictures") as case_counter:
        urls = [
            fake_provider.serve_file(f"/odd-{number}.mp4", content)
            for number, content in enumerate(contents.values())
        ]
        row = save_all(lifecycle, run_to_saving(lifecycle, status="completed", results=urls))
        assert (row.state, row.error_code) == ("completed", "")
        formats = [result.asset.format for result in row.results.all()]
        assert formats == ["mp4", "mp4", "mp4", "webm", "mp4", "mp4", "png", "jpeg", "webp"]
        case_counter.cases += len(contents)


def test_a_link_that_leads_on_never_leads_inside(lifecycle, fake_provider, video_url):
    targets = [
        *("http://127.0.0.1:1/x", "http://[::1]:1/x", "https://10.0.0.1/", "http://media.example/"),
        *("https://169.254.169.254/", "file:///etc/passwd", "//localhost:1/", "https://0x7f.1/"),
    ]
    with count_cases("Results: redirects") as case_counter:
        for target in targets:
            fake_provider.files["/moved.mp4"] = make_redirect_reply(target)
            row = run_to_saving(
                lifecycle, status="completed", results=[fake_provider.url + "/moved.mp4"]
            )
            lifecycle.worker.download_due()
            assert (reload(row).state, reload(row).error_code) == ("saving", "link_unsafe"), target
            case_counter.cases += 1
        fake_provider.files["/moved.mp4"] = make_redirect_reply(video_url, 307)
        for row in Generation.objects.filter(state=State.SAVING):
            assert save_all(lifecycle, row).state == "completed"
            case_counter.cases += 1


@count_cases("Results: hundreds of links in one task", cases=LINK_COUNT)
def test_hundreds_of_links_are_all_kept_and_burden_no_page(lifecycle, fake_provider):
    picture = make_image("PNG", width=8, height=8)
    urls = [fake_provider.serve_file(f"/many/{number}", picture) for number in range(LINK_COUNT)]
    fake_provider.files["/many/7"] = make_error_reply(404, "gone")
    row = run_to_saving(lifecycle, status="completed", results=[{"url": url} for url in urls])
    client = Client()
    client.force_login(lifecycle.ada)
    (other,) = lifecycle.create_generations()
    lifecycle.dispatch_all()
    lifecycle.worker.download_due()
    assert 0 < reload(row).results.count() <= 20  # then others have their turn
    fake_provider.complete_task(lifecycle.task_id_of(other), urls[0])
    assert lifecycle.worker.poll_when_due(other).state == "saving"
    lifecycle.worker.download_due()
    assert reload(other).state == "completed"

    fake_provider.complete_task(row.task_id, *urls)  # so that a fresh link is the same dead one
    for _ in range(40):
        if reload(row).results.count() == LINK_COUNT - 1:
            break
        lifecycle.worker.download_due()
    assert reload(row).results.count() == LINK_COUNT - 1
    page = client.get(f"/create/{row.model_id}/?show={row.pk}")
    assert (page.status_code, page.content.count(b"result-picture")) == (200, 4)
    assert len(page.content) < 200_000
    assert len(client.get(f"/films/{row.pk}/?from={LINK_COUNT - 20}").content) < 50_000
    assert len(reload(row).last_reply["results"]) == 21
