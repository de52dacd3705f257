"""What is done with one film or many at once, and taken back."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.accounts.models import User
from evolink_studio.core.database import parse_id
from evolink_studio.films import order_queries, services, trash, undo
from evolink_studio.films.cuts import MAX_PARTS
from evolink_studio.films.exceptions import FilmError, ProjectNotUsable, TooManyFilms
from evolink_studio.films.models import Collection as FilmCollection
from evolink_studio.films.models import FilmChange
from evolink_studio.films.presenters.changes import ChangeNotice, present_change, present_undo
from evolink_studio.films.presenters.order import ORDER_PANEL_ID, present_order
from evolink_studio.films.selection import find_selected, parse_ids
from evolink_studio.films.services import ChangeResult
from evolink_studio.films.views.compare import MAX_COMPARED
from evolink_studio.films.views.downloads import answer_zip
from evolink_studio.projects.models import Project

# Beyond this the page asks for its list again instead of changing film by film.
MAX_ANNOUNCED_IDS = 300

Kind = FilmChange.Kind
Action = Callable[[User, Sequence[int], QueryDict, datetime], ChangeResult]


def _star(user: User, ids: Sequence[int], _data: QueryDict, now: datetime) -> ChangeResult:
    return services.star(owner=user, film_ids=ids, now=now)


def _unstar(user: User, ids: Sequence[int], _data: QueryDict, now: datetime) -> ChangeResult:
    return services.unstar(owner=user, film_ids=ids, now=now)


def _tag(user: User, ids: Sequence[int], data: QueryDict, now: datetime) -> ChangeResult:
    return services.add_tags(owner=user, film_ids=ids, names=data.get("tag", ""), now=now)


def _untag(user: User, ids: Sequence[int], data: QueryDict, now: datetime) -> ChangeResult:
    return services.remove_tags(owner=user, film_ids=ids, names=data.get("tag", ""), now=now)


def _collect(user: User, ids: Sequence[int], data: QueryDict, now: datetime) -> ChangeResult:
    """`collection` is a name, of an old one or a new one; or `collection_id` says which."""
    collection = _find_collection(user, data) or services.get_or_create_collection(
        owner=user, name=data.get("collection", ""), now=now
    )
    return services.add_to_collection(owner=user, film_ids=ids, collection=collection, now=now)


def _uncollect(user: User, ids: Sequence[int], data: QueryDict, now: datetime) -> ChangeResult:
    collection = _find_collection(user, data)
    if collection is None:
        return ChangeResult(0)
    return services.remove_from_collection(owner=user, film_ids=ids, collection=collection, now=now)


def _find_collection(user: User, data: QueryDict) -> FilmCollection | None:
    pk = parse_id(data.get("collection_id", ""))
    return order_queries.find_collection(
        user, pk=pk, name=data.get("collection", "") if pk is None else ""
    )


def _move(user: User, ids: Sequence[int], data: QueryDict, now: datetime) -> ChangeResult:
    """`project` is its number; "" moves films out of any project."""
    text, project = data.get("project", ""), None
    if text:
        project = Project.objects.usable_by(user).filter(pk=parse_id(text) or 0).first()
        if project is None:
            raise ProjectNotUsable
    return services.move_to_project(owner=user, film_ids=ids, project=project, now=now)


def _trash(user: User, ids: Sequence[int], _data: QueryDict, now: datetime) -> ChangeResult:
    return trash.move_to_trash(owner=user, film_ids=ids, now=now)


def _restore(user: User, ids: Sequence[int], _data: QueryDict, now: datetime) -> ChangeResult:
    return trash.restore(owner=user, film_ids=ids, now=now)


ACTIONS: Mapping[str, Action] = {
    Kind.STAR: _star,
    Kind.UNSTAR: _unstar,
    Kind.TAG: _tag,
    Kind.UNTAG: _untag,
    Kind.COLLECT: _collect,
    Kind.UNCOLLECT: _uncollect,
    Kind.PROJECT: _move,
    Kind.TRASH: _trash,
    Kind.RESTORE: _restore,
}


# Pages that go on with the chosen films: URL name, how their address names films, how many at most.
PAGES: Mapping[str, tuple[str, str, int]] = {
    "compare": ("compare", "ids", MAX_COMPARED),
    "cut": ("new_cut", "ids", MAX_PARTS),
    "share": ("share_films", "id", 20),
}


def _build_page_url(name: str, film_ids: Sequence[int], data: QueryDict) -> str:
    """The address of a page that goes on with these films, in the order they were chosen in.

    Raises TooManyFilms.
    """
    url_name, parameter, limit = PAGES[name]
    if len(film_ids) > limit:
        raise TooManyFilms(limit=limit)
    places = {pk: place for place, pk in enumerate(parse_ids(data.getlist("id")))}
    ids = sorted(film_ids, key=lambda pk: places.get(pk, len(places)))
    values = [",".join(map(str, ids))] if parameter == "ids" else list(map(str, ids))
    return f"{reverse(url_name)}?{urlencode({parameter: values}, doseq=True)}"


@login_required
@require_POST
def film_action(request: AuthenticatedHttpRequest) -> HttpResponseBase:
    """Do `action` with the films that `id` names, or `all` and `query`; "zip" sends their files,
    and one of PAGES leads on to that page with them.

    htmx gets one line about it, with a button that takes it back, and the page an event
    `films-changed`; from the panel of one film it gets that panel. Others are led back to `next`.
    404 when none of the films is the person's.
    """
    name, film_ids = request.POST.get("action", ""), list[int]()
    try:
        film_ids = find_selected(request.user, request.POST)
        if name == "zip":
            return answer_zip(request, film_ids)
        if name in PAGES:
            return redirect(_build_page_url(name, film_ids, request.POST))
        if name not in ACTIONS:
            raise SuspiciousOperation("no such action")
        result = ACTIONS[name](request.user, film_ids, request.POST, timezone.now())
    except FilmError as error:
        return _answer(request, ChangeNotice(str(error), is_error=True), name, [])
    return _answer(request, present_change(name, result), name, film_ids)


@login_required
@require_POST
def undo_change(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Take back a change of films; answers like `film_action`."""
    change = order_queries.find_change(request.user, pk)
    if change is None:
        return _answer(request, present_undo(0), "undo", [])
    count = undo.undo_change(change=change, now=timezone.now())
    return _answer(request, present_undo(count), "undo", [])


def _answer(
    request: AuthenticatedHttpRequest, notice: ChangeNotice, name: str, film_ids: Sequence[int]
) -> HttpResponse:
    if not request.htmx:
        _add_message(request, notice)
        return redirect(get_next_url(request))
    if request.htmx.target == ORDER_PANEL_ID and len(film_ids) <= 1:
        return _render_panel(request, notice, film_ids)
    response = render(request, "films/_change_notice.html", {"notice": notice})
    if not notice.is_error:
        ids = sorted(film_ids) if len(film_ids) <= MAX_ANNOUNCED_IDS else []
        response["HX-Trigger"] = json.dumps({"films-changed": {"action": name, "ids": ids}})
    return response


def _render_panel(
    request: AuthenticatedHttpRequest, notice: ChangeNotice, film_ids: Sequence[int]
) -> HttpResponse:
    named_id = parse_id(request.POST.get("id", ""))
    film_id = film_ids[0] if film_ids else named_id
    if film_id is None:
        raise Http404
    film = order_queries.get_film_or_404(request.user, film_id)
    return render(
        request,
        "films/_order_panel.html",
        {"order": present_order(request.user, film), "notice": notice},
    )


def _add_message(request: AuthenticatedHttpRequest, notice: ChangeNotice) -> None:
    if notice.is_error:
        messages.error(request, notice.text)
    elif notice.change_id is None:
        messages.info(request, notice.text)
    else:
        button = format_html(
            '<button class="link" type="submit" form="undo-form" formaction="{}">{}</button>',
            reverse("undo_change", args=[notice.change_id]),
            _("Undo"),
        )
        messages.success(request, format_html("{} {}", notice.text, button))


def get_next_url(request: AuthenticatedHttpRequest, default: str = "films") -> str:
    """Where `next` leads, if that is a page of this studio; else the page named `default`."""
    url = request.POST.get("next", "")
    is_own = url.startswith("/") and url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if is_own else reverse(default)
