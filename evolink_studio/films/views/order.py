"""The panel of one film: its title and notes. What else it changes are actions."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.accounts.models import User
from evolink_studio.films import order_queries, services
from evolink_studio.films.exceptions import FilmError
from evolink_studio.films.presenters.changes import ChangeNotice
from evolink_studio.films.presenters.film_settings import build_title
from evolink_studio.films.presenters.order import present_order
from evolink_studio.films.views.actions import get_next_url


@login_required
@require_POST
def set_labels(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Store the title or the notes of a film, whichever came; answers with its panel.

    What was typed stays in the panel, with a sentence at its field, where it cannot be stored.
    """
    order_queries.get_film_or_404(request.user, pk)
    typed: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name in ("title", "notes"):
        if name not in request.POST:
            continue
        try:
            _set_label(request.user, pk, name, request.POST[name])
        except FilmError as error:
            typed[name], errors[name] = request.POST[name], str(error)
    if not request.htmx:
        messages.info(request, " ".join(errors.values()) or _("Saved."))
        return redirect(get_next_url(request))
    film = order_queries.get_film_or_404(request.user, pk)
    order = present_order(request.user, film, typed=typed, errors=errors)
    notice = None if errors else ChangeNotice(_("Saved."))
    title = build_title(film) if "title" in request.POST and not errors else ""
    context = {"order": order, "notice": notice, "title": title}
    return render(request, "films/_labels_response.html", context)


def _set_label(user: User, pk: int, name: str, text: str) -> None:
    if name == "title":
        services.set_title(owner=user, film_id=pk, title=text)
    else:
        services.set_notes(owner=user, film_id=pk, notes=text)
