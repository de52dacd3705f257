"""Middleware for the content security policy and for compression."""

from collections.abc import Callable

from csp.constants import HEADER, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.urls import reverse

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class ContentSecurityPolicyMiddleware:
    """Set the strict content security policy, or the looser one that the admin theme needs.

    The admin theme evaluates Alpine expressions and sets style attributes. Scripts still come
    only from our own files there: an injected `<script>` does not run. Both policies are built once
    per process; a response that has a policy of its own keeps it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.site_policy = build_policy()
        self.admin_policy = build_policy(
            update={"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_admin_page = request.path.startswith(reverse("admin:index"))
        response.headers.setdefault(
            HEADER, self.admin_policy if is_admin_page else self.site_policy
        )
        return response


class HtmlGZipMiddleware(GZipMiddleware):
    """Compress HTML pages only: the byte ranges of films count uncompressed bytes.

    Django pads compressed pages with random bytes and masks the CSRF token in every response, so
    the length of a page reveals nothing about its secrets.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
