"""Sending files: whole, in parts, or not at all."""

import pytest
from django.core.files.base import File

from evolink_studio.library.file_responses import MAX_PLAYED_BYTES, FilePart
from tests.library.conftest import NOW
from tests.sample_images import draw_half_transparent_image

FILE_SIZE_BYTES = 600_000


@pytest.fixture
def served_file(owner_client, video_asset, media_root):
    """Address and bytes of a file that is larger than two parts."""
    content = bytes(range(256)) * (FILE_SIZE_BYTES // 256) + bytes(FILE_SIZE_BYTES % 256)
    (media_root / video_asset.file.name).write_bytes(content)
    return f"/library/{video_asset.pk}/file", content


def read_body(reply):
    return b"".join(reply.streaming_content) if reply.streaming else reply.content


def get_range(client, url, byte_range, **headers):
    return client.get(url, headers={"Range": byte_range, **headers})


@pytest.mark.parametrize(
    ("byte_range", "first", "last"),
    [
        ("bytes=0-", 0, MAX_PLAYED_BYTES - 1),
        ("bytes=0-1", 0, 1),
        ("bytes=0-0", 0, 0),
        ("bytes=5-99", 5, 99),
        ("bytes=100-999999999", 100, MAX_PLAYED_BYTES + 99),
        (f"bytes={MAX_PLAYED_BYTES}-", MAX_PLAYED_BYTES, 2 * MAX_PLAYED_BYTES - 1),
        (f"bytes={FILE_SIZE_BYTES - 10}-", FILE_SIZE_BYTES - 10, FILE_SIZE_BYTES - 1),
        (
            f"bytes={FILE_SIZE_BYTES - 1}-{FILE_SIZE_BYTES - 1}",
            FILE_SIZE_BYTES - 1,
            FILE_SIZE_BYTES - 1,
        ),
        ("bytes=-10", FILE_SIZE_BYTES - 10, FILE_SIZE_BYTES - 1),
        ("bytes=-999999999", 0, MAX_PLAYED_BYTES - 1),
        ("bytes = 7 - 9", 7, 9),
        ("BYTES=7-9", 7, 9),
    ],
)
def test_a_player_gets_a_part_as_asked_but_never_a_large_one(
    owner_client, served_file, byte_range, first, last
):
    url, content = served_file
    reply = get_range(owner_client, url, byte_range)
    assert reply.status_code == 206
    assert reply["Content-Range"] == f"bytes {first}-{last}/{FILE_SIZE_BYTES}"
    assert reply["Content-Length"] == str(last - first + 1)
    assert reply["Content-Type"] == "video/mp4"
    assert read_body(reply) == content[first : last + 1]


@pytest.mark.parametrize(
    "byte_range",
    [f"bytes={FILE_SIZE_BYTES}-", "bytes=999999999-", f"bytes={10**30}-", "bytes=-0"],
)
@pytest.mark.parametrize("suffix", ["file", "download"])
def test_a_part_behind_the_end_is_not_satisfiable(owner_client, served_file, suffix, byte_range):
    reply = get_range(owner_client, served_file[0].replace("file", suffix), byte_range)
    assert reply.status_code == 416
    assert reply["Content-Range"] == f"bytes */{FILE_SIZE_BYTES}"
    assert not read_body(reply)


@pytest.mark.parametrize(
    "byte_range",
    [
        *("bytes=9-5", "bytes=-", "bytes=", "bytes=a-b", "items=0-5", "0-5", "bytes=1e3-"),
        *("bytes=--5", f"bytes={'9' * 5000}-", "bytes=\u00b2-"),
        *("bytes=0-1,5-9", "bytes=0-1, -5, 7-"),
    ],
)
@pytest.mark.parametrize("suffix", ["file", "download"])
def test_no_range_and_several_ranges_are_answered_with_the_whole(
    owner_client, served_file, suffix, byte_range
):
    reply = get_range(owner_client, served_file[0].replace("file", suffix), byte_range)
    assert reply.status_code == 200
    assert reply["Content-Length"] == str(FILE_SIZE_BYTES)
    assert read_body(reply) == served_file[1]


@pytest.mark.parametrize(
    ("byte_range", "first", "last"),
    [
        ("bytes=0-", 0, FILE_SIZE_BYTES - 1),
        ("bytes=1-", 1, FILE_SIZE_BYTES - 1),
        ("bytes=1000-", 1000, FILE_SIZE_BYTES - 1),
        (f"bytes={FILE_SIZE_BYTES - 1}-", FILE_SIZE_BYTES - 1, FILE_SIZE_BYTES - 1),
        ("bytes=-500", FILE_SIZE_BYTES - 500, FILE_SIZE_BYTES - 1),
        ("bytes=-300000", FILE_SIZE_BYTES - 300_000, FILE_SIZE_BYTES - 1),
        (f"bytes=-{10**30}", 0, FILE_SIZE_BYTES - 1),
        ("bytes=10-400000", 10, 400_000),
        (f"bytes=10-{10**30}", 10, FILE_SIZE_BYTES - 1),
    ],
)
def test_a_resumed_download_is_sent_to_its_end(owner_client, served_file, byte_range, first, last):
    url, content = served_file
    reply = get_range(owner_client, url.replace("file", "download"), byte_range)
    assert reply.status_code == 206
    assert reply["Content-Range"] == f"bytes {first}-{last}/{FILE_SIZE_BYTES}"
    assert reply["Content-Length"] == str(last - first + 1)
    assert read_body(reply) == content[first : last + 1]


@pytest.mark.parametrize(
    ("destination", "is_capped"),
    [
        *(("video", True), ("audio", True), ("", True)),  # some players say nothing
        *(("document", False), ("empty", False), ("image", False)),
    ],
)
def test_a_film_that_a_browser_saves_from_the_player_is_resumed_whole_too(
    owner_client, served_file, destination, is_capped
):
    url, content = served_file
    headers = {"Sec-Fetch-Dest": destination} if destination else {}
    part = read_body(get_range(owner_client, url, "bytes=1000-", **headers))
    assert part == (content[1000 : 1000 + MAX_PLAYED_BYTES] if is_capped else content[1000:])


def test_a_large_file_is_read_block_by_block(owner_client, served_file):
    reply = get_range(owner_client, served_file[0].replace("file", "download"), "bytes=7-")
    blocks = list(reply.streaming_content)
    assert max(map(len, blocks)) < FILE_SIZE_BYTES / 4
    assert b"".join(blocks) == served_file[1][7:]


def test_the_file_is_closed_with_its_part(tmp_path):
    (tmp_path / "film").write_bytes(bytes(100))
    file = File((tmp_path / "film").open("rb"))
    with FilePart(file, 7) as part:
        assert part.read() == bytes(7)
    assert file.closed


def test_a_browser_gets_the_whole_film_part_by_part(owner_client, served_file):
    url, content = served_file
    received_bytes = b""
    while len(received_bytes) < FILE_SIZE_BYTES:
        received_bytes += read_body(get_range(owner_client, url, f"bytes={len(received_bytes)}-"))
    assert received_bytes == content


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
@pytest.mark.parametrize("suffix", ["file", "download"])
def test_a_part_of_this_very_content_is_asked_for_by_its_tag_or_date(
    owner_client, served_file, suffix, validator
):
    url = served_file[0].replace("file", suffix)
    reply = owner_client.get(url, headers={"Range": "bytes=0-9"})
    if_range = reply[validator]
    again = get_range(owner_client, url, "bytes=0-9", **{"If-Range": if_range})
    assert again.status_code == 206


@pytest.mark.parametrize(
    "if_range", ['"other"', "W/{tag}", "Fri, 20 Nov 1998 12:00:00 GMT", "yesterday", ""]
)
@pytest.mark.parametrize("suffix", ["file", "download"])
def test_a_part_of_another_content_is_answered_with_the_whole(
    owner_client, served_file, suffix, if_range
):
    url, content = served_file[0].replace("file", suffix), served_file[1]
    tag = owner_client.head(url)["ETag"]
    headers = {"If-Range": if_range.format(tag=tag)}
    full_reply = get_range(owner_client, url, "bytes=5-", **headers)
    assert full_reply.status_code == 200
    assert read_body(full_reply) == content


def test_a_condition_that_does_not_hold_is_said(owner_client, served_file):
    reply = get_range(owner_client, served_file[0], "bytes=5-", **{"If-Match": '"other"'})
    assert reply.status_code == 412
    date = owner_client.head(served_file[0])["Last-Modified"]
    assert owner_client.get(served_file[0], headers={"If-Modified-Since": date}).status_code == 304


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_head_says_all_and_sends_nothing(owner_client, video_asset, suffix):
    url = f"/library/{video_asset.pk}/{suffix}"
    head_reply, get_reply = owner_client.head(url), owner_client.get(url)
    content = read_body(get_reply)
    assert head_reply.status_code == 200
    assert int(head_reply["Content-Length"]) == len(content) == int(get_reply["Content-Length"])
    assert head_reply["Accept-Ranges"] == "bytes"
    assert not read_body(head_reply)
    assert owner_client.head(url, headers={"Range": "bytes=0-1"}).status_code == 200


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_what_a_browser_has_already_is_not_sent_again(owner_client, video_asset, suffix):
    url = f"/library/{video_asset.pk}/{suffix}"
    tag = owner_client.head(url)["ETag"]
    for etag in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        reply = owner_client.get(url, headers={"If-None-Match": etag})
        assert reply.status_code == 304
        assert not read_body(reply)
    assert owner_client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_file_and_its_poster_are_told_apart(owner_client, video_asset):
    tags = {
        owner_client.head(f"/library/{video_asset.pk}/{name}")["ETag"]
        for name in ("file", "poster")
    }
    assert len(tags) == 2


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
@pytest.mark.parametrize("byte_range", ["", "bytes=0-9", "bytes=99999999-"])
def test_nothing_that_is_sent_can_act_as_a_page(owner_client, image_asset, suffix, byte_range):
    reply = get_range(owner_client, f"/library/{image_asset.pk}/{suffix}", byte_range)
    assert reply["X-Content-Type-Options"] == "nosniff"
    assert reply["Content-Security-Policy"] == "sandbox; default-src 'none'"
    # What it is called when it is downloaded may change: its person names it.
    rules = {"download": "private, no-cache"}
    assert reply["Cache-Control"] == rules.get(suffix, "private, max-age=86400, immutable")
    assert "Cookie" in reply["Vary"]
    assert reply["Content-Type"] in {"image/png", "image/webp"}


def test_a_film_opened_in_a_tab_may_play_itself_and_nothing_else(owner_client, video_asset):
    policy = owner_client.get(f"/library/{video_asset.pk}/file")["Content-Security-Policy"]
    assert policy == "sandbox allow-same-origin; default-src 'none'; media-src 'self'"


def test_only_a_download_is_offered_for_keeping(owner_client, image_asset):
    inline_header = owner_client.get(f"/library/{image_asset.pk}/file")["Content-Disposition"]
    download_header = owner_client.get(f"/library/{image_asset.pk}/download")["Content-Disposition"]
    assert inline_header == 'inline; filename="cat.png"'
    assert download_header == 'attachment; filename="cat.png"'


def test_a_name_in_any_script_survives_a_download(owner_client, owner):
    from evolink_studio.library import services
    from tests.sample_images import encode_image

    asset = services.add_image(
        owner=owner,
        content=encode_image(draw_half_transparent_image(), "PNG"),
        name='Kätzchen "猫".png',
        now=NOW,
    )
    reply = owner_client.get(f"/library/{asset.pk}/download")
    assert reply["Content-Disposition"] == (
        "attachment; filename*=utf-8''K%C3%A4tzchen%20%22%E7%8C%AB%22.png"
    )


@pytest.mark.parametrize("suffix", ["file", "download", "poster"])
def test_a_file_that_is_lost_on_the_disk_is_not_found(
    owner_client, image_asset, media_root, suffix
):
    for path in media_root.rglob("*.*"):
        path.unlink()
    assert owner_client.get(f"/library/{image_asset.pk}/{suffix}").status_code == 404
