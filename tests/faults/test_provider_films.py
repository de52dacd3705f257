"""From "made" to kept: outages, dead links, cuts and lies on the way of a film to our library."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from evolink_studio.generations.incidents import claim_new_alerts
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.pipeline import downloading as saving
from evolink_studio.library.models import Asset
from tests.answers import Received, Reply, Script, answer, cut_body, drip, error, film, hang_up
from tests.faults.conftest import SIZE
from tests.faults.journeys import Journey, all_is_cleared, fresh, journey, states
from tests.faults.table import tally
from tests.library.footage import film as footage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
__all__ = ["journey"]  # a fixture


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> bytes:
    return footage(tmp_path_factory.mktemp("film") / "clip.mp4", seconds=1).read_bytes()


def made(journey: Journey, count: int = 1) -> list[Generation]:
    """Wishes whose films lie at EvoLink, each at a link of its own that knows no file yet."""
    rows = journey.press(count)
    journey.send_all()
    for row in rows:
        journey.far.finish(journey.task_of(row), link_of(journey, row))
    journey.clock.forward(seconds=20)
    journey.worker.follow()
    assert states()["saving"] == count
    return [fresh(row) for row in rows]


def link_of(journey: Journey, row: Generation, again: str = "") -> str:
    return f"{journey.far.url}{path_of(row, again)}"


def path_of(row: Generation, again: str = "") -> str:
    return f"/{row.pk}{again}.mp4"


def every_film_is_whole(rows: list[Generation], clip: bytes, media: Path) -> None:
    """Each row has its own film, byte by byte, and nothing unfinished lies about."""
    for row in rows:
        (kept,) = [result.asset.file.read() for result in row.results.all()]
        assert kept == clip
    assert GeneratedVideo.objects.count() == Asset.objects.count() == len(rows)
    assert [path for path in (media / "incoming").rglob("*") if path.is_file()] == []


@dataclass(frozen=True)
class Outage:
    """What link and reads say meanwhile, and whether only a fresh link brings the film then."""

    link: Script
    read: Reply | None = None
    fresh_link: bool = False


OUTAGES = (
    Outage(error(503, "service_unavailable")),
    Outage(hang_up(), hang_up()),
    Outage(Reply(403), error(503, "service_unavailable"), fresh_link=True),
    Outage(Reply(404), fresh_link=True),
    Outage(Reply(410), error(404, "task_not_found"), fresh_link=True),
)


def hours_pass(journey: Journey, hours: float, minutes: int) -> set[tuple[int, float]]:
    """The worker tries whenever it wants to. Of which rows admins heard, after how many hours."""
    begun, told = journey.clock(), set()
    while journey.clock() < begun + timedelta(hours=hours):
        journey.worker.save()
        for alert in claim_new_alerts(now=journey.clock()):
            told.add((alert.generation.pk, (journey.clock() - begun) / timedelta(hours=1)))
        journey.clock.forward(minutes=minutes)
    return told


def test_an_outage_of_twenty_hours_loses_no_film_and_admins_hear_of_it(
    journey, far, clip, settings
):
    with tally("Provider: 20 hours without the film") as counted:
        rows = made(journey, len(OUTAGES))
        reads = {journey.task_of(r): o.read for r, o in zip(rows, OUTAGES, strict=True) if o.read}
        far.read.always(lambda asked: reads.get(asked.path.rpartition("/")[2]) or far._read(asked))
        for row, outage in zip(rows, OUTAGES, strict=True):
            far.files[path_of(row)] = outage.link
        told = hours_pass(journey, 20, minutes=30 if SIZE == 1 else 10)
        assert states() == {"saving": len(rows)}
        for row in rows:
            heard = [hours for pk, hours in told if pk == row.pk]
            assert min(heard) <= 1
            assert any(11.5 <= hours <= 12.6 for hours in heard), "half of the link's life is over"
        tries = len(far.media.requests)
        assert tries <= 125 * len(rows), "no storm"

        far.read.always(far._read)
        for row, outage in zip(rows, OUTAGES, strict=True):
            again = "-fresh" if outage.fresh_link else ""
            far.files[path_of(row, again)] = film(clip)
            far.finish(journey.task_of(row), link_of(journey, row, again))
        journey.until_all_ended(minutes=10)
        assert all(fresh(row).finished_at - row.progressed_at < timedelta(hours=24) for row in rows)
        every_film_is_whole(rows, clip, Path(settings.MEDIA_ROOT))
        all_is_cleared(far)
        assert far.paid == len(far.create.requests) == len(rows)
        counted.cases += tries


def test_a_film_that_never_comes_ends_charged_and_told_and_is_not_paid_again(journey, far):
    with tally("Provider: 20 hours without the film") as counted:
        (row,) = made(journey)
        assert hours_pass(journey, 25.5, minutes=60)
        assert fresh(row).state == "saving"
        journey.until_all_ended(minutes=10)
        lost = fresh(row)
        assert (lost.state, lost.error_code, lost.charge) == ("failed", "film_lost", "charged")
        all_is_cleared(far)
        assert len(far.create.requests) == 1
        counted.cases += 1


def cut_once(clip: bytes, after: int) -> Script:
    """A media host that breaks off after so many bytes, and serves the rest when asked for it."""
    whole, seen = film(clip), []

    def serve(request: Received) -> Reply:
        seen.append(request)
        return cut_body(whole(request), after) if len(seen) == 1 else whole(request)

    return serve


def test_wherever_a_download_is_cut_the_film_comes_whole_and_no_byte_comes_twice(
    journey, far, clip, settings
):
    with tally("Provider: download cut") as counted:
        step = max(1, len(clip) // (12 * SIZE))
        cuts = sorted({0, 1, 7, 8, len(clip) - 1, *range(step, len(clip), step)})
        rows = made(journey, len(cuts))
        for row, after in zip(rows, cuts, strict=True):
            far.files[path_of(row)] = cut_once(clip, after)
        journey.until_all_ended()
        every_film_is_whole(rows, clip, Path(settings.MEDIA_ROOT))
        for row, after in zip(rows, cuts, strict=True):
            asked = [r.headers.get("range") for r in far.media.requests if r.path == path_of(row)]
            assert asked == [None, f"bytes={after}-" if after else None]
            counted.cases += 1
        all_is_cleared(far)


GIGABYTE = 1024**3


def lies(clip: bytes) -> dict[str, Reply]:
    """What a media host may give instead of the film."""
    return {
        "a page": answer(b"<!doctype html><title>Sign in</title>" * 99, content_type="text/html"),
        "a page called a film": answer(b"<html>" * 99, content_type="video/mp4"),
        "a picture": answer(b"\x89PNG\r\n\x1a\n" + bytes(500), content_type="image/png"),
        "JSON": answer({"error": {"code": "expired"}}),
        "zero bytes": answer(b"", content_type="video/mp4"),
        "nothing but zeros": answer(bytes(5000), content_type="video/mp4"),
        "half a film": answer(clip[: len(clip) // 2], content_type="video/mp4"),
        "a film without its end": answer(clip[:-200], content_type="video/mp4"),
        "3 GB, it says": cut_body(answer(b"x" * 99, content_length=str(3 * GIGABYTE)), 99),
        "5 GB, it says": cut_body(answer(b"x" * 99, content_length=str(5 * GIGABYTE)), 99),
        "a length that is none": answer(clip, content_length="many"),
        "compressed": answer(b"x" * 50, content_encoding="gzip"),
        "another range": answer(clip[5:9], 206, content_range=f"bytes 5-8/{len(clip)}"),
    }


def test_what_is_no_film_is_never_kept_and_the_film_is_kept_when_it_comes(
    journey, far, clip, settings
):
    with tally("Provider: wrong type, zero bytes, gigabytes") as counted:
        wrong = lies(clip)
        rows = made(journey, len(wrong))
        for row, reply in zip(rows, wrong.values(), strict=True):
            far.files[path_of(row)] = reply
        journey.worker.save()
        assert states() == {"saving": len(rows)}
        assert set(Generation.objects.values_list("charge", flat=True)) == {"charged"}
        assert not Generation.objects.filter(error_code__in=["", "internal"]).exists()
        assert not Asset.objects.exists()
        media = Path(settings.MEDIA_ROOT)
        assert sum(path.stat().st_size for path in media.rglob("*") if path.is_file()) < 10_000

        for row in rows:
            far.files[path_of(row)] = film(clip, etag='"2"')
        journey.until_all_ended()
        every_film_is_whole(rows, clip, media)
        all_is_cleared(far)
        counted.cases += len(rows)


def test_more_than_the_limit_is_not_written_to_the_disk_however_it_comes(
    journey, far, clip, settings, monkeypatch
):
    """The limit is 4 GB; here it is as small as the film, so that the test is quick."""
    monkeypatch.setattr(saving, "MAX_VIDEO_BYTES", len(clip))
    flood = clip + bytes(500_000)
    floods: list[Reply] = [Reply(200, flood), Reply(200, flood, chunked=True)]
    with tally("Provider: wrong type, zero bytes, gigabytes") as counted:
        for reply in floods:
            (row,) = made(journey)
            far.files[path_of(row)] = reply
            journey.worker.save()
            waiting = fresh(row)
            assert (waiting.state, waiting.error_code) == ("saving", "download_failed")
            media = Path(settings.MEDIA_ROOT) / "incoming"
            assert sum(path.stat().st_size for path in media.iterdir()) <= len(clip) + 200
            far.files[path_of(row)] = film(clip, etag='"2"')
            journey.until_all_ended()
            counted.cases += 1
        every_film_is_whole(list(Generation.objects.all()), clip, Path(settings.MEDIA_ROOT))
        all_is_cleared(far)


def test_a_drip_gives_its_place_away_and_comes_whole_in_the_end(
    journey, far, clip, settings, monkeypatch
):
    """Every try has one deadline, however slowly bytes come; the next one goes on from there."""
    monkeypatch.setattr(saving, "DOWNLOAD_DEADLINE_SECONDS", 0.5)
    whole = film(clip)
    pause: Callable[[Reply], Reply] = lambda reply: drip(reply, pause=1.2 / len(clip))  # noqa: E731
    with tally("Provider: floods and drips") as counted:
        (row,) = made(journey)
        far.files[path_of(row)] = lambda request: pause(whole(request))
        for _ in range(2):
            journey.worker.save()
            assert fresh(row).error_code == "download_failed"
            journey.worker.wait_for(row)
        far.files[path_of(row)] = whole
        journey.until_all_ended()
        begun = [int((r.headers.get("range") or "bytes=0-")[6:-1]) for r in far.media.requests]
        assert begun == sorted(set(begun)), "further each time"
        every_film_is_whole([row], clip, Path(settings.MEDIA_ROOT))
        all_is_cleared(far)
        counted.cases += 1
