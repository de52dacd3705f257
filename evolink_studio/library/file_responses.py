"""Sending a stored file: whole, or a part of it at a time.

A part is at most 256 KiB, so that a slow viewer never holds a thread of the web server. Browsers
ask for the next part when they need it; Safari plays no film without parts. Where an S3 store keeps
the files, it sends the large ones itself: to a link signed here, after the owner was checked here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from evolink_studio.library.models import Asset

PART = 256 * 1024
LINK_LIVES = 900  # seconds
# The bytes behind an address never change. Vary: Cookie keeps them from the next person.
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
}
_STRICT = "sandbox; default-src 'none'"
# A film or sound opened in a tab is fetched once more by the page that the browser makes for it.
_PLAYED = "sandbox allow-same-origin; default-src 'none'; media-src 'self'"
# "bytes=first-last", "bytes=first-" or "bytes=-count"; of several ranges only the first is sent.
_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{1,18})?|-\s*(\d{1,18}))\s*(?:,.*)?")


@dataclass(frozen=True)
class Sent:
    """What is sent. `etag` names the content, without quotes; `mime` is ours, never a claim.

    `small` files are asked for by the dozen and pass through the web server, to stay in the cache
    of the browser.
    """

    stored: str
    etag: str
    mime: str
    filename: str
    attachment: bool = False
    small: bool = False

    @property
    def disposition(self) -> str:
        return content_disposition_header(self.attachment, self.filename) or "inline"


def serve(request: HttpRequest, sent: Sent) -> HttpResponseBase:
    """200, 206, 304 or 416, for GET and HEAD. Http404 when the storage has no such file.

    302 for a GET of what an S3 store sends itself.
    """
    etag = f'"{sent.etag}"'
    if _matches(request.headers.get("If-None-Match", ""), etag):
        return _finished(HttpResponse(status=304), sent)
    if request.method == "GET" and not sent.small and (link := _link(sent)):
        return HttpResponse(status=302, headers={"Location": link, "Cache-Control": "no-store"})
    try:
        size = default_storage.size(sent.stored)
    except FileNotFoundError as error:
        raise Http404 from error
    asked = _asked(request, etag)
    if asked is None:
        return _finished(_whole(request, sent, size), sent)
    return _finished(_part(sent, size, *_bounds(asked, size)), sent)


def _link(sent: Sent) -> str:
    """A link that lives a quarter of an hour; "" where the files lie on our own disk."""
    sign: Callable[..., str] | None = getattr(default_storage, "signed_link", None)
    if sign is None:
        return ""
    return sign(sent.stored, mime=sent.mime, disposition=sent.disposition, seconds=LINK_LIVES)


def _whole(request: HttpRequest, sent: Sent, size: int) -> HttpResponseBase:
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    else:
        response = FileResponse(default_storage.open(sent.stored))
    response.headers["Content-Length"] = str(size)
    return response


def _part(sent: Sent, size: int, first: int, last: int) -> HttpResponse:
    if not first <= last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    last = min(last, first + PART - 1)
    with default_storage.open(sent.stored) as file:
        file.seek(first)
        content = file.read(last - first + 1)
    headers = {"Content-Range": f"bytes {first}-{last}/{size}"}
    return HttpResponse(content, status=206, headers=headers)


def _asked(request: HttpRequest, etag: str) -> re.Match[str] | None:
    """The range asked for, if it counts: for a GET, of this very content, in words we know."""
    if request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if asked is None or (asked[2] is not None and int(asked[2]) < int(asked[1])):
        return None
    return asked


def _bounds(asked: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte; the first behind the last where there is nothing to send."""
    if asked[3] is not None:
        return max(0, size - int(asked[3])), size - 1
    return int(asked[1]), min(size - 1, int(asked[2] or size))


def _matches(header: str, etag: str) -> bool:
    known = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return etag in known or "*" in known


def _finished(response: HttpResponseBase, sent: Sent) -> HttpResponseBase:
    played = sent.mime.startswith(("video/", "audio/"))
    own = {
        "Content-Security-Policy": _PLAYED if played else _STRICT,
        "Content-Type": sent.mime,
        "ETag": f'"{sent.etag}"',
        "Content-Disposition": sent.disposition,
    }
    for name, value in {**_HEADERS, **own}.items():
        response.headers[name] = value
    return response


def file_of(asset: Asset, *, attachment: bool = False) -> Sent:
    """The file itself."""
    return Sent(str(asset.file), asset.sha256, asset.mime, asset.name, attachment)


def poster_of(asset: Asset) -> Sent | None:
    """Its small picture; a sound has none."""
    if not asset.poster:
        return None
    etag, name = f"{asset.sha256}-poster", f"{asset.name}.webp"
    return Sent(str(asset.poster), etag, "image/webp", name, small=True)
