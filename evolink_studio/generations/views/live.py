"""What changes by itself: the one poller, the stage, and what EvoLink calls to say."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from evolink_studio.accounts.requests import PersonRequest
from evolink_studio.generations import pages, services
from evolink_studio.generations.callbacks import LARGEST, heard
from evolink_studio.generations.desk import moved, moved_around, whole
from evolink_studio.generations.news import news, token_of
from evolink_studio.generations.numbers import number_in
from evolink_studio.generations.steps.far import far_name


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
        "live": pages.live(shown, pulse.watched, pulse.token(now)),
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
        whole(request.user, show=pk, account=pages.account_now(), now=now),
    )


@csrf_exempt
@require_POST
def callback(request: HttpRequest, token: str) -> HttpResponse:
    """EvoLink says a task ended. Whatever it says, it only wakes our own authenticated read.

    The answer is the same for known and unknown tokens, for bodies read and not read.
    """
    size = number_in(request.headers.get("Content-Length") or "0")  # a chunked body is not read
    if size is not None:
        says, task_id = heard(request.body) if size <= LARGEST else ("", "")
        services.wake(token=token, size=size, says=says, task_id=task_id, now=timezone.now())
    return HttpResponse(status=204)
