"""Downloads a file to this machine. The link comes from elsewhere, so it is not trusted."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import httpx

from evolink_studio.evolink.errors import (
    DISK_FULL_ERRNOS,
    DiskFullError,
    DownloadError,
    EvoLinkError,
    FileTooLargeError,
    LinkExpiredError,
    RateLimitError,
    ServiceUnavailableError,
    UnsafeUrlError,
)
from evolink_studio.evolink.partial_file import PartialFile
from evolink_studio.evolink.public_requests import send_to_public_url
from evolink_studio.evolink.transport import temporary_client
from evolink_studio.evolink.url_safety import (
    ResolvedUrl,
    Resolver,
    resolve_host,
    resolve_public_url,
)

DEFAULT_USER_AGENT = "EvoLinkStudio"
# A slower download is stopped, as it would occupy a worker for nothing; the next try resumes it.
MIN_BYTES_PER_WINDOW, PACE_WINDOW_SECONDS = 64 * 1024, 30.0
MAX_REDIRECTS = 3
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_ERROR_BY_STATUS: dict[int, type[EvoLinkError]] = {
    403: LinkExpiredError,
    404: LinkExpiredError,
    410: LinkExpiredError,
    429: RateLimitError,
}


@dataclass(frozen=True)
class DownloadedFile:
    """A complete file: its size, its SHA-256 in hex, and the type that the server claims."""

    size_bytes: int
    sha256: str
    mime: str  # lower case, "" if none was given; not checked


async def download_file(
    url: str,
    destination: Path,
    *,
    trusted_urls: Collection[str],
    max_bytes: int,
    deadline: float,
    resume: bool = False,
    max_redirects: int = 0,
    user_agent: str = DEFAULT_USER_AGENT,
    resolver: Resolver = resolve_host,
) -> DownloadedFile:
    """Download `url` to `destination`: at most `max_bytes` bytes, within `deadline` seconds.

    `trusted_urls`: configured base URLs of EvoLink, allowed even on a private address. On failure
    the partial file stays at `destination`; with `resume` the next call continues it if the content
    is still the same (a sidecar `<name>.note` lies beside it meanwhile). At most `max_redirects`
    redirects are followed; each target is checked like the link itself, and must be https.
    No key, no proxy, no compression. Raises ServiceUnavailableError or RateLimitError
    (try later), LinkExpiredError, UnsafeUrlError, FileTooLargeError, DiskFullError, DownloadError.
    """
    source = _Source(url, trusted_urls, resolver, max_redirects, user_agent)
    try:
        async with asyncio.timeout(deadline):
            return await _fetch(source, destination, max_bytes=max_bytes, resume=resume)
    except TimeoutError as error:
        raise ServiceUnavailableError(f"The download took longer than {deadline:g} s") from error
    except (httpx.InvalidURL, UnicodeError) as error:  # of a redirect: httpx reads it in any case
        raise UnsafeUrlError("The link leads on to what is no address") from error
    except httpx.HTTPError as error:
        raise ServiceUnavailableError(f"The download broke off: {type(error).__name__}") from error
    except OSError as error:
        error_class = DiskFullError if error.errno in DISK_FULL_ERRNOS else DownloadError
        raise error_class(f"The file cannot be written: {error.strerror}") from error


@dataclass(frozen=True)
class _Source:
    """Where the file comes from, and what may be asked on the way to it."""

    url: str
    trusted_urls: Collection[str]
    resolver: Resolver
    max_redirects: int
    user_agent: str

    async def send(
        self, client: httpx.AsyncClient, range_headers: Mapping[str, str]
    ) -> httpx.Response:
        """The response, after all redirects. Nothing but these headers is sent to any host."""
        headers = {"User-Agent": self.user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        link, hop_count = self.url, 0
        while True:
            resolved_url = await resolve_public_url(
                link,
                trusted_urls=self.trusted_urls,
                resolver=self.resolver,
                requires_https=hop_count > 0,
            )
            response = await send_to_public_url(
                client, resolved_url, headers={**headers, **range_headers}
            )
            if response.status_code not in _REDIRECT_STATUSES:
                return response
            await response.aclose()
            if hop_count == self.max_redirects:
                raise UnsafeUrlError("The link leads on to another one", response.status_code)
            link, hop_count = _read_location(response, resolved_url), hop_count + 1


def _read_location(response: httpx.Response, resolved_url: ResolvedUrl) -> str:
    """The absolute address that a redirect names, relative to the one that was asked."""
    location = response.headers.get("location", "").strip()
    if not location:
        raise ServiceUnavailableError("The link leads on to nowhere", response.status_code)
    return str(resolved_url.url.join(location))


async def _fetch(
    source: _Source, destination: Path, *, max_bytes: int, resume: bool
) -> DownloadedFile:
    with PartialFile(destination, resume=resume) as partial_file:
        async with temporary_client() as client:
            response = await source.send(client, partial_file.resume_headers())
            if response.status_code == 416:  # no bytes after ours: it is not the same file
                await response.aclose()
                partial_file.discard()
                response = await source.send(client, {})
            async with aclosing(response):
                return await _receive_body(response, partial_file, max_bytes)


async def _receive_body(
    response: httpx.Response, partial_file: PartialFile, max_bytes: int
) -> DownloadedFile:
    _check_response(response)
    total = await partial_file.open(response.status_code, response.headers)
    if total is not None and total > max_bytes:
        raise FileTooLargeError(f"The file has {total} bytes, the limit is {max_bytes}")
    pace_monitor = _PaceMonitor()
    async for chunk in response.aiter_raw():
        if partial_file.size + len(chunk) > max_bytes:
            raise FileTooLargeError(f"The file has more than {max_bytes} bytes")
        partial_file.write(chunk)
        pace_monitor.record(len(chunk))
    digest = await partial_file.finish()
    mime = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return DownloadedFile(size_bytes=partial_file.size, sha256=digest, mime=mime)


class _PaceMonitor:
    """Checks that at least MIN_BYTES_PER_WINDOW arrive in every PACE_WINDOW_SECONDS."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._window_start, self._received_bytes = self._clock(), 0

    def record(self, size: int) -> None:
        """Count `size` bytes. Raises ServiceUnavailableError if the last window had too few."""
        self._received_bytes += size
        if self._clock() - self._window_start < PACE_WINDOW_SECONDS:
            return
        if self._received_bytes < MIN_BYTES_PER_WINDOW:
            raise ServiceUnavailableError(
                f"{self._received_bytes} bytes came in {PACE_WINDOW_SECONDS:g} s"
            )
        self._window_start, self._received_bytes = self._clock(), 0


def _check_response(response: httpx.Response) -> None:
    """Raise unless it is a 200 or 206 without content encoding."""
    status = response.status_code
    if status not in (200, 206):
        error_class = _ERROR_BY_STATUS.get(status, ServiceUnavailableError)
        raise error_class(f"HTTP {status} from the media host", status)
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise ServiceUnavailableError(
            "The media host encodes although identity was asked for", status
        )
