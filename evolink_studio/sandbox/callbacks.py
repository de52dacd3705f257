"""Sends callbacks when a task has ended (EvoLink documentation, stated 2026-11-20).

10 s timeout, at most 3 retries after 1, 2 and 4 s, any 2xx is a success.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx

MAX_CALLBACK_URL_CHARS = 2048
INTERNAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")
# Global by the registry, but they may lead into a private network: NAT64, 6to4 and Teredo embed an
# IPv4 address.
TUNNEL_NETWORKS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "2002::/16", "2001::/32")))

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
CALLBACK_TIMEOUT_SECONDS = 10.0
RETRY_DELAYS_SECONDS = (1.0, 2.0, 4.0)
CALLBACK_USER_AGENT = "EvoLink-Sandbox-Callback/1.0"


def find_callback_url_problem(url: object, *, allow_loopback: bool) -> str | None:
    """Why this callback URL is rejected, or None."""
    if not isinstance(url, str) or not url:
        return "callback_url must be a URL."
    if len(url) > MAX_CALLBACK_URL_CHARS:
        return f"callback_url must not exceed {MAX_CALLBACK_URL_CHARS} characters."
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
    if is_internal_host(host):
        return "callback_url must not point to an internal address."
    return None


def is_internal_host(host: str) -> bool:
    """Whether a host name or address is internal, without resolving it."""
    name = host.lower().rstrip(".")
    if name == INTERNAL_NAMES[0] or name.endswith(INTERNAL_NAMES[1:]):
        return True
    address = _parse_address(name)
    return address is not None and _is_internal_address(address)


async def has_internal_address(url: str, *, allow_loopback: bool) -> bool:
    """Whether the host of this URL resolves to any internal address. Raises OSError."""
    host = urlsplit(url).hostname or ""
    if allow_loopback and _is_loopback(host):
        return False
    loop = asyncio.get_running_loop()
    results = await loop.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return any(_is_internal_address(ipaddress.ip_address(result[4][0])) for result in results)


def _is_loopback(host: str) -> bool:
    address = _parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _parse_address(host: str) -> IPAddress | None:
    """The IP address that `host` denotes, also in unusual notations of IPv4; else None."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_internal_address(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_internal_address(address.ipv4_mapped)
        if any(address in network for network in TUNNEL_NETWORKS):
            return True
    return not address.is_global or address.is_multicast


def calculate_retry_at(attempts: int, now: float) -> float | None:
    """When to try again after `attempts` failed tries; None: not again."""
    return (
        now + RETRY_DELAYS_SECONDS[attempts - 1] if attempts <= len(RETRY_DELAYS_SECONDS) else None
    )


class CallbackSender:
    """Posts the JSON of a task, without credentials, redirects or proxies."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    async def __aenter__(self) -> "CallbackSender":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if "_client" in self.__dict__:
            await self._client.aclose()

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        # Created at the first callback: loading the certificates would slow down every start.
        return httpx.AsyncClient(
            timeout=CALLBACK_TIMEOUT_SECONDS,
            trust_env=False,
            headers={"User-Agent": CALLBACK_USER_AGENT},
        )

    async def post_task(self, url: str, body: Mapping[str, Any]) -> bool:
        """Whether the address answered with a 2xx."""
        try:
            if await has_internal_address(url, allow_loopback=self._allow_loopback):
                return False
            async with (
                asyncio.timeout(CALLBACK_TIMEOUT_SECONDS),
                self._client.stream("POST", url, json=body) as response,
            ):
                return response.is_success
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return False
