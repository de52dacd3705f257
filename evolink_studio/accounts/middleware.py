"""What every request passes through, besides Django's own."""

from collections.abc import Callable

from csp.constants import HEADER, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PolicyMiddleware:
    """The strict content policy, and the one exception that the admin's theme needs.

    The admin theme evaluates its Alpine expressions and sets style attributes. Scripts still come
    only from our own files there: an injected `<script>` does not run. Both are written once; an
    answer that brings a policy of its own keeps it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.strict = build_policy()
        self.admin = build_policy(
            update={"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        in_admin = request.path.startswith(reverse("admin:index"))
        response.headers.setdefault(HEADER, self.admin if in_admin else self.strict)
        return response


class CompressedPagesMiddleware(GZipMiddleware):
    """Pages go out compressed; films do not, as their ranges are counted in plain bytes.

    Django pads compressed pages with random bytes and masks the CSRF token anew each time, so their
    length tells nothing about a secret in them.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)


class PersonLocaleMiddleware:
    """Speak the person's own language; before sign-in, the browser's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        chosen = getattr(request.user, "language", "") if request.user.is_authenticated else ""
        known = dict(settings.LANGUAGES)
        language = chosen if chosen in known else translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response


class SessionEndedMiddleware:
    """A fragment asked for after the session ended must not swap the sign-in page into a card."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        target = response.headers.get("Location", "")
        if (
            response.status_code == 302
            and request.headers.get("HX-Request") == "true"
            and target.startswith(reverse(settings.LOGIN_URL))
        ):
            return HttpResponse(status=204, headers={"HX-Redirect": reverse(settings.LOGIN_URL)})
        return response
