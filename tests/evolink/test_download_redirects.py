"""A link that leads on: at most three times, and never where the link itself might not lead."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evolink_studio.evolink.download import MAX_REDIRECTS, download_file
from evolink_studio.evolink.errors import (
    EvoLinkError,
    LinkExpiredError,
    ServiceUnavailableError,
    UnsafeUrlError,
)
from tests.fake_provider import FakeProvider
from tests.provider_replies import cut_reply_body, make_media_script, make_redirect_reply

FILM = bytes(range(256)) * 400


def follow(
    fake_provider: FakeProvider, destination: Path, path: str = "/a", **options: object
) -> bytes:
    arguments = {"trusted_urls": [fake_provider.url], "max_bytes": 10**6, "deadline": 5}
    arguments |= {"max_redirects": MAX_REDIRECTS} | options
    asyncio.run(download_file(fake_provider.url + path, destination, **arguments))
    return destination.read_bytes()


def chain(fake_provider: FakeProvider, count: int) -> None:
    """/a leads on `count` times, then to the film."""
    names = ["/a", *(f"/{n}" for n in range(1, count)), "/film.mp4"]
    for name, target in itertools.pairwise(names):
        fake_provider.files[name] = make_redirect_reply(target)
    fake_provider.serve_file("/film.mp4", FILM)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(
    fake_provider: FakeProvider, destination: Path, status: int
) -> None:
    fake_provider.files["/a"] = make_redirect_reply("/film.mp4", status)
    fake_provider.serve_file("/film.mp4", FILM)

    assert follow(fake_provider, destination) == FILM
    assert [request.method for request in fake_provider.media.requests] == ["GET", "GET"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_three_hops_are_followed(
    fake_provider: FakeProvider, destination: Path, count: int
) -> None:
    chain(fake_provider, count)

    assert follow(fake_provider, destination) == FILM


def test_a_fourth_hop_is_not_followed(fake_provider: FakeProvider, destination: Path) -> None:
    chain(fake_provider, 4)

    with pytest.raises(UnsafeUrlError):
        follow(fake_provider, destination)
    assert [request.path for request in fake_provider.media.requests] == ["/a", "/1", "/2", "/3"]


@pytest.mark.parametrize("target", ["/a", "", "/b"])
def test_a_circle_ends(fake_provider: FakeProvider, destination: Path, target: str) -> None:
    fake_provider.files["/a"] = make_redirect_reply(target)
    fake_provider.files["/b"] = make_redirect_reply("/a")

    with pytest.raises(EvoLinkError):
        follow(fake_provider, destination)
    assert len(fake_provider.media.requests) <= MAX_REDIRECTS + 1


RELATIVE_TARGETS = ["film.mp4", "./film.mp4", "../x/film.mp4", "?film=1", "//{host}/x/film.mp4"]


@pytest.mark.parametrize(
    "location", [*RELATIVE_TARGETS, " {url}/x/film.mp4 ", "{url}/x/film.mp4#t"]
)
def test_a_target_may_be_relative(
    fake_provider: FakeProvider, destination: Path, location: str
) -> None:
    host = fake_provider.url.partition("//")[2]
    target = location.format(host=host, url=fake_provider.url)
    film = make_media_script(FILM)
    first_reply = make_redirect_reply(target)
    fake_provider.files["/x/a"] = lambda request: film(request) if request.query else first_reply
    fake_provider.files["/x/film.mp4"] = film

    assert follow(fake_provider, destination, "/x/a") == FILM


UNSAFE_TARGETS = [
    "http://media.example/film.mp4",  # without encryption
    "HTTP://media.example/film.mp4",
    "https://127.0.0.1/film.mp4",
    "https://localhost:9/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "http://127.0.0.1:1/film.mp4",
    "https://user:secret@media.example/film.mp4",
    "file:///etc/passwd",
    "ftp://media.example/film.mp4",
    "gopher://media.example/",
    "javascript:alert(1)",
    "data:video/mp4;base64,AAAA",
    "https://media.example:99999/",
    "http://[",
    "https://",
]


@pytest.mark.parametrize("target", UNSAFE_TARGETS)
@pytest.mark.parametrize("hop", [1, 3])
def test_no_hop_leads_where_a_link_may_not(
    fake_provider: FakeProvider, destination: Path, target: str, hop: int
) -> None:
    chain(fake_provider, hop)
    last_name = "/a" if hop == 1 else f"/{hop - 1}"
    fake_provider.files[last_name] = make_redirect_reply(target)

    with pytest.raises(UnsafeUrlError):
        follow(fake_provider, destination)
    assert len(fake_provider.media.requests) == hop
    assert not destination.exists()


def resolver_for(addresses: dict[str, str]) -> Callable[[str, int], object]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return [addresses.get(host, host)]

    return resolve


def test_a_name_that_leads_inside_is_not_connected_to(
    fake_provider: FakeProvider, destination: Path
) -> None:
    fake_provider.files["/a"] = make_redirect_reply("https://media.example/film.mp4")

    with pytest.raises(UnsafeUrlError):
        follow(fake_provider, destination, resolver=resolver_for({"media.example": "192.168.1.1"}))


def test_encryption_is_not_given_up_towards_the_host_of_the_provider(
    fake_provider: FakeProvider, destination: Path
) -> None:
    """Its own address is https: http on the same port is another thing."""
    port = fake_provider.port
    fake_provider.files["/a"] = make_redirect_reply(f"http://media.example:{port}/film.mp4")

    with pytest.raises(UnsafeUrlError):
        follow(
            fake_provider,
            destination,
            trusted_urls=[fake_provider.url, f"https://media.example:{port}"],
            resolver=resolver_for({"media.example": "127.0.0.1"}),
        )


def test_where_it_leads_may_be_gone(fake_provider: FakeProvider, destination: Path) -> None:
    fake_provider.files["/a"] = make_redirect_reply("/gone.mp4")

    with pytest.raises(LinkExpiredError):
        follow(fake_provider, destination)


def test_a_redirect_to_nowhere_is_trouble_of_the_host(
    fake_provider: FakeProvider, destination: Path
) -> None:
    fake_provider.files["/a"] = make_redirect_reply("  ")

    with pytest.raises(ServiceUnavailableError):
        follow(fake_provider, destination)


def test_the_rest_of_a_broken_download_is_asked_for_behind_the_redirect(
    fake_provider: FakeProvider, destination: Path
) -> None:
    film = make_media_script(FILM)
    fake_provider.files["/a"] = make_redirect_reply("/film.mp4")
    cut_film = [lambda request: cut_reply_body(film(request), 70_000), film]
    fake_provider.files["/film.mp4"] = lambda request: cut_film.pop(0)(request)

    with pytest.raises(ServiceUnavailableError):
        follow(fake_provider, destination, resume=True)
    assert follow(fake_provider, destination, resume=True) == FILM

    ranges = [request.headers.get("range") for request in fake_provider.media.requests]
    assert ranges == [None, None, "bytes=70000-", "bytes=70000-"]


def test_no_host_on_the_way_learns_more_than_the_last(
    fake_provider: FakeProvider, destination: Path
) -> None:
    chain(fake_provider, 3)
    fake_provider.files["/1"] = make_redirect_reply("/2")

    follow(fake_provider, destination)

    for request in fake_provider.media.requests:
        assert {"authorization", "cookie", "referer"}.isdisjoint(request.headers)
        assert request.headers["host"] == fake_provider.url.partition("//")[2]
