"""Films by their links."""

import pytest

from tests.sandbox.world import FILM


def link(world, prompt="a cat"):
    return world.finished(prompt)["results"][0]


def test_a_link_needs_no_key(world):
    answer = world.http.get(link(world), headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.content == FILM
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=990-", slice(990, 1000)),
        ("bytes=-10", slice(990, 1000)),
        ("bytes=995-5000", slice(995, 1000)),
    ],
)
def test_a_part_can_be_asked_for(world, wanted, given):
    answer = world.http.get(link(world), headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == FILM[given]
    start, stop = given.start, given.stop - 1
    assert answer.headers["content-range"] == f"bytes {start}-{stop}/1000"


def test_a_part_that_is_not_there_is_refused(world):
    assert world.http.get(link(world), headers={"Range": "bytes=2000-"}).status_code == 416


def test_the_head_of_a_film_can_be_read(world):
    answer = world.http.request("HEAD", link(world))
    assert answer.status_code == 200
    assert answer.headers["content-length"] == "1000"


def test_a_link_dies_after_24_hours(world):
    url = link(world)
    world.clock.now += 24 * 3600 - 60
    assert world.http.get(url).status_code == 200
    world.clock.now += 60
    assert world.http.get(url).status_code == 403


def test_dead_films_leave_the_disk(world):
    link(world)
    assert len(list(world.settings.films_dir.iterdir())) == 1
    world.later(26 * 3600)
    assert list(world.settings.films_dir.iterdir()) == []


@pytest.mark.parametrize("agent", ["python-httpx/0.28.1", "Python-urllib/3.11", "aiohttp/3"])
def test_an_agent_that_names_no_product_is_turned_away(world, agent):
    answer = world.http.get(link(world), headers={"User-Agent": agent})
    assert answer.status_code == 403


def test_a_guessed_link_leads_nowhere(world):
    url = link(world)
    assert world.http.get(url.replace("/media/", "/media/x")).status_code == 404
    assert world.http.get(url.replace(".mp4", "-2.mp4")).status_code == 404
    assert world.http.get(url.rpartition("/")[0] + "/..%2f..%2fsandbox.sqlite3").status_code == 404


def test_links_begin_with_the_public_address_where_one_is_set(make_world):
    world = make_world(public_url="https://sandbox.example/base/")
    assert link(world).startswith("https://sandbox.example/base/media/")
