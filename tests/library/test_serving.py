"""Sending files: whole, in parts, or not at all."""

import pytest

from evolink_studio.library.file_responses import MAX_PART_BYTES
from tests.library.conftest import NOW
from tests.pictures import half_clear

SIZE = 600_000


@pytest.fixture
def file(owned, clip, media):
    """Address and bytes of a file that is larger than two parts."""
    content = bytes(range(256)) * (SIZE // 256) + bytes(SIZE % 256)
    (media / clip.file.name).write_bytes(content)
    return f"/library/{clip.pk}/file", content


def body(reply):
    return b"".join(reply.streaming_content) if reply.streaming else reply.content


def part(client, url, asked, **headers):
    return client.get(url, headers={"Range": asked, **headers})


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, MAX_PART_BYTES - 1),
        ("bytes=0-1", 0, 1),
        ("bytes=0-0", 0, 0),
        ("bytes=5-99", 5, 99),
        ("bytes=100-999999999", 100, MAX_PART_BYTES + 99),
        (f"bytes={MAX_PART_BYTES}-", MAX_PART_BYTES, 2 * MAX_PART_BYTES - 1),
        (f"bytes={SIZE - 10}-", SIZE - 10, SIZE - 1),
        (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE - 1),
        ("bytes=-10", SIZE - 10, SIZE - 1),
        ("bytes=-999999999", 0, MAX_PART_BYTES - 1),
        ("bytes = 7 - 9", 7, 9),
        ("bytes=0-1,5-9", 0, 1),
        ("bytes=0-1, -5, 7-", 0, 1),
    ],
)
def test_a_part_is_sent_as_asked_but_never_a_large_one(owned, file, asked, first, last):
    url, content = file
    reply = part(owned, url, asked)
    assert reply.status_code == 206
    assert reply["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert reply["Content-Length"] == str(last - first + 1)
    assert reply["Content-Type"] == "video/mp4"
    assert body(reply) == content[first : last + 1]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0"])
def test_a_part_behind_the_end_is_not_satisfiable(owned, file, asked):
    reply = part(owned, file[0], asked)
    assert reply.status_code == 416
    assert reply["Content-Range"] == f"bytes */{SIZE}"
    assert not body(reply)


@pytest.mark.parametrize(
    "asked",
    ["bytes=9-5", "bytes=-", "bytes=", "bytes=a-b", "items=0-5", "0-5", "bytes=1e3-", "bytes=--5"],
)
def test_a_range_that_makes_no_sense_is_ignored(owned, file, asked):
    reply = part(owned, file[0], asked)
    assert reply.status_code == 200
    assert body(reply) == file[1]


def test_a_browser_gets_the_whole_film_part_by_part(owned, file):
    url, content = file
    got = b""
    while len(got) < SIZE:
        got += body(part(owned, url, f"bytes={len(got)}-"))
    assert got == content


def test_a_part_of_this_very_content_is_asked_for_by_its_tag(owned, file):
    url, content = file
    tag = owned.head(url)["ETag"]
    assert part(owned, url, "bytes=0-9", **{"If-Range": tag}).status_code == 206
    for other in ('"other"', f"W/{tag}", "Fri, 20 Nov 2026 12:00:00 GMT"):
        whole = part(owned, url, "bytes=0-9", **{"If-Range": other})
        assert whole.status_code == 200
        assert body(whole) == content


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_head_says_all_and_sends_nothing(owned, clip, suffix):
    url = f"/library/{clip.pk}/{suffix}"
    told, sent = owned.head(url), owned.get(url)
    content = body(sent)
    assert told.status_code == 200
    assert int(told["Content-Length"]) == len(content) == int(sent["Content-Length"])
    assert told["Accept-Ranges"] == "bytes"
    assert not body(told)
    assert owned.head(url, headers={"Range": "bytes=0-1"}).status_code == 200


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_what_a_browser_has_already_is_not_sent_again(owned, clip, suffix):
    url = f"/library/{clip.pk}/{suffix}"
    tag = owned.head(url)["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        reply = owned.get(url, headers={"If-None-Match": known})
        assert reply.status_code == 304
        assert not body(reply)
    assert owned.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_file_and_its_poster_are_told_apart(owned, clip):
    tags = {owned.head(f"/library/{clip.pk}/{name}")["ETag"] for name in ("file", "poster")}
    assert len(tags) == 2


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
@pytest.mark.parametrize("asked", ["", "bytes=0-9", "bytes=99999999-"])
def test_nothing_that_is_sent_can_act_as_a_page(owned, cat, suffix, asked):
    reply = part(owned, f"/library/{cat.pk}/{suffix}", asked)
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert reply["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert reply["Cache-Control"] == "private, max-age=86400, immutable"
    assert "Cookie" in reply["Vary"]
    assert reply["Content-Type"] in {"image/png", "image/webp"}


def test_a_film_opened_in_a_tab_may_play_itself_and_nothing_else(owned, clip):
    policy = owned.get(f"/library/{clip.pk}/file")["Content-Security-Policy"]
    assert policy == "sandbox allow-same-origin; default-src 'none'; media-src 'self'"


def test_only_a_download_is_offered_for_keeping(owned, cat):
    shown = owned.get(f"/library/{cat.pk}/file")["Content-Disposition"]
    kept = owned.get(f"/library/{cat.pk}/download")["Content-Disposition"]
    assert shown == 'inline; filename="cat.png"'
    assert kept == 'attachment; filename="cat.png"'


def test_a_name_in_any_script_survives_a_download(owned, owner):
    from evolink_studio.library import services
    from tests.pictures import encoded

    asset = services.add_image(
        owner=owner, content=encoded(half_clear(), "PNG"), name='Kätzchen "猫".png', now=NOW
    )
    reply = owned.get(f"/library/{asset.pk}/download")
    assert reply["Content-Disposition"] == (
        "attachment; filename*=utf-8''K%C3%A4tzchen%20%22%E7%8C%AB%22.png"
    )


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_a_file_that_is_lost_on_the_disk_is_not_found(owned, cat, media, suffix):
    for path in media.rglob("*.*"):
        path.unlink()
    assert owned.get(f"/library/{cat.pk}/{suffix}").status_code == 404
