"""The pages for an unexpected error (500), an unavailable database (503), a stale form
and an ended session (403)."""

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
    user = getattr(request, "user", None)
    context = _collect_entered(request) if user and user.is_authenticated else {}
    return render(request, "403_csrf.html", context, status=403)


def signed_out(request: HttpRequest) -> HttpResponse | None:
    """What a film's form leads to when it was sent without scripts and without a session.

    As after `csrf_failure`, what was entered goes along. None for any other form.
    """
    context = _collect_entered(request)
    return render(request, "signed_out.html", context, status=403) if context else None


def _collect_entered(request: HttpRequest) -> dict[str, object]:
    """What `_entered_form.html` needs; {} where it was no form of a film."""
    form_url = _find_form_url(request)
    if not form_url:
        return {}
    entered = [
        (name, value)
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken"
        for value in values
    ]
    return {"form_url": form_url, "entered": entered}


def _find_form_url(request: HttpRequest) -> str:
    """Where the form of this request is rendered again without being sent; "" for other forms."""
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return ""
    return reverse("refresh", kwargs=match.kwargs) if match.url_name in FILM_FORM_URLS else ""
