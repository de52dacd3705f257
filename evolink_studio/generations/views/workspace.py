"""The workspace: selecting, cancelling and dismissing generations, and the order of the queue."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.generations import queries, services
from evolink_studio.generations.models import Generation
from evolink_studio.generations.presenters.cards import present_card
from evolink_studio.generations.presenters.stage import present_stage_card
from evolink_studio.generations.presenters.workspace import build_workspace_context

# Events for the page's script: a sentence to say, and an address to go on to.
ANNOUNCE_EVENT, FOLLOW_EVENT = "studio:announce", "studio:follow"


@login_required
@require_safe
def show(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The workspace with this generation selected."""
    return _render_workspace(request, pk)


@login_required
@require_POST
def cancel(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Cancel a queued generation, and show its card. If it is too late, the card says so."""
    now = timezone.now()
    services.cancel(generation=queries.get_generation_or_404(request.user, pk), now=now)
    if not request.htmx:
        return redirect("home")
    return _render_card(request, queries.get_generation_or_404(request.user, pk))


@login_required
@require_POST
def cancel_waiting(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Cancel all that was not sent yet, and say how many that were."""
    count = services.cancel_waiting(owner=request.user, now=timezone.now())
    text = ngettext(
        "{n} film cancelled. Nothing was charged; its settings are kept.",
        "{n} films cancelled. Nothing was charged; their settings are kept.",
        count,
    ).format(n=count)
    if not request.htmx:
        messages.info(request, text)
        return redirect("home")
    response = _render_workspace(request, parse_id(request.POST.get("show", "")), note=text)
    return _add_event(response, ANNOUNCE_EVENT, text)


@login_required
@require_POST
def move(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Change the turn of a queued generation; the page's next poll shows the new order."""
    generation = queries.get_generation_or_404(request.user, pk)
    try:
        to = services.QueueMove(request.POST.get("to", ""))
    except ValueError:
        return HttpResponse(status=400)
    has_moved = services.move_in_queue(generation=generation, to=to)
    text = (
        "" if has_moved else _("Its turn stays: it is being sent, or nothing waits on that side.")
    )
    if not request.htmx:
        if text:
            messages.info(request, text)
        return redirect("home")
    if has_moved:
        text = _describe_turn(request, generation)
    return _add_event(HttpResponse(status=204), ANNOUNCE_EVENT, text)


@login_required
@require_POST
def change(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Take a queued generation back into the form: it is cancelled, and its settings open there."""
    generation = queries.get_generation_or_404(request.user, pk)
    url = present_card(generation, now=timezone.now()).reuse_url
    if not services.cancel(generation=generation, now=timezone.now()):
        text = _("This no longer waits, so it stays as it is.")
        if request.htmx:
            return _add_event(HttpResponse(status=204), ANNOUNCE_EVENT, text)
        messages.info(request, text)
        return redirect(present_card(generation, now=timezone.now()).show_url)
    if request.htmx:
        return _add_event(HttpResponse(status=204), FOLLOW_EVENT, url)
    return redirect(url)


@login_required
@require_POST
def dismiss(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Dismiss a generation, and show its card. If it has ended, the card says so."""
    now = timezone.now()
    services.dismiss(generation=queries.get_generation_or_404(request.user, pk), now=now)
    generation = queries.get_generation_or_404(request.user, pk)
    if not request.htmx:
        card = present_card(generation, now=now)
        messages.info(request, f"{card.message} {card.advice}")
        return redirect("home")
    return _render_card(request, generation)


@login_required
@require_POST
def restore(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Undo the dismissal, and show the workspace with this generation selected."""
    generation = queries.get_generation_or_404(request.user, pk)
    services.restore(generation=generation)
    if not request.htmx:
        return redirect(present_card(generation, now=timezone.now()).show_url)
    return _render_workspace(request, pk)


def _render_workspace(
    request: AuthenticatedHttpRequest, selected_id: int | None, note: str = ""
) -> HttpResponse:
    context = build_workspace_context(
        request.user,
        selected_id=selected_id,
        account=queries.get_current_provider_account(),
        now=timezone.now(),
    )
    return render(request, "generations/_workspace.html", context | {"rail_note": note})


def _render_card(request: AuthenticatedHttpRequest, generation: Generation) -> HttpResponse:
    """The card, large if the request says `staged`, else small."""
    now = timezone.now()
    if request.POST.get("staged"):
        card = present_stage_card(request.user, generation, now=now)
        return render(request, "generations/_stage_card.html", {"card": card})
    return render(request, "generations/_card.html", {"card": present_card(generation, now=now)})


def _describe_turn(request: AuthenticatedHttpRequest, generation: Generation) -> str:
    """Where a queued generation stands now, in words. Four queries."""
    positions = queries.get_queue_positions_for(request.user, [generation])
    return present_card(generation, now=timezone.now(), positions=positions).message


def _add_event(response: HttpResponse, name: str, value: str) -> HttpResponse:
    """Let htmx tell the page's script of something. ASCII alone may stand in a header."""
    response["HX-Trigger"] = json.dumps({name: value})
    return response
