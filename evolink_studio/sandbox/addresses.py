"""Which callback addresses are allowed (EvoLink documentation, stated 2026-11-20).

HTTPS only, at most 2048 characters, no internal address.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

LONGEST = 2048
INTERNAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")
# Global by the registry, yet ways into a private network: NAT64, 6to4 and Teredo carry an IPv4
# address inside.
CARRIERS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "2002::/16", "2001::/32")))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def callback_problem(url: object, *, allow_loopback: bool) -> str | None:
    """Why this callback address is refused, or None."""
    if not isinstance(url, str) or not url:
        return "callback_url must be a URL."
    if len(url) > LONGEST:
        return f"callback_url must not exceed {LONGEST} characters."
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return "callback_url must be a valid URL."
    if not host:
        return "callback_url must be a valid URL."
    if allow_loopback and parts.scheme in ("http", "https") and _is_loopback(host):
        return None
    if parts.scheme != "https":
        return "callback_url must use HTTPS."
    if is_internal(host):
        return "callback_url must not point to an internal address."
    return None


def is_internal(host: str) -> bool:
    """Whether a host name or address lies, by itself, in an internal network."""
    name = host.lower().rstrip(".")
    if name == INTERNAL_NAMES[0] or name.endswith(INTERNAL_NAMES[1:]):
        return True
    address = _literal(name)
    return address is not None and _is_internal_address(address)


async def leads_inside(url: str, *, allow_loopback: bool) -> bool:
    """Whether any address the host of this URL resolves to is internal. Raises OSError."""
    host = urlsplit(url).hostname or ""
    if allow_loopback and _is_loopback(host):
        return False
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return any(_is_internal_address(ipaddress.ip_address(answer[4][0])) for answer in found)


def _is_loopback(host: str) -> bool:
    address = _literal(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _literal(host: str) -> Address | None:
    """The address a host text stands for, in the short and odd notations of IPv4 as well."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_internal_address(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_internal_address(address.ipv4_mapped)
        if any(address in network for network in CARRIERS):
            return True
    return not address.is_global or address.is_multicast
