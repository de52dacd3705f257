"""A person's own files: show, download, add and edit."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import Http404, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from evolink_studio.accounts.http import AuthenticatedHttpRequest
from evolink_studio.library import services, upload_handlers
from evolink_studio.library.exceptions import EditFailed, FetchFailed, FileRejected
from evolink_studio.library.file_responses import (
    asset_poster_file,
    build_file_response,
    serve_asset_file,
)
from evolink_studio.library.forms import CropForm, EditForm, FrameForm, KindForm, UrlImportForm
from evolink_studio.library.models import Asset
from evolink_studio.library.poster_urls import build_poster_urls
from evolink_studio.library.queries import get_asset_or_404


@login_required
@require_safe
def asset(request: AuthenticatedHttpRequest, pk: int) -> HttpResponseBase:
    """The file, to show or play in the browser."""
    return build_file_response(request, serve_asset_file(get_asset_or_404(request.user, pk)))


@login_required
@require_safe
def asset_poster(
    request: AuthenticatedHttpRequest, pk: int, size: str = "medium"
) -> HttpResponseBase:
    """The poster of a file: small, medium or large."""
    shown_asset = get_asset_or_404(request.user, pk)
    if size == "small":
        services.ensure_small_poster(shown_asset)
    poster_file = asset_poster_file(shown_asset, size)
    if poster_file is None:
        raise Http404
    return build_file_response(request, poster_file)


@login_required
@require_POST
def upload(request: AuthenticatedHttpRequest) -> JsonResponse:
    """Store an uploaded file, by default of the detected kind. Responds with facts or error."""
    form = KindForm(request.POST)
    kind = form.cleaned_data["kind"] if form.is_valid() else ""
    return _asset_response(
        lambda: services.add_upload(
            owner=request.user,
            file=upload_handlers.get_uploaded_file(request),
            kind=kind,
            now=timezone.now(),
        )
    )


@login_required
@require_POST
def import_from_url(request: AuthenticatedHttpRequest) -> JsonResponse:
    """Store a file from a URL."""
    form = UrlImportForm(request.POST)
    if not form.is_valid():
        return _rejection_response(FetchFailed())
    url, kind = form.cleaned_data["url"], form.cleaned_data["kind"] or Asset.Kind.IMAGE
    return _asset_response(
        lambda: services.add_from_url(owner=request.user, url=url, kind=kind, now=timezone.now())
    )


@login_required
@require_POST
def edit_asset(request: AuthenticatedHttpRequest, pk: int) -> JsonResponse:
    """Store an edited copy of a picture: cropped, turned, fitted to a size, or as a JPEG."""
    original = get_asset_or_404(request.user, pk)
    if request.POST.get("action") == "crop":
        return _asset_response(lambda: _crop(original, request.POST))
    form = EditForm(request.POST)
    if not form.is_valid():
        return _rejection_response(EditFailed())
    options = {name: value for name, value in form.cleaned_data.items() if value is not None}
    return _asset_response(
        lambda: services.edit_image(asset=original, now=timezone.now(), **options)
    )


def _crop(original: Asset, data: QueryDict) -> Asset:
    form = CropForm(data)
    if not form.is_valid():
        raise EditFailed
    return services.crop_picture(asset=original, crop=form.build_crop(), now=timezone.now())


@login_required
@require_POST
def frame(request: AuthenticatedHttpRequest, pk: int) -> JsonResponse:
    """Store one frame of a film as a picture."""
    video = get_asset_or_404(request.user, pk)
    form = FrameForm(request.POST)
    if not form.is_valid():
        return _rejection_response(EditFailed())
    second = form.cleaned_data["second"]
    return _asset_response(
        lambda: services.add_frame(asset=video, second=second, now=timezone.now())
    )


def _asset_response(add: Callable[[], Asset]) -> JsonResponse:
    try:
        new_asset = add()
    except FileRejected as rejection:
        return _rejection_response(rejection)
    return JsonResponse(
        {
            "ref": new_asset.ref,
            "name": new_asset.name,
            "kind": new_asset.kind,
            "format": new_asset.format,
            "bytes": new_asset.size_bytes,
            "width": new_asset.width,
            "height": new_asset.height,
            "seconds": None if new_asset.seconds is None else str(new_asset.seconds),
            "thumbnail": build_poster_urls(new_asset).small or None,
        }
    )


def _rejection_response(rejection: FileRejected) -> JsonResponse:
    return JsonResponse({"error": str(rejection)}, status=rejection.status)
