"""What a page's poller asks: the changes since the state that it shows."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from structlog.contextvars import bind_contextvars

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.accounts.middleware import UserLocaleMiddleware
from evolink_studio.accounts.models import User
from evolink_studio.core.database import parse_id
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
)

GetResponse = Callable[[HttpRequest], HttpResponseBase]
# In an empty answer: the seconds until the next poll. Without it the page asks no more.
POLL_AFTER_HEADER = "Poll-After"


@login_required
@require_safe
def live(request: AuthenticatedHttpRequest) -> HttpResponse:
    """What changed since `since`; 204 with an empty body when nothing did."""
    feed, now = get_feed_state(request.user, get_provider_key()), timezone.now()
    return _answer_unchanged(request, feed, now) or _render_changes(request, feed=feed, now=now)


class LiveMiddleware:
    """Answers the polls of people who are signed in, before the rest of the stack.

    Most requests are polls, and most polls bring nothing. One query says who asks and that nothing
    changed; no session is opened, so none is written or kept alive. Changes need only the person's
    language, the token for forms and a length besides. Whatever is unusual goes on to the stack,
    which decides: another method, a foreign host, a session that is over, somebody else's page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info != _get_live_path() or request.method != "GET":
            return self.get_response(request)
        now = timezone.now()
        found = _find_signed_in(request, now)
        if found is None:
            return self.get_response(request)
        request.user, feed = found
        if (response := _answer_unchanged(request, feed, now)) is not None:
            return response
        bind_contextvars(user=request.user.pk)
        render_changes = partial(_render_changes, feed=feed, now=now)
        respond = CommonMiddleware(CsrfViewMiddleware(UserLocaleMiddleware(render_changes)))
        return respond(request)  # type: ignore[return-value]  # awaitable only for async ones


@cache
def _get_live_path() -> str:
    return reverse("live")


def _find_signed_in(request: HttpRequest, now: datetime) -> tuple[User, FeedState] | None:
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    owner_id = parse_id(request.GET.get("for", ""))
    if not session_key or owner_id is None:
        return None
    try:
        request.get_host()
    except DisallowedHost:
        return None
    return get_signed_in_feed_state(
        owner_id=owner_id, session_key=session_key, provider_key=get_provider_key(), now=now
    )


def _answer_unchanged(request: HttpRequest, feed: FeedState, now: datetime) -> HttpResponse | None:
    """204, or None when there is something to tell."""
    if parse_token(request.GET.get("since", "")) != feed.get_token(now):
        return None
    response = HttpResponse(status=204, headers={"Cache-Control": "no-store"})
    if seconds := choose_poll_seconds(feed.watched, now):
        response.headers[POLL_AFTER_HEADER] = seconds
    return response


def _render_changes(
    request: AuthenticatedHttpRequest, *, feed: FeedState, now: datetime
) -> HttpResponse:
    since = parse_token(request.GET.get("since", ""))
    selected_id = parse_id(request.GET.get("show", ""))
    context = {
        **build_changed_fragments(
            request.user,
            list_changes_since(request.user, feed, since.version),
            since=since,
            selected_id=selected_id,
            steady_bar_ids=_steady_bar_ids(request),
            now=now,
        ),
        "poller": build_poller(request.user, selected_id, feed, now),
    }
    header = build_changed_header(request.user, since=since, feed=feed, now=now)
    response = render(request, "generations/_poll_response.html", context | header)
    if header:
        response["HX-Trigger"] = "credits"  # the form then reloads its price
    response.headers["Cache-Control"] = "no-store"
    return response


def _steady_bar_ids(request: HttpRequest) -> set[int | None]:
    """The ids of the steady progress bars on the page."""
    return {parse_id(text) for text in request.GET.getlist("bar")}
