"""Checks the addresses of a link from elsewhere, which must not lead into our own network.

Its host is resolved once, every address is checked, and the connection goes to a checked address: a
second look-up could give another one.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from evolink_studio.evolink.errors import ServiceUnavailableError, UnsafeUrlError
from evolink_studio.evolink.result_links import is_link

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_DEFAULT_PORTS = {"http": 80, "https": 443}

# `ipaddress` calls some of these global, but they embed other addresses or are internal services.
_BLOCKED_NETWORKS = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "100.64.0.0/10",  # carrier-grade NAT, and metadata services
        "168.63.129.16/32",  # Azure's own services, on a public-looking address
        "169.254.0.0/16",  # link-local: metadata services
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
# All public unicast IPv6 lies here; outside are ::1, IPv4-mapped, NAT64, local and multicast ones.
_IPV6_UNICAST_NETWORK = ip_network("2000::/3")


@dataclass(frozen=True)
class ResolvedUrl:
    """A link with all its checked addresses, in the order to try them."""

    url: httpx.URL
    addresses: tuple[str, ...]


def is_public_address(address: str) -> bool:
    """Whether the IP address certainly belongs to the public internet."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (ip.scope_id or ip not in _IPV6_UNICAST_NETWORK):
        return False
    return ip.is_global and not _is_blocked(ip)


async def resolve_host(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver (which also accepts 0x7f.1 and 2130706433).

    Raises OSError or UnicodeError.
    """
    loop = asyncio.get_running_loop()
    address_infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in address_infos))


async def resolve_public_url(
    link: str,
    *,
    trusted_urls: Collection[str] = (),
    resolver: Resolver = resolve_host,
    requires_https: bool = False,
) -> ResolvedUrl:
    """The URL and the checked addresses of `link`.

    `trusted_urls`: configured base URLs of EvoLink. A link to exactly their host and port is
    allowed on any address and without TLS, as the operator chose it.
    Raises UnsafeUrlError, or ServiceUnavailableError if the host cannot be resolved now.
    """
    url = _parse_url(link)
    trusted_bases = [httpx.URL(trusted_url) for trusted_url in trusted_urls]
    if requires_https and not _is_encrypted(url, trusted_bases):
        raise UnsafeUrlError("The link leads on to an address without encryption")
    host = url.raw_host.decode("ascii")
    try:
        addresses = tuple(await resolver(host, _get_port(url)))
    except (OSError, UnicodeError) as error:
        raise ServiceUnavailableError(f"The name {host} cannot be resolved") from error
    if not addresses:
        raise ServiceUnavailableError(f"The name {host} has no address")
    is_trusted = _get_host_and_port(url) in {_get_host_and_port(base) for base in trusted_bases}
    if not is_trusted and not all(is_public_address(address) for address in addresses):
        raise UnsafeUrlError(f"The link leads to {host}, which is not a public address")
    return ResolvedUrl(url, addresses)


def _parse_url(link: str) -> httpx.URL:
    try:
        url = httpx.URL(link) if is_link(link) else httpx.URL()
    except (httpx.InvalidURL, UnicodeError) as error:
        raise UnsafeUrlError("The link cannot be read") from error
    if url.scheme not in _DEFAULT_PORTS or not url.host or not 0 < _get_port(url) < 65536:
        raise UnsafeUrlError("The link is not an http or https address")
    if url.userinfo:
        raise UnsafeUrlError("The link carries a name or a password")
    return url


def _is_encrypted(url: httpx.URL, trusted_bases: Collection[httpx.URL]) -> bool:
    """Whether it is https, or exactly where the operator's own address goes without it."""
    return url.scheme == "https" or any(
        base.scheme == url.scheme and _get_host_and_port(base) == _get_host_and_port(url)
        for base in trusted_bases
    )


def _is_blocked(ip: IPv4Address | IPv6Address) -> bool:
    return any(ip in network for network in _BLOCKED_NETWORKS)


def _get_port(url: httpx.URL) -> int:
    return url.port or _DEFAULT_PORTS[url.scheme]


def _get_host_and_port(url: httpx.URL) -> tuple[str, int]:
    return url.host.lower(), _get_port(url)
