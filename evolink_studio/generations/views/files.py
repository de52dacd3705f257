"""Deleting one's own files: here and not in the library, because generations may need them."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.core.database import parse_id
from evolink_studio.generations import services
from evolink_studio.library.picker import render_picker
from evolink_studio.library.services import Deletion


@login_required
@require_POST
def delete_files(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Delete the chosen files; responds with what is left of the dialog "From my library"."""
    asset_ids = [parse_id(text) for text in request.POST.getlist("asset")]
    if not asset_ids:
        return render_picker(request, request.POST, gettext("Select what you want to delete."))
    known_ids = [asset_id for asset_id in asset_ids if asset_id is not None]
    deletion = services.delete_files(owner=request.user, asset_ids=known_ids)
    if deletion is None:
        raise Http404
    return render_picker(request, request.POST, describe_deletion(deletion))


def describe_deletion(deletion: Deletion) -> str:
    """What was deleted, and what was not and why."""
    deleted, kept = deletion.deleted_count, deletion.kept_count
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
    return " ".join(sentences).format(n=deleted, kept=kept)
