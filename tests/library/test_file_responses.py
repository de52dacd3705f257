"""Sending files: whole, in parts, or not at all."""

import pytest

from evolink_studio.library.file_responses import MAX_PART_BYTES
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
        ("bytes=0-", 0, MAX_PART_BYTES - 1),
        ("bytes=0-1", 0, 1),
        ("bytes=0-0", 0, 0),
        ("bytes=5-99", 5, 99),
        ("bytes=100-999999999", 100, MAX_PART_BYTES + 99),
        (f"bytes={MAX_PART_BYTES}-", MAX_PART_BYTES, 2 * MAX_PART_BYTES - 1),
        (f"bytes={FILE_SIZE_BYTES - 10}-", FILE_SIZE_BYTES - 10, FILE_SIZE_BYTES - 1),
        (
            f"bytes={FILE_SIZE_BYTES - 1}-{FILE_SIZE_BYTES - 1}",
            FILE_SIZE_BYTES - 1,
            FILE_SIZE_BYTES - 1,
        ),
        ("bytes=-10", FILE_SIZE_BYTES - 10, FILE_SIZE_BYTES - 1),
        ("bytes=-999999999", 0, MAX_PART_BYTES - 1),
        ("bytes = 7 - 9", 7, 9),
        ("bytes=0-1,5-9", 0, 1),
        ("bytes=0-1, -5, 7-", 0, 1),
    ],
)
def test_a_part_is_sent_as_asked_but_never_a_large_one(
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
    "byte_range", [f"bytes={FILE_SIZE_BYTES}-", "bytes=999999999-", "bytes=-0"]
)
def test_a_part_behind_the_end_is_not_satisfiable(owner_client, served_file, byte_range):
    reply = get_range(owner_client, served_file[0], byte_range)
    assert reply.status_code == 416
    assert reply["Content-Range"] == f"bytes */{FILE_SIZE_BYTES}"
    assert not read_body(reply)


@pytest.mark.parametrize(
    "byte_range",
    ["bytes=9-5", "bytes=-", "bytes=", "bytes=a-b", "items=0-5", "0-5", "bytes=1e3-", "bytes=--5"],
)
def test_a_range_that_makes_no_sense_is_ignored(owner_client, served_file, byte_range):
    reply = get_range(owner_client, served_file[0], byte_range)
    assert reply.status_code == 200
    assert read_body(reply) == served_file[1]


def test_a_browser_gets_the_whole_film_part_by_part(owner_client, served_file):
    url, content = served_file
    received_bytes = b""
    while len(received_bytes) < FILE_SIZE_BYTES:
        received_bytes += read_body(get_range(owner_client, url, f"bytes={len(received_bytes)}-"))
    assert received_bytes == content


def test_a_part_of_this_very_content_is_asked_for_by_its_tag(owner_client, served_file):
    url, content = served_file
    tag = owner_client.head(url)["ETag"]
    assert get_range(owner_client, url, "bytes=0-9", **{"If-Range": tag}).status_code == 206
    for if_range in ('"other"', f"W/{tag}", "Fri, 20 Nov 2026 12:00:00 GMT"):
        full_reply = get_range(owner_client, url, "bytes=0-9", **{"If-Range": if_range})
        assert full_reply.status_code == 200
        assert read_body(full_reply) == content


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
    assert reply["Cache-Control"] == "private, max-age=86400, immutable"
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
