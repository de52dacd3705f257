"""What a guest reaches with a link: the page, its films and pictures, and the answer. No account.

Whatever is not open is answered alike, so that nobody learns what there was. No browser keeps
anything of it: a link that ends, ends at once. Only what an S3 store sends may go on loading for as
long as the store's own link is valid.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.core.http import HtmxHttpRequest
from evolink_studio.library import storage
from evolink_studio.library.exceptions import FileRejected
from evolink_studio.library.file_responses import (
    asset_poster_file,
    build_file_response,
    serve_asset_file,
)
from evolink_studio.library.filenames import get_extension
from evolink_studio.library.media.images import convert_to_jpeg
from evolink_studio.sharing import queries
from evolink_studio.sharing.guest_page import Answer, build_guest_page, take_answer
from evolink_studio.sharing.models import Share, SharedFilm
from evolink_studio.sharing.presenters import get_shared_asset
from evolink_studio.sharing.throttling import UNKNOWN_TOKENS

GUEST_HEADERS = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
ShareView = Callable[..., HttpResponseBase]


def with_open_share(view: ShareView) -> Callable[..., HttpResponseBase]:
    """Call the view with the open share of the token; without one, answer that nothing is here."""

    @wraps(view)
    def answer(request: HtmxHttpRequest, token: str, **kwargs: Any) -> HttpResponseBase:
        share = queries.find_open_share(token, timezone.now())
        try:
            response = (
                _answer_gone(request) if share is None else view(request, share, token, **kwargs)
            )
        except Http404:
            response = _answer_gone(request)
        for name, value in GUEST_HEADERS.items():
            response.headers[name] = value
        return response

    return answer


def _answer_gone(request: HtmxHttpRequest) -> HttpResponse:
    address = find_client_address(request)
    is_within = UNKNOWN_TOKENS.is_within(address, now=timezone.now())
    response = render(request, "sharing/gone.html", status=404 if is_within else 429)
    if request.htmx:
        response.headers["HX-Refresh"] = "true"
    return response


def find_client_address(request: HttpRequest) -> str:
    """The address that the request comes from, as the throttle of the sign-in page sees it."""
    return str(get_adapter().get_client_ip(request))


@require_safe
@with_open_share
def shared(request: HtmxHttpRequest, share: Share, token: str) -> HttpResponse:
    """The films, what was said about them, and the form to answer. Sets no cookie."""
    return render(request, "sharing/guest.html", build_guest_page(request, share, token))


@csrf_exempt  # the form has a token of its own, see `tokens`
@require_POST
@with_open_share
def shared_answer(request: HtmxHttpRequest, share: Share, token: str) -> HttpResponse:
    """Store a comment or a decision. To the page, or 403, 422, 429 with what was typed."""
    answer = take_answer(
        share, request.POST, address=find_client_address(request), now=timezone.now()
    )
    if answer.is_stored and not request.htmx:
        return redirect("shared", token)
    return _render_answer(request, share, token, answer)


def _render_answer(
    request: HtmxHttpRequest, share: Share, token: str, answer: Answer
) -> HttpResponse:
    context = build_guest_page(request, share, token, answer)
    template = "sharing/_answer_response.html" if request.htmx else "sharing/guest.html"
    return render(request, template, context, status=answer.status)


@require_safe
@with_open_share
def shared_file(
    request: HtmxHttpRequest, share: Share, token: str, number: int
) -> HttpResponseBase:
    """The film itself, whole or as a byte range."""
    asset = get_shared_asset(_get_film_or_404(share, number))
    asset.name = f"film-{number}.{get_extension(asset.format)}"  # its own may say the prompt
    return build_file_response(request, serve_asset_file(asset))


@require_safe
@with_open_share
def shared_poster(
    request: HtmxHttpRequest, share: Share, token: str, number: int
) -> HttpResponseBase:
    """The picture of a film before it plays."""
    asset = get_shared_asset(_get_film_or_404(share, number))
    asset.name = f"film-{number}"
    poster_file = asset_poster_file(asset, "large")
    if poster_file is None:
        raise Http404
    return build_file_response(request, poster_file)


@require_safe
@with_open_share
def shared_preview(request: HtmxHttpRequest, share: Share, token: str) -> HttpResponse:
    """The first film's picture as a JPEG, which every messenger shows."""
    films = queries.list_shared_films([share])[share.pk]
    poster_file = asset_poster_file(get_shared_asset(films[0]), "large") if films else None
    if poster_file is None:
        raise Http404
    try:
        content = convert_to_jpeg(storage.read_content(poster_file.storage_name)).content
    except (FileRejected, OSError) as error:
        raise Http404 from error
    return HttpResponse(content, content_type="image/jpeg")


def _get_film_or_404(share: Share, number: int) -> SharedFilm:
    films = queries.list_shared_films([share])[share.pk]
    film = next((film for film in films if film.position == number), None)
    if film is None:
        raise Http404
    return film
