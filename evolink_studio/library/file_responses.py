"""Responses with a stored file, whole or as a byte range.

A player gets at most 256 KiB of a range, so that a slow viewer never holds a thread of the web
server: players request the next range when they need it; Safari plays no film without ranges. What
is kept gets all that it asks for: browsers, curl and wget take the end of the answer to a resumed
download for the end of the file. Large files in an S3 store are redirected to a signed link, after
the owner was checked here.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date

from evolink_studio.library.models import POSTER_FIELD_BY_SIZE, Asset

MAX_PLAYED_BYTES = 256 * 1024
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
# What a browser says it fetches a file for (Sec-Fetch-Dest). One that says nothing may be playing.
_PLAYER_DESTINATIONS = frozenset({"", "audio", "video"})
# "bytes=first-last", "bytes=first-" or "bytes=-count". Several ranges are answered with the whole.
_RANGE_PATTERN = re.compile(
    r"bytes\s*=\s*(?:(\d{1,40})\s*-\s*(\d{1,40})?|-\s*(\d{1,40}))", re.ASCII | re.IGNORECASE
)
_BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True)
class ServedFile:
    """A stored file to send. `etag` identifies the content, without quotes; `mime` is the type
    detected here, never one that the uploader stated. `stored_at`: since then it is unchanged.

    `is_small` files are requested by the dozen and sent by the web server, not by redirect, so
    that the browser caches them; `is_stand_in` says that another one will be sent in its place.
    """

    storage_name: str
    etag: str
    mime: str
    filename: str
    stored_at: datetime
    is_attachment: bool = False
    is_small: bool = False
    is_stand_in: bool = False

    @property
    def disposition(self) -> str:
        return content_disposition_header(self.is_attachment, self.filename) or "inline"

    @property
    def quoted_etag(self) -> str:
        return f'"{self.etag}"'

    @property
    def last_modified(self) -> str:
        """The header's text; in whole seconds."""
        return http_date(self.stored_at.timestamp())


class FilePart(io.RawIOBase):
    """The next `size` bytes of an open file, which is closed with it."""

    def __init__(self, file: File[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)

    def fileno(self) -> int:
        """gunicorn lets the kernel send the file, from its position on."""
        return int(self._file.fileno())

    def close(self) -> None:
        self._file.close()
        super().close()


def build_file_response(request: HttpRequest, served_file: ServedFile) -> HttpResponseBase:
    """200, 206, 304, 412 or 416, for GET and HEAD. Http404 when the storage has no such file.

    302 for a GET of a file that an S3 store sends.
    """
    unchanged = get_conditional_response(
        request, etag=served_file.quoted_etag, last_modified=int(served_file.stored_at.timestamp())
    )
    if unchanged is not None:
        return _add_headers(unchanged, served_file)
    if request.method == "GET" and not served_file.is_small and (link := _sign_link(served_file)):
        return HttpResponse(status=302, headers={"Location": link, "Cache-Control": "no-store"})
    try:
        size = default_storage.size(served_file.storage_name)
    except FileNotFoundError as error:
        raise Http404 from error
    range_match = _parse_range(request, served_file)
    if range_match is None:
        return _add_headers(_build_full_response(request, served_file, size), served_file)
    first, last = _compute_bounds(range_match, size)
    if _is_played(request, served_file):
        last = min(last, first + MAX_PLAYED_BYTES - 1)
    return _add_headers(_build_partial_response(served_file, size, first, last), served_file)


def _is_played(request: HttpRequest, served_file: ServedFile) -> bool:
    """Whether the answer may be for a player, which asks for the rest by itself."""
    if served_file.is_attachment or served_file.is_small:
        return False
    return request.headers.get("Sec-Fetch-Dest", "") in _PLAYER_DESTINATIONS


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
        return HttpResponse(headers={"Content-Length": str(size)})
    return _stream_part(served_file, 0, size)


def _build_partial_response(
    served_file: ServedFile, size: int, first: int, last: int
) -> HttpResponseBase:
    if not first <= last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = _stream_part(served_file, first, last - first + 1)
    response.status_code = 206
    response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _stream_part(served_file: ServedFile, first: int, size: int) -> FileResponse:
    """A response with `size` bytes from byte `first` on. Holds one block in memory."""
    file = default_storage.open(served_file.storage_name)
    file.seek(first)
    response = FileResponse(FilePart(file, size))
    response.block_size = _BLOCK_BYTES
    response.headers["Content-Length"] = str(size)
    return response


def _parse_range(request: HttpRequest, served_file: ServedFile) -> re.Match[str] | None:
    """The requested range; None unless it is a GET for this content with one valid range."""
    validator = request.headers.get("If-Range", served_file.quoted_etag)
    if request.method != "GET" or validator not in (
        served_file.quoted_etag,
        served_file.last_modified,
    ):
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


def _add_headers(response: HttpResponseBase, served_file: ServedFile) -> HttpResponseBase:
    is_media = served_file.mime.startswith(("video/", "audio/"))
    file_headers = {
        "Content-Security-Policy": _MEDIA_CSP if is_media else _STRICT_CSP,
        "Content-Type": served_file.mime,
        "ETag": served_file.quoted_etag,
        "Last-Modified": served_file.last_modified,
        "Content-Disposition": served_file.disposition,
    }
    if served_file.is_stand_in:
        file_headers["Cache-Control"] = "private, no-cache"
    for name, value in {**_COMMON_HEADERS, **file_headers}.items():
        response.headers[name] = value
    return response


def serve_asset_file(
    asset: Asset, *, is_attachment: bool = False, filename: str | None = None
) -> ServedFile:
    """The asset's file, to send, by default under its own name."""
    return ServedFile(
        storage_name=str(asset.file),
        etag=asset.sha256,
        mime=asset.mime,
        filename=filename or asset.name,
        stored_at=asset.created_at,
        is_attachment=is_attachment,
    )


def asset_poster_file(asset: Asset, size: str = "medium") -> ServedFile | None:
    """The asset's poster in this size, or in the medium one if it has no other, to send.

    None for a sound.
    """
    if not asset.poster:
        return None
    sent_size = size if getattr(asset, POSTER_FIELD_BY_SIZE[size]) else "medium"
    return ServedFile(
        storage_name=str(getattr(asset, POSTER_FIELD_BY_SIZE[sent_size])),
        etag=f"{asset.sha256}-poster-{sent_size}",
        mime="image/webp",
        filename=f"{asset.name}.webp",
        stored_at=asset.created_at,
        is_small=True,
        is_stand_in=sent_size != size,
    )
