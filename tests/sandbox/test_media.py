"""Films by their links."""

import pytest

from tests.sandbox.sandboxes import VIDEO_CONTENT


def create_video_url(sandbox, prompt="a cat"):
    return sandbox.create_finished(prompt)["results"][0]


def test_a_link_needs_no_key(sandbox):
    answer = sandbox.http.get(create_video_url(sandbox), headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.content == VIDEO_CONTENT
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("byte_range", "expected_slice"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=990-", slice(990, 1000)),
        ("bytes=-10", slice(990, 1000)),
        ("bytes=995-5000", slice(995, 1000)),
    ],
)
def test_a_part_can_be_asked_for(sandbox, byte_range, expected_slice):
    answer = sandbox.http.get(create_video_url(sandbox), headers={"Range": byte_range})
    assert answer.status_code == 206
    assert answer.content == VIDEO_CONTENT[expected_slice]
    start, stop = expected_slice.start, expected_slice.stop - 1
    assert answer.headers["content-range"] == f"bytes {start}-{stop}/1000"


def test_a_part_that_is_not_there_is_refused(sandbox):
    assert (
        sandbox.http.get(create_video_url(sandbox), headers={"Range": "bytes=2000-"}).status_code
        == 416
    )


def test_the_head_of_a_film_can_be_read(sandbox):
    answer = sandbox.http.request("HEAD", create_video_url(sandbox))
    assert answer.status_code == 200
    assert answer.headers["content-length"] == "1000"


def test_a_link_dies_after_24_hours(sandbox):
    url = create_video_url(sandbox)
    sandbox.clock.now += 24 * 3600 - 60
    assert sandbox.http.get(url).status_code == 200
    sandbox.clock.now += 60
    assert sandbox.http.get(url).status_code == 403


def test_dead_films_leave_the_disk(sandbox):
    create_video_url(sandbox)
    assert len(list(sandbox.settings.videos_dir.iterdir())) == 1
    sandbox.advance(26 * 3600)
    assert list(sandbox.settings.videos_dir.iterdir()) == []


@pytest.mark.parametrize("agent", ["python-httpx/0.28.1", "Python-urllib/3.11", "aiohttp/3"])
def test_an_agent_that_names_no_product_is_turned_away(sandbox, agent):
    answer = sandbox.http.get(create_video_url(sandbox), headers={"User-Agent": agent})
    assert answer.status_code == 403


def test_a_guessed_link_leads_nowhere(sandbox):
    url = create_video_url(sandbox)
    assert sandbox.http.get(url.replace("/media/", "/media/x")).status_code == 404
    assert sandbox.http.get(url.replace(".mp4", "-2.mp4")).status_code == 404
    assert (
        sandbox.http.get(url.rpartition("/")[0] + "/..%2f..%2fsandbox.sqlite3").status_code == 404
    )


def test_links_begin_with_the_public_address_where_one_is_set(make_sandbox):
    sandbox = make_sandbox(public_url="https://sandbox.example/base/")
    assert create_video_url(sandbox).startswith("https://sandbox.example/base/media/")
