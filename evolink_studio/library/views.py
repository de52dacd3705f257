"""Files of the person who is signed in: to see, to fetch, to add and to adjust."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from evolink_studio.accounts.http import PersonRequest
from evolink_studio.library import services, upload_handlers
from evolink_studio.library.exceptions import NotChanged, NotFetched, NotTaken
from evolink_studio.library.file_responses import file_of, poster_of, serve
from evolink_studio.library.forms import AddressForm, EditForm, FrameForm, KindForm, PickerForm
from evolink_studio.library.models import Asset
from evolink_studio.library.queries import get_asset_or_404, recent


@login_required
@require_safe
def asset(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The file itself, to look at or to play."""
    return serve(request, file_of(get_asset_or_404(request.user, pk)))


@login_required
@require_safe
def asset_download(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The file, to keep."""
    return serve(request, file_of(get_asset_or_404(request.user, pk), attachment=True))


@login_required
@require_safe
def asset_poster(request: PersonRequest, pk: int) -> HttpResponseBase:
    """The small picture of a file."""
    small = poster_of(get_asset_or_404(request.user, pk))
    if small is None:
        raise Http404
    return serve(request, small)


@login_required
@require_POST
def upload(request: PersonRequest) -> JsonResponse:
    """Take one file, of this kind or of whatever kind it is. Answers what it is, or why not."""
    form = KindForm(request.POST)
    kind = form.cleaned_data["kind"] if form.is_valid() else ""
    return _answer(
        lambda: services.add_upload(
            owner=request.user, file=upload_handlers.arrived(request), kind=kind, now=timezone.now()
        )
    )


@login_required
@require_POST
def from_address(request: PersonRequest) -> JsonResponse:
    """Take one file from a web address."""
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _refused(NotFetched())
    url, kind = form.cleaned_data["url"], form.cleaned_data["kind"] or Asset.Kind.IMAGE
    return _answer(
        lambda: services.add_from_address(
            owner=request.user, url=url, kind=kind, now=timezone.now()
        )
    )


@login_required
@require_POST
def edit_asset(request: PersonRequest, pk: int) -> JsonResponse:
    """An adjusted copy of a picture: cut to a size, or as a JPEG."""
    original = get_asset_or_404(request.user, pk)
    form = EditForm(request.POST)
    if not form.is_valid():
        return _refused(NotChanged())
    wish = {name: value for name, value in form.cleaned_data.items() if value is not None}
    return _answer(lambda: services.edit_picture(asset=original, now=timezone.now(), **wish))


@login_required
@require_POST
def frame(request: PersonRequest, pk: int) -> JsonResponse:
    """One frame of a film, as a picture."""
    film = get_asset_or_404(request.user, pk)
    form = FrameForm(request.POST)
    if not form.is_valid():
        return _refused(NotChanged())
    second = form.cleaned_data["second"]
    return _answer(lambda: services.add_frame(asset=film, second=second, now=timezone.now()))


@login_required
@require_GET
def picker(request: PersonRequest) -> HttpResponse:
    """ "From my library": the dialog, or with `after` only its next files."""
    form = PickerForm(request.GET)
    form.is_valid()
    wish = {"kind": Asset.Kind.IMAGE.value, "param": "", "after": ""}
    wish |= {name: value for name, value in form.cleaned_data.items() if value}
    page = recent(request.user, kind=wish["kind"], after=wish["after"])
    template = "library/_picker_items.html" if wish["after"] else "library/_picker.html"
    return render(request, template, {"page": page, "kind": wish["kind"], "param": wish["param"]})


def _answer(add: Callable[[], Asset]) -> JsonResponse:
    try:
        added = add()
    except NotTaken as refusal:
        return _refused(refusal)
    return JsonResponse(
        {
            "ref": added.ref,
            "name": added.name,
            "kind": added.kind,
            "format": added.format,
            "bytes": added.bytes,
            "width": added.width,
            "height": added.height,
            "seconds": None if added.seconds is None else str(added.seconds),
            "thumbnail": reverse("asset_poster", args=[added.pk]) if added.poster else None,
        }
    )


def _refused(refusal: NotTaken) -> JsonResponse:
    return JsonResponse({"error": str(refusal)}, status=refusal.status)
