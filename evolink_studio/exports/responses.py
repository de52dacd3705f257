"""A list as the answer to a request: at once when it is short, else the worker makes a file.

What is answered is complete before its first byte is sent, and its length is said. So no thread is
held by a slow line, and no file that was cut short looks whole.
"""

import time

from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode

from evolink_studio.core.csv_export import format_header
from evolink_studio.exports.models import Export
from evolink_studio.exports.sources import ExportRows, ExportSource
from evolink_studio.library.file_responses import ServedFile, build_file_response

# 0.2 s of work, measured; a line of the ledger takes longest.
MAX_DIRECT_ROWS = 10_000
MAX_DIRECT_BYTES = 12 * 1024 * 1024  # long prompts; below what waitress keeps without a thread
MAX_DIRECT_SECONDS = 2.0  # on a busy machine
NO_STORE = "private, no-store"


def answer_export(request: HttpRequest, source: ExportSource, query: str) -> HttpResponseBase:
    """The CSV of what `query` filters, or a redirect to where the worker is asked for it."""
    assert request.user.is_authenticated  # an admin view
    rows = source.build_rows(request.user, query)
    parts = None if rows.has_more_than(MAX_DIRECT_ROWS) else _read_parts(rows)
    if parts is None:
        parameters = urlencode({"source": source.name, "query": query})
        return HttpResponseRedirect(f"{reverse('admin:exports_request')}?{parameters}")
    response = StreamingHttpResponse(iter(parts), content_type="text/csv; charset=utf-8")
    response.headers["Content-Length"] = str(sum(map(len, parts)))
    filename = source.build_filename(query)
    response.headers["Content-Disposition"] = content_disposition_header(True, filename) or ""
    response.headers["Cache-Control"] = NO_STORE
    return response


def answer_file(request: HttpRequest, export: Export) -> HttpResponseBase:
    """The file of an export that is ready, or a part of it; from an S3 store by a signed link."""
    assert export.finished_at is not None
    served_file = ServedFile(
        storage_name=export.file,
        etag=export.sha256,
        mime="text/csv; charset=utf-8",
        filename=export.filename,
        stored_at=export.finished_at,
        is_attachment=True,
    )
    response = build_file_response(request, served_file)
    response.headers["Cache-Control"] = NO_STORE
    return response


def _read_parts(rows: ExportRows) -> list[bytes] | None:
    """The whole file; None if it takes too long or becomes too large."""
    deadline = time.monotonic() + MAX_DIRECT_SECONDS
    parts, size = [format_header(rows.header).encode()], 0
    for batch in rows.read_few():
        parts.append(batch.text.encode())
        size += len(parts[-1])
        if size > MAX_DIRECT_BYTES or time.monotonic() > deadline:
            return None
    return parts
