"""Dropping what was not sent yet, and looking away from what was: neither talks to EvoLink."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.http import parse_id
from evolink_studio.generations import queries, services
from evolink_studio.generations.change_feed import changes_since, parse_token
from evolink_studio.generations.pipeline.provider import provider_key
from evolink_studio.generations.presenters import workspace
from evolink_studio.generations.presenters.cards import Card, present_card
from evolink_studio.generations.presenters.workspace import (
    changed_fragments,
    changed_header,
    workspace_context,
)


@login_required
@require_GET
def live(request: AuthenticatedHttpRequest) -> HttpResponse:
    """What changed since `since`; 204 with an empty body when nothing did."""
    response = _render_changes(request)
    response.headers["Cache-Control"] = "no-store"
    return response


def _render_changes(request: AuthenticatedHttpRequest) -> HttpResponse:
    now = timezone.now()
    since = parse_token(request.GET.get("since", ""))
    feed, rows = changes_since(request.user, provider_key(), since=since.version)
    if feed.get_token(now) == since:
        return HttpResponse(status=204)
    selected_id = parse_id(request.GET.get("show", ""))
    context = {
        **changed_fragments(
            request.user,
            rows,
            since=since,
            selected_id=selected_id,
            steady_bar_ids=_steady_bar_ids(request),
            now=now,
        ),
        "poller": workspace.poller(selected_id, feed.has_watched, feed.get_token(now)),
    }
    header = changed_header(request.user, since=since, feed=feed, now=now)
    response = render(request, "generations/_poll_response.html", context | header)
    if header:
        response["HX-Trigger"] = "credits"  # the button says what will be left
    return response


def _steady_bar_ids(request: AuthenticatedHttpRequest) -> set[int | None]:
    """The steady bars that stand on the page."""
    return {parse_id(text) for text in request.GET.getlist("bar")}


@login_required
@require_GET
def show(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Put one generation on the stage."""
    now = timezone.now()
    return render(
        request,
        "generations/_workspace.html",
        workspace_context(
            request.user, selected_id=pk, account=queries.current_provider_account(), now=now
        ),
    )


@login_required
@require_POST
def cancel(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Drop a generation that was not sent yet. Too late: the card says how it stands."""
    now = timezone.now()
    services.cancel(generation=queries.get_generation_or_404(request.user, pk), now=now)
    if not request.htmx:
        return redirect("home")
    return _render_card(
        request, present_card(queries.get_generation_or_404(request.user, pk), now=now)
    )


@login_required
@require_POST
def dismiss(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The card says what goes on. Too late: it says how it ended."""
    now = timezone.now()
    services.dismiss(generation=queries.get_generation_or_404(request.user, pk), now=now)
    drawn = present_card(queries.get_generation_or_404(request.user, pk), now=now)
    if not request.htmx:
        messages.info(request, f"{drawn.message} {drawn.advice}")
        return redirect("home")
    return _render_card(request, drawn)


@login_required
@require_POST
def restore(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Back on the stage, with the poller that follows it."""
    generation = queries.get_generation_or_404(request.user, pk)
    services.restore(generation=generation)
    if not request.htmx:
        return redirect(present_card(generation, now=timezone.now()).show_url)
    context = workspace_context(
        request.user, selected_id=pk, account=queries.current_provider_account(), now=timezone.now()
    )
    return render(request, "generations/_workspace.html", context)


def _render_card(request: AuthenticatedHttpRequest, card: Card) -> HttpResponse:
    """The card anew: large on the stage, or small on the rail."""
    name = "_stage_card" if request.POST.get("staged") else "_card"
    return render(request, f"generations/{name}.html", {"card": card})
