"""Films as files: one under its name, or many as a ZIP; how they are named."""

from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.http.response import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.films import order_queries, services
from evolink_studio.films.exceptions import TooManyFilms
from evolink_studio.films.forms import NamePatternForm
from evolink_studio.films.naming import PLACEHOLDERS, build_name
from evolink_studio.films.zip_files import (
    BLOCK_BYTES,
    MAX_FILMS_PER_ZIP,
    RemoteZip,
    ZipReader,
    build_zip,
    is_storage_remote,
    load_videos,
)
from evolink_studio.library.file_responses import build_file_response, serve_asset_file
from evolink_studio.library.queries import get_asset_or_404


@login_required
@require_safe
def asset_download(request: AuthenticatedHttpRequest, pk: int) -> HttpResponseBase:
    """The file as a download; a film under the name that its person's pattern makes."""
    asset = get_asset_or_404(request.user, pk)
    video = order_queries.find_video(asset)
    filename = None
    if video is not None:
        filename = build_name(order_queries.get_name_pattern(request.user), video)
    response = build_file_response(
        request, serve_asset_file(asset, is_attachment=True, filename=filename)
    )
    if response.has_header("ETag"):
        response.headers["Cache-Control"] = "private, no-cache"  # its name may change
    return response


def answer_zip(request: AuthenticatedHttpRequest, film_ids: Sequence[int]) -> HttpResponseBase:
    """The files of these films of the person. Raises TooManyFilms; Http404 when none is kept."""
    if len(film_ids) > MAX_FILMS_PER_ZIP:
        raise TooManyFilms(limit=MAX_FILMS_PER_ZIP)
    videos = load_videos(film_ids)
    if not videos:
        raise Http404
    reader = build_zip(videos, pattern=order_queries.get_name_pattern(request.user))
    response = _stream_zip(reader)
    filename = f"films-{timezone.now():%Y-%m-%d}.zip"
    response.headers["Content-Length"] = str(reader.size)
    response.headers["Content-Disposition"] = content_disposition_header(True, filename) or ""
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _stream_zip(reader: ZipReader) -> HttpResponseBase:
    """From a disk the web server's loop reads it, as the receiver takes it. Raises ZipsBusy.

    A store is too slow for the loop: there a thread reads, of which only so many are lent.
    """
    if not is_storage_remote():
        response = FileResponse(reader, content_type="application/zip")
        response.block_size = BLOCK_BYTES
        return response
    return StreamingHttpResponse(RemoteZip(reader), content_type="application/zip")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def download_names(request: AuthenticatedHttpRequest) -> HttpResponse:
    """How the files that the person downloads are named."""
    initial = {"pattern": order_queries.get_name_pattern(request.user)}
    form = NamePatternForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.set_name_pattern(owner=request.user, pattern=form.cleaned_data["pattern"])
        messages.success(request, _("Saved."))
        return redirect("download_names")
    example = order_queries.find_newest_video(request.user)
    pattern = form.cleaned_data.get("pattern") if form.is_bound else initial["pattern"]
    context = {
        "form": form,
        "placeholders": [f"{{{name}}}" for name in PLACEHOLDERS],
        "example": build_name(pattern, example) if example and pattern else "",
    }
    return render(request, "films/download_names.html", context)
