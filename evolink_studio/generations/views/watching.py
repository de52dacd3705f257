"""Dropping what was not sent yet, and looking away from what was: neither talks to EvoLink."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from evolink_studio.accounts.requests import PersonRequest
from evolink_studio.generations import pages, queries, services
from evolink_studio.generations.cards import Card, card
from evolink_studio.generations.desk import whole


@login_required
@require_POST
def cancel(request: PersonRequest, pk: int) -> HttpResponse:
    """Drop a generation that was not sent yet. Too late: the card says how it stands."""
    now = timezone.now()
    services.cancel(generation=queries.own(request.user, pk), now=now)
    if not request.headers.get("HX-Request"):
        return redirect("home")
    return _in_its_place(request, card(queries.own(request.user, pk), now=now))


@login_required
@require_POST
def put_away(request: PersonRequest, pk: int) -> HttpResponse:
    """The card says what goes on. Too late: it says how it ended."""
    now = timezone.now()
    services.put_away(generation=queries.own(request.user, pk), now=now)
    drawn = card(queries.own(request.user, pk), now=now)
    if not request.headers.get("HX-Request"):
        messages.info(request, f"{drawn.message} {drawn.advice}")
        return redirect("home")
    return _in_its_place(request, drawn)


@login_required
@require_POST
def watch_again(request: PersonRequest, pk: int) -> HttpResponse:
    """Back on the stage, with the poller that follows it."""
    generation = queries.own(request.user, pk)
    services.watch_again(generation=generation)
    if not request.headers.get("HX-Request"):
        return redirect(card(generation, now=timezone.now()).show_url)
    desk = whole(request.user, show=pk, account=pages.account_now(), now=timezone.now())
    return render(request, "generations/_desk.html", desk)


def _in_its_place(request: PersonRequest, drawn: Card) -> HttpResponse:
    """The card anew: large on the stage, or small on the rail."""
    name = "_stage_card" if request.POST.get("staged") else "_card"
    return render(request, f"generations/{name}.html", {"card": drawn})
