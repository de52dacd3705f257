"""A person's own shares: make one, see the answers, extend it, end it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.sharing import queries, services
from evolink_studio.sharing.forms import ExtendForm, ShareForm
from evolink_studio.sharing.models import Share
from evolink_studio.sharing.presenters import (
    build_absolute_url,
    build_share_title,
    present_chosen_films,
    present_comments,
    present_own_films,
    present_share_row,
)
from evolink_studio.sharing.verdicts import find_film_verdicts, sum_up_verdicts


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def share_films(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The form for a new link; a POST with `days` makes it and shows it, this once.

    `id`, repeated: the films. `comparison=1`: shown side by side.
    """
    data = request.POST if request.method == "POST" else request.GET
    ids = [pk for text in data.getlist("id") if (pk := parse_id(text)) is not None]
    is_comparison = data.get("comparison") == "1"
    films = queries.find_shareable(request.user, ids[: services.MAX_FILMS + 1])
    form = ShareForm(request.POST if request.method == "POST" and "days" in data else None)
    error = _find_obstacle(ids, films, is_comparison)
    if form.is_valid() and not error:
        try:
            made_share, token = services.create_share(
                owner=request.user,
                generation_ids=ids,
                is_comparison=is_comparison,
                now=timezone.now(),
                **form.cleaned_data,
            )
        except services.FilmsNotShareable:  # one was put into the trash at this moment
            error = _find_obstacle(ids, queries.find_shareable(request.user, ids), is_comparison)
        else:
            return _render_share(request, made_share, token=token)
    context = {
        "form": form,
        "shared_films": present_chosen_films(films),
        "is_comparison": is_comparison,
        "error": error,
    }
    return render(request, "sharing/new.html", context, status=422 if form.errors else 200)


def _find_obstacle(ids: list[int], films: list[Any], is_comparison: bool) -> str:
    """Why these films cannot be shared; "" if they can."""
    limit = services.MAX_COMPARED_FILMS if is_comparison else services.MAX_FILMS
    if not ids:
        return _("Choose the films first: on the films page, or on the page of a film.")
    if len(set(ids)) > limit:
        return _("One link shows up to {n} films. Choose fewer.").format(n=limit)
    if len(films) < len(set(ids)):
        return _(
            "Only finished films that are not in the trash can be shared, so no link was made."
        )
    return ""


@login_required
@require_safe
def shares(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The person's shares, newest first. Five queries."""
    position = queries.SHARE_ORDER.parse_position(request.GET.get("page", ""))
    rows, page = queries.read_share_page(request.user, position)
    films = queries.list_shared_films(rows)
    decisions = queries.list_decisions(rows)
    now = timezone.now()
    context = {
        "shares": [
            present_share_row(
                row,
                films[row.pk],
                sum_up_verdicts(find_film_verdicts(films[row.pk], decisions[row.pk])),
                now=now,
            )
            for row in rows
        ],
        "newer_page": queries.find_newer_page(page),
        "older_page": queries.find_older_page(page),
    }
    return render(request, "sharing/shares.html", context)


@login_required
@require_safe
def share(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """One share with its answers, which are no longer new afterwards."""
    now = timezone.now()  # before the answers are read: a later one stays new
    shown_share = queries.get_share_or_404(request.user, pk)
    response = _render_share(request, shown_share)
    services.mark_seen(share=shown_share, now=now)
    return response


def _render_share(
    request: AuthenticatedHttpRequest, shown_share: Share, *, token: str = ""
) -> HttpResponse:
    """With the link if its token is known: only right after it was made."""
    films = queries.list_shared_films([shown_share])[shown_share.pk]
    comments = queries.list_comments(shown_share)
    verdicts = find_film_verdicts(films, queries.list_decisions_of(comments))
    shown_films = present_own_films(shown_share, films, verdicts)
    numbers = {film.generation_id: film.position for film in films}
    link_verdict = sum_up_verdicts(verdicts)
    context = {
        "share": present_share_row(shown_share, films, link_verdict, now=timezone.now()),
        "title": build_share_title(shown_share, films),
        "shared_films": shown_films,
        "comments": present_comments(comments, shown_films, numbers, shown_share),
        "extend_form": ExtendForm(),
        "link": build_absolute_url(request, reverse("shared", args=[token])) if token else "",
    }
    response = render(request, "sharing/share.html", context)
    if token:  # a reload then shows the page of the share, and makes no other
        response.headers["HX-Push-Url"] = reverse("share", args=[shown_share.pk])
    return response


@login_required
@require_POST
def renew_share(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Make a new link and show it, this once; the old one ends."""
    shown_share = queries.get_share_or_404(request.user, pk)
    token = services.renew_link(share=shown_share, now=timezone.now())
    return _render_share(request, shown_share, token=token)


@login_required
@require_POST
def revoke_share(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """End the link at once."""
    services.revoke_share(share=queries.get_share_or_404(request.user, pk), now=timezone.now())
    messages.success(request, _("The link no longer works."))
    return redirect("share", pk)


@login_required
@require_POST
def extend_share(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Keep the link open for longer."""
    form = ExtendForm(request.POST)
    shown_share = queries.get_share_or_404(request.user, pk)
    if not form.is_valid():
        messages.warning(request, _("Choose how long the link is to work. Nothing was changed."))
    elif services.extend_share(share=shown_share, now=timezone.now(), **form.cleaned_data):
        messages.success(request, _("The link works for longer now."))
    else:
        messages.warning(request, _("This link was revoked. Make a new one instead."))
    return redirect("share", pk)


@login_required
@require_POST
def delete_comment(request: AuthenticatedHttpRequest, pk: int, comment_id: int) -> HttpResponse:
    """Delete an answer for good."""
    shown_share = queries.get_share_or_404(request.user, pk)
    if not services.delete_comment(share=shown_share, comment_id=comment_id):
        raise Http404
    messages.success(request, _("The comment was deleted."))
    return redirect("share", pk)
