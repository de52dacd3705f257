"""The pages for an unexpected error (500), an unavailable database (503), a stale form (403)."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve, reverse
from django.utils import translation
from django.views import defaults

from evolink_studio.core.database import is_unavailable

RETRY_AFTER_SECONDS = 30
FILM_FORM_URLS = ("create", "refresh")


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


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW: the request was stopped before any view, so nothing was done.

    What was entered to make a film goes along on the page, chosen files aside, so that the form can
    be opened with it again; that sends nothing.
    """
    context: dict[str, object] = {}
    form_url = _find_form_url(request)
    if form_url and getattr(request, "user", None) and request.user.is_authenticated:
        entered = [
            (name, value)
            for name, values in request.POST.lists()
            if name != "csrfmiddlewaretoken"
            for value in values
        ]
        context = {"form_url": form_url, "entered": entered}
    return render(request, "403_csrf.html", context, status=403)


def _find_form_url(request: HttpRequest) -> str:
    """Where the form of this request is rendered again without being sent; "" for other forms."""
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return ""
    return reverse("refresh", kwargs=match.kwargs) if match.url_name in FILM_FORM_URLS else ""
