"""The collections of a person: listed, made, renamed, deleted."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.films import order_queries, services
from evolink_studio.films.exceptions import FilmError
from evolink_studio.films.forms import CollectionForm
from evolink_studio.films.presenters.lists import present_collections


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def collections(request: AuthenticatedHttpRequest) -> HttpResponse:
    """All collections; a POST makes one. Four queries."""
    form = CollectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.create_collection(
                owner=request.user, name=form.cleaned_data["name"], now=timezone.now()
            )
            return redirect("collections")
        except FilmError as error:
            form.add_error("name", str(error))
    items = present_collections(
        order_queries.list_collections(request.user),
        order_queries.count_collected(request.user),
        order_queries.list_collected_assets(request.user),
    )
    return render(request, "films/collections.html", {"form": form, "collections": items})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def collection(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Rename a collection."""
    edited = order_queries.get_collection_or_404(request.user, pk)
    form = CollectionForm(request.POST or None, initial={"name": edited.name})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_collection(collection=edited, name=form.cleaned_data["name"])
            return redirect("collections")
        except FilmError as error:
            form.add_error("name", str(error))
    return render(request, "films/collection.html", {"form": form, "collection_id": pk})


@login_required
@require_POST
def delete_collection(request: AuthenticatedHttpRequest, pk: int) -> HttpResponse:
    """Delete a collection; its films stay."""
    deleted = order_queries.get_collection_or_404(request.user, pk)
    services.delete_collection(collection=deleted)
    text = _("The collection “{name}” is deleted. Its films stay.")
    messages.success(request, text.replace("{name}", deleted.name))
    return redirect("collections")
