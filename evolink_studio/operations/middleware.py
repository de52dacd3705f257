"""Middleware for request ids in log lines, and for probes."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve
from structlog.contextvars import bind_contextvars, clear_contextvars

GetResponse = Callable[[HttpRequest], HttpResponseBase]

REQUEST_ID_HEADER = "X-Request-ID"
PROBE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Every log line of a request has its id and its user; the response has the id, too.

    A proxy's id is used when it is a plain word, so that both logs can be compared.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        incoming_id = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = incoming_id if _REQUEST_ID_PATTERN.fullmatch(incoming_id) else uuid.uuid4().hex
        # Cleared at the start, not at the end: Django logs a failed request after this returned.
        clear_contextvars()
        bind_contextvars(request=request_id)
        response = self.get_response(request)
        response.headers[REQUEST_ID_HEADER] = request_id
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        """Runs before the view, after authentication."""
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            bind_contextvars(user=user.pk)


class ProbeMiddleware:
    """Answers probes before the session is read: they must work while the database is down.

    They have no cookie, and often use an IP address that is no allowed host name.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PROBE_PATHS:
            return self.get_response(request)
        match = resolve(request.path_info)
        response: HttpResponseBase = match.func(request)
        return response
