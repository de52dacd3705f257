"""The pages for an unexpected error (500) and for an unavailable database (503)."""

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.views import defaults

from evolink_studio.core.database import is_unavailable

RETRY_AFTER_SECONDS = 30


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is being handled. No queries."""
    if not is_unavailable(sys.exception()):
        return defaults.server_error(request)
    language = getattr(request, "LANGUAGE_CODE", "") or translation.get_language_from_request(
        request
    )
    with translation.override(language):
        # Without the request: its context processors would query the database.
        page = render_to_string("503.html")
    headers = {
        "Retry-After": str(RETRY_AFTER_SECONDS),
        "Cache-Control": "no-store",
        "Content-Language": language,
    }
    return HttpResponse(page, status=503, headers=headers)
