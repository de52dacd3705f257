"""Request bodies without a length (Transfer-Encoding: chunked), which Django takes for empty.

The studio's own web worker gives a body its length itself, and leaves only those whose end it
cannot know. Other WSGI servers leave all to the application.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

TOO_LARGE = (
    "This request was not read to its end, because it is larger than what is taken here. "
    "Nothing was sent or charged. Send less, or state its length (Content-Length).\n"
)
LENGTH_REQUIRED = (
    "This request came in chunks, and this server cannot tell where it ends. Nothing was sent or "
    "charged. Send it again with its length (Content-Length).\n"
)


class _LimitedBody(io.RawIOBase):
    """Reads a body that ends by itself. Raises OSError instead of giving more than its limit."""

    def __init__(self, body: Any, limit: int) -> None:
        self._body, self._remaining = body, limit

    def read(self, size: int | None = -1) -> bytes:
        size = -1 if size is None else size
        wanted = self._remaining + 1 if size < 0 else min(size, self._remaining + 1)
        content: bytes = self._body.read(wanted)
        self._remaining -= len(content)
        if self._remaining < 0:
            raise OSError("The body is larger than its limit")
        return content


def read_chunked_bodies(application: Application) -> Application:
    """Give every chunked body a length before Django looks at the request.

    A form with files is read as it comes, up to what uploads may have; anything else is small, so
    it is read first. What is larger is refused with 413, and with 411 where the server does not
    know the end of a body.
    """

    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            return application(environ, start_response)
        if not environ.get("wsgi.input_terminated"):
            return _refuse(start_response, "411 Length Required", LENGTH_REQUIRED)
        max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        if environ.get("CONTENT_TYPE", "").lower().startswith("multipart/form-data"):
            max_bytes += settings.MAX_UPLOAD_BYTES
            environ["wsgi.input"] = _LimitedBody(environ["wsgi.input"], max_bytes)
            environ["CONTENT_LENGTH"] = str(max_bytes)
            return application(environ, start_response)
        try:
            content = _LimitedBody(environ["wsgi.input"], max_bytes).read()
        except OSError:  # too large, or the connection ended within a chunk
            return _refuse(start_response, "413 Content Too Large", TOO_LARGE)
        environ["wsgi.input"] = io.BytesIO(content)
        environ["CONTENT_LENGTH"] = str(len(content))
        return application(environ, start_response)

    return respond


def _refuse(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    content = text.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(content))),
    ]
    start_response(status, headers)
    return [content]
