"""From "made" to stored: outages, dead links, cuts, false files on a film's way to the library."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.generations.incidents import claim_new_alerts
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.pipeline import downloading
from evolink_studio.library.models import Asset
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.lifecycle import (
    GenerationLifecycle,
    assert_all_cleared,
    count_states,
    reload,
)
from tests.faults.report import count_cases
from tests.provider_replies import (
    ReceivedRequest,
    Reply,
    Script,
    cut_reply_body,
    drip_reply,
    make_dropped_reply,
    make_error_reply,
    make_media_script,
    make_reply,
)
from tests.sample_videos import make_video

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return make_video(tmp_path_factory.mktemp("film") / "clip.mp4", seconds=1).read_bytes()


def create_saving_generations(lifecycle: GenerationLifecycle, count: int = 1) -> list[Generation]:
    """Generations whose films lie at EvoLink, each at a link of its own that knows no file yet."""
    rows = lifecycle.create_generations(count)
    lifecycle.dispatch_all()
    for row in rows:
        lifecycle.fake_provider.complete_task(
            lifecycle.task_id_of(row), video_url_of(lifecycle, row)
        )
    lifecycle.clock.advance(seconds=20)
    lifecycle.worker.poll_due()
    assert count_states()["saving"] == count
    return [reload(row) for row in rows]


def video_url_of(lifecycle: GenerationLifecycle, row: Generation, suffix: str = "") -> str:
    return f"{lifecycle.fake_provider.url}{video_path_of(row, suffix)}"


def video_path_of(row: Generation, suffix: str = "") -> str:
    return f"/{row.pk}{suffix}.mp4"


def assert_videos_whole(rows: list[Generation], content: bytes, media: Path) -> None:
    """Each row has its own film, byte by byte, and nothing unfinished lies about."""
    for row in rows:
        (video_bytes,) = [result.asset.file.read() for result in row.results.all()]
        assert video_bytes == content
    assert GeneratedVideo.objects.count() == Asset.objects.count() == len(rows)
    assert [path for path in (media / "incoming").rglob("*") if path.is_file()] == []


@dataclass(frozen=True)
class Outage:
    """What link and reads answer meanwhile, and whether the film then needs a fresh link."""

    media_script: Script
    read_reply: Reply | None = None
    needs_fresh_link: bool = False


OUTAGES = (
    Outage(make_error_reply(503, "service_unavailable")),
    Outage(make_dropped_reply(), make_dropped_reply()),
    Outage(Reply(403), make_error_reply(503, "service_unavailable"), needs_fresh_link=True),
    Outage(Reply(404), needs_fresh_link=True),
    Outage(Reply(410), make_error_reply(404, "task_not_found"), needs_fresh_link=True),
)


def run_for_hours(
    lifecycle: GenerationLifecycle, hours: float, minutes: int
) -> set[tuple[int, float]]:
    """The worker tries whenever it is due. Returns (row, hours) for each alert to admins."""
    started_at, alerts = lifecycle.clock(), set()
    while lifecycle.clock() < started_at + timedelta(hours=hours):
        lifecycle.worker.download_due()
        for alert in claim_new_alerts(now=lifecycle.clock()):
            alerts.add((alert.generation.pk, (lifecycle.clock() - started_at) / timedelta(hours=1)))
        lifecycle.clock.advance(minutes=minutes)
    return alerts


def test_an_outage_of_twenty_hours_loses_no_film_and_admins_hear_of_it(
    lifecycle, fake_provider, clip, settings
):
    with count_cases("Provider: 20 hours without the film") as case_counter:
        rows = create_saving_generations(lifecycle, len(OUTAGES))
        reads = {
            lifecycle.task_id_of(r): o.read_reply
            for r, o in zip(rows, OUTAGES, strict=True)
            if o.read_reply
        }
        fake_provider.read.reply_always(
            lambda ranges: (
                reads.get(ranges.path.rpartition("/")[2]) or fake_provider._reply_to_read(ranges)
            )
        )
        for row, outage in zip(rows, OUTAGES, strict=True):
            fake_provider.files[video_path_of(row)] = outage.media_script
        incident_hours = run_for_hours(lifecycle, 20, minutes=30 if FAULTS_SIZE == 1 else 10)
        assert count_states() == {"saving": len(rows)}
        for row in rows:
            hours_of_row = [hours for pk, hours in incident_hours if pk == row.pk]
            assert min(hours_of_row) <= 1
            assert any(11.5 <= hours <= 12.6 for hours in hours_of_row), (
                "half of the link's life is over"
            )
        attempt_count = len(fake_provider.media.requests)
        assert attempt_count <= 125 * len(rows), "no storm"

        fake_provider.read.reply_always(fake_provider._reply_to_read)
        for row, outage in zip(rows, OUTAGES, strict=True):
            suffix = "-fresh" if outage.needs_fresh_link else ""
            fake_provider.files[video_path_of(row, suffix)] = make_media_script(clip)
            fake_provider.complete_task(
                lifecycle.task_id_of(row), video_url_of(lifecycle, row, suffix)
            )
        lifecycle.run_until_all_ended(minutes=10)
        assert all(
            reload(row).finished_at - row.progressed_at < timedelta(hours=24) for row in rows
        )
        assert_videos_whole(rows, clip, Path(settings.MEDIA_ROOT))
        assert_all_cleared(fake_provider)
        assert fake_provider.paid_count == len(fake_provider.create.requests) == len(rows)
        case_counter.cases += attempt_count


def test_a_film_that_never_comes_ends_charged_and_told_and_is_not_paid_again(
    lifecycle, fake_provider
):
    with count_cases("Provider: 20 hours without the film") as case_counter:
        (row,) = create_saving_generations(lifecycle)
        assert run_for_hours(lifecycle, 25.5, minutes=60)
        assert reload(row).state == "saving"
        lifecycle.run_until_all_ended(minutes=10)
        failed_row = reload(row)
        assert (failed_row.state, failed_row.error_code, failed_row.charge) == (
            "failed",
            "film_lost",
            "charged",
        )
        assert_all_cleared(fake_provider)
        assert len(fake_provider.create.requests) == 1
        case_counter.cases += 1


def make_script_cut_once(content: bytes, after_bytes: int) -> Script:
    """A media host that breaks off after so many bytes, and serves the rest when asked for it."""
    full_script, requests = make_media_script(content), []

    def serve_request(request: ReceivedRequest) -> Reply:
        requests.append(request)
        return (
            cut_reply_body(full_script(request), after_bytes)
            if len(requests) == 1
            else full_script(request)
        )

    return serve_request


def test_wherever_a_download_is_cut_the_film_comes_whole_and_no_byte_comes_twice(
    lifecycle, fake_provider, clip, settings
):
    with count_cases("Provider: download cut") as case_counter:
        step = max(1, len(clip) // (12 * FAULTS_SIZE))
        cuts = sorted({0, 1, 7, 8, len(clip) - 1, *range(step, len(clip), step)})
        rows = create_saving_generations(lifecycle, len(cuts))
        for row, byte_count in zip(rows, cuts, strict=True):
            fake_provider.files[video_path_of(row)] = make_script_cut_once(clip, byte_count)
        lifecycle.run_until_all_ended()
        assert_videos_whole(rows, clip, Path(settings.MEDIA_ROOT))
        for row, byte_count in zip(rows, cuts, strict=True):
            ranges = [
                r.headers.get("range")
                for r in fake_provider.media.requests
                if r.path == video_path_of(row)
            ]
            assert ranges == [None, f"bytes={byte_count}-" if byte_count else None]
            case_counter.cases += 1
        assert_all_cleared(fake_provider)


GIGABYTE = 1024**3


def false_media_replies(content: bytes) -> dict[str, Reply]:
    """What a media host may give instead of the film."""
    return {
        "a page": make_reply(
            b"<!doctype html><title>Sign in</title>" * 99, content_type="text/html"
        ),
        "a page called a film": make_reply(b"<html>" * 99, content_type="video/mp4"),
        "a picture": make_reply(b"\x89PNG\r\n\x1a\n" + bytes(500), content_type="image/png"),
        "JSON": make_reply({"error": {"code": "expired"}}),
        "zero bytes": make_reply(b"", content_type="video/mp4"),
        "nothing but zeros": make_reply(bytes(5000), content_type="video/mp4"),
        "half a film": make_reply(content[: len(content) // 2], content_type="video/mp4"),
        "a film without its end": make_reply(content[:-200], content_type="video/mp4"),
        "3 GB, it says": cut_reply_body(
            make_reply(b"x" * 99, content_length=str(3 * GIGABYTE)), 99
        ),
        "5 GB, it says": cut_reply_body(
            make_reply(b"x" * 99, content_length=str(5 * GIGABYTE)), 99
        ),
        "a length that is none": make_reply(content, content_length="many"),
        "compressed": make_reply(b"x" * 50, content_encoding="gzip"),
        "another range": make_reply(content[5:9], 206, content_range=f"bytes 5-8/{len(content)}"),
    }


def test_what_is_no_film_is_never_kept_and_the_film_is_kept_when_it_comes(
    lifecycle, fake_provider, clip, settings
):
    with count_cases("Provider: wrong type, zero bytes, gigabytes") as case_counter:
        false_replies = false_media_replies(clip)
        rows = create_saving_generations(lifecycle, len(false_replies))
        for row, reply in zip(rows, false_replies.values(), strict=True):
            fake_provider.files[video_path_of(row)] = reply
        lifecycle.worker.download_due()
        assert count_states() == {"saving": len(rows)}
        assert set(Generation.objects.values_list("charge", flat=True)) == {"charged"}
        assert not Generation.objects.filter(error_code__in=["", "internal"]).exists()
        assert not Asset.objects.exists()
        media = Path(settings.MEDIA_ROOT)
        assert sum(path.stat().st_size for path in media.rglob("*") if path.is_file()) < 10_000

        for row in rows:
            fake_provider.files[video_path_of(row)] = make_media_script(clip, etag='"2"')
        lifecycle.run_until_all_ended()
        assert_videos_whole(rows, clip, media)
        assert_all_cleared(fake_provider)
        case_counter.cases += len(rows)


def test_more_than_the_limit_is_not_written_to_the_disk_however_it_comes(
    lifecycle, fake_provider, clip, settings, monkeypatch
):
    """The limit is 4 GB; here it is as small as the film, so that the test is quick."""
    monkeypatch.setattr(downloading, "MAX_VIDEO_BYTES", len(clip))
    flood = clip + bytes(500_000)
    floods: list[Reply] = [Reply(200, flood), Reply(200, flood, is_chunked=True)]
    with count_cases("Provider: wrong type, zero bytes, gigabytes") as case_counter:
        for reply in floods:
            (row,) = create_saving_generations(lifecycle)
            fake_provider.files[video_path_of(row)] = reply
            lifecycle.worker.download_due()
            waiting = reload(row)
            assert (waiting.state, waiting.error_code) == ("saving", "download_failed")
            media = Path(settings.MEDIA_ROOT) / "incoming"
            assert sum(path.stat().st_size for path in media.iterdir()) <= len(clip) + 200
            fake_provider.files[video_path_of(row)] = make_media_script(clip, etag='"2"')
            lifecycle.run_until_all_ended()
            case_counter.cases += 1
        assert_videos_whole(list(Generation.objects.all()), clip, Path(settings.MEDIA_ROOT))
        assert_all_cleared(fake_provider)


def test_a_drip_gives_its_place_away_and_comes_whole_in_the_end(
    lifecycle, fake_provider, clip, settings, monkeypatch
):
    """Every try has one deadline, however slowly bytes come; the next one goes on from there."""
    full_script = make_media_script(clip)

    def pause(reply: Reply) -> Reply:
        return drip_reply(reply, byte_pause_seconds=20 / len(clip))

    with count_cases("Provider: floods and drips") as case_counter:
        (row,) = create_saving_generations(lifecycle)
        fake_provider.files[video_path_of(row)] = lambda request: pause(full_script(request))
        with monkeypatch.context() as patch:
            patch.setattr(downloading, "DOWNLOAD_DEADLINE_SECONDS", 4)
            for _ in range(2):
                lifecycle.worker.download_due()
                assert reload(row).error_code == "download_failed"
                lifecycle.worker.advance_until_due(row)
        fake_provider.files[video_path_of(row)] = full_script
        lifecycle.run_until_all_ended()
        partial_sizes = [
            int((r.headers.get("range") or "bytes=0-")[6:-1]) for r in fake_provider.media.requests
        ]
        assert partial_sizes == sorted(partial_sizes), "never back to an earlier byte"
        assert partial_sizes[-1] > 0
        assert_videos_whole([row], clip, Path(settings.MEDIA_ROOT))
        assert_all_cleared(fake_provider)
        case_counter.cases += 1
