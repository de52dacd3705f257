"""Copying a result: whole and checked, or an error that says whether to look again."""

import asyncio
import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from evolink_studio.evolink.download import DownloadedFile, download_file
from evolink_studio.evolink.errors import (
    DiskFullError,
    DownloadError,
    FileTooLargeError,
    LinkExpiredError,
    RateLimitError,
    ServiceUnavailableError,
    UnsafeUrlError,
)
from tests.fake_provider import FakeProvider
from tests.provider_replies import (
    Reply,
    cut_reply,
    cut_reply_body,
    drip_reply,
    make_dropped_reply,
    make_gzip_bomb_reply,
    make_media_script,
    make_redirect_reply,
    make_reply,
    make_silent_reply,
)

FILE_CONTENT = random.Random(7).randbytes(300_000)


def fetch_file(
    fake_provider: FakeProvider, destination: Path, path: str = "/film.mp4", **options: object
) -> DownloadedFile:
    arguments = {
        "trusted_urls": [fake_provider.url],
        "max_bytes": 1_000_000,
        "deadline": 5,
    } | options
    return asyncio.run(download_file(fake_provider.url + path, destination, **arguments))


def test_a_file_arrives_whole_with_its_size_hash_and_type(
    fake_provider: FakeProvider, destination: Path
) -> None:
    fake_provider.serve_file("/film.mp4", FILE_CONTENT, mime="Video/MP4; codecs=avc1")

    download = fetch_file(fake_provider, destination)

    assert destination.read_bytes() == FILE_CONTENT
    assert download == DownloadedFile(
        len(FILE_CONTENT), hashlib.sha256(FILE_CONTENT).hexdigest(), "video/mp4"
    )
    assert [path.name for path in destination.parent.iterdir()] == ["film.part"]


def test_a_file_in_chunks_without_a_length_arrives_too(
    fake_provider: FakeProvider, destination: Path
) -> None:
    fake_provider.media.reply_next(Reply(200, FILE_CONTENT, is_chunked=True))

    assert fetch_file(fake_provider, destination).mime == ""
    assert destination.read_bytes() == FILE_CONTENT


def test_the_query_of_a_signed_link_is_kept(fake_provider: FakeProvider, destination: Path) -> None:
    fake_provider.serve_file("/film.mp4", FILE_CONTENT)

    fetch_file(fake_provider, destination, "/film.mp4?sig=a%2Fb&e=1#here")

    assert fake_provider.media.requests[0].query == "sig=a%2Fb&e=1"


ERROR_CASES = {
    "forbidden": (Reply(403), LinkExpiredError),
    "not found": (Reply(404), LinkExpiredError),
    "gone": (Reply(410), LinkExpiredError),
    "often": (Reply(429), RateLimitError),
    "moved": (make_redirect_reply("http://127.0.0.1:9/"), UnsafeUrlError),
    "moved where nobody asked to go": (make_redirect_reply("/film2.mp4", 308), UnsafeUrlError),
    "many choices": (make_reply(b"", 300), ServiceUnavailableError),
    "not modified": (make_reply(b"", 304), ServiceUnavailableError),
    "bad request": (Reply(400), ServiceUnavailableError),
    "server": (Reply(500), ServiceUnavailableError),
    "no content": (Reply(204), ServiceUnavailableError),
    "zero bytes": (Reply(200), ServiceUnavailableError),
    "closed": (make_dropped_reply(), ServiceUnavailableError),
    "reset": (make_dropped_reply(is_reset=True), ServiceUnavailableError),
    "cut": (cut_reply_body(make_reply(FILE_CONTENT), 100_000), ServiceUnavailableError),
    "cut at the last byte": (
        cut_reply_body(make_reply(FILE_CONTENT), len(FILE_CONTENT) - 1),
        ServiceUnavailableError,
    ),
    "cut before the body": (cut_reply_body(make_reply(FILE_CONTENT), 0), ServiceUnavailableError),
    "shorter than announced": (
        replace(make_reply(b"x", content_length="9"), cut_after_bytes=10**6),
        ServiceUnavailableError,
    ),
    "cut chunks": (
        cut_reply(Reply(200, FILE_CONTENT, is_chunked=True), 200_000),
        ServiceUnavailableError,
    ),
    "part not asked for": (
        make_reply(b"xx", 206, content_range="bytes 5-6/7"),
        ServiceUnavailableError,
    ),
    "unfolding": (make_gzip_bomb_reply(), ServiceUnavailableError),
    "too large": (make_reply(b"x" * 1_000_001), FileTooLargeError),
    "too large in chunks": (Reply(200, b"x" * 1_000_001, is_chunked=True), FileTooLargeError),
}


@pytest.mark.parametrize(("reply", "kind"), ERROR_CASES.values(), ids=ERROR_CASES.keys())
def test_every_bad_ending_has_its_name(
    fake_provider: FakeProvider, destination: Path, reply: Reply, kind: type
) -> None:
    fake_provider.media.reply_next(reply)

    with pytest.raises(kind) as exc_info:
        fetch_file(fake_provider, destination)

    assert type(exc_info.value) is kind
    assert len(fake_provider.media.requests) == 1


def test_a_file_too_large_is_refused_by_what_it_announces(
    fake_provider: FakeProvider, destination: Path
) -> None:
    fake_provider.media.reply_next(cut_reply_body(make_reply(b"", content_length="3000000000"), 0))

    with pytest.raises(FileTooLargeError):
        fetch_file(fake_provider, destination)


def test_a_file_of_just_the_limit_is_fine(fake_provider: FakeProvider, destination: Path) -> None:
    fake_provider.serve_file("/film.mp4", b"x" * 1000)

    assert fetch_file(fake_provider, destination, max_bytes=1000).size_bytes == 1000


@pytest.mark.parametrize(
    "reply",
    [drip_reply(make_reply(FILE_CONTENT), 0.01), make_silent_reply()],
    ids=["drip", "silence"],
)
def test_the_deadline_counts_for_the_whole_download(
    fake_provider: FakeProvider, destination: Path, reply: Reply
) -> None:
    fake_provider.media.reply_next(reply)

    with pytest.raises(ServiceUnavailableError, match="longer than"):
        fetch_file(fake_provider, destination, deadline=0.2)


def test_a_full_disk_has_a_name_of_its_own(fake_provider: FakeProvider, destination: Path) -> None:
    fake_provider.serve_file("/film.mp4", FILE_CONTENT)
    destination.symlink_to("/dev/full")

    with pytest.raises(DiskFullError):
        fetch_file(fake_provider, destination)


def test_a_folder_that_is_missing_is_not_called_a_full_disk(
    fake_provider: FakeProvider, destination: Path
) -> None:
    fake_provider.serve_file("/film.mp4", FILE_CONTENT)

    with pytest.raises(DownloadError) as exc_info:
        fetch_file(fake_provider, destination.parent / "missing" / "film.part")
    assert type(exc_info.value) is DownloadError


def test_a_new_download_replaces_what_was_there(
    fake_provider: FakeProvider, destination: Path
) -> None:
    destination.write_bytes(b"y" * 400_000)
    fake_provider.serve_file("/film.mp4", FILE_CONTENT)

    fetch_file(fake_provider, destination)

    assert destination.read_bytes() == FILE_CONTENT
    assert "range" not in fake_provider.media.requests[0].headers


def break_download(
    fake_provider: FakeProvider, destination: Path, after_bytes: int, *, etag: str | None = '"1"'
) -> None:
    """A download that ended after that many bytes, to be resumed."""
    script = make_media_script(FILE_CONTENT, etag=etag)
    fake_provider.files["/film.mp4"] = script
    fake_provider.media.reply_next(lambda request: cut_reply_body(script(request), after_bytes))
    with pytest.raises(ServiceUnavailableError):
        fetch_file(fake_provider, destination, resume=True)


@pytest.mark.parametrize("byte_count", [1, 65_536, 299_999])
def test_a_broken_download_goes_on_where_it_ended(
    fake_provider: FakeProvider, destination: Path, byte_count: int
) -> None:
    break_download(fake_provider, destination, byte_count)
    assert destination.stat().st_size == byte_count

    download = fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT
    assert download.sha256 == hashlib.sha256(FILE_CONTENT).hexdigest()
    assert download.size_bytes == len(FILE_CONTENT)
    assert fake_provider.media.requests[1].headers["range"] == f"bytes={byte_count}-"
    assert fake_provider.media.requests[1].headers["if-range"] == '"1"'
    assert [path.name for path in destination.parent.iterdir()] == ["film.part"]


def test_without_an_etag_the_size_has_to_do(fake_provider: FakeProvider, destination: Path) -> None:
    break_download(fake_provider, destination, 1000, etag=None)

    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT
    assert fake_provider.media.requests[1].headers["range"] == "bytes=1000-"
    assert "if-range" not in fake_provider.media.requests[1].headers


def test_a_weak_etag_is_not_relied_on(fake_provider: FakeProvider, destination: Path) -> None:
    break_download(fake_provider, destination, 1000, etag='W/"1"')

    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT
    assert "if-range" not in fake_provider.media.requests[1].headers


def test_other_content_under_the_same_link_starts_anew(
    fake_provider: FakeProvider, destination: Path
) -> None:
    break_download(fake_provider, destination, 100_000)
    other_content = FILE_CONTENT[::-1]
    fake_provider.serve_file("/film.mp4", other_content, etag='"2"')

    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == other_content


def test_a_rest_that_does_not_fit_is_not_glued_on(
    fake_provider: FakeProvider, destination: Path
) -> None:
    break_download(fake_provider, destination, 100_000)
    size = len(FILE_CONTENT)
    fake_provider.media.reply_next(
        make_reply(FILE_CONTENT[5:], 206, content_range=f"bytes 5-{size - 1}/{size}")
    )

    with pytest.raises(ServiceUnavailableError):
        fetch_file(fake_provider, destination, resume=True)
    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT
    assert "range" not in fake_provider.media.requests[-1].headers


def test_a_rest_of_another_size_is_not_glued_on(
    fake_provider: FakeProvider, destination: Path
) -> None:
    break_download(fake_provider, destination, 100_000, etag=None)
    fake_provider.serve_file("/film.mp4", FILE_CONTENT + b"more", etag=None)

    with pytest.raises(ServiceUnavailableError):
        fetch_file(fake_provider, destination, resume=True)
    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT + b"more"


def test_a_file_that_was_complete_already_is_fetched_again(
    fake_provider: FakeProvider, destination: Path
) -> None:
    break_download(fake_provider, destination, 100_000)
    destination.write_bytes(FILE_CONTENT)

    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT
    assert [r.headers.get("range") for r in fake_provider.media.requests] == [
        None,
        "bytes=300000-",
        None,
    ]


@pytest.mark.parametrize("note", ["", "{", "[]", '{"mark": 5, "total": 300000}', '{"mark": ""}'])
def test_a_note_that_makes_no_sense_starts_anew(
    fake_provider: FakeProvider, destination: Path, note: str
) -> None:
    break_download(fake_provider, destination, 100_000)
    destination.with_name("film.part.note").write_text(note)

    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT
    assert "range" not in fake_provider.media.requests[-1].headers


def test_a_file_that_is_gone_starts_anew(fake_provider: FakeProvider, destination: Path) -> None:
    break_download(fake_provider, destination, 100_000)
    destination.unlink()

    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT


def test_a_rest_that_breaks_off_again_and_again_gets_there(
    fake_provider: FakeProvider, destination: Path
) -> None:
    serve = make_media_script(FILE_CONTENT)
    fake_provider.files["/film.mp4"] = serve
    fake_provider.media.reply_next(*[lambda request: cut_reply_body(serve(request), 70_000)] * 4)

    for _ in range(4):
        with pytest.raises(ServiceUnavailableError):
            fetch_file(fake_provider, destination, resume=True)
    fetch_file(fake_provider, destination, resume=True)

    assert destination.read_bytes() == FILE_CONTENT


def test_four_downloads_at_once_do_not_mix(fake_provider: FakeProvider, tmp_path: Path) -> None:
    contents = [random.Random(n).randbytes(200_000) for n in range(4)]
    links = [fake_provider.serve_file(f"/{n}.mp4", content) for n, content in enumerate(contents)]

    async def download_all() -> None:
        await asyncio.gather(
            *(
                download_file(
                    link,
                    tmp_path / str(n),
                    trusted_urls=[fake_provider.url],
                    max_bytes=10**6,
                    deadline=10,
                )
                for n, link in enumerate(links)
            )
        )

    asyncio.run(download_all())

    assert [(tmp_path / str(n)).read_bytes() for n in range(4)] == contents
