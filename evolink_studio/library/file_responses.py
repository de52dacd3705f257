"""Responses with a stored file, whole or as a byte range.

A range has at most 256 KiB, so that a slow client never holds a thread of the web server. Browsers
request the next range when they need it; Safari plays no film without ranges. Large files in an S3
store are redirected to a signed link, after the owner was checked here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from evolink_studio.library.models import Asset

MAX_PART_BYTES = 256 * 1024
LINK_LIFETIME_SECONDS = 900
# The bytes behind a URL never change. Vary: Cookie keeps them from the browser's next user.
_COMMON_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
}
_STRICT_CSP = "sandbox; default-src 'none'"
# A film or sound opened in a tab is fetched again by the viewer page that the browser makes.
_MEDIA_CSP = "sandbox allow-same-origin; default-src 'none'; media-src 'self'"
# "bytes=first-last", "bytes=first-" or "bytes=-count"; of several ranges only the first is sent.
_RANGE_PATTERN = re.compile(
    r"bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{1,18})?|-\s*(\d{1,18}))\s*(?:,.*)?"
)


@dataclass(frozen=True)
class ServedFile:
    """A stored file to send. `etag` identifies the content, without quotes; `mime` is the type
    detected here, never one that the uploader stated.

    `is_small` files are requested by the dozen and sent by the web server, not by redirect, so
    that the browser caches them.
    """

    storage_name: str
    etag: str
    mime: str
    filename: str
    is_attachment: bool = False
    is_small: bool = False

    @property
    def disposition(self) -> str:
        return content_disposition_header(self.is_attachment, self.filename) or "inline"


def build_file_response(request: HttpRequest, served_file: ServedFile) -> HttpResponseBase:
    """200, 206, 304 or 416, for GET and HEAD. Http404 when the storage has no such file.

    302 for a GET of a file that an S3 store sends.
    """
    etag = f'"{served_file.etag}"'
    if _has_etag(request.headers.get("If-None-Match", ""), etag):
        return _add_headers(HttpResponse(status=304), served_file)
    if request.method == "GET" and not served_file.is_small and (link := _sign_link(served_file)):
        return HttpResponse(status=302, headers={"Location": link, "Cache-Control": "no-store"})
    try:
        size = default_storage.size(served_file.storage_name)
    except FileNotFoundError as error:
        raise Http404 from error
    range_match = _parse_range(request, etag)
    if range_match is None:
        return _add_headers(_build_full_response(request, served_file, size), served_file)
    return _add_headers(
        _build_partial_response(served_file, size, *_compute_bounds(range_match, size)), served_file
    )


def _sign_link(served_file: ServedFile) -> str:
    """A link valid for 15 minutes; "" when the storage is the local disk."""
    sign: Callable[..., str] | None = getattr(default_storage, "sign_link", None)
    if sign is None:
        return ""
    return sign(
        served_file.storage_name,
        mime=served_file.mime,
        disposition=served_file.disposition,
        seconds=LINK_LIFETIME_SECONDS,
    )


def _build_full_response(
    request: HttpRequest, served_file: ServedFile, size: int
) -> HttpResponseBase:
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    else:
        response = FileResponse(default_storage.open(served_file.storage_name))
    response.headers["Content-Length"] = str(size)
    return response


def _build_partial_response(
    served_file: ServedFile, size: int, first: int, last: int
) -> HttpResponse:
    if not first <= last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    last = min(last, first + MAX_PART_BYTES - 1)
    with default_storage.open(served_file.storage_name) as file:
        file.seek(first)
        content = file.read(last - first + 1)
    headers = {"Content-Range": f"bytes {first}-{last}/{size}"}
    return HttpResponse(content, status=206, headers=headers)


def _parse_range(request: HttpRequest, etag: str) -> re.Match[str] | None:
    """The requested range; None unless it is a GET for this content with a valid range."""
    if request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    range_match = _RANGE_PATTERN.fullmatch(request.headers.get("Range", "").strip())
    if range_match is None or (
        range_match[2] is not None and int(range_match[2]) < int(range_match[1])
    ):
        return None
    return range_match


def _compute_bounds(range_match: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte; first > last when the range cannot be satisfied."""
    if range_match[3] is not None:
        return max(0, size - int(range_match[3])), size - 1
    return int(range_match[1]), min(size - 1, int(range_match[2] or size))


def _has_etag(header: str, etag: str) -> bool:
    etags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return etag in etags or "*" in etags


def _add_headers(response: HttpResponseBase, served_file: ServedFile) -> HttpResponseBase:
    is_media = served_file.mime.startswith(("video/", "audio/"))
    file_headers = {
        "Content-Security-Policy": _MEDIA_CSP if is_media else _STRICT_CSP,
        "Content-Type": served_file.mime,
        "ETag": f'"{served_file.etag}"',
        "Content-Disposition": served_file.disposition,
    }
    for name, value in {**_COMMON_HEADERS, **file_headers}.items():
        response.headers[name] = value
    return response


def serve_asset_file(asset: Asset, *, is_attachment: bool = False) -> ServedFile:
    """The asset's file, to send."""
    return ServedFile(str(asset.file), asset.sha256, asset.mime, asset.name, is_attachment)


def asset_poster_file(asset: Asset) -> ServedFile | None:
    """The asset's poster, to send; None for a sound."""
    if not asset.poster:
        return None
    etag, name = f"{asset.sha256}-poster", f"{asset.name}.webp"
    return ServedFile(str(asset.poster), etag, "image/webp", name, is_small=True)
