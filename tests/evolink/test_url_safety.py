"""Links come from elsewhere: which ones this studio follows, and where it then connects."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from evolink_studio.evolink.download import download_file
from evolink_studio.evolink.errors import ServiceUnavailableError, UnsafeUrlError
from evolink_studio.evolink.url_safety import is_public_address, resolve_host, resolve_public_url
from tests.fake_provider import FakeProvider

ADDRESS_LINES = Path(__file__).with_name("urls.txt").read_text().splitlines()


def addresses_with_verdict(verdict: str) -> list[str]:
    """The addresses of the table with that verdict."""
    rows = [line.split() for line in ADDRESS_LINES if line.startswith(f"{verdict} ")]
    return [address for row in rows for address in row if re.fullmatch(r"\S*[.:]\S*", address)]


PRIVATE_ADDRESSES, PUBLIC_ADDRESSES = addresses_with_verdict("no"), addresses_with_verdict("yes")
INVALID_ADDRESSES = [
    "",
    "localhost",
    "1.2.3",
    "0x7f.0.0.1",
    "2130706433",
    "127.0.0.1:80",
    "01.1.1.1",
]


def resolver_returning(*addresses: str):
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


def resolve_url(url: str, **options: object):
    return asyncio.run(resolve_public_url(url, **options))


def test_more_than_sixty_addresses_are_checked() -> None:
    assert len(set(PRIVATE_ADDRESSES)) >= 60
    assert len(set(PUBLIC_ADDRESSES)) >= 20


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_an_address_that_is_not_public_beyond_doubt_is_refused(address: str) -> None:
    assert not is_public_address(address)
    with pytest.raises(UnsafeUrlError):
        resolve_url("https://media.example/a.mp4", resolver=resolver_returning(address))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public_address(address)
    target = resolve_url("https://media.example/a.mp4", resolver=resolver_returning(address))
    assert target.addresses == (address,)


@pytest.mark.parametrize("text", INVALID_ADDRESSES)
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public_address(text)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_bad_answer_among_good_ones_is_enough(position: int) -> None:
    addresses = ["8.8.8.8", "1.1.1.1"]
    addresses.insert(position, "10.0.0.1")

    with pytest.raises(UnsafeUrlError):
        resolve_url("https://media.example/", resolver=resolver_returning(*addresses))


PRIVATE_HOST_NOTATIONS = [
    *["127.0.0.1", "127.1", "127.0.1", "0", "localhost", "LOCALHOST"],
    *["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127。0。0。1"],
    *["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.169.254:80"],
    *["[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
    *["[64:ff9b::7f00:1]", "[fd00:ec2::254]"],
]


@pytest.mark.parametrize("host", PRIVATE_HOST_NOTATIONS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_way_to_write_an_inner_address_is_seen_through(scheme: str, host: str) -> None:
    with pytest.raises(UnsafeUrlError):
        resolve_url(f"{scheme}://{host}/a.mp4")


UNSUPPORTED_URLS = [
    "",
    "media.example/a.mp4",
    "//media.example/a.mp4",
    "ftp://media.example/a.mp4",
    "file:///etc/passwd",
    "gopher://media.example:70/_x",
    "data:video/mp4;base64,AAAA",
    "javascript:alert(1)",
    "https://",
    "https:///a.mp4",
    "https://user@media.example/a.mp4",
    "https://user:secret@media.example/a.mp4",
    "https://media.example@127.0.0.1/a.mp4",
    "https://:@media.example/",
    "https://media.example\\@127.0.0.1/",
    "https://media.example/a b",
    "https://media.example/\r\nHost: x",
    "https://media.example:99999999/",
    "https://media.example:port/",
    "https://[::1/",
    "https://\x00/",
    "https://\u202e/",
    " https://media.example/",
    "https://" + "a" * 5000,
]


@pytest.mark.parametrize("link", UNSUPPORTED_URLS)
def test_a_link_of_another_kind_is_refused_before_any_lookup(link: str) -> None:
    resolved_names = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        resolved_names.append(host)
        return ["8.8.8.8"]

    with pytest.raises(UnsafeUrlError):
        resolve_url(link, resolver=resolver)
    assert resolved_names == []


@pytest.mark.parametrize("link", ["https://media.example:8443/a", "http://media.example:81/a"])
def test_a_port_of_its_own_is_fine(link: str) -> None:
    assert resolve_url(link, resolver=resolver_returning("8.8.8.8")).url.port in (8443, 81)


TRUSTED_URL = "http://127.0.0.1:8900"
TRUST_CASES = [
    ("http://127.0.0.1:8900/a.mp4", True),
    ("http://127.0.0.1:8901/a.mp4", False),
    ("http://127.0.0.1/a.mp4", False),
    ("http://127.0.0.2:8900/a.mp4", False),
    ("http://localhost:8900/a.mp4", False),
    ("http://10.0.0.1:8900/a.mp4", False),
    ("http://user@127.0.0.1:8900/a.mp4", False),
]


@pytest.mark.parametrize(("link", "trusted"), TRUST_CASES)
def test_only_the_exact_host_and_port_of_the_provider_may_be_private(
    link: str, trusted: bool
) -> None:
    is_allowed = True
    try:
        resolve_url(link, trusted_urls=[TRUSTED_URL])
    except UnsafeUrlError:
        is_allowed = False

    assert is_allowed is trusted


def test_the_usual_port_counts_as_given() -> None:
    target = resolve_url(
        "https://evolink.lan/a",
        trusted_urls=["https://EVOLINK.lan:443"],
        resolver=resolver_returning("10.0.0.1"),
    )

    assert target.addresses == ("10.0.0.1",)


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_resolved_may_be_so_later(error: Exception) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(ServiceUnavailableError):
        resolve_url("https://media.example/", resolver=resolver)


def test_a_name_without_addresses_may_have_some_later() -> None:
    with pytest.raises(ServiceUnavailableError):
        resolve_url("https://media.example/", resolver=resolver_returning())


def test_the_system_tells_each_address_once() -> None:
    assert asyncio.run(resolve_host("127.0.0.1", 80)) == ["127.0.0.1"]


def download_url(url: str, destination: Path, **options: object):
    return asyncio.run(
        download_file(
            url, destination, **({"trusted_urls": [], "max_bytes": 1000, "deadline": 5} | options)
        )
    )


def test_a_name_that_changes_its_answer_is_asked_only_once(
    fake_provider: FakeProvider, tmp_path: Path
) -> None:
    """The first answer is fine, a second would lead inside: it is never asked for."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve_differently(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    fake_provider.serve_file("/a.mp4", b"film")
    base = f"http://media.example:{fake_provider.port}"

    download_url(f"{base}/a.mp4", tmp_path / "a", trusted_urls=[base], resolver=resolve_differently)

    assert (tmp_path / "a").read_bytes() == b"film"
    assert len(answers) == 1
    assert fake_provider.media.requests[0].headers["host"] == f"media.example:{fake_provider.port}"


def test_over_tls_the_hello_names_the_host_and_goes_to_the_checked_address(
    fake_provider: FakeProvider, tmp_path: Path
) -> None:
    base = f"https://media.example:{fake_provider.port}"

    with pytest.raises(ServiceUnavailableError):
        download_url(
            base, tmp_path / "a", trusted_urls=[base], resolver=resolver_returning("127.0.0.1")
        )

    assert b"media.example" in fake_provider.tls_hellos[0]


def test_a_forbidden_link_is_never_connected_to(
    fake_provider: FakeProvider, tmp_path: Path
) -> None:
    with pytest.raises(UnsafeUrlError):
        download_url(fake_provider.serve_file("/a.mp4", b"film"), tmp_path / "a")

    assert fake_provider.connection_count == 0
    assert not (tmp_path / "a").exists()


def test_the_next_address_is_tried_where_one_cannot_be_reached(
    fake_provider: FakeProvider, tmp_path: Path
) -> None:
    fake_provider.serve_file("/a.mp4", b"film")
    base = f"http://media.example:{fake_provider.port}"

    download_url(
        f"{base}/a.mp4",
        tmp_path / "a",
        trusted_urls=[base],
        resolver=resolver_returning("::1", "127.0.0.1"),
    )

    assert (tmp_path / "a").read_bytes() == b"film"


def test_no_proxy_of_the_environment_sees_a_download(
    fake_provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeProvider() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        download_url(
            fake_provider.serve_file("/a.mp4", b"film"),
            tmp_path / "a",
            trusted_urls=[fake_provider.url],
        )

        assert proxy.received_requests == []
