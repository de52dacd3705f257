"""The page for what nobody foresaw, and the one for a database that is away."""

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.views import defaults

from evolink_studio.core.database import is_unavailable

RETRY_AFTER_SECONDS = 30  # seconds until another try makes sense


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the exception is being handled. Asks the database for nothing."""
    if not is_unavailable(sys.exception()):
        return defaults.server_error(request)
    language = getattr(request, "LANGUAGE_CODE", "") or translation.get_language_from_request(
        request
    )
    with translation.override(language):
        # Without the request: what it would add for every page stands in the database.
        page = render_to_string("503.html")
    headers = {
        "Retry-After": str(RETRY_AFTER_SECONDS),
        "Cache-Control": "no-store",
        "Content-Language": language,
    }
    return HttpResponse(page, status=503, headers=headers)
