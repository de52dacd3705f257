"""Dropping what was not sent yet, and looking away from what was: neither talks to EvoLink."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from evolink_studio.accounts.http import PersonRequest
from evolink_studio.core.http import number_in
from evolink_studio.generations import queries, services
from evolink_studio.generations.change_feed import news, token_of
from evolink_studio.generations.pipeline.provider import far_name
from evolink_studio.generations.presenters import workspace
from evolink_studio.generations.presenters.cards import Card, card
from evolink_studio.generations.presenters.workspace import moved, moved_around, whole


@login_required
@require_GET
def live(request: PersonRequest) -> HttpResponse:
    """What changed since `since`; 204 with an empty body when nothing did."""
    response = _news(request)
    response.headers["Cache-Control"] = "no-store"
    return response


def _news(request: PersonRequest) -> HttpResponse:
    now = timezone.now()
    since = token_of(request.GET.get("since", ""))
    pulse, rows = news(request.user, far_name(), since=since.version)
    if pulse.token(now) == since:
        return HttpResponse(status=204)
    shown = number_in(request.GET.get("show", ""))
    context = {
        **moved(request.user, rows, since=since, shown=shown, bars=_bars(request), now=now),
        "live": workspace.live(shown, pulse.watched, pulse.token(now)),
    }
    around = moved_around(request.user, since=since, pulse=pulse, now=now)
    response = render(request, "generations/_poll.html", context | around)
    if around:
        response["HX-Trigger"] = "credits"  # the button says what will be left
    return response


def _bars(request: PersonRequest) -> set[int | None]:
    """The steady bars that stand on the page."""
    return {number_in(text) for text in request.GET.getlist("bar")}


@login_required
@require_GET
def show(request: PersonRequest, pk: int) -> HttpResponse:
    """Put one generation on the stage."""
    now = timezone.now()
    return render(
        request,
        "generations/_desk.html",
        whole(request.user, show=pk, account=queries.account_now(), now=now),
    )


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
    desk = whole(request.user, show=pk, account=queries.account_now(), now=timezone.now())
    return render(request, "generations/_desk.html", desk)


def _in_its_place(request: PersonRequest, drawn: Card) -> HttpResponse:
    """The card anew: large on the stage, or small on the rail."""
    name = "_stage_card" if request.POST.get("staged") else "_card"
    return render(request, f"generations/{name}.html", {"card": drawn})
