"""Middleware for a person's language and clock, and for sessions that ended."""

from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from evolink_studio.core.calendar import get_zone
from evolink_studio.core.error_views import signed_out
from evolink_studio.core.http import HtmxHttpRequest

TIME_ZONE_COOKIE = "time_zone"  # set by static/studio.js

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class UserLocaleMiddleware:
    """Use the language that a person chose; otherwise the one that the browser asks for."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        preferred = getattr(request.user, "language", "") if request.user.is_authenticated else ""
        languages = dict(settings.LANGUAGES)
        language = (
            preferred if preferred in languages else translation.get_language_from_request(request)
        )
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response


def _find_current_path(request: HtmxHttpRequest) -> str:
    """The path of the page that asked; "" if its address is another site's, or none at all."""
    try:
        return request.htmx.current_url_abs_path or ""
    except ValueError:
        return ""


class DeviceTimeZoneMiddleware:
    """Show times and days as the clock of the device shows them, which names its zone in a cookie.

    Admin pages stay in UTC: their days are those by which money is counted.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = request.COOKIES.get(TIME_ZONE_COOKIE, "")
        if not name or request.path_info.startswith(reverse("admin:index")):
            return self.get_response(request)
        with timezone.override(get_zone(name)):
            return self.get_response(request)


class ExpiredSessionMiddleware:
    """Answer an htmx request after the session ended with 204 and `HX-Redirect` to sign-in.

    Otherwise htmx would swap the sign-in page into a card. Signing in leads back to the page that
    asked, not to the address of the fragment. A form sent without scripts is told that nothing came
    of it: that of a film on a page that keeps what was entered, any other on the sign-in page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HtmxHttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        redirect_url = response.headers.get("Location", "")
        if response.status_code != 302 or not redirect_url.startswith(reverse(settings.LOGIN_URL)):
            return response
        if request.htmx:
            page = _find_current_path(request)
            query = f"?{urlencode({REDIRECT_FIELD_NAME: page}, safe='/')}" if page else ""
            sign_in_url = f"{reverse(settings.LOGIN_URL)}{query}"
            return HttpResponse(status=204, headers={"HX-Redirect": sign_in_url})
        is_form = request.method == "POST" and "text/html" in request.headers.get("Accept", "")
        if not is_form or f"?{REDIRECT_FIELD_NAME}=" not in redirect_url:
            return response
        if (page_with_entries := signed_out(request)) is not None:
            return page_with_entries
        messages.warning(request, _("You are signed out, so nothing was sent."))
        return response
