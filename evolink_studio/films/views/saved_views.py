"""Saved views of the films page: kept, renamed, deleted. They are opened by their address."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.films import saved_views
from evolink_studio.films.forms import SavedViewForm, SavedViewNameForm
from evolink_studio.films.models import SavedView


@login_required
@require_POST
def save(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Keep the filters `query` under `name`, and go back to them."""
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing was saved: the name is missing or too long."))
        return redirect(_build_films_url(request.POST.get("query", "")[:2000]))
    name, query = form.cleaned_data["name"], form.cleaned_data["query"]
    try:
        view = saved_views.save_view(owner=request.user, name=name, query=query, now=timezone.now())
    except saved_views.TooManyViews:
        messages.error(request, _("Nothing was saved: delete one of your saved views first."))
    except saved_views.SavedViewError:
        messages.error(request, _("Nothing was saved: these are too many filters."))
    else:
        messages.success(request, _("Saved as “{name}”.").format(name=view.name))
        query = view.query
    return redirect(_build_films_url(query))


@login_required
@require_POST
def rename(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Give a saved view another name, and open it."""
    view = _get_view_or_404(request, pk)
    form = SavedViewNameForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("The name was not changed: it is missing or too long."))
        return redirect(_build_films_url(view.query))
    try:
        saved_views.rename_view(view=view, name=form.cleaned_data["name"])
    except saved_views.ViewNameTaken:
        messages.error(request, _("The name was not changed: another saved view has it."))
    return redirect(_build_films_url(view.query))


@login_required
@require_POST
def delete(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Delete a saved view; its filters stay on the page."""
    view = _get_view_or_404(request, pk)
    saved_views.delete_view(view=view)
    messages.success(request, _("“{name}” is no longer saved.").format(name=view.name))
    return redirect(_build_films_url(view.query))


def _get_view_or_404(request: AuthenticatedHttpRequest, pk: int) -> SavedView:
    view = SavedView.objects.filter(owner_id=request.user.pk, pk=pk).first()
    if view is None:
        raise Http404
    return view


def _build_films_url(query: str) -> str:
    url = reverse("films")
    return f"{url}?{query}" if query else url
