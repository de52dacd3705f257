"""One request and whatever came back of it."""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from evolink_studio.evolink.errors import NotSent, Unclear
from evolink_studio.evolink.moments import utc_now
from evolink_studio.evolink.words import scrub

BODY_CAP = 1_000_000  # bytes; EvoLink's answers are a few hundred


@dataclass(frozen=True)
class Reply:
    """A status line and headers that arrived whole, and what arrived of the body.

    `flaw` says why the body is not whole, "" if it is. `at`: when it was read (aware).
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    flaw: str = ""
    at: datetime = field(default_factory=utc_now)


class _Trail:
    """How far a request got, by httpcore's own trace.

    The events of getting a connection are named `connection.…` (address, TCP, TLS). Any other
    means that a connection stood and the first byte may be out.
    """

    def __init__(self) -> None:
        self.left = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if not event.startswith("connection."):
            self.left = True


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    *,
    deadline: float,
    secret: str,
    clock: Callable[[], datetime],
) -> Reply:
    """Send a POST once and read the reply, all within `deadline` seconds.

    Once the headers of a reply are here it is returned, even if its body breaks off. Before that
    raises NotSent if nothing can have left this machine, else Unclear. `secret` is taken out of
    the body. Cancellation passes through.
    """
    trail, body = _Trail(), bytearray()
    request.extensions["trace"] = trail
    response: httpx.Response | None = None
    flaw = ""
    try:
        async with asyncio.timeout(deadline):
            response = await client.send(request, stream=True)
            async with aclosing(response):
                flaw = await receive(response.headers, response.aiter_raw(), into=body)
    except Exception as error:  # whatever it is: money may be on its way, so it gets its class
        flaw = type(error).__name__
        if response is None:
            what = f"{request.method} {request.url.host}: {flaw}"
            raise (Unclear if trail.left else NotSent)(what) from error
    kept = scrub(bytes(body), secret.encode())
    return Reply(response.status_code, kept, response.headers, flaw, clock())


async def receive(
    headers: Mapping[str, str], chunks: AsyncIterable[bytes], *, into: bytearray
) -> str:
    """Take a body as it is on the wire, up to the cap; the answer is the flaw, if any."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        return "encoded although identity was asked for"  # a small body may unfold to gigabytes
    async for chunk in chunks:
        into.extend(chunk[: BODY_CAP - len(into)])
        if len(into) >= BODY_CAP:
            return "longer than the limit"
    return ""
