"""Deleting one's own files: here and not in the library, because generations may need them."""

from collections.abc import Collection

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.generations import services
from evolink_studio.generations.views.picker import render_picker
from evolink_studio.library.services import Deletion
from evolink_studio.prompts.cast.queries import filter_cast_pictures


@login_required
@require_POST
def delete_files(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Delete the chosen files; responds as the page that asked for it takes it.

    `asset` may hold several ids between commas: of very many the form would have too many fields.
    """
    texts = (text for value in request.POST.getlist("asset") for text in value.split(","))
    asset_ids = [parse_id(text) for text in texts]
    respond = _RESPONSES.get(request.POST.get("page", ""), _respond_to_picker)
    if not asset_ids:
        return respond(request, gettext("Select what you want to delete."), ())
    known_ids = [asset_id for asset_id in asset_ids if asset_id is not None]
    deletion = services.delete_files(owner=request.user, asset_ids=known_ids)
    if deletion is None:
        raise Http404
    return respond(request, describe_deletion(deletion), deletion.deleted_ids)


def _respond_to_picker(
    request: AuthenticatedHttpRequest, message: str, _deleted_ids: Collection[int]
) -> HttpResponse:
    """What is left of the dialog "From my library"."""
    return render_picker(request, request.POST, message)


def _respond_to_pictures(
    request: AuthenticatedHttpRequest, message: str, deleted_ids: Collection[int]
) -> HttpResponse:
    """What happened; with htmx the tiles that go, so that the page stays where it is."""
    if not request.htmx:
        messages.info(request, message)
        return redirect("pictures")
    context = {"message": message, "deleted_ids": sorted(deleted_ids)}
    return render(request, "library/_pictures_deleted.html", context)


def _respond_to_picture(
    request: AuthenticatedHttpRequest, message: str, deleted_ids: Collection[int]
) -> HttpResponse:
    """From the page of a file to the others; back to it, if the file stays."""
    messages.info(request, message)
    url = reverse("pictures")
    if not deleted_ids and (pk := parse_id(request.POST.get("asset", ""))) is not None:
        url = reverse("picture", args=[pk])
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


_RESPONSES = {"pictures": _respond_to_pictures, "picture": _respond_to_picture}


def describe_deletion(deletion: Deletion) -> str:
    """What was deleted, and what was not and why. One query where something was not."""
    deleted = deletion.deleted_count
    cast = len(filter_cast_pictures(deletion.kept_ids)) if deletion.kept_ids else 0
    kept = deletion.kept_count - cast
    sentences = []
    if deleted:
        sentences.append(ngettext("{n} file deleted.", "{n} files deleted.", deleted))
    if kept:
        sentences.append(
            ngettext(
                "{kept} file stays, because a film that is not sent yet needs it. "
                "Delete it once the film is being made.",
                "{kept} files stay, because films that are not sent yet need them. "
                "Delete them once the films are being made.",
                kept,
            )
        )
    if cast:
        sentences.append(
            ngettext(
                "{cast} file stays, because it is in your cast. Take it out there first.",
                "{cast} files stay, because they are in your cast. Take them out there first.",
                cast,
            )
        )
    return " ".join(sentences).format(n=deleted, kept=kept, cast=cast)
