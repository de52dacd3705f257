"""Middleware for the content policy, caches, compression, and requests without meaning."""

import codecs
import logging
from collections.abc import Callable
from functools import cache

from csp.constants import HEADER, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldDoesNotExist
from django.db import DataError
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.urls import reverse
from django.views.defaults import bad_request

GetResponse = Callable[[HttpRequest], HttpResponseBase]
logger = logging.getLogger(__name__)
# What a database or a list of the admin says to a number, a date or a column that there cannot be.
MEANINGLESS_QUERY_ERRORS = (DataError, OverflowError, IncorrectLookupParameters, FieldDoesNotExist)


@cache
def _get_admin_path() -> str:
    return reverse("admin:index")


def _is_admin_page(request: HttpRequest) -> bool:
    return request.path.startswith(_get_admin_path())


class ContentSecurityPolicyMiddleware:
    """Set the strict content security policy, or the looser one that the admin theme needs.

    The admin theme evaluates Alpine expressions and sets style attributes (why: README, "Security
    notes"). Scripts still come only from our own files there: an injected `<script>` does not run.
    Both policies are built once per process; a response that has a policy of its own keeps it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.site_policy = build_policy()
        self.admin_policy = build_policy(
            update={"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        policy = self.admin_policy if _is_admin_page(request) else self.site_policy
        response.headers.setdefault(HEADER, policy)
        return response


class CacheControlMiddleware:
    """Say of every response that has no word on it who may keep it: nobody.

    The pages that people come back to with Back may be kept by their browser, so that it shows them
    as they were left; it asks again before it shows them anew. Who loses the session, by signing
    out or otherwise, loses what the browser kept (over https, and on this machine).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = request.resolver_match
        is_revisited = match is not None and match.view_name in settings.REVISITED_PAGES
        response.headers.setdefault(
            "Cache-Control",
            "private, no-cache"
            if is_revisited and request.method in ("GET", "HEAD") and response.status_code == 200
            else "private, no-store",
        )
        session_cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if session_cookie is not None and not session_cookie.value:
            response.headers["Clear-Site-Data"] = '"cache"'
        return response


COMPRESSED_TYPES = ("text/html", "application/manifest+json")


class PageGZipMiddleware(GZipMiddleware):
    """Compress pages and the manifest only: the byte ranges of films count uncompressed bytes.

    Django pads compressed pages with random bytes and masks the CSRF token in every response, so
    the length of a page reveals nothing about its secrets.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith(COMPRESSED_TYPES):
            return response
        return super().process_response(request, response)


class Utf8Middleware:
    """400 for a request that claims another charset than UTF-8: some decode to no text at all."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.encoding and codecs.lookup(request.encoding).name != "utf-8":
            return bad_request(request, UnicodeError("Not UTF-8"))
        return self.get_response(request)


class MeaninglessQueryMiddleware:
    """400 for an address whose query names what no row can hold, such as a number of 30 digits.

    Only for a query that is read, and for the admin's forms, whose writes are undone by then:
    elsewhere such an error is a mistake of ours.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        is_read = request.method in ("GET", "HEAD") and bool(request.META.get("QUERY_STRING"))
        is_admin_page = _is_admin_page(request)
        # Django's form fields of the admin say ValueError to a number that is none.
        errors = (
            (*MEANINGLESS_QUERY_ERRORS, ValueError) if is_admin_page else MEANINGLESS_QUERY_ERRORS
        )
        if not (is_read or is_admin_page) or not isinstance(exception, errors):
            return None
        logger.warning("Meaningless query", exc_info=exception)
        return bad_request(request, exception)
