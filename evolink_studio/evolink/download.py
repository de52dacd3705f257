"""Copy a result to this machine. The link comes from elsewhere, so nothing about it is trusted."""

import asyncio
import errno
from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import httpx

from evolink_studio.evolink.errors import (
    EvoLinkError,
    LinkDead,
    LinkForbidden,
    NoSpace,
    NotSaved,
    RateLimited,
    TooLarge,
    Unavailable,
)
from evolink_studio.evolink.partial_file import Part
from evolink_studio.evolink.transport import fresh_client
from evolink_studio.evolink.url_safety import Resolver, Target, checked, resolve

USER_AGENT = "EvoLinkStudio"
# What comes slower than this would hold a place for twenty minutes and bring nothing: about what
# a line of 1990 carried. The rest is asked for at the next try.
PACE_BYTES, PACE_SECONDS = 64 * 1024, 30.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BY_STATUS: dict[int, type[EvoLinkError]] = {
    403: LinkDead,
    404: LinkDead,
    410: LinkDead,
    429: RateLimited,
}


@dataclass(frozen=True)
class Downloaded:
    """A whole file: its size, its SHA-256 in hex, and the type that the far end claims."""

    bytes: int
    sha256: str
    mime: str  # lower case, "" if none was given; a claim, not a fact


async def download(
    url: str,
    to: Path,
    *,
    far_ends: Collection[str],
    cap: int,
    deadline: float,
    resume: bool = False,
    user_agent: str = USER_AGENT,
    resolver: Resolver = resolve,
) -> Downloaded:
    """Fetch `url` into the file `to`, at most `cap` bytes, within `deadline` seconds in all.

    `far_ends`: base URLs of EvoLink as configured, allowed even on a private address. What has
    arrived stays at `to` when this fails; with `resume` the next call goes on from there if the
    content is still the same (a note `<name>.note` lies beside it meanwhile).
    No key, no redirects, no proxy, no compression. Raises Unavailable or RateLimited (look again
    later), LinkDead, LinkForbidden, TooLarge, NoSpace, NotSaved.
    """
    try:
        async with asyncio.timeout(deadline):
            target = await checked(url, far_ends=far_ends, resolver=resolver)
            return await _fetch(target, to, cap=cap, resume=resume, user_agent=user_agent)
    except TimeoutError as error:
        raise Unavailable(f"The download took longer than {deadline:g} s") from error
    except httpx.HTTPError as error:
        raise Unavailable(f"The download broke off: {type(error).__name__}") from error
    except OSError as error:
        kind = NoSpace if error.errno in _FULL else NotSaved
        raise kind(f"The file cannot be written: {error.strerror}") from error


async def _fetch(
    target: Target, to: Path, *, cap: int, resume: bool, user_agent: str
) -> Downloaded:
    ours = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
    with Part(to, resume=resume) as part:
        async with fresh_client() as client:
            response = await _ask(client, target, ours | part.wishes())
            if response.status_code == 416:  # nothing after what we have: it is not the same file
                await response.aclose()
                part.forget()
                response = await _ask(client, target, ours)
            async with aclosing(response):
                return await _receive(response, part, cap)


async def _ask(
    client: httpx.AsyncClient, target: Target, headers: Mapping[str, str]
) -> httpx.Response:
    """Connect to the checked addresses, the next where one cannot be reached."""
    named = {**headers, "Host": target.url.netloc.decode("ascii")}
    host = target.url.raw_host.decode("ascii")
    for number, address in enumerate(target.addresses, start=1):
        url = target.url.copy_with(host=address, fragment=None)
        request = client.build_request("GET", url, headers=named, extensions={"sni_hostname": host})
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if number == len(target.addresses):
                raise
    raise AssertionError("a target has at least one address")


async def _receive(response: httpx.Response, part: Part, cap: int) -> Downloaded:
    _check(response)
    total = await part.begin(response.status_code, response.headers)
    if total is not None and total > cap:
        raise TooLarge(f"The file has {total} bytes, the limit is {cap}")
    pace = _Pace()
    async for chunk in response.aiter_raw():
        if part.size + len(chunk) > cap:
            raise TooLarge(f"The file has more than {cap} bytes")
        part.write(chunk)
        pace.note(len(chunk))
    digest = await part.finish()
    mime = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Downloaded(bytes=part.size, sha256=digest, mime=mime)


class _Pace:
    """Sees to it that bytes come, and not one at a time."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._since, self._came = self._clock(), 0

    def note(self, size: int) -> None:
        """Count what came. Raises Unavailable when it was too little for too long."""
        self._came += size
        if self._clock() - self._since < PACE_SECONDS:
            return
        if self._came < PACE_BYTES:
            raise Unavailable(f"{self._came} bytes came in {PACE_SECONDS:g} s")
        self._since, self._came = self._clock(), 0


def _check(response: httpx.Response) -> None:
    """Let only a plain 200 or 206 pass."""
    status = response.status_code
    if 300 <= status < 400:
        raise LinkForbidden("The link leads on to another one", status)
    if status not in (200, 206):
        kind = _BY_STATUS.get(status, Unavailable)
        raise kind(f"HTTP {status} from the media host", status)
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unavailable("The media host encodes although identity was asked for", status)
