"""The workspace: selecting, cancelling and dismissing generations."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.generations import queries, services
from evolink_studio.generations.presenters.cards import Card, present_card
from evolink_studio.generations.presenters.workspace import build_workspace_context


@login_required
@require_safe
def show(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """The workspace with this generation selected."""
    now = timezone.now()
    return render(
        request,
        "generations/_workspace.html",
        build_workspace_context(
            request.user, selected_id=pk, account=queries.get_current_provider_account(), now=now
        ),
    )


@login_required
@require_POST
def cancel(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Cancel a queued generation, and show its card. If it is too late, the card says so."""
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
    """Dismiss a generation, and show its card. If it has ended, the card says so."""
    now = timezone.now()
    services.dismiss(generation=queries.get_generation_or_404(request.user, pk), now=now)
    card = present_card(queries.get_generation_or_404(request.user, pk), now=now)
    if not request.htmx:
        messages.info(request, f"{card.message} {card.advice}")
        return redirect("home")
    return _render_card(request, card)


@login_required
@require_POST
def restore(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Undo the dismissal, and show the workspace with this generation selected."""
    generation = queries.get_generation_or_404(request.user, pk)
    services.restore(generation=generation)
    if not request.htmx:
        return redirect(present_card(generation, now=timezone.now()).show_url)
    context = build_workspace_context(
        request.user,
        selected_id=pk,
        account=queries.get_current_provider_account(),
        now=timezone.now(),
    )
    return render(request, "generations/_workspace.html", context)


def _render_card(request: AuthenticatedHttpRequest, card: Card) -> HttpResponse:
    """The card, large if the request says `staged`, else small."""
    name = "_stage_card" if request.POST.get("staged") else "_card"
    return render(request, f"generations/{name}.html", {"card": card})
