"""Tells a callback address that a task has ended (EvoLink documentation, stated 2026-11-20).

10 s time-out, at most 3 tries more after 1, 2 and 4 s, any 2xx is a success.
"""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx

from evolink_studio.sandbox.addresses import leads_inside

TIMEOUT = 10.0
GAPS = (1.0, 2.0, 4.0)
AGENT = "EvoLink-Sandbox-Callback/1.0"


def next_try(tries: int, now: float) -> float | None:
    """When to try again after `tries` failed tries; None: no more."""
    return now + GAPS[tries - 1] if tries <= len(GAPS) else None


class Caller:
    """Posts the JSON of a task, without credentials, redirects or proxies."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *about: object) -> None:
        if "_client" in self.__dict__:
            await self._client.aclose()

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        # Made at the first callback: loading the certificates would slow every start.
        return httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, headers={"User-Agent": AGENT})

    async def post(self, url: str, body: Mapping[str, Any]) -> bool:
        """Whether the address answered with a 2xx."""
        try:
            if await leads_inside(url, allow_loopback=self._allow_loopback):
                return False
            async with (
                asyncio.timeout(TIMEOUT),
                self._client.stream("POST", url, json=body) as answer,
            ):
                return answer.is_success
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return False
