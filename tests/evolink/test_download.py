"""Copying a result: whole and checked, or an error that says whether to look again."""

import asyncio
import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from evolink_studio.evolink.download import DownloadResult, download_file
from evolink_studio.evolink.errors import (
    DiskFullError,
    DownloadError,
    FileTooLargeError,
    LinkExpiredError,
    RateLimitError,
    ServiceUnavailableError,
    UnsafeUrlError,
)
from tests.answers import (
    Reply,
    answer,
    cut,
    cut_body,
    drip,
    film,
    gzip_bomb,
    hang_up,
    redirect,
    silence,
)
from tests.farend import FarEnd

FILM = random.Random(7).randbytes(300_000)


def fetch(far: FarEnd, to: Path, path: str = "/film.mp4", **options: object) -> DownloadResult:
    given = {"trusted_urls": [far.url], "max_bytes": 1_000_000, "deadline": 5} | options
    return asyncio.run(download_file(far.url + path, to, **given))


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "film.part"


def test_a_file_arrives_whole_with_its_size_hash_and_type(far: FarEnd, to: Path) -> None:
    far.serve("/film.mp4", FILM, mime="Video/MP4; codecs=avc1")

    found = fetch(far, to)

    assert to.read_bytes() == FILM
    assert found == DownloadResult(len(FILM), hashlib.sha256(FILM).hexdigest(), "video/mp4")
    assert [each.name for each in to.parent.iterdir()] == ["film.part"]


def test_a_file_in_chunks_without_a_length_arrives_too(far: FarEnd, to: Path) -> None:
    far.media.answers(Reply(200, FILM, chunked=True))

    assert fetch(far, to).mime == ""
    assert to.read_bytes() == FILM


def test_the_query_of_a_signed_link_is_kept(far: FarEnd, to: Path) -> None:
    far.serve("/film.mp4", FILM)

    fetch(far, to, "/film.mp4?sig=a%2Fb&e=1#here")

    assert far.media.requests[0].query == "sig=a%2Fb&e=1"


ENDINGS = {
    "forbidden": (Reply(403), LinkExpiredError),
    "not found": (Reply(404), LinkExpiredError),
    "gone": (Reply(410), LinkExpiredError),
    "often": (Reply(429), RateLimitError),
    "moved": (redirect("http://127.0.0.1:9/"), UnsafeUrlError),
    "moved for good": (redirect("/film2.mp4", 308), UnsafeUrlError),
    "bad request": (Reply(400), ServiceUnavailableError),
    "server": (Reply(500), ServiceUnavailableError),
    "no content": (Reply(204), ServiceUnavailableError),
    "zero bytes": (Reply(200), ServiceUnavailableError),
    "closed": (hang_up(), ServiceUnavailableError),
    "reset": (hang_up(reset=True), ServiceUnavailableError),
    "cut": (cut_body(answer(FILM), 100_000), ServiceUnavailableError),
    "cut at the last byte": (cut_body(answer(FILM), len(FILM) - 1), ServiceUnavailableError),
    "cut before the body": (cut_body(answer(FILM), 0), ServiceUnavailableError),
    "shorter than announced": (
        replace(answer(b"x", content_length="9"), cut=10**6),
        ServiceUnavailableError,
    ),
    "cut chunks": (cut(Reply(200, FILM, chunked=True), 200_000), ServiceUnavailableError),
    "part not asked for": (
        answer(b"xx", 206, content_range="bytes 5-6/7"),
        ServiceUnavailableError,
    ),
    "unfolding": (gzip_bomb(), ServiceUnavailableError),
    "too large": (answer(b"x" * 1_000_001), FileTooLargeError),
    "too large in chunks": (Reply(200, b"x" * 1_000_001, chunked=True), FileTooLargeError),
}


@pytest.mark.parametrize(("reply", "kind"), ENDINGS.values(), ids=ENDINGS.keys())
def test_every_bad_ending_has_its_name(far: FarEnd, to: Path, reply: Reply, kind: type) -> None:
    far.media.answers(reply)

    with pytest.raises(kind) as caught:
        fetch(far, to)

    assert type(caught.value) is kind
    assert len(far.media.requests) == 1


def test_a_file_too_large_is_refused_by_what_it_announces(far: FarEnd, to: Path) -> None:
    far.media.answers(cut_body(answer(b"", content_length="3000000000"), 0))

    with pytest.raises(FileTooLargeError):
        fetch(far, to)


def test_a_file_of_just_the_limit_is_fine(far: FarEnd, to: Path) -> None:
    far.serve("/film.mp4", b"x" * 1000)

    assert fetch(far, to, max_bytes=1000).size_bytes == 1000


@pytest.mark.parametrize("reply", [drip(answer(FILM), 0.01), silence()], ids=["drip", "silence"])
def test_the_deadline_counts_for_the_whole_download(far: FarEnd, to: Path, reply: Reply) -> None:
    far.media.answers(reply)

    with pytest.raises(ServiceUnavailableError, match="longer than"):
        fetch(far, to, deadline=0.2)


def test_a_full_disk_has_a_name_of_its_own(far: FarEnd, to: Path) -> None:
    far.serve("/film.mp4", FILM)
    to.symlink_to("/dev/full")

    with pytest.raises(DiskFullError):
        fetch(far, to)


def test_a_folder_that_is_missing_is_not_called_a_full_disk(far: FarEnd, to: Path) -> None:
    far.serve("/film.mp4", FILM)

    with pytest.raises(DownloadError) as caught:
        fetch(far, to.parent / "missing" / "film.part")
    assert type(caught.value) is DownloadError


def test_a_new_download_replaces_what_was_there(far: FarEnd, to: Path) -> None:
    to.write_bytes(b"y" * 400_000)
    far.serve("/film.mp4", FILM)

    fetch(far, to)

    assert to.read_bytes() == FILM
    assert "range" not in far.media.requests[0].headers


def broken_off(far: FarEnd, to: Path, after: int, *, etag: str | None = '"1"') -> None:
    """A download that ended after that many bytes, to be gone on with."""
    serve = film(FILM, etag=etag)
    far.files["/film.mp4"] = serve
    far.media.answers(lambda request: cut_body(serve(request), after))
    with pytest.raises(ServiceUnavailableError):
        fetch(far, to, resume=True)


@pytest.mark.parametrize("after", [1, 65_536, 299_999])
def test_a_broken_download_goes_on_where_it_ended(far: FarEnd, to: Path, after: int) -> None:
    broken_off(far, to, after)
    assert to.stat().st_size == after

    found = fetch(far, to, resume=True)

    assert to.read_bytes() == FILM
    assert found.sha256 == hashlib.sha256(FILM).hexdigest()
    assert found.size_bytes == len(FILM)
    assert far.media.requests[1].headers["range"] == f"bytes={after}-"
    assert far.media.requests[1].headers["if-range"] == '"1"'
    assert [each.name for each in to.parent.iterdir()] == ["film.part"]


def test_without_an_etag_the_size_has_to_do(far: FarEnd, to: Path) -> None:
    broken_off(far, to, 1000, etag=None)

    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM
    assert far.media.requests[1].headers["range"] == "bytes=1000-"
    assert "if-range" not in far.media.requests[1].headers


def test_a_weak_etag_is_not_relied_on(far: FarEnd, to: Path) -> None:
    broken_off(far, to, 1000, etag='W/"1"')

    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM
    assert "if-range" not in far.media.requests[1].headers


def test_other_content_under_the_same_link_starts_anew(far: FarEnd, to: Path) -> None:
    broken_off(far, to, 100_000)
    other = FILM[::-1]
    far.serve("/film.mp4", other, etag='"2"')

    fetch(far, to, resume=True)

    assert to.read_bytes() == other


def test_a_rest_that_does_not_fit_is_not_glued_on(far: FarEnd, to: Path) -> None:
    broken_off(far, to, 100_000)
    size = len(FILM)
    far.media.answers(answer(FILM[5:], 206, content_range=f"bytes 5-{size - 1}/{size}"))

    with pytest.raises(ServiceUnavailableError):
        fetch(far, to, resume=True)
    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM
    assert "range" not in far.media.requests[-1].headers


def test_a_rest_of_another_size_is_not_glued_on(far: FarEnd, to: Path) -> None:
    broken_off(far, to, 100_000, etag=None)
    far.serve("/film.mp4", FILM + b"more", etag=None)

    with pytest.raises(ServiceUnavailableError):
        fetch(far, to, resume=True)
    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM + b"more"


def test_a_file_that_was_complete_already_is_fetched_again(far: FarEnd, to: Path) -> None:
    broken_off(far, to, 100_000)
    to.write_bytes(FILM)

    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM
    assert [r.headers.get("range") for r in far.media.requests] == [None, "bytes=300000-", None]


@pytest.mark.parametrize("note", ["", "{", "[]", '{"mark": 5, "total": 300000}', '{"mark": ""}'])
def test_a_note_that_makes_no_sense_starts_anew(far: FarEnd, to: Path, note: str) -> None:
    broken_off(far, to, 100_000)
    to.with_name("film.part.note").write_text(note)

    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM
    assert "range" not in far.media.requests[-1].headers


def test_a_file_that_is_gone_starts_anew(far: FarEnd, to: Path) -> None:
    broken_off(far, to, 100_000)
    to.unlink()

    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM


def test_a_rest_that_breaks_off_again_and_again_gets_there(far: FarEnd, to: Path) -> None:
    serve = film(FILM)
    far.files["/film.mp4"] = serve
    far.media.answers(*[lambda request: cut_body(serve(request), 70_000)] * 4)

    for _ in range(4):
        with pytest.raises(ServiceUnavailableError):
            fetch(far, to, resume=True)
    fetch(far, to, resume=True)

    assert to.read_bytes() == FILM


def test_four_downloads_at_once_do_not_mix(far: FarEnd, tmp_path: Path) -> None:
    films = [random.Random(n).randbytes(200_000) for n in range(4)]
    links = [far.serve(f"/{n}.mp4", content) for n, content in enumerate(films)]

    async def all_at_once() -> None:
        await asyncio.gather(
            *(
                download_file(
                    link, tmp_path / str(n), trusted_urls=[far.url], max_bytes=10**6, deadline=10
                )
                for n, link in enumerate(links)
            )
        )

    asyncio.run(all_at_once())

    assert [(tmp_path / str(n)).read_bytes() for n in range(4)] == films
