"""What a page's poller asks: the changes since the state that it shows."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.exception import convert_exception_to_response
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.accounts.middleware import UserLocaleMiddleware
from evolink_studio.accounts.models import User
from evolink_studio.core.database import parse_id
from evolink_studio.core.middleware import (
    CacheControlMiddleware,
    ContentSecurityPolicyMiddleware,
    PageGZipMiddleware,
)
from evolink_studio.generations.change_feed import (
    FeedState,
    get_feed_state,
    get_signed_in_feed_state,
    list_changes_since,
    parse_token,
)
from evolink_studio.generations.pipeline.provider import get_provider_key
from evolink_studio.generations.presenters.poll_schedule import choose_poll_seconds
from evolink_studio.generations.presenters.workspace import (
    build_changed_fragments,
    build_changed_header,
    build_poller,
    get_live_path,
)

GetResponse = Callable[[HttpRequest], HttpResponseBase]
# In an empty answer: the seconds until the next poll. Without it the page asks no more.
POLL_AFTER_HEADER = "Poll-After"
# What the outer part of the stack does for an answer to a poll, in its order.
OUTER_MIDDLEWARE: Sequence[type[Any]] = (
    SecurityMiddleware,
    CacheControlMiddleware,
    PageGZipMiddleware,
    ContentSecurityPolicyMiddleware,
    XFrameOptionsMiddleware,
)
# What changes need besides: a length, the token for forms, the person's language.
CHANGES_MIDDLEWARE: Sequence[type[Any]] = (
    *OUTER_MIDDLEWARE,
    *(CommonMiddleware, CsrfViewMiddleware, UserLocaleMiddleware),
)


class FoundPoll(AuthenticatedHttpRequest):
    """A poll whose person and feed were found before the stack, at `found_at`."""

    feed: FeedState
    found_at: datetime


@login_required
@require_safe
def live(request: AuthenticatedHttpRequest) -> HttpResponse:
    """What changed since `since`; 204 with an empty body when nothing did."""
    feed, now = get_feed_state(request.user, get_provider_key()), timezone.now()
    if _has_changes(request, feed, now):
        return _render_changes(request, feed=feed, now=now)
    return _answer_unchanged(feed, now, {"Cache-Control": "no-store"})


class LiveMiddleware:
    """Answers the polls of people who are signed in, before the rest of the stack.

    Most requests are polls, and most polls bring nothing. One query says who asks and that nothing
    changed; no session is opened, so none is written or kept alive. Of the stack an empty answer
    has only the headers, which are always the same; changes go through the few parts that they
    need. Whatever is unusual goes on to the stack, which decides: another method, a foreign host,
    an endless query, a session that is over, somebody else's page, a database that does not answer.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._respond_empty = _wrap(_respond_empty, OUTER_MIDDLEWARE)
        # As Django does with every part of its stack: an error becomes an answer, with all headers.
        respond = cast(GetResponse, convert_exception_to_response(_respond_changes))
        self._respond_changes = _wrap(respond, CHANGES_MIDDLEWARE)
        self._empty_headers: dict[bool, dict[str, str]] = {}  # by whether it is https

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_poll(request):
            return self.get_response(request)
        now = timezone.now()
        try:
            found = _find_signed_in(request, now)
        except (DatabaseError, SuspiciousOperation):
            found = None
        if found is None:
            return self.get_response(request)
        user, feed = found
        if not _has_changes(request, feed, now):
            return _answer_unchanged(feed, now, self._get_empty_headers(request))
        bind_contextvars(user=user.pk)
        poll = cast(FoundPoll, request)
        poll.user, poll.feed, poll.found_at = user, feed, now
        return self._respond_changes(poll)

    def _get_empty_headers(self, request: HttpRequest) -> dict[str, str]:
        is_secure = request.is_secure()
        if is_secure not in self._empty_headers:
            self._empty_headers[is_secure] = dict(self._respond_empty(request).headers)
        return self._empty_headers[is_secure]


def _wrap(respond: GetResponse, middleware: Sequence[type[Any]]) -> GetResponse:
    for part in reversed(middleware):
        respond = part(respond)
    return respond


def _respond_empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204, headers={"Cache-Control": "no-store"})


def _respond_changes(request: HttpRequest) -> HttpResponse:
    poll = cast(FoundPoll, request)
    return _render_changes(poll, feed=poll.feed, now=poll.found_at)


def _is_poll(request: HttpRequest) -> bool:
    # Without a content type: it may name a charset to read the query with.
    return (
        request.path_info == get_live_path()
        and request.method == "GET"
        and not request.META.get("CONTENT_TYPE")
        and not settings.SECURE_SSL_REDIRECT
    )


def _find_signed_in(request: HttpRequest, now: datetime) -> tuple[User, FeedState] | None:
    """Raises SuspiciousOperation for a foreign host or a query of too many fields."""
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    owner_id = parse_id(request.GET.get("for", ""))
    if not session_key or owner_id is None:
        return None
    request.get_host()
    return get_signed_in_feed_state(
        owner_id=owner_id, session_key=session_key, provider_key=get_provider_key(), now=now
    )


def _has_changes(request: HttpRequest, feed: FeedState, now: datetime) -> bool:
    return parse_token(request.GET.get("since", "")) != feed.get_token(now)


def _answer_unchanged(feed: FeedState, now: datetime, headers: Mapping[str, str]) -> HttpResponse:
    response = HttpResponse(status=204, headers=headers)
    if seconds := choose_poll_seconds(feed.watched, now):
        response.headers[POLL_AFTER_HEADER] = seconds
    return response


def _render_changes(
    request: AuthenticatedHttpRequest, *, feed: FeedState, now: datetime
) -> HttpResponse:
    since = parse_token(request.GET.get("since", ""))
    selected_id = parse_id(request.GET.get("show", ""))
    context: dict[str, object] = {
        **build_changed_fragments(
            request.user,
            list_changes_since(request.user, feed, since.version),
            since=since,
            feed=feed,
            selected_id=selected_id,
            steady_bar_ids=_steady_bar_ids(request),
            now=now,
        ),
        "poller": build_poller(request.user, selected_id, feed, now),
    }
    header = build_changed_header(request.user, since=since, feed=feed, now=now)
    # A progress bar needs nothing of what other fragments find in every context.
    needs_request = bool(header or "strip" in context)
    content = render_to_string(
        "generations/_poll_response.html", context | header, request if needs_request else None
    )
    response = HttpResponse(content)
    if header:
        response["HX-Trigger"] = "credits"  # the form then reloads its price
    response.headers["Cache-Control"] = "no-store"
    return response


def _steady_bar_ids(request: HttpRequest) -> set[int | None]:
    """The ids of the steady progress bars on the page."""
    return {parse_id(text) for text in request.GET.getlist("bar")}
