"""The trash: what lies in it, and deleting it for good."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.formatting import format_size
from evolink_studio.core.keyset import Position
from evolink_studio.films import order_queries
from evolink_studio.films.order_queries import TRASH_ORDER
from evolink_studio.films.presenters.lists import present_trash
from evolink_studio.films.selection import parse_ids
from evolink_studio.films.trash import Emptying, delete_for_good


@login_required
@require_safe
def trash(request: AuthenticatedHttpRequest) -> HttpResponse:
    """A page of what lies in the trash; `at` is its position."""
    position = TRASH_ORDER.parse_position(request.GET.get("at", ""))
    films, page = order_queries.load_trash_page(request.user, position)
    context = {
        "items": present_trash(films, now=timezone.now()),
        "newer_url": reverse("trash") if page.has_previous else "",
        "next_url": _build_url(Position(page.keys[-1])) if page.has_next else "",
    }
    return render(request, "films/trash.html", context)


def _build_url(position: Position) -> str:
    return f"{reverse('trash')}?{urlencode({'at': TRASH_ORDER.format_position(position)})}"


@login_required
@require_POST
def delete_films(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Delete films in the trash for good: those of `id`, or `all`. Asks first, unless `confirmed`.

    What is asked names how many films they are and how much they take.
    """
    ids = None if request.POST.get("all") else parse_ids(request.POST.getlist("id"))
    film_ids = order_queries.list_trashed_ids(request.user, ids)
    if not film_ids:
        messages.info(request, _("Select films first. Nothing was deleted."))
        return redirect("trash")
    if not request.POST.get("confirmed"):
        context = {
            "count": len(film_ids),
            "size_text": format_size(order_queries.sum_file_bytes(film_ids)),
            "ids": ",".join(map(str, film_ids)),
        }
        return render(request, "films/delete_films.html", context)
    emptying = delete_for_good(owner=request.user, film_ids=film_ids, now=timezone.now())
    messages.success(request, _describe(emptying))
    return redirect("trash")


def _describe(emptying: Emptying) -> str:
    sentences = []
    if emptying.count:
        text = ngettext(
            "The files of {n} film are deleted.",
            "The files of {n} films are deleted.",
            emptying.count,
        )
        sentences.append(text.format(n=emptying.count))
    if emptying.kept_count:
        text = ngettext(
            "{n} film stays: another film, the cast or a cut needs its file.",
            "{n} films stay: another film, the cast or a cut needs their files.",
            emptying.kept_count,
        )
        sentences.append(text.format(n=emptying.kept_count))
    return " ".join(sentences)
