"""Two to four films side by side."""

from collections.abc import Sequence

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.accounts.models import User
from evolink_studio.core.database import parse_id
from evolink_studio.films.presenters.comparison import present_comparison
from evolink_studio.films.presenters.film_page import SPEEDS
from evolink_studio.generations.models import GeneratedVideo, Generation
from evolink_studio.generations.queries import HIDDEN_COLUMNS, load_results
from evolink_studio.library.models import Asset

MAX_COMPARED = 4
MAX_IDS_LENGTH = 400


@login_required
@require_safe
def compare(request: AuthenticatedHttpRequest) -> HttpResponse:
    """The films `ids` in the order given. What cannot be compared is left out, and the page says
    so: too many, no film, somebody else's."""
    texts = request.GET.get("ids", "")[:MAX_IDS_LENGTH].split(",")
    ids = list(dict.fromkeys(pk for text in texts if (pk := parse_id(text.strip())) is not None))
    films = _load_films(request.user, ids[:MAX_COMPARED])
    comparison = present_comparison(films) if len(films) > 1 else None
    context = {
        "comparison": comparison,
        "ids": [generation.pk for generation, _result in films],
        "left_out_text": _describe_left_out(len(ids), len(films)),
        "speeds": SPEEDS,
    }
    return render(request, "films/compare.html", context)


def _load_films(user: User, ids: Sequence[int]) -> list[tuple[Generation, GeneratedVideo]]:
    """Those of these generations that are this person's and have a film. Two queries."""
    rows = Generation.objects.filter(owner_id=user.pk, pk__in=ids).defer(*HIDDEN_COLUMNS)
    found = {row.pk: row for row in load_results(rows)}
    films = []
    for pk in ids:
        results = found[pk].results.all() if pk in found else []
        film = next((it for it in results if it.asset.kind == Asset.Kind.VIDEO), None)
        if film is not None:
            films.append((found[pk], film))
    return films


def _describe_left_out(asked_count: int, film_count: int) -> str:
    if asked_count > MAX_COMPARED:
        return _("At most four films can be compared at once; these are the first.")
    if film_count < asked_count:
        return _("What has no film, or is not yours, is left out.")
    return ""
